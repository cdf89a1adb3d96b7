"""``reqord_format``: in whose format a recording is saved."""

from __future__ import annotations

import json

import pytest
import yaml

ONE_TEST = """
    import os, requests, pytest

    API = os.environ["API"]

    def test_one(cassette):
        for n in range(int(os.environ.get("MOST", 1))):
            assert requests.get(f"{API}/json?n={n}").ok
"""


@pytest.fixture
def recorded(suite, cassettes):
    """A suite with a cassette in VCR.py's format."""
    suite.makepyfile(ONE_TEST)
    result = suite.runpytest("--record-mode=once", "-o", "reqord_format=vcr")
    result.assert_outcomes(passed=1)
    return suite


def stored(cassettes, name="test_one.yaml"):
    return yaml.safe_load(cassettes()[name])


def test_vcr_is_recorded_and_played(recorded, api, cassettes):
    """With `vcr` a new cassette is VCR.py's, and is played as such."""
    assert list(stored(cassettes)) == ["interactions", "version"]
    (item,) = stored(cassettes)["interactions"]
    assert sorted(item) == ["request", "response"]
    assert item["response"]["status"] == {"code": 200, "message": "OK"}

    recorded.runpytest().assert_outcomes(passed=1)
    assert len(api.seen) == 1


def test_what_is_there_keeps_format_and_text(recorded, api, cassettes, monkeypatch):
    """By default a recording into a cassette of VCR.py's stays in that format, old entries as they are."""
    before = cassettes()["test_one.yaml"].removesuffix(b"version: 1\n")
    monkeypatch.setenv("MOST", "2")

    recorded.runpytest("--record-mode=new_episodes").assert_outcomes(passed=1)

    assert cassettes()["test_one.yaml"].startswith(before)
    uris = [item["request"]["uri"] for item in stored(cassettes)["interactions"]]
    assert [uri.rpartition("?")[2] for uri in uris] == ["n=0", "n=1"]
    assert len(api.seen) == 2


def test_recorded_anew(recorded, cassettes):
    """What is recorded anew and comes out the same leaves the file as it is."""
    before = cassettes()

    result = recorded.runpytest("--record-mode=all")

    result.assert_outcomes(passed=1)
    assert cassettes() == before
    result.stdout.fnmatch_lines(["unchanged *test_one.yaml"])


def test_reqord_brings_it_over(recorded, cassettes, monkeypatch):
    """With `reqord` what is saved is in our format, with what was there."""
    monkeypatch.setenv("MOST", "2")

    recorded.runpytest("--record-mode=new_episodes", "-o", "reqord_format=reqord")

    assert cassettes()["test_one.yaml"].startswith(b"reqord: 1\n")
    assert len(stored(cassettes)["interactions"]) == 2


def test_shared_cassette_recorded_anew(suite, cassettes, monkeypatch):
    """In a shared cassette of VCR.py's, which names no owners, each answer stands once."""
    suite.makepyfile(
        """
        import os, requests, pytest

        pytestmark = pytest.mark.cassette("shared")

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(n):
            headers = {"X-Run": os.environ["RUN"]}
            assert requests.get(f"{os.environ['API']}/json?n={n}", headers=headers).ok
        """
    )
    for number, mode in enumerate(["once", "all", "all"]):
        monkeypatch.setenv("RUN", str(number))
        suite.runpytest(f"--record-mode={mode}", "-o", "reqord_format=vcr").assert_outcomes(
            passed=2
        )

    items = stored(cassettes, "shared.yaml")["interactions"]
    assert [item["request"]["headers"]["X-Run"] for item in items] == [["2"], ["2"]]


def test_json_stays_json(suite, api, monkeypatch):
    """VCR.py's JSON is written as JSON."""
    suite.makepyfile(
        """
        import os, requests, pytest

        @pytest.mark.cassette("one.json", format="vcr")
        def test_one():
            for n in range(int(os.environ.get("MOST", 1))):
                assert requests.get(f"{os.environ['API']}/json?n={n}").ok
        """
    )
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    monkeypatch.setenv("MOST", "2")
    suite.runpytest("--record-mode=new_episodes", "-o", "reqord_format=keep").assert_outcomes(
        passed=1
    )

    (path,) = suite.path.rglob("one.json")
    assert len(json.loads(path.read_text())["interactions"]) == 2


def test_what_it_cannot_hold_becomes_a_draft(suite, cassettes):
    """A recording that VCR.py's format has no place for isn't saved without it."""
    suite.makepyfile(
        """
        import pytest, requests

        def test_error(cassette):
            with pytest.raises(requests.ConnectionError):
                requests.get("http://127.0.0.1:9/")
        """
    )

    result = suite.runpytest(
        "--record-mode=once", "-o", "reqord_format=vcr", "-o", "reqord_record_errors=true"
    )

    assert result.ret == 1
    assert cassettes() == {}
    result.stdout.fnmatch_lines(["NOT SAVED *no place for a network error*reqord_format = reqord*"])
