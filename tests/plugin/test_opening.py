"""When a cassette is open, and which of several answers."""

from __future__ import annotations

import sys

import pytest
import yaml


def uris(data: bytes) -> list[str]:
    """What a cassette holds, as the last parts of its URIs."""
    stored = yaml.safe_load(data)["interactions"]
    return [one["request"]["uri"].rpartition("/")[2] for one in stored]


def test_open_before_the_first_function_fixture(suite, cassettes):
    """The cassette takes what function-scoped fixtures do, whatever the order of arguments."""
    suite.makepyfile("""
        import os, requests, pytest
        API = os.environ["API"]

        @pytest.fixture
        def first():
            requests.get(API + "/json?setup")
            yield
            requests.get(API + "/json?teardown")

        def test_it(first, cassette):
            requests.get(API + "/json?call")

        @pytest.mark.cassette
        def test_marked(first):
            pass
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)

    found = cassettes()
    assert uris(found["test_it.yaml"]) == ["json?setup", "json?call", "json?teardown"]
    assert uris(found["test_marked.yaml"]) == ["json?setup", "json?teardown"]
    suite.runpytest().assert_outcomes(passed=2)


def test_wider_fixtures_do_not_record_into_a_test(suite, api, cassettes):
    """What a module fixture does is in no test's cassette, also where a test asks for it late."""
    suite.makepyfile("""
        import os, requests, pytest
        API = os.environ["API"]

        @pytest.fixture(scope="module")
        def wide():
            requests.get(API + "/json?wide")

        def test_it(cassette, request):
            request.getfixturevalue("wide")
            requests.get(API + "/json?call")
    """)

    result = suite.runpytest("--record-mode=once")

    result.assert_outcomes(passed=1)
    assert uris(cassettes()["test_it.yaml"]) == ["json?call"]
    result.stdout.fnmatch_lines(["outside*1 request to 127.0.0.1*"])


def test_a_factory_serves_wider_fixtures(suite, api, cassettes):
    """`cassette_factory` and `use_cassette` record what a session fixture does."""
    suite.makepyfile("""
        import os, requests, pytest
        from pytest_reqord import use_cassette
        API = os.environ["API"]

        @pytest.fixture(scope="session")
        def login(cassette_factory):
            with cassette_factory("login"):
                return requests.get(API + "/json?login").json()

        @pytest.fixture(scope="module")
        @use_cassette("cassettes/other.yaml")
        def other():
            yield requests.get(API + "/json?other").json()

        def test_it(cassette, login, other):
            assert requests.get(API + "/json?call").json() == login == other
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    assert sorted(cassettes()) == ["login.yaml", "other.yaml", "test_it.yaml"]
    assert [uris(data) for _, data in sorted(cassettes().items())] == [
        ["json?login"],
        ["json?other"],
        ["json?call"],
    ]
    suite.runpytest().assert_outcomes(passed=1)
    assert len(api.seen) == 3


LONE = """
    import os, requests
    {above}
    def ask():
        {within}
        with use_cassette("cassettes/lone.yaml") as cassette:
            assert cassette.record_mode == os.environ["EXPECTED"]
            requests.get(os.environ["API"] + "/json")

    def test_it():
        {test}
"""
IMPORT = "from pytest_reqord import use_cassette"


@pytest.mark.parametrize("places", [(IMPORT, ""), ("", IMPORT)])
def test_use_cassette_alone_follows_the_run(suite, api, cassettes, monkeypatch, places):
    """Also where no test has a fixture or marker of ours: plain pytest touches no network."""
    above, within = places
    suite.makepyfile(LONE.format(above=above, within=within, test="ask()"))

    monkeypatch.setenv("EXPECTED", "none")
    result = suite.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*pytest *::test_it --record-mode=once*"])
    assert not api.seen
    assert not cassettes()

    monkeypatch.setenv("EXPECTED", "once")
    result = suite.runpytest_subprocess("--record-mode=once")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["saved *lone.yaml (1 interaction)"])
    monkeypatch.setenv("EXPECTED", "none")
    suite.runpytest_subprocess().assert_outcomes(passed=1)
    assert len(api.seen) == 1


def test_a_swallowed_miss_of_use_cassette_alone_fails_its_test(suite, monkeypatch):
    """The first test with a cassette is watched as any other, its setup included."""
    monkeypatch.setenv("EXPECTED", "none")
    swallowing = """try: ask()
        except BaseException: pass

    import pytest

    @pytest.fixture
    def asked():
        test_it()

    def test_asked(asked):
        pass
    """
    text = LONE.format(above=IMPORT, within="", test=swallowing)
    suite.makepyfile(text)

    suite.runpytest_subprocess().assert_outcomes(failed=1, errors=1)
    suite.runpytest_subprocess("-k", "asked").assert_outcomes(errors=1)


def test_a_cassette_in_the_import_of_a_conftest_is_refused(suite, api):
    """Nothing is known yet of what the run may record."""
    suite.makeconftest("""
        import os, requests
        from pytest_reqord import use_cassette

        with use_cassette("a.yaml"):
            requests.get(os.environ["API"] + "/json")
    """)

    result = suite.runpytest_subprocess()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*UsageError: *while the first conftest.py is imported*"])
    assert not api.seen


def test_cassettes_nest(suite, cassettes):
    """The inner cassette answers, then the outer one again; the inner shares the test's fate."""
    suite.makepyfile("""
        import os, requests, pytest
        from pytest_reqord import use_cassette
        API = os.environ["API"]

        def test_it(cassette):
            requests.get(API + "/json?1")
            with use_cassette("inner.yaml") as inner:
                requests.get(API + "/json?2")
                assert inner.record_mode == cassette.record_mode
            requests.get(API + "/json?3")
            assert not os.environ.get("BREAK")
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    assert uris(cassettes()["test_it.yaml"]) == ["json?1", "json?3"]
    assert uris((suite.path / "inner.yaml").read_bytes()) == ["json?2"]
    suite.runpytest().assert_outcomes(passed=1)


def test_an_inner_cassette_of_a_failing_test_is_not_saved(suite, monkeypatch):
    """`use_cassette` inside a test that fails is kept as a draft like the test's own."""
    suite.makepyfile("""
        import os, requests
        from pytest_reqord import use_cassette

        def test_it():
            with use_cassette("inner.yaml"):
                requests.get(os.environ["API"] + "/json")
            assert False
    """)

    result = suite.runpytest("--record-mode=once")

    assert not (suite.path / "inner.yaml").exists()
    result.stdout.fnmatch_lines(["draft*test_it for *inner.yaml*the test failed*"])


def test_what_a_test_can_read_of_its_cassette(suite):
    """The cassette tells what was recorded, played, missed and left over."""
    suite.makepyfile("""
        import os, requests
        from datetime import timezone
        API = os.environ["API"]

        def test_it(cassette):
            for n in range(2):
                requests.post(API + "/echo", json={"n": n})
            if cassette.record_mode == "none":
                assert cassette.play_count == 2 and not cassette.recorded
                assert cassette.all_played and not cassette.unplayed
                [first, second] = cassette.played
            else:
                cassette.flush()
                [first, second] = cassette.recorded
            assert cassette.interactions == (first, second)
            assert first.request.json() == {"n": 0} and first.response.status == 200
            assert first.recorded_at < second.recorded_at
            assert first.recorded_at.tzinfo is timezone.utc
            assert cassette.path.name == "test_it.yaml" and not cassette.misses
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)


def test_threads_of_a_test_belong_to_its_cassette(suite, api, cassettes):
    """Bare threads and pools record into, and play from, the cassette of their test."""
    suite.makepyfile("""
        import os, requests, threading
        from concurrent.futures import ThreadPoolExecutor
        API = os.environ["API"]

        def test_it(cassette):
            def get(n):
                return requests.post(API + "/echo", json={"n": n}).json()["body"]

            with ThreadPoolExecutor(8) as pool:
                assert list(pool.map(get, range(20))) == [f'{{"n": {n}}}' for n in range(20)]
            thread = threading.Thread(target=get, args=[20])
            thread.start()
            thread.join()
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    assert len(yaml.safe_load(cassettes()["test_it.yaml"])["interactions"]) == 21
    suite.runpytest().assert_outcomes(passed=1)

    assert len(api.seen) == 21


def test_a_thread_that_outlives_its_test_is_refused(suite, api):
    """A request after its test ended is refused with the test's name, and not recorded."""
    suite.makepyfile("""
        import os, requests, threading
        API = os.environ["API"]
        go, errors = threading.Event(), []

        def late():
            go.wait(5)
            try:
                requests.get(API + "/json")
            except Exception as error:
                errors.append(str(error))

        thread = threading.Thread(target=late)

        def test_one(cassette):
            thread.start()

        def test_two(cassette):
            go.set()
            thread.join()
            assert "test_one" in errors[0] and "after that test had ended" in errors[0]
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)

    assert not api.seen


LATE = """
    import asyncio, os, threading, {client}, {loops}

    here, there = {loops}.new_event_loop(), {loops}.new_event_loop()
    thread = threading.Thread(target=there.run_forever, daemon=True)
    thread.start()
    go, is_started, late = threading.Event(), threading.Semaphore(0), []

    async def request():
        is_started.release()
        while not go.is_set():
            await asyncio.sleep(0.01)
        await {client}.{request}

    async def start():
        return asyncio.create_task(request())

    def test_one(cassette):
        late.append(asyncio.run_coroutine_threadsafe(request(), there))
        assert is_started.acquire(timeout=10)
        late.append(here.run_until_complete(start()))

    def test_two(cassette):
        go.set()
        here.run_until_complete(asyncio.wait([late[1]]))
        errors = late[0].exception(timeout=10), late[1].exception()
        here.close()
        there.call_soon_threadsafe(there.stop)
        thread.join()
        there.close()
        for error in errors:
            assert "test_one" in str(error) and "after that test had ended" in str(error)
"""


LATE_REQUESTS = {
    "httpx": 'AsyncClient().get(os.environ["API"] + "/json")',
    "aiohttp": 'request("GET", os.environ["API"] + "/json").__aenter__()',
}


@pytest.mark.parametrize("mode", ["once", "none"])
@pytest.mark.parametrize("client", LATE_REQUESTS)
@pytest.mark.parametrize("loops", ["asyncio", "uvloop"])
def test_a_task_that_outlives_its_test_is_refused(suite, api, client, loops, mode):
    """In a loop of wider scope, and in one of a thread: with its own test's name, unrecorded."""
    suite.makepyfile(LATE.format(client=client, request=LATE_REQUESTS[client], loops=loops))

    suite.runpytest(f"--record-mode={mode}").assert_outcomes(passed=2)

    assert not api.seen


@pytest.mark.parametrize(
    "pool", ["multiprocessing.pool.ThreadPool", "concurrent.futures.ThreadPoolExecutor"]
)
def test_a_pool_that_outlives_its_test_serves_the_next(suite, cassettes, pool):
    """The workers of a module's thread pool record for whichever test gives them work."""
    module, _, name = pool.rpartition(".")
    suite.makepyfile(f"""
        import os, pytest, requests
        from {module} import {name}
        pools = []

        @pytest.fixture(scope="module", autouse=True)
        def the_end():
            yield
            pools[0].__exit__(None, None, None)

        @pytest.mark.parametrize("n", range(3))
        def test_it(cassette, n):
            if not pools:
                pools.append({name}(1))  # its thread starts here
            assert list(pools[0].map(requests.get, [os.environ["API"] + f"/json?{{n}}"]))
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=3)

    for n in range(3):
        assert cassettes()[f"test_it[{n}].yaml"].count(b"- recorded_at:") == 1
    suite.runpytest().assert_outcomes(passed=3)


def test_scripts(suite, api):
    """In a script `use_cassette` records once and plays ever after, sync, async, decorated."""
    script = suite.makepyfile(
        script="""
        import asyncio, os, httpx
        from pytest_reqord import use_cassette
        API = os.environ["API"]

        with use_cassette("one.yaml") as cassette:
            httpx.get(API + "/json")
        print("played", cassette.play_count)

        @use_cassette("two.yaml")
        async def fetch():
            async with httpx.AsyncClient() as client:
                return (await client.get(API + "/json")).status_code

        print(asyncio.run(fetch()))
    """
    )

    suite.runpython(script)
    result = suite.runpython(script)

    result.stdout.fnmatch_lines(["played 1", "200"])
    assert len(api.seen) == 2


@pytest.mark.parametrize(("reqord", "records"), [("", False), ("once", True), ("none", False)])
def test_a_script_under_ci(suite, api, monkeypatch, reqord, records):
    """With `CI` set a script records only where `REQORD` says so."""
    script = suite.makepyfile(
        script="""
        import os, httpx
        from pytest_reqord import use_cassette

        with use_cassette("one.yaml", record_mode="once"):
            httpx.get(os.environ["API"] + "/json")
    """
    )
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("REQORD", reqord)

    result = suite.runpython(script)

    assert (result.ret == 0) is records
    assert len(api.seen) == records
    if not records:
        result.stderr.fnmatch_lines(["*REQORD=once python *script.py   # record it"])


SECRET = "ghp_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdE"


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("raise ValueError", ["reqord: draft     {cassette}: it ended with ValueError"]),
        (f"httpx.post(API + '/echo', content='{SECRET}')", ["reqord: NOT SAVED *GitHub token*"]),
    ],
)
def test_a_script_tells_what_it_did_not_save(suite, cassettes, end, told):
    """It has no summary, so that it says at its end what became of a recording, and how to go on."""
    script = suite.makepyfile(
        script=f"""
        import os, httpx
        from pytest_reqord import use_cassette
        API = os.environ["API"]

        with use_cassette("cassettes/one.yaml"):
            httpx.get(API + "/json")
            {end}
    """
    )
    reqord = [sys.executable, "-m", "pytest_reqord", "keep"]

    result = suite.runpython(script)

    result.stderr.fnmatch_lines([line.format(cassette="cassettes/one.yaml") for line in told])
    assert not cassettes()
    suite.run(*reqord).stdout.fnmatch_lines(["draft     cassettes/one.yaml: *", "*kept in *"])
    if SECRET not in end:
        assert suite.run(*reqord, "cassettes/one.yaml").ret == 0
        assert list(cassettes()) == ["one.yaml"]


def test_each_test_has_the_cassette_config_that_it_sees(suite):
    """A class's own, the module's, a parameter of the test's; none where nobody gives any."""
    suite.makepyfile(
        test_none="def test_it(cassette):\n    assert cassette.settings.on_drift == 'warn'",
        test_some="""
        import pytest

        class TestPlain:
            def test_one(self, cassette):
                assert cassette.settings.on_drift == "warn"

            def test_two(self, cassette):
                assert cassette.settings.on_drift == "warn"

            @pytest.mark.parametrize("cassette_config", [{"on_drift": "ignore"}])
            def test_three(self, cassette_config, cassette):
                assert cassette.settings.on_drift == "ignore"

            def test_four(self, cassette):
                assert cassette.settings.on_drift == "warn"

        class TestOwn:
            @pytest.fixture
            def cassette_config(self, cassette_config):
                return cassette_config | {"on_drift": "fail"}

            def test_one(self, cassette):
                assert cassette.settings.on_drift == "fail"

        def test_last(cassette):
            assert cassette.settings.on_drift == "warn"
        """,
    )

    suite.runpytest("-p", "no:randomly").assert_outcomes(passed=7)
