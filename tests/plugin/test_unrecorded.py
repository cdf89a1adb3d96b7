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


CHILD = """
    import queue, socket, sys, threading, urllib.error, urllib.request

    def fail(refused, silent):
        try:
            urllib.request.urlopen(refused)
        except urllib.error.URLError:
            pass
        try:
            urllib.request.urlopen(silent, timeout=0.2)
        except (TimeoutError, urllib.error.URLError):
            pass

    def miss(url):
        waiting, done = queue.Queue(), threading.Event()
        def work():
            try:
                urllib.request.urlopen(waiting.get())
            except Exception as error:
                assert "is not in" in str(error), error
                done.set()
        threading.Thread(target=work, daemon=True, name="exporter").start()
        waiting.put(url)
        assert done.wait(30)

    if __name__ == "__main__":
        globals()[sys.argv[1]](*sys.argv[2:])
"""

WAYS = {
    "subprocess": """
    def run(name, *urls):
        subprocess.run([sys.executable, "child.py", name, *urls], check=True)
    """,
    **{
        method: f"""
    def run(name, *urls):
        target = getattr(child, name)
        process = multiprocessing.get_context({method!r}).Process(target=target, args=urls)
        process.start()
        process.join(60)
        assert process.exitcode == 0
    """
        for method in ("spawn", "fork")
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_those_of_children(suite, way):
    """The summary names those of child processes, and what of their workers was refused, too."""
    suite.makepyfile(
        child=CHILD,
        test_it=f"""
    import multiprocessing, os, socket, subprocess, sys, urllib.request, warnings, child
    warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads
    {WAYS[way]}
    def test_failed(cassette):
        with socket.socket() as closed, socket.create_server(("127.0.0.1", 0)) as listening:
            closed.bind(("127.0.0.1", 0))
            places = [each.getsockname()[1] for each in (closed, listening)]
            run("fail", *(f"http://127.0.0.1:{{each}}/?password=hunter2" for each in places))

    def test_refused(cassette):
        urllib.request.urlopen(os.environ["API"] + "/json").read()
        if cassette.record_mode == "none":
            run("miss", os.environ["API"] + "/text")
    """,
    )

    result = suite.runpytest_subprocess("--record-mode=once", timeout=120)

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "failed    2 requests of *::test_failed: not recorded, and misses on replay",
            "*http://127.0.0.1:*/?password=*REDACTED* (*)",
            "*GET http://127.0.0.1:*/?password=*REDACTED* (*)",
            "*reqord_record_errors = true*",
        ]
    )
    result.stdout.no_fnmatch_line("*hunter2*")
    result = suite.runpytest_subprocess("-k", "refused", timeout=120)
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(
        ["refused   1 request to 127.0.0.1 by the thread exporter: not in the recording"]
    )
