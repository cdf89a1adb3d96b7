"""Two modules whose tests share a cassette, on workers too."""

from declared import Step, Suite, record, replay

SUITE = Suite(
    steps=(
        record(passed=18, asks=24),
        replay(passed=18),
        record("all", passed=18, asks=24),
        replay(passed=18),
        Step(command="reqord audit cassettes", api=False),
    ),
)
