"""Options of this project's own test run."""

from __future__ import annotations

collect_ignore = ["matrix/suites"]  # they are run by matrix/run.py, in environments of their own


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="run long tests in their full length")
