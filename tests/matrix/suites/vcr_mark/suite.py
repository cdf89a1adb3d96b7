"""A suite as pytest-recording's users have it."""

from declared import Suite, record, replay

SUITE = Suite(
    steps=(
        record(passed=5, asks=5),
        replay(passed=5),
        replay(options="--block-network", passed=5),
    ),
)
