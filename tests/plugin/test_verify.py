"""The record mode `verify`: live against recorded, nothing written."""

from __future__ import annotations

import pytest

from pytest_reqord.base.clock import parse_time
from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.matching.difference import changes

TWO = """
    import os, requests
    API = os.environ["API"]

    def test_it(cassette):
        requests.get(API + "/json")
        requests.post(API + "/echo", json={"n": 1})
"""


def test_an_api_that_did_not_change(suite, api, cassettes):
    """`verify` goes live, finds nothing and writes nothing."""
    suite.makepyfile(TWO)
    suite.runpytest("--record-mode=once")
    before = cassettes()

    suite.runpytest("--record-mode=verify").assert_outcomes(passed=1)

    assert len(api.seen) == 4
    assert cassettes() == before


def test_an_api_that_changed(suite, cassettes):
    """A drift fails the test with a line for each thing that changed; nothing is written."""
    suite.makepyfile(TWO)
    suite.runpytest("--record-mode=once")
    path = next(suite.path.rglob("test_it.yaml"))
    path.write_text(
        path.read_text().replace('"Ada"', '"Eva"').replace("status: 200", "status: 201")
    )
    before = cassettes()

    result = suite.runpytest("--record-mode=verify")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*status: recorded 201, now 200*",
            "*'Eva', now 'Ada'*",
            "*is not what the API answers now",
        ]
    )
    assert cassettes() == before


def test_a_draft_is_none_of_its_business(suite, cassettes, monkeypatch):
    """What an earlier run left is neither compared nor saved."""
    suite.makepyfile(TWO + "        assert not os.environ.get('BREAK')")
    suite.runpytest("--record-mode=once")
    monkeypatch.setenv("BREAK", "1")
    suite.runpytest("--record-mode=all").assert_outcomes(failed=1)
    monkeypatch.delenv("BREAK")
    path = next(suite.path.rglob("cassettes/**/test_it.yaml"))
    path.write_text(path.read_text().replace("::test_it", "::test_other"))
    before = cassettes()

    result = suite.runpytest("--record-mode=verify")

    result.assert_outcomes(passed=1)
    assert cassettes() == before
    result.stdout.no_fnmatch_line("saved *")


def test_nothing_recorded(suite, api):
    """Without a cassette `verify` is a miss, before anything is sent."""
    suite.makepyfile(TWO)

    suite.runpytest("--record-mode=verify").assert_outcomes(failed=1)

    assert not api.seen


def interaction(body: bytes, status: int = 200, **headers: str) -> Interaction:
    request = Request("GET", "http://api/", Headers(), b"")
    response = Response(status, "OK", Headers(headers), body)
    return Interaction(request, response, parse_time("2026-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    ("recorded", "live", "by_shape", "expected"),
    [
        (b'{"a": 1}', b'{"a":1}', False, []),
        (b'{"a": 1}', b'{"a": 2}', False, ["body a: recorded 1, now 2"]),
        (b'{"a": 1}', b'{"a": 2.5}', True, []),
        (b'{"a": 1}', b'{"a": "1"}', True, ["body a: recorded 1, now '1'"]),
        (b'{"a": 1}', b"{}", True, ["body a: recorded 1, now missing"]),
        (b"{}", b'{"a": 1}', True, ["body a: not recorded, now 1"]),
        (b"[1, 2]", b"[1]", False, ["body .: recorded 2 elements, now 1"]),
        (b"[1, 2]", b"[1]", True, []),
        (b'[{"id": 1}]', b'[{"id": 2}]', False, []),
        (b'{"usage": {"all": 1, "of": [1]}}', b'{"usage": {"all": 2, "of": [2]}}', False, []),
        (b'{"usages": 1}', b'{"usages": 2}', False, ["body usages: recorded 1, now 2"]),
        (b"one", b"two", False, ["body: recorded 'one', now 'two'"]),
        (b"one", b"two", True, []),
    ],
)
def test_bodies(recorded, live, by_shape, expected):
    """JSON is compared by values or by shape, ignored places and all below them left out."""
    found = changes(
        interaction(recorded),
        interaction(live),
        by_shape=by_shape,
        volatile=(),
        ignored=("[*].id", "usage"),
    )
    assert found == expected


def test_headers():
    """Headers are compared, volatile ones and those that follow the body left out."""
    found = changes(
        interaction(b"", date="a", x="1", content_length="1"),
        interaction(b"", date="b", x="2", y="3"),
        by_shape=False,
        volatile=("date", "content_length"),
        ignored=(),
    )
    assert found == ["header x: recorded '1', now '2'", "header y: not recorded, now '3'"]
