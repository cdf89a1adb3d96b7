"""The API is asked again, and compared with what was recorded."""

from declared import Suite, record, replay

SUITE = Suite(
    steps=(
        record(passed=2, asks=2),
        replay(
            options="--record-mode=verify",
            api=True,
            passed=1,
            failed=1,
            asks=2,
            says=("number",),
        ),
        replay(passed=2),
    ),
)
