"""Requests to hosts that are ignored reach them, with bodies, in every mode."""

from declared import Suite, record, replay

SUITE = Suite(
    needs=("requests", "httpx", "aiohttp", "pytest-asyncio"),
    steps=(
        record(passed=4, asks=6, holds=0),
        replay(api=True, passed=4, asks=6),
        replay(passed=0, failed=4),
    ),
)
