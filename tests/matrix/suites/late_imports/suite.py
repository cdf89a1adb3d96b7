"""Clients that are first imported in a function, a thread, a loop, a fixture."""

from declared import Suite, record, replay

SUITE = Suite(
    needs=("requests", "httpx", "aiohttp", "openai"),
    steps=(record(passed=5, asks=5), replay(passed=5)),
)
