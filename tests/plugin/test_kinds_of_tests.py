"""Cassettes of classes, unittest, async tests; names and places."""

from __future__ import annotations

import pytest


def names(suite) -> list[str]:
    """Every cassette of the suite, from its folder."""
    return sorted(str(path.relative_to(suite.path)) for path in suite.path.rglob("*.yaml"))


def test_default_names(suite):
    """The default name is the convention of pytest-recording: module, class, test, parameters."""
    suite.makepyfile(
        test_users="""
        import os, pytest, requests

        class TestApi:
            @pytest.mark.parametrize("path", ["a/b", "c:d"])
            def test_get(self, cassette, path):
                requests.get(os.environ["API"] + "/json")

        def test_plain(cassette):
            requests.get(os.environ["API"] + "/json")
    """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=3)

    assert names(suite) == [
        "cassettes/test_users/TestApi.test_get[a-b].yaml",
        "cassettes/test_users/TestApi.test_get[c-d].yaml",
        "cassettes/test_users/test_plain.yaml",
    ]


def test_cassette_dir(suite):
    """`reqord_cassette_dir` moves the root; test files of one name in two folders stay apart."""
    test = """
        import os, requests

        def test_it(cassette):
            requests.get(os.environ["API"] + "/json")
    """
    for folder in ("one", "two"):
        suite.mkpydir(folder)
        suite.makepyfile(**{f"{folder}/test_same": test})
    suite.makeini("[pytest]\nreqord_cassette_dir = recorded")

    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)

    assert names(suite) == [
        "recorded/one/test_same/test_it.yaml",
        "recorded/two/test_same/test_it.yaml",
    ]
    suite.runpytest().assert_outcomes(passed=2)


def test_markers_name_and_place(suite):
    """A marker may name the cassette, put it in a folder, or give an explicit path."""
    suite.makepyfile(
        test_x="""
        import os, pytest, requests

        def get():
            requests.get(os.environ["API"] + "/json")

        @pytest.mark.cassette("users")
        def test_a():
            get()

        @pytest.mark.cassette("api/users")
        def test_b():
            get()

        @pytest.mark.cassette(path="elsewhere/c.yaml")
        def test_c():
            get()
    """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=3)

    assert names(suite) == [
        "cassettes/test_x/api/users.yaml",
        "cassettes/test_x/users.yaml",
        "elsewhere/c.yaml",
    ]
    suite.runpytest().assert_outcomes(passed=3)


def test_markers_are_merged_per_argument(suite):
    """Module, class and function markers add up; for each argument the nearest wins."""
    suite.makepyfile("""
        import pytest
        pytestmark = pytest.mark.cassette("shared", on_drift="fail", on_unplayed="fail")

        @pytest.mark.cassette(on_drift="ignore")
        class TestIt:
            @pytest.mark.cassette(strict_order=True)
            def test_it(self, cassette):
                settings = cassette.settings
                assert (settings.on_drift, settings.on_unplayed) == ("ignore", "fail")
                assert settings.strict_order and cassette.path.name == "shared.yaml"
    """)

    suite.runpytest().assert_outcomes(passed=1)


