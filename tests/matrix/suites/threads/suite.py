"""Requests of threads and pools that a test starts."""

from declared import Suite, record, replay

SUITE = Suite(steps=(record(passed=5, asks=28), replay(passed=5)))
