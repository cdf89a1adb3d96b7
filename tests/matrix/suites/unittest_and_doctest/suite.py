"""unittest's cases with set-up and tear-down, doctests, expected failures, skips."""

from declared import Suite, record, replay

SUITE = Suite(
    steps=(
        record(passed=3, skipped=2, xfailed=2, asks=8, holds=7),
        replay(
            options="--deselect test_cases.py::test_skipped_midway", passed=3, skipped=1, xfailed=2
        ),
    ),
)
