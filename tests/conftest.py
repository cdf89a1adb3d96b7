"""Options of this project's own test run."""

from __future__ import annotations

import os

# a service that runs the tests sets CI, which turns recording off; a test that wants it says so
os.environ.pop("CI", None)

collect_ignore = ["matrix/suites"]  # they are run by matrix/run.py, in environments of their own

try:
    from hypothesis import HealthCheck, settings
except ImportError:
    pass  # niquests has an environment of its own, with the contract's tests alone
else:
    # no example has to be drawn or run in a given time: the machine may have other things to do
    anytime = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    # whoever runs the tests tries the same examples; chance is for .ci/hunt
    settings.register_profile("gate", anytime, derandomize=True)
    settings.register_profile("hunt", anytime, derandomize=False, max_examples=2000)
    settings.load_profile("gate")


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="run long tests in their full length")
