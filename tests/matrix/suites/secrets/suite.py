"""Keys are in no cassette, and a clone without them replays."""

from declared import Step, Suite, record, replay

SUITE = Suite(
    steps=(
        record(env={"SHOP_KEY": "open-sesame-0123456789"}, passed=1, asks=1),
        Step(command="grep -rE 'open-sesame|battery' cassettes", status=1),
        replay(passed=1),
        Step(command="reqord audit cassettes", api=False),
    ),
)
