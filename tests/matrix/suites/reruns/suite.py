"""A test that fails, and passes when pytest-rerunfailures runs it again."""

from declared import Suite, record, replay

SUITE = Suite(
    needs=("requests", "pytest-rerunfailures"),
    steps=(record(passed=2, asks=3, holds=2, says=("1 rerun",)), replay(passed=2)),
)
