"""Suites of pytest-vcr run as they are: flat folder, fixtures of module scope, options."""

from __future__ import annotations

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
        def test_it(vcr_cassette):
            assert requests.get(os.environ["API"] + "/json").ok
        """
    )

    suite.runpytest("--disable-vcr").assert_outcomes(passed=1)

    assert len(api.seen) == 1
    assert not cassettes()


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
