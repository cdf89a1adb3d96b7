"""Record modes, what is saved in them, and misses."""

import os

import pytest
import requests
import vcr as vcrpy
from vcr.errors import CannotOverwriteExistingCassetteException

API = os.environ["API"]
ROUND = os.environ.get("ROUND", "1")


def ask(name):
    return requests.get(f"{API}/json?{name}", timeout=5)


@pytest.mark.vcr
def test_by_the_command_line(vcr, record_mode):
    assert ask("always").ok
    assert vcr.record_mode == record_mode.replace("rewrite", "new_episodes")


@pytest.mark.vcr
def test_something_new():
    assert ask("always").ok
    assert ask(f"round={ROUND}").ok


@pytest.mark.vcr
def test_less():
    if ROUND == "1":
        assert ask("only-first").ok
    assert ask("always").ok


@pytest.mark.vcr
def test_failing():
    assert ask("failing").ok
    assert ROUND == "0"


@pytest.mark.vcr
def test_a_miss(vcr):
    if vcr.record_mode == "none":
        with pytest.raises(CannotOverwriteExistingCassetteException) as caught:
            ask("missing")
        assert caught.value.cassette is vcr
        assert caught.value.failed_request.path == "/json"
        assert caught.value.reason == "cassette_not_found"


@pytest.mark.vcr
def test_a_handled_miss(vcr):
    assert ask("there").ok
    if vcr.write_protected:
        with pytest.raises(Exception, match="elsewhere") as caught:
            ask("elsewhere")
        assert not isinstance(caught.value, requests.RequestException)


@pytest.mark.vcr(record_mode=vcrpy.mode.NEW_EPISODES)
@pytest.mark.skipif("MODE" in os.environ, reason="there it wins over the command line")
def test_a_mode_of_vcr(vcr):
    assert vcr.record_mode == vcrpy.mode.NEW_EPISODES
    assert ask("mode").ok
