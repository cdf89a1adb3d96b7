"""Suites that call VCR.py themselves beside ours: of two cassettes the inner one answers."""

from __future__ import annotations

import pytest

CLIENTS = """
    import asyncio, os, threading, urllib.request
    import aiohttp, httpx, pytest, requests, vcr as vcrpy, vcr.unittest
    from pytest_reqord import use_cassette

    API = os.environ["API"]
    SESSION = requests.Session()

    def with_aiohttp(url):
        async def ask():
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return await answer.read()

        asyncio.run(ask())

    ASK = {
        "aiohttp": with_aiohttp,
        "httpx": httpx.get,
        "requests": requests.get,
        "session": SESSION.get,
        "urllib": lambda url: urllib.request.urlopen(url).read(),
    }
    each_client = pytest.mark.parametrize("client", ASK)

    def ask(client, name):
        ASK[client](f"{API}/json?{name}")

    def asked(cassette):
        return [each.uri.partition("?")[2] for each in cassette.requests]
"""


@pytest.fixture
def both(suite):
    """A suite in which VCR.py's own cassettes lie in the folder `theirs`."""
    suite.makepyfile(clients=CLIENTS)
    suite.makeini("[pytest]\nfilterwarnings = error\n")

    def write(source):
        suite.makepyfile(test_it=f"    from clients import *\n{source}")
        return suite

    return write


def test_theirs_inside_of_ours(both, api):
    """VCR.py records and plays its own; ours neither records that, nor counts or refuses it."""
    suite = both("""
    @each_client
    @pytest.mark.vcr
    def test_it(client, vcr):
        ask(client, "before")
        with vcrpy.use_cassette(f"theirs/{client}.yaml") as theirs:
            ask(client, "inner")
        ask(client, "after")
        assert asked(theirs) == ["inner"] and asked(vcr) == ["before", "after"]

    @each_client
    def test_alone(client):
        with vcrpy.use_cassette(f"theirs/alone-{client}.yaml") as theirs:
            ask(client, "alone")
        assert asked(theirs) == ["alone"]
    """)

    recorded = suite.runpytest_subprocess("--record-mode=once")
    recorded.assert_outcomes(passed=10)
    recorded.stdout.no_re_match_line("(outside|live) ")
    suite.runpytest_subprocess("--block-network").assert_outcomes(passed=10)
    assert len(api.seen) == 20


def test_theirs_records_by_its_own_mode(both, api):
    """A cassette of VCR.py's that isn't there is recorded where ours only plays, as ever."""
    suite = both("""
    @each_client
    @pytest.mark.vcr
    def test_it(client, vcr):
        with vcrpy.use_cassette(f"theirs/{client}.yaml"):
            ask(client, "inner")
        with pytest.raises(Exception, match="is not in"):
            ask(client, "ours")
    """)

    suite.runpytest_subprocess().assert_outcomes(passed=5)
    suite.runpytest_subprocess().assert_outcomes(passed=5)

    assert len(api.seen) == 5


def test_ours_inside_of_theirs(both, api):
    """A test's cassette answers in a wider one of VCR.py's, which is there again after it."""
    suite = both("""
    @pytest.fixture(scope="module", autouse=True)
    def theirs():
        with vcrpy.use_cassette("theirs/module.yaml") as cassette:
            SESSION.get(API + "/json?first")
            yield cassette
            ask("httpx", "last")
        assert sorted(set(asked(cassette))) == ["first", "last", "unmarked"]

    @each_client
    @pytest.mark.vcr
    def test_marked(client, vcr, theirs):
        ask(client, "marked")
        assert asked(vcr) == ["marked"]

    @each_client
    def test_unmarked(client, theirs):
        ask(client, "unmarked")
        assert "unmarked" in asked(theirs)

    @each_client
    def test_in_turns(client, theirs):
        with use_cassette(f"cassettes/outer-{client}.yaml") as outer:
            with vcrpy.use_cassette(f"theirs/turns-{client}.yaml") as middle:
                with use_cassette(f"cassettes/inner-{client}.yaml") as inner:
                    ask(client, "inner")
                ask(client, "middle")
            ask(client, "outer")
        assert [outer.play_count or len(outer.recorded), len(middle)] == [1, 1]
        assert inner.interactions[0].request.uri.endswith("?inner")
    """)

    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=15)
    seen = len(api.seen)
    suite.runpytest_subprocess("--block-network").assert_outcomes(passed=15)

    assert (seen, len(api.seen)) == (27, 27)


def test_its_test_case(both, api):
    """`vcr.unittest.VCRTestCase` works as it does alone, in a marked class too."""
    suite = both("""
    class TestAlone(vcr.unittest.VCRTestCase):
        def test_it(self):
            ask("requests", "unit")
            assert len(self.cassette) == 1

    @pytest.mark.vcr
    class TestMarked(TestAlone):
        pass
    """)

    for _ in range(2):
        suite.runpytest_subprocess().assert_outcomes(passed=2)

    assert len(api.seen) == 2


def test_a_thread_that_outlives_theirs(both, api):
    """A thread that was started under VCR.py's cassette belongs to the test's when that is closed."""
    suite = both("""
    @pytest.mark.vcr
    def test_it():
        is_closed, errors = threading.Event(), []

        def late():
            is_closed.wait(10)
            try:
                ask("requests", "late")
            except Exception as error:
                errors.append(error)

        with vcrpy.use_cassette("theirs/empty.yaml"):
            thread = threading.Thread(target=late)
            thread.start()
        is_closed.set()
        thread.join()
        assert "is not in" in str(errors[0])
    """)

    suite.runpytest_subprocess().assert_outcomes(passed=1)

    assert api.seen == []


def test_theirs_that_fails_to_save(both, api):
    """VCR.py leaves its classes in place when it can't save; the next test's cassette answers."""
    suite = both("""
    @pytest.mark.vcr
    def test_first():
        os.makedirs("theirs/folder.yaml")
        with pytest.raises(IsADirectoryError):
            with vcrpy.use_cassette("theirs/folder.yaml"):
                ask("requests", "lost")

    @each_client
    @pytest.mark.vcr
    def test_next(client, vcr):
        ask(client, "next")
        assert asked(vcr) == ["next"]
    """)

    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=6)
    suite.runpytest_subprocess("-k", "next").assert_outcomes(passed=5)

    assert len(api.seen) == 6
