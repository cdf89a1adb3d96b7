"""A wrong assertion costs no second call: what the failed test recorded is played."""

from declared import Step, Suite, record, replay

SUITE = Suite(
    steps=(
        record(passed=1, failed=1, asks=2, holds=1, says=("draft",)),
        replay(passed=1, failed=1, says=("draft",)),
        record(
            change={"test_orders.py": ('== "/order"', '== "/orders"')},
            passed=2,
            asks=0,
            holds=2,
        ),
        replay(passed=2),
        Step(command="reqord show cassettes", api=False, says=("/orders", "/total")),
    ),
)
