"""Workers and loops that outlive the test that started them, and whose requests they make."""

from __future__ import annotations

import pytest

ASK = """
    import asyncio, functools, os, queue, threading
    import aiohttp, httpx, pytest, requests
    from concurrent.futures import Future, ThreadPoolExecutor

    API = os.environ["API"]

    @functools.cache
    def loop():
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        return loop

    def submit(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop()).result(10)

    def answered(future, get):
        try:
            future.set_result(get())
        except BaseException as error:
            future.set_exception(error)
"""

# each of them starts something with its first use, which lives as long as the process
WAYS = {
    "loop": """
    async def fetch(path):
        async with aiohttp.ClientSession() as session, session.get(API + path) as response:
            return response.status

    def get(path):
        return submit(fetch(path))
    """,
    "task": """
    asked = None

    async def work():
        async with httpx.AsyncClient() as client:
            while True:
                path, future = await asked.get()
                response = await client.get(API + path)
                future.set_result(response.status_code)

    async def fetch(path):
        global asked, task
        if asked is None:
            asked = asyncio.Queue()
            task = asyncio.create_task(work())
        future = asyncio.get_running_loop().create_future()
        asked.put_nowait((path, future))
        return await future

    def get(path):
        return submit(fetch(path))
    """,
    "thread": """
    asked = queue.Queue()

    def work():
        while True:
            path, future = asked.get()
            answered(future, lambda: requests.get(API + path).status_code)

    @functools.cache
    def start():
        threading.Thread(target=work, daemon=True).start()

    def get(path):
        start()
        future = Future()
        asked.put((path, future))
        return future.result(10)
    """,
    "batcher": """
    batch, is_there = [], threading.Condition()

    def work():
        while True:
            with is_there:
                is_there.wait_for(lambda: batch)
                path, future = batch.pop()
            answered(future, lambda: submit(fetch(path)))

    async def fetch(path):
        async with httpx.AsyncClient() as client:
            return (await client.get(API + path)).status_code

    @functools.cache
    def start():
        loop()
        threading.Thread(target=work, daemon=True).start()

    def get(path):
        start()
        future = Future()
        with is_there:
            batch.append((path, future))
            is_there.notify()
        return future.result(10)
    """,
    "fsspec": """
    import fsspec

    def get(path):
        return 200 if fsspec.filesystem("http").cat_file(API + path) else 0
    """,
    "pool": """
    pool = ThreadPoolExecutor(1)

    def get(path):
        return pool.submit(requests.get, API + path).result(10).status_code
    """,
    "portal": """
    from anyio.from_thread import start_blocking_portal

    running = start_blocking_portal()

    @functools.cache
    def portal():
        return running.__enter__()

    @pytest.fixture(scope="module", autouse=True)
    def the_end():
        yield
        running.__exit__(None, None, None)

    async def fetch(path):
        async with httpx.AsyncClient() as client:
            return (await client.get(API + path)).status_code

    def get(path):
        return portal().call(fetch, path)
    """,
    "scheduler": """
    from apscheduler.schedulers.background import BackgroundScheduler

    @functools.cache
    def scheduler():
        scheduler = BackgroundScheduler()
        scheduler.start()
        return scheduler

    def get(path):
        future = Future()
        fetch = lambda: requests.get(API + path).status_code
        scheduler().add_job(answered, args=(future, fetch))
        return future.result(10)
    """,
}

TESTS = """
    @pytest.mark.parametrize("number", range(3))
    def test_it(cassette, number):
        assert get(f"/json?{number}") == 200
        assert get(f"/json?{number}-again") == 200
"""


@pytest.mark.parametrize("way", WAYS)
def test_they_serve_whoever_asks(suite, api, cassettes, way):
    """Each test has its own requests in its cassette, in whichever test the worker was started."""
    suite.makepyfile(ASK + WAYS[way] + TESTS)

    for mode in ("once", "all"):
        suite.runpytest_subprocess(f"--record-mode={mode}").assert_outcomes(passed=3)

    for number in range(3):
        recorded = cassettes()[f"test_it[{number}].yaml"]
        assert recorded.count(b"- recorded_at:") == recorded.count(f"/json?{number}".encode()) == 2
    result = suite.runpytest_subprocess("-p", "no:randomly")
    result.assert_outcomes(passed=3)
    result.stdout.no_fnmatch_line("*cassettes*")
    suite.runpytest_subprocess("-k", "1").assert_outcomes(passed=1, deselected=2)
    assert len(api.seen) == 12


