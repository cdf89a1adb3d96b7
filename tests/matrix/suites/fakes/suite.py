"""Tests with a fake file system, or with mocks of functions that the plugin needs, too."""

from declared import Suite, record, replay

SUITE = Suite(
    needs=("requests", "pyfakefs"),
    steps=(record(passed=8, asks=8), replay(passed=8)),
)
