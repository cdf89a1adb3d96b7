"""httpx and aiohttp under pytest-asyncio and anyio, where warnings are errors."""

from declared import Suite, record, replay

SUITE = Suite(
    needs=("httpx", "aiohttp", "pytest-asyncio", "anyio"),
    steps=(record(passed=6, asks=18), replay(passed=6)),
)