def test_a_draft_of_theirs(suite, api, cassettes):
    """What a worker recorded for a test that failed is its draft, and is played by the next run."""
    suite.makepyfile(
        ASK
        + WAYS["thread"]
        + """
    def test_first(cassette):
        assert get("/json?first") == 200

    def test_it(cassette):
        assert get("/json?1") == 200
        assert os.environ.get("PASS")
    """
    )
    result = suite.runpytest_subprocess("--record-mode=once")
    result.assert_outcomes(passed=1, failed=1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PASS", "1")
        suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=2)

    assert b"/json?1" in cassettes()["test_it.yaml"]
    assert len(api.seen) == 2


EXPORTER = """
    import os, pytest, queue, requests, threading
    API = os.environ["API"]
    spans, telemetry = queue.Queue(), API.replace("127.0.0.1", "localhost")

    def export():
        while (exported := spans.get()) is not None:
            try:
                requests.get(telemetry + "/json?span")
            except Exception:
                pass
            exported.set()

    def trace():
        if "EXPORT" in os.environ:
            exported = threading.Event()
            spans.put(exported)
            assert exported.wait(10)

    @pytest.fixture(scope="{scope}", autouse=True)
    def exporter():
        thread = threading.Thread(target=export, name="the exporter", daemon=True)
        thread.start()
        yield
        spans.put(None)
        thread.join()

    @pytest.mark.parametrize("number", range(2))
    def test_it(cassette, number):
        assert requests.get(API + f"/json?{{number}}").ok
        trace()
        assert not cassette.misses
"""


@pytest.mark.parametrize("scope", ["session", "function"])
@pytest.mark.parametrize("mode", ["none", "verify"])
def test_a_background_exporter_fails_no_test(suite, api, monkeypatch, scope, mode):
    """What it asks and nobody recorded is refused, and named by host and thread."""
    suite.makepyfile(EXPORTER.format(scope=scope))
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=2)
    monkeypatch.setenv("EXPORT", "1")

    result = suite.runpytest_subprocess(f"--record-mode={mode}")

    result.assert_outcomes(passed=2)
    line = "refused * 2 requests to localhost by the thread the exporter: not in the recording"
    result.stdout.fnmatch_lines([line, "*reqord_ignore_hosts*"])
    assert len(api.seen) == (2 if mode == "none" else 6)


def test_a_background_exporter_whose_host_is_ignored(suite, api, monkeypatch):
    """It goes on as if we weren't there, and nothing is said about it."""
    suite.makeini("[pytest]\nreqord_ignore_hosts = localhost")
    suite.makepyfile(EXPORTER.format(scope="session"))
    monkeypatch.setenv("EXPORT", "1")
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=2)

    result = suite.runpytest_subprocess()

    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*refused*")
    assert len(api.seen) == 6


def test_with_no_test_open(suite, api):
    """A worker that a test has started is refused between tests, with the name of that test."""
    suite.makepyfile(
        ASK
        + WAYS["thread"]
        + """
    def test_one(cassette):
        assert get("/json") == 200

    def test_without_a_cassette():
        with pytest.raises(Exception, match="test_one started, after that test had ended"):
            get("/json")
    """
    )

    result = suite.runpytest_subprocess("--record-mode=once")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["refused * 1 request to 127.0.0.1 *: after *::test_one had ended"])
    assert len(api.seen) == 1


def test_with_several_open(suite, api):
    """Where cassettes are open side by side nobody knows whose worker it is, and it is refused."""
    suite.makepyfile(
        ASK
        + WAYS["thread"]
        + """
    from pytest_reqord import use_cassette

    def in_a_cassette(name, together):
        with use_cassette(name):
            together.wait(10)
            with pytest.raises(Exception, match="yaml were open, and nothing tells"):
                get("/json")
            together.wait(10)

    def test_it():
        start()
        together = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(in_a_cassette, f"{n}.yaml", together) for n in ("two", "one")]:
                done.result()
    """
    )

    result = suite.runpytest_subprocess("--record-mode=once")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["refused * 2 requests to 127.0.0.1 *several cassettes were open"])
    assert not api.seen


