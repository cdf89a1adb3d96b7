"""A test that asks for more than it did; requests recorded anew by pattern."""

from declared import Suite, record, replay

SUITE = Suite(
    steps=(
        record(passed=1, failed=1, asks=1, says=("locked",)),
        record(
            "new_episodes",
            options="-k names",
            change={"test_growing.py": ('["ada"]', '["grace", "ada", "katherine"]')},
            passed=1,
            asks=2,
            holds=3,
        ),
        replay(options="-k names", passed=1),
        replay(
            options="-k names --rerecord='GET */names/grace'",
            api=True,
            touches=True,
            silent=False,
            passed=1,
            asks=1,
            holds=3,
        ),
        replay(options="-k names", passed=1),
    ),
)
