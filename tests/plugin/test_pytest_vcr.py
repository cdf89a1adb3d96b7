"""Suites of pytest-vcr run as they are: flat folder, fixtures of module scope, options."""

from __future__ import annotations

import json

import pytest
import yaml
from vcr_files import cassette, entry

SUITE = """
    import os, requests, pytest

    API = os.environ["API"]

    @pytest.mark.vcr
    def test_marked():
        assert requests.get(API + "/json?marked").ok

    @pytest.mark.vcr
    class TestGroup:
        @pytest.mark.parametrize("n", [1])
        def test_in(self, n):
            assert requests.get(API + "/json?in").ok

    def test_asks(vcr_cassette, vcr):
        assert requests.get(API + "/json?asks", headers={"X-Key": "secret"}).ok
        assert len(vcr_cassette) == 1
        assert "X-Key" not in vcr_cassette.requests[0].headers
        assert vcr.filter_headers == ["x-key"]

    @pytest.fixture(scope="module")
    def vcr_config():
        return {"filter_headers": ["x-key"]}
"""


def test_its_option_records_where_it_has_its_cassettes(suite, api, cassettes):
    """`--vcr-record` records into the flat folder, and a run without it plays from there."""
    suite.makepyfile(test_it=SUITE)

    suite.runpytest("--vcr-record=once").assert_outcomes(passed=3)
    suite.runpytest("--strict-markers", "-W", "error").assert_outcomes(passed=3)

    assert len(api.seen) == 3
    assert sorted(cassettes()) == [
        "TestGroup.test_in[1].yaml",
        "test_asks.yaml",
        "test_marked.yaml",
    ]
    assert sorted(path.name for path in (suite.path / "cassettes").iterdir()) == sorted(cassettes())


def test_a_suite_may_change_the_module_s_vcr_the_folder_and_the_name(suite):
    """Fixtures of wider scope get a `vcr` of module scope, and overrides build on its values."""
    folder = suite.path / "cassettes/mine"
    folder.mkdir(parents=True)
    (folder / "X_test_it.yaml").write_text(cassette(entry("elsewhere", "played")))
    suite.makeconftest(
        """
        import os, pytest

        @pytest.fixture(scope="module")
        def vcr(vcr):
            vcr.register_matcher("any", lambda one, other: True)
            vcr.match_on = ["any"]
            return vcr

        @pytest.fixture(scope="module")
        def vcr_cassette_dir(vcr_cassette_dir):
            return os.path.join(vcr_cassette_dir, "mine")

        @pytest.fixture
        def vcr_cassette_name(vcr_cassette_name):
            return "X_" + vcr_cassette_name
        """
    )
    suite.makepyfile(
        test_it="""
        import requests, pytest

        @pytest.mark.vcr
        def test_it():
            assert requests.get("http://api.invalid/users").text == "played"
        """
    )

    suite.runpytest().assert_outcomes(passed=1)


def test_its_other_option_leaves_the_tests_alone(suite, api, cassettes):
    """With `--disable-vcr` requests are made, and nothing is recorded."""
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        @pytest.mark.vcr
        def test_it(vcr_cassette, vcr):
            assert requests.get(os.environ["API"] + "/json").ok
            with vcr.use_cassette("inside") as inside:
                assert requests.get(os.environ["API"] + "/json").ok
            for each in vcr_cassette, inside:
                assert len(each) == each.play_count == 0
                assert each.requests == each.responses == []
        """
    )
    recorded = suite.path / "cassettes/inside.yaml"
    recorded.parent.mkdir()
    recorded.write_text(cassette(entry("a", "recorded")))

    for option in (), ("--record-mode=all",), ("--vcr-record=none",):
        result = suite.runpytest("--disable-vcr", *option)
        result.assert_outcomes(passed=1)
        result.stdout.no_fnmatch_line("*saved*")

    assert len(api.seen) == 6
    assert list(cassettes()) == ["inside.yaml"]
    assert recorded.read_text() == cassette(entry("a", "recorded"))


def test_a_suite_of_pytest_recording_keeps_its_place_and_its_vcr(suite, cassettes):
    """A `vcr_cassette` of the suite's own, beside pytest-recording's cassettes, changes nothing."""
    folder = suite.path / "cassettes/test_it"
    folder.mkdir(parents=True)
    (folder / "test_it.yaml").write_text(cassette(entry("users", "nested")))
    (folder.parent / "test_it.yaml").write_text(cassette(entry("users", "flat")))
    suite.makepyfile(
        test_it="""
        import requests, pytest

        @pytest.fixture
        def vcr_cassette(vcr):
            return vcr

        @pytest.mark.vcr
        def test_it(vcr_cassette, vcr):
            assert requests.get("http://api.invalid/users").text == "nested"
            assert vcr_cassette is vcr
            assert vcr.play_count == 1
        """
    )

    suite.runpytest().assert_outcomes(passed=1)


USES = """
    import asyncio, os, httpx, requests, pytest

    API = os.environ["API"]

    def test_with(vcr):
        with vcr.use_cassette("with", filter_headers=["x-key"]) as cassette:
            assert requests.get(API + "/json?with", headers={"X-Key": "secret"}).ok
        assert len(cassette) == 1
        assert "X-Key" not in cassette.requests[0].headers

    @pytest.fixture
    def recorded(vcr):
        with vcr.use_cassette("fixture.yaml"):
            yield

    def test_by_fixture(recorded):
        assert requests.get(API + "/json?fixture").ok

    def test_decorated(vcr):
        @vcr.use_cassette
        def named():
            return requests.get(API + "/json?named").ok

        @vcr.use_cassette()
        def named_too():
            return requests.get(API + "/json?too").ok

        @vcr.use_cassette("async.yaml")
        async def ask():
            async with httpx.AsyncClient() as client:
                return (await client.get(API + "/json?async")).is_success

        assert named() and named_too() and asyncio.run(ask())

    @pytest.mark.vcr
    def test_inside_of_another(vcr, vcr_cassette):
        assert requests.get(API + "/json?outer").ok
        with vcr.use_cassette("inner") as inner:
            assert requests.get(API + "/json?inner").ok
        assert len(vcr_cassette) == len(inner) == 1

    @pytest.fixture(scope="module")
    def login(request):
        with request.getfixturevalue("vcr").use_cassette("login"):
            return requests.get(API + "/json?login").ok

    def test_wider(login):
        assert login
