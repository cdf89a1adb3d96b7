"""A pytest plugin that prints what is imported at the end of a run."""

import sys


def pytest_unconfigure():
    print("imported:", *sorted(sys.modules))
