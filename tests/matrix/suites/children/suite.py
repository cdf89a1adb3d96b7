"""Commands and worker processes that a test starts."""

from declared import Suite, record, replay

SUITE = Suite(steps=(record(passed=4, asks=8), replay(passed=4)))
