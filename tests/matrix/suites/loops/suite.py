"""A loop and a worker that outlive the test that used them first."""

from declared import Suite, record, replay

SUITE = Suite(
    needs=("requests", "httpx", "aiohttp"),
    steps=(record(passed=9, asks=9), replay(passed=9)),
)