"""


def test_its_vcr_opens_cassettes(suite, api, cassettes):
    """`vcr.use_cassette` is a context manager and a decorator, wherever `vcr` was asked for."""
    suite.makepyfile(test_it=USES)

    suite.runpytest("--vcr-record=once").assert_outcomes(passed=5)
    suite.runpytest("--strict-markers", "-W", "error").assert_outcomes(passed=5)

    assert len(api.seen) == 8
    assert sorted(cassettes()) == [
        "async.yaml",
        "fixture.yaml",
        "inner.yaml",
        "login.yaml",
        "named.yaml",
        "named_too.yaml",
        "test_inside_of_another.yaml",
        "with.yaml",
    ]


def test_an_option_that_has_no_counterpart_is_refused(suite):
    """`inject_cassette` changes what a function gets."""
    suite.makepyfile(
        """
        def test_it(vcr):
            @vcr.use_cassette("one", inject_cassette=True)
            def inside(cassette):
                pass

            inside()
        """
    )

    result = suite.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*inject_cassette*write with vcr.use_cassette('one') as cassette:*"]
    )


def test_a_vcr_that_the_suite_made_is_vcrpy_s(suite, api, cassettes):
    """A suite may give a `vcr.VCR` of its own in the place of the module's: it opens and records."""
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        @pytest.fixture(scope="module")
        def vcr(vcr_cassette_dir):
            from vcr import VCR
            return VCR(cassette_library_dir=vcr_cassette_dir, path_transformer=VCR.ensure_suffix(".yaml"))

        @pytest.mark.vcr
        def test_it(vcr_cassette):
            assert requests.get(os.environ["API"] + "/json").ok
            assert type(vcr_cassette).__module__ == "vcr.cassette"
        """
    )

    suite.runpytest().assert_outcomes(passed=1)
    suite.runpytest("--vcr-record=none").assert_outcomes(passed=1)
    assert len(api.seen) == 1
    assert list(cassettes()) == ["test_it.yaml"]

    suite.runpytest("--disable-vcr").assert_outcomes(passed=1)
    assert len(api.seen) == 2


@pytest.mark.parametrize("name", ["mine/test_it.yaml", "test_it.json"])
def test_a_cassette_is_found_where_its_suite_has_it(suite, name):
    """In a folder below the flat one, or by another suffix, with nothing else that tells."""
    path = suite.path / "cassettes" / name
    path.parent.mkdir(parents=True)
    below = path.parent.name.removeprefix("cassettes")
    stored = cassette(entry("users", "played"))
    is_json = name.endswith(".json")
    path.write_text(json.dumps(yaml.safe_load(stored)) if is_json else stored)
    options = "path_transformer=lambda name: name + '.json', serializer='json'" if is_json else ""
    suite.makepyfile(
        test_it=f"""
        import os, requests, pytest

        @pytest.fixture(scope="module")
        def vcr_cassette_dir(vcr_cassette_dir):
            return os.path.join(vcr_cassette_dir, {below!r})

        @pytest.fixture(scope="module")
        def vcr_config():
            return dict({options})

        @pytest.mark.vcr
        def test_it():
            assert requests.get("http://api.invalid/users").text == "played"
        """
    )

    suite.runpytest().assert_outcomes(passed=1)
