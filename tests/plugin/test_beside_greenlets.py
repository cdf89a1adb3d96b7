"""Suites that gevent or eventlet has patched, in their conftest or before pytest starts."""

from __future__ import annotations

import sys

import pytest

PATCH = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    # eventlet can't be imported beside trio, with or without us: its sockets have no sendmsg
    "eventlet": "import sys; sys.modules['trio'] = None; import eventlet; eventlet.monkey_patch()",
}
GREENLETS = {
    "gevent": """
    import gevent.pool

    def in_greenlets(function, values):
        return gevent.pool.Pool(10).map(function, values)
    """,
    "eventlet": """
    import eventlet

    def in_greenlets(function, values):
        return list(eventlet.GreenPool(10).imap(function, values))
    """,
}
SUITE = """
    import os, threading
    from concurrent.futures import ThreadPoolExecutor

    import httpx, pytest, requests
    from greenlets import in_greenlets
    from pytest_reqord import use_cassette

    API = os.environ["API"]
    client = httpx.Client()
    clients = pytest.mark.parametrize("get", [requests.get, client.get], ids=["requests", "httpx"])

    def ask(get, number):
        answer = get(f"{API}/json?{number}")
        assert answer.status_code == 200
        return answer.text

    @clients
    @pytest.mark.cassette
    def test_one_by_one(get):
        for number in range(12):
            ask(get, number)

    @clients
    @pytest.mark.vcr
    def test_vcr(get):
        for number in range(12):
            ask(get, number)

    @clients
    @pytest.mark.cassette
    def test_greenlets(get):
        assert len(in_greenlets(lambda number: ask(get, number), range(30))) == 30

    @clients
    @pytest.mark.cassette
    def test_threads(get):
        threads = [threading.Thread(target=ask, args=(get, number)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @pytest.mark.cassette
    def test_pool():
        with ThreadPoolExecutor(3) as pool:
            assert len(list(pool.map(lambda number: ask(requests.get, number), range(12)))) == 12

    @pytest.mark.cassette
    def test_flush(cassette):
        for number in range(12):
            ask(requests.get, number)
            cassette.flush()
        assert len(cassette.interactions) == 12

    def test_use_cassette():
        with use_cassette("cassettes/one.yaml"):
            in_greenlets(lambda number: ask(requests.get, number), range(12))
"""
ASKED = 2 * (12 + 12 + 30 + 12) + 3 * 12


@pytest.fixture
def greened(suite, monkeypatch):
    """A suite for either tool."""
    monkeypatch.setenv("EVENTLET_NO_GREENDNS", "yes")
    return suite


@pytest.mark.parametrize("when", ["conftest", "before"])
@pytest.mark.parametrize("tool", PATCH)
def test_patched(greened, api, cassettes, tool, when):
    """All is recorded, and all is played: the writer's thread is a real one, or a greenlet."""
    suite = greened
    suite.makepyfile(greenlets=GREENLETS[tool], test_it=SUITE)
    start = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    if when == "conftest":
        suite.makeconftest(PATCH[tool])
    else:
        start = f"{PATCH[tool]}; {start}"

    def run(*args):
        options = ("-o", "reqord_queue_entries=2", "-o", "reqord_batch_size=2")
        return suite.run(sys.executable, "-c", start, *options, *args, timeout=100)

    run("--record-mode=once").assert_outcomes(passed=11)
    assert len(api.seen) == ASKED
    assert sum(text.count(b"recorded_at") for text in cassettes().values()) == ASKED
    run().assert_outcomes(passed=11)
    assert len(api.seen) == ASKED
