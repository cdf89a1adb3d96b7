"""Async tests that blockbuster watches: in an event loop no file is touched, and nothing waits."""

from __future__ import annotations

import pytest

# fails wherever a file of ours is touched in a loop; blockbuster sees no more than `os` and `io`
WATCHING = """
    import asyncio, functools, types

    import pytest, trio
    from blockbuster import blockbuster_ctx
    from pytest_reqord.base import real

    touched = []

    def runs_loop():
        for ask in (asyncio.get_running_loop, trio.lowlevel.current_trio_token):
            try:
                ask()
            except RuntimeError:
                continue
            return True

    def watch(module, name):
        original = getattr(module, name)

        @functools.wraps(original)
        def watched(*args, **kwargs):
            if runs_loop():
                touched.append((name, args))
            return original(*args, **kwargs)

        setattr(module, name, watched)

    HARMLESS = ("getpid", "getuid", "urandom", "fspath", "get_blocking")
    for name, value in list(vars(real.os).items()):
        if isinstance(value, types.BuiltinFunctionType) and name not in HARMLESS:
            watch(real.os, name)
    watch(real.io, "open")
    watch(real.fcntl, "flock")
    watch(real.time, "sleep")

    @pytest.fixture(autouse=True)
    def blockbuster():
        with blockbuster_ctx():
            yield
        assert not touched
"""

SUITE = """
    import asyncio, os

    import aiohttp, httpx, pytest
    from pytest_reqord import use_cassette

    API = os.environ["API"]
    pytestmark = pytest.mark.anyio

    async def by_httpx(times=12):
        async with httpx.AsyncClient() as client:
            for number in range(times):
                assert (await client.get(f"{API}/json?{number}")).status_code == 200

    async def by_aiohttp(times=12):
        async with aiohttp.ClientSession() as session:
            for number in range(times):
                async with session.get(f"{API}/json?{number}") as response:
                    assert (await response.json())

    @pytest.mark.vcr
    async def test_vcr(anyio_backend):
        await by_httpx()

    @pytest.mark.cassette
    async def test_httpx(anyio_backend):
        await by_httpx()

    @pytest.mark.cassette(record_mode="new_episodes")
    async def test_new_episodes(anyio_backend):
        await by_httpx()

    @pytest.mark.vcr
    def test_vcr_aiohttp():
        asyncio.run(by_aiohttp())

    @pytest.mark.cassette
    def test_aiohttp():
        asyncio.run(by_aiohttp())

    @pytest.mark.cassette
    async def test_many(anyio_backend_name):
        if anyio_backend_name == "asyncio":
            await asyncio.gather(*(by_httpx(3) for _ in range(20)))

    @pytest.mark.cassette
    async def test_body_beside(anyio_backend):
        async with httpx.AsyncClient() as client:
            response = await client.post(f"{API}/echo", content=b"x" * (2 << 20))
            assert response.status_code == 200

    @pytest.mark.cassette
    async def test_secret_that_shows_late(anyio_backend):
        async with httpx.AsyncClient() as client:
            await client.post(f"{API}/echo", content=b'{"plain": "abcdefghijklmnop"}')
            headers = {"Authorization": "Bearer abcdefghijklmnop"}
            for number in range(12):
                await client.get(f"{API}/json?{number}", headers=headers)

    async def test_use_cassette(anyio_backend_name):
        async with use_cassette(f"cassettes/{anyio_backend_name}.yaml") as cassette:
            await by_httpx()
        assert cassette.record_mode

    @use_cassette("cassettes/decorated.yaml")
    async def test_decorated(anyio_backend):
        await by_httpx()
"""


