"""Nothing blocks an event loop: no file is touched in it, recording or playing."""

from declared import Suite, record, replay

SUITE = Suite(
    needs=("httpx", "aiohttp", "blockbuster"),
    steps=(record(passed=3, asks=25), replay(passed=3)),
)
