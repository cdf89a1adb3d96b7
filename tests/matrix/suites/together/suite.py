"""Plugins that suites have: coverage, time-outs, mocks, a frozen clock."""

from declared import Suite, record, replay

SUITE = Suite(
    needs=("requests", "pytest-cov", "pytest-timeout", "pytest-mock", "pytest-freezer"),
    steps=(
        record(passed=5, asks=5, options="--cov=.", says=("TOTAL",)),
        replay(passed=5, options="--cov=. --timeout=60"),
    ),
)
