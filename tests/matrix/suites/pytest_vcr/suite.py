"""A suite of pytest-vcr: flat folder, names of its own, its options, its module's `vcr`."""

from declared import Step, Suite, replay

SUITE = Suite(
    steps=(
        Step(options="--vcr-record=once", passed=6, asks=6, holds=6),
        replay(options="--vcr-record=none", passed=6, never_says=("saved ",)),
        replay(passed=6),
        Step(options="--disable-vcr", passed=6, asks=6, touches=False, silent=True),
    ),
)
