"""The marks ``vcr`` and ``default_cassette``, and what they merge to."""

import os

import pytest
import requests

API = os.environ["API"]
pytestmark = pytest.mark.vcr(allow_playback_repeats=True)


def ask(name):
    return requests.get(f"{API}/json?{name}", timeout=5)


def test_of_a_module(vcr):
    assert ask("module").ok
    assert len(vcr) == 1
    assert vcr.allow_playback_repeats


@pytest.mark.vcr(filter_query_parameters=["key"], allow_playback_repeats=False)
class TestClass:
    @pytest.mark.vcr(filter_query_parameters=[("key", "K")])
    def test_merged(self, vcr, vcr_markers):
        assert len(vcr_markers) == 3
        assert ask("key=secret").ok
        assert vcr.requests[0].query == [("key", "K")]
        assert not vcr.allow_playback_repeats

    def test_wider(self, vcr, vcr_cassette_dir):
        assert ask("key=secret&a=1").ok
        assert vcr.requests[0].query == [("a", "1")]
        assert vcr._path == os.path.join(vcr_cassette_dir, "TestClass.test_wider.yaml")  # noqa: PTH118 -- as suites write it


@pytest.mark.parametrize("name", ["a/b", "a:b?*", "ä", "x" * 300, "Ä", "with space", ""])
def test_odd_names(name, vcr):
    assert ask("odd").ok


@pytest.mark.default_cassette("named")
def test_named():
    assert ask("named").ok


@pytest.mark.default_cassette("sub/named.yaml")
def test_named_in_a_folder(vcr):
    assert ask("folder").ok
    assert vcr._path.endswith("test_markers/sub/named.yaml")


@pytest.mark.default_cassette
def test_without_a_name():
    pass


@pytest.mark.vcr("named.yaml", "missing.yaml")
@pytest.mark.vcr("sub/named.yaml")
@pytest.mark.skipif("MORE" not in os.environ, reason="the others are recorded first")
def test_more_cassettes(vcr, record_mode):
    assert ask("folder").ok
    assert ask("named").ok
    assert vcr.play_count == (0 if record_mode == "all" else 2)
