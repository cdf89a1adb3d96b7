"""Requests that failed or were cancelled while recording are named: they are misses on replay."""

from __future__ import annotations

import pytest

CLIENTS = {
    "requests": """
    def fail():
        with pytest.raises(requests.ConnectionError):
            requests.get(REFUSED)

    def cancel():
        with pytest.raises(requests.ReadTimeout):
            requests.get(SILENT, timeout=0.2)
    """,
    "httpx": """
    def fail():
        with pytest.raises(httpx.ConnectError):
            httpx.get(REFUSED)

    async def ask():
        async with httpx.AsyncClient() as client:
            await client.get(SILENT)

    def cancel():
        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(asyncio.wait_for(ask(), 0.2))
    """,
    "aiohttp": """
    async def ask(url):
        async with aiohttp.ClientSession() as session, session.get(url):
            pass

    def fail():
        with pytest.raises(aiohttp.ClientConnectorError):
            asyncio.run(ask(REFUSED))

    def cancel():
        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(asyncio.wait_for(ask(SILENT), 0.2))
    """,
}


@pytest.mark.parametrize("client", CLIENTS)
def test_they_are_named(suite, client):
    """The summary of the recording run names them, without their secrets, and the way out."""
    suite.makepyfile(
        """
    import asyncio, contextlib, socket
    import aiohttp, httpx, pytest, requests

    listening, closed = socket.create_server(("127.0.0.1", 0)), socket.socket()
    closed.bind(("127.0.0.1", 0))  # held, so that nobody else answers there
    REFUSED, SILENT = (
        f"http://127.0.0.1:{each.getsockname()[1]}/{path}?password=hunter2"
        for each, path in ((closed, "refused"), (listening, "silent"))
    )

    @pytest.fixture(scope="module", autouse=True)
    def sockets():
        with listening, closed:
            yield
    """
        + CLIENTS[client]
        + """
    def test_it(cassette):
        fail()
        cancel()
    """
    )

    result = suite.runpytest_subprocess("--record-mode=once")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "failed    2 requests of *::test_it: not recorded, and misses on replay",
            "*http://127.0.0.1:*/refused?password=*REDACTED* (*)",
            "*GET http://127.0.0.1:*/silent?password=*REDACTED* (*)",
            "*reqord_record_errors = true*",
        ]
    )
    result.stdout.no_fnmatch_line("*hunter2*")
    result = suite.runpytest_subprocess("--record-mode=all", "-o", "reqord_record_errors=true")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*not recorded*")
