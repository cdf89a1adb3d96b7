"""Tests of an API with requests: by the marker, by the fixture, in a class."""

from declared import Suite, record, replay

SUITE = Suite(
    needs=("requests",),
    steps=(
        record(passed=11, asks=12, says=("replay them with: pytest",)),
        replay(passed=11),
        record(passed=11, asks=0, holds=12),
        replay(options="tests/test_users.py::TestSession", passed=5),
    ),
)