@pytest.fixture
def watched(suite, monkeypatch):
    """A suite of async tests, which fail where a file is touched in a loop."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p anyio -p xdist")
    suite.makeconftest(WATCHING)
    suite.makepyfile(test_it=SUITE)
    return suite


@pytest.mark.parametrize("mode", ["once", "all"])
def test_no_file_in_a_loop(watched, api, cassettes, mode):
    """Recording and playing, from the first request on, in event loops of asyncio and trio."""
    watched.runpytest_subprocess(f"--record-mode={mode}").assert_outcomes(passed=18)
    asked = len(api.seen)

    assert asked == sum(text.count(b"recorded_at") for text in cassettes().values())
    assert b"abcdefghijklmnop" not in b"".join(cassettes().values())
    watched.runpytest_subprocess().assert_outcomes(passed=18)
    for test in ("test_vcr", "test_httpx", "test_aiohttp"):  # the first request of the process
        watched.runpytest_subprocess(f"test_it.py::{test}")
    assert len(api.seen) == asked


def test_draft_in_a_loop(watched, api, monkeypatch):
    """A draft that is played is read when the cassette opens, the bodies beside it, too."""
    failing = """
    @pytest.mark.cassette
    async def test_draft(anyio_backend):
        async with httpx.AsyncClient() as client:
            await client.post(f"{API}/echo", content=b"x" * (2 << 20))
        assert "FAIL" not in os.environ
    """
    watched.makepyfile(test_it=SUITE + failing)
    monkeypatch.setenv("FAIL", "1")
    record = ("--record-mode=once", "-k", "test_draft")

    watched.runpytest_subprocess(*record).assert_outcomes(failed=2)
    asked = len(api.seen)
    monkeypatch.delenv("FAIL")
    watched.runpytest_subprocess(*record).assert_outcomes(passed=2)
    assert len(api.seen) == asked


def test_suite_with_an_asyncio_plugin(suite, monkeypatch, api):
    """A suite of VCR.py's whose every test runs in a loop under blockbuster."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p pytest_asyncio.plugin")
    suite.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    suite.makeconftest(
        WATCHING
        + """
    @pytest.fixture(scope="module")
    def vcr_config():
        return {"filter_headers": ["authorization"], "ignore_localhost": False}

    @pytest.fixture
    async def client():
        import httpx
        async with httpx.AsyncClient() as client:
            yield client
    """
    )
    suite.makepyfile(
        """
        import os
        import pytest

        pytestmark = pytest.mark.vcr

        @pytest.mark.parametrize("number", range(3))
        async def test_it(client, number, allow_model_requests=None):
            headers = {"Authorization": "Bearer secret"}
            for turn in range(4):
                url = f"{os.environ['API']}/json?{number}{turn}"
                assert (await client.post(url, json={"turn": turn}, headers=headers)).json()
        """
    )

    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=3)
    assert len(api.seen) == 12
    suite.runpytest_subprocess("--block-network").assert_outcomes(passed=3)
    suite.runpytest_subprocess("--record-mode=rewrite").assert_outcomes(passed=3)
    assert len(api.seen) == 24


@pytest.mark.parametrize("mark", ["vcr", "cassette"])
def test_sdk_in_each_mode(suite, monkeypatch, api, mark):
    """An SDK, whose first request has it look at its platform in a thread: groq's, as pydantic-ai."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p anyio -o anyio_mode=auto")
    # not watched more closely: the SDK starts a program, and from then on claims are shared by files
    suite.makeconftest(
        """
        import pytest
        from blockbuster import blockbuster_ctx

        @pytest.fixture(autouse=True)
        def blockbuster():
            with blockbuster_ctx():
                yield
        """
    )
    suite.makepyfile(
        f"""
        import asyncio, os
        import groq, pytest

        pytestmark = [pytest.mark.{mark}, pytest.mark.anyio]

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def ask(client, text):
            answer = await client.post("/echo", cast_to=object, body={{"text": text}})
            assert text in answer["body"]

        def client():
            return groq.AsyncGroq(api_key="gsk", base_url=os.environ["API"])

        async def test_turns():
            async with client() as api:
                for number in range(12):
                    await ask(api, f"turn {{number}}")

        async def test_at_once():
            async with client() as api:
                await asyncio.gather(*(ask(api, f"own {{number}}") for number in range(12)))

        async def test_error():
            async with client() as api:
                with pytest.raises(groq.NotFoundError):
                    await api.get("/status/404", cast_to=object)
        """
    )

    for mode in ("once", "new_episodes", "all", "rewrite"):
        suite.runpytest_subprocess(f"--record-mode={mode}").assert_outcomes(passed=3)
    asked = len(api.seen)
    assert asked == 25 * 3  # new_episodes plays
    for mode in ("none", "once", "new_episodes"):
        suite.runpytest_subprocess(f"--record-mode={mode}").assert_outcomes(passed=3)
    assert len(api.seen) == asked