def test_unittest(suite, api):
    """A marked TestCase records what setUp, the test and tearDown do."""
    suite.makepyfile("""
        import os, pytest, unittest, urllib.request
        API = os.environ["API"]

        def get(path):
            with urllib.request.urlopen(API + path) as response:
                return response.status

        @pytest.mark.cassette
        class TestIt(unittest.TestCase):
            def setUp(self):
                assert get("/json?setup") == 200

            def test_it(self):
                assert get("/json?call") == 200

            def tearDown(self):
                assert get("/json?teardown") == 200
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)

    assert len(api.seen) == 3


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_async_tests(suite, api, monkeypatch, plugin):
    """Async tests and fixtures record and play, many tasks at once."""
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-p reqord -p {plugin}")
    if plugin == "asyncio":
        suite.makeini(
            "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function"
        )
    suite.makepyfile(f"""
        import asyncio, os, httpx, aiohttp, pytest
        API = os.environ["API"]
        pytestmark = pytest.mark.{plugin}

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.fixture
        async def client():
            async with httpx.AsyncClient(base_url=API) as client:
                await client.get("/json?fixture")
                yield client

        async def test_it(client, cassette):
            async def post(n):
                return (await client.post("/echo", json={{"n": n}})).json()["body"]

            async with aiohttp.ClientSession() as session:
                async with session.get(API + "/json?aiohttp") as response:
                    assert response.status == 200
            answers = await asyncio.gather(*(post(n) for n in range(10)))
            assert answers == ['{{"n":%d}}' % n for n in range(10)]
    """)

    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest_subprocess().assert_outcomes(passed=1)

    assert len(api.seen) == 12


def test_no_cassette_file_for_a_test_without_traffic(suite):
    """A marked test that makes no request leaves no file."""
    suite.makepyfile("def test_it(cassette): assert cassette.interactions == ()")

    suite.runpytest("--record-mode=all").assert_outcomes(passed=1)

    assert names(suite) == []


def test_collect_only_opens_nothing(suite):
    """`--collect-only` in a recording mode makes no file, not even in the cache."""
    suite.makepyfile("def test_it(cassette): pass")

    suite.runpytest("--collect-only", "--record-mode=all")

    assert not list(suite.path.rglob("reqord"))


@pytest.mark.parametrize("host", ["ignore_localhost = true", "ignore_hosts = 127.0.0.1"])
def test_ignored_hosts_go_live(suite, api, host):
    """What `ignore_hosts` and `ignore_localhost` name is neither recorded nor played."""
    suite.makeini(f"[pytest]\nreqord_{host}")
    suite.makepyfile("""
        import os, requests

        def test_it(cassette):
            assert requests.get(os.environ["API"] + "/json").status_code == 200
            assert cassette.interactions == ()
    """)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.runpytest().assert_outcomes(passed=1)

    assert len(api.seen) == 2
    assert names(suite) == []


def test_metadata_services_are_unreachable_while_replaying(suite):
    """Asking a cloud's metadata service fails as on any other machine; it is no miss."""
    suite.makepyfile("""
        import asyncio, aiohttp, httpx, pytest, requests
        URL = "http://169.254.169.254/latest/meta-data/"

        def test_it(cassette):
            with pytest.raises(requests.ConnectionError):
                requests.get(URL, timeout=5)
            with pytest.raises(httpx.ConnectError):
                httpx.get(URL)

            async def fetch():
                async with aiohttp.ClientSession() as session:
                    await session.get(URL)

            with pytest.raises(aiohttp.ClientConnectionError):
                asyncio.run(fetch())
            assert not cassette.misses
    """)

    suite.runpytest().assert_outcomes(passed=1)


def test_own_matchers(suite):
    """A matcher from the hook, or a callable in a marker, decides what is played."""
    suite.makeconftest("""
        def pytest_reqord_matchers(config):
            return {"tenant": lambda live, recorded: live.headers.get("x-tenant")
                    == recorded.headers.get("x-tenant")}
    """)
    suite.makeini("[pytest]\nreqord_match_on = method uri tenant")
    two = """
        import os, requests

        def test_it(cassette):
            for tenant in {}:
                answer = requests.get(os.environ["API"] + "/echo", headers={{"x-tenant": tenant}})
                assert ["x-tenant", tenant] in answer.json()["headers"]
    """
    suite.makepyfile(two.format('"ab"'))
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    suite.makepyfile(two.format('"ba"'))
    suite.runpytest().assert_outcomes(passed=1)
    suite.makepyfile(two.format('"c"'))
    suite.runpytest().assert_outcomes(failed=1)


def test_a_run_in_a_run(suite):
    """A test that runs pytest has its own cassette back afterwards, and so has the test after it."""
    suite.makeconftest("pytest_plugins = ['pytester']")
    suite.makepyfile(
        test_outer="""
        import os, requests

        def test_runs_pytest(cassette, pytester):
            requests.get(os.environ["API"] + "/json")
            pytester.makepyfile(
                "import os, requests\\n"
                "def test_inner(cassette):\\n"
                "    assert cassette.owner.endswith('test_inner')\\n"
                "    requests.get(os.environ['API'] + '/items/2')\\n"
            )
            pytester.runpytest_inprocess("-preqord", "--record-mode=once").assert_outcomes(passed=1)
            requests.get(os.environ["API"] + "/items/3")
            assert cassette.recorded_count + cassette.play_count == 2

        def test_next(cassette):
            assert cassette.owner.endswith("test_next")
            requests.get(os.environ["API"] + "/json")
        """
    )

    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=2)

    assert names(suite) == [
        "cassettes/test_outer/test_next.yaml",
        "cassettes/test_outer/test_runs_pytest.yaml",
        "runpytest-0/test_runs_pytest0/cassettes/test_runs_pytest/test_inner.yaml",
    ]
    suite.runpytest_subprocess("test_outer.py").assert_outcomes(passed=2)


def test_a_runner_that_goes_past_the_hooks(suite):
    """Without the hook that says which test runs, the fixture says so, and opens nothing."""
    suite.makeconftest(
        """
        def pytest_runtestloop(session):
            session._setupstate.setup(session.items[0])
        """
    )
    suite.makepyfile("def test_it(cassette):\n    pass")

    result = suite.runpytest()

    result.stdout.fnmatch_lines(
        ["*UsageError: the fixture cassette was asked for outside of a test"]
    )
    assert names(suite) == []
