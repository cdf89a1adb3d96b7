"""A setting that is wrong is a usage error that names it; listing tests opens nothing."""

from declared import Step, Suite, record

SUITE = Suite(
    steps=(
        Step(options="-o reqord_on_miss=sometimes", status=4, says=("reqord_on_miss", "sometimes")),
        Step(options="-o reqord_no_such_key=1", status=4, says=("reqord_no_such_key",)),
        Step(options="--record-mode=sometimes", status=4, says=("sometimes",)),
        Step(options="--collect-only -q --record-mode=once", says=("test_it.py::test_it",), asks=0),
        record(passed=1, asks=1, env={"CI": "1"}),
        Step(env={"REQORD": "all", "CI": "1"}, passed=1, asks=1, holds=1),
    ),
)