def test_nested_cassettes(suite, api, cassettes):
    """A worker's request belongs to the inmost of nested ones."""
    suite.makepyfile(
        ASK
        + WAYS["thread"]
        + """
    from pytest_reqord import use_cassette
    start()

    def test_it(cassette):
        assert get("/json?outer") == 200
        with use_cassette("inner.yaml"):
            assert get("/json?inner") == 200
        assert get("/json?last") == 200
    """
    )
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    assert cassettes()["test_it.yaml"].count(b"uri:") == 2
    assert b"/json?inner" in (suite.path / "inner.yaml").read_bytes()
    suite.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_pool_does_not_wait_for_a_worker_that_missed(suite):
    """A miss in the worker of a ThreadPool is an error of its work, and of the test."""
    suite.makepyfile("""
        import os, pytest, requests
        from multiprocessing.pool import ThreadPool

        def get(query):
            return requests.get(os.environ["API"] + "/json?" + query)

        def test_raised(cassette):
            with ThreadPool(1) as pool:
                pool.map(get, ["new"])

        def test_swallowed(cassette):
            with ThreadPool(1) as pool:
                pool.map_async(get, ["new"]).wait(10)
    """)

    result = suite.runpytest_subprocess()

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*CassetteMiss: GET */json?new is not in *test_raised.yaml"])
    result.stdout.fnmatch_lines(["*CassetteMissError: GET */json?new is not in *test_swallowed*"])


SWALLOWED = {
    "unittest": """
    @pytest.mark.cassette
    class TestIt(unittest.IsolatedAsyncioTestCase):
        async def test_it(self):
            await swallow()

        async def test_it_too(self):
            await asyncio.to_thread(asyncio.run, swallow())
    """,
    "asyncio": """
    pytestmark = pytest.mark.asyncio(loop_scope="session")

    async def test_it(cassette):
        await swallow()

    async def test_it_too(cassette):
        await asyncio.create_task(swallow())
    """,
    "anyio": """
    pytestmark = pytest.mark.anyio

    @pytest.fixture(scope="module")
    def anyio_backend():
        return "asyncio"

    @pytest.fixture(scope="module", autouse=True)
    async def one_runner():
        yield

    async def test_it(cassette):
        await swallow()

    async def test_it_too(cassette):
        await asyncio.create_task(swallow())
    """,
    "gevent": """
    import gevent

    def test_it(cassette):
        gevent.spawn(asyncio.run, swallow()).join()

    def test_it_too(cassette):
        gevent.spawn(lambda: gevent.spawn(asyncio.run, swallow()).join()).join()
    """,
}


@pytest.mark.parametrize("way", SWALLOWED)
def test_a_miss_of_the_test_itself_fails_it(suite, monkeypatch, way):
    """However a test runs, its code is known to be its own, and a miss that it swallows counts."""
    plugin = way if way in ("asyncio", "anyio") else "xdist"
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-p reqord -p {plugin}")
    suite.makepyfile(
        """
    import asyncio, os, unittest, httpx, pytest
    async def swallow():
        try:
            async with httpx.AsyncClient() as client:
                await client.get(os.environ["API"] + "/json")
        except BaseException:
            pass
    """
        + SWALLOWED[way]
    )

    result = suite.runpytest_subprocess("-W", "ignore::DeprecationWarning")

    result.assert_outcomes(failed=2)
    result.stdout.no_fnmatch_line("*refused*")


def test_a_session_s_background_task(suite, api, monkeypatch):
    """A task of a wider fixture records and plays in each test, and its misses fail none."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p asyncio")
    suite.makeini("[pytest]\nasyncio_default_fixture_loop_scope = session")
    suite.makepyfile("""
        import asyncio, os, httpx, pytest, pytest_asyncio
        pytestmark = pytest.mark.asyncio(loop_scope="session")

        @pytest_asyncio.fixture(loop_scope="session", scope="session")
        async def ask():
            async def work():
                async with httpx.AsyncClient() as client:
                    while True:
                        query, future = await asked.get()
                        try:
                            response = await client.get(os.environ["API"] + "/json?" + query)
                            future.set_result(response.status_code)
                        except Exception as error:
                            future.set_result(type(error).__name__)

            async def ask(query):
                future = asyncio.get_running_loop().create_future()
                asked.put_nowait((query, future))
                return await future

            asked = asyncio.Queue()
            task = asyncio.create_task(work())
            yield ask
            task.cancel()

        @pytest.mark.parametrize("number", range(2))
        async def test_it(cassette, ask, number):
            assert await ask(str(number)) == 200
            if "MISS" in os.environ:
                assert await ask("new") == "CassetteMiss"
    """)
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=2)
    monkeypatch.setenv("MISS", "1")

    result = suite.runpytest_subprocess()

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["refused * 2 requests to 127.0.0.1 by the thread MainThread*"])
    assert len(api.seen) == 2
