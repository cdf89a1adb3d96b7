"""VCR.py's matchers, asked pairwise and through the index."""

from __future__ import annotations

import pytest

from pytest_reqord.base.models import Client, Headers, Request
from pytest_reqord.vcr_compat.matchers import (
    DEFAULT_MATCH_ON,
    MATCHERS,
    VcrMatching,
    chosen,
    compare,
)
from pytest_reqord.vcr_compat.messages import VcrRequest

JSON, FORM = "application/json; charset=utf-8", "application/x-www-form-urlencoded"

URIS = [
    ("uri", "http://a.invalid", "http://a.invalid/", True),
    ("uri", "http://a.invalid/?b=1&a=2", "http://a.invalid/?a=2&b=1", False),
    ("url", "http://a.invalid/x", "http://a.invalid/x", True),
    ("scheme", "http://a.invalid/", "https://a.invalid/", False),
    ("host", "http://A.invalid/", "http://a.invalid:81/", True),
    ("host", "http://a.invalid/", "http://b.invalid/", False),
    ("port", "http://a.invalid/", "http://a.invalid:80/", True),
    ("port", "https://a.invalid/", "https://a.invalid:80/", False),
    ("path", "http://a.invalid", "http://b.invalid/?x", True),
    ("path", "http://a.invalid/x", "http://a.invalid/y", False),
    ("query", "http://a.invalid/?b=1&a=2&c=", "http://a.invalid/?a=2&b=1", True),
    ("query", "http://a.invalid/?a=1&a=2", "http://a.invalid/?a=1", False),
]

BODIES = [
    ("body", JSON, b'{"a": 1, "b": 2}', b'{"b":2,"a":1}', True),
    ("body", JSON, b'{"a": 1}', b'{"a": 2}', False),
    ("body", JSON, b"{no json", b"{no json", True),
    ("body", JSON, b"", b"", True),
    ("body", FORM, b"a=1&b=2", b"b=2&a=1", True),
    ("body", FORM, b"a=1", b"a=2", False),
    ("body", "text/plain", b"a", b"a", True),
    ("body", "text/plain", b"a b", b"a  b", False),
    ("raw_body", JSON, b'{"a": 1}', b'{"a":1}', False),
    ("raw_body", JSON, b"x", b"x", True),
]


@pytest.mark.parametrize(("name", "ours", "theirs", "expected"), URIS)
def test_parts_of_the_uri(name, ours, theirs, expected):
    """A matcher and the key that stands for it in the index say the same."""
    matcher = MATCHERS[name]
    pair = [VcrRequest("GET", uri, None, {}) for uri in (ours, theirs)]
    matching = VcrMatching([matcher])

    assert bool(compare([matcher], *pair)[0]) == expected
    assert (matching.key("GET", ours) == matching.key("GET", theirs)) == expected


@pytest.mark.parametrize(("name", "kind", "ours", "theirs", "expected"), BODIES)
def test_bodies(name, kind, ours, theirs, expected):
    """JSON and forms are compared by what they say, all else by its bytes."""
    headers = Headers({"Content-Type": kind})
    live, recorded = (Request("POST", "http://a.invalid/", headers, b) for b in (ours, theirs))

    assert VcrMatching([MATCHERS[name]]).agrees(live, recorded) == expected


def test_a_body_that_was_stored_in_chunks():
    """Chunked framing in a cassette of VCR.py's doesn't count."""
    headers = Headers({"Transfer-Encoding": "chunked"})
    live = Request("POST", "http://a.invalid/", headers, b"ab")
    recorded = Request("POST", "http://a.invalid/", headers, b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")

    assert VcrMatching([MATCHERS["body"]]).agrees(live, recorded)


def test_xmlrpc_bodies():
    """Calls of XML-RPC are compared by their arguments."""
    headers = Headers({"Content-Type": "text/xml", "User-Agent": "Python-xmlrpc/3"})
    call = (
        b"<?xml version='1.0'?>{}<methodCall><methodName>a</methodName>"
        b"<params></params></methodCall>"
    )
    live, recorded = (
        Request("POST", "http://a.invalid/", headers, call.replace(b"{}", blank))
        for blank in (b"", b"\n")
    )

    assert VcrMatching([MATCHERS["body"]]).agrees(live, recorded)


def test_headers_but_those_that_clients_add():
    """All headers count, but those that only one side has because a client added them."""
    matching = VcrMatching([MATCHERS["headers"]])

    def request(**headers):
        return Request("GET", "http://a.invalid/", Headers(headers), b"")

    assert matching.agrees(request(X="1", Host="a.invalid"), request(x="1"))
    assert not matching.agrees(request(X="1"), request(X="2"))
    assert not matching.agrees(request(X="1"), request())
    assert not matching.agrees(request(Host="a.invalid"), request(Host="b.invalid"))


def test_headers_of_a_client_that_is_known():
    """What it adds of its own accord doesn't count on either side; all else does."""
    matching = VcrMatching([MATCHERS["headers"]])
    client = Client("any", lambda _: {"host"})

    def request(**headers):
        return Request("GET", "http://a.invalid/", Headers(headers), b"")

    def live(**headers):
        return request()._replace(headers=Headers(headers).given(client))

    assert matching.agrees(live(X="1", Host="a.invalid"), request(x="1"))
    assert matching.agrees(live(X="1", Host="a.invalid"), request(x="1", host="b.invalid"))
    assert not matching.agrees(live(X="1", Connection="close"), request(X="1"))
    assert not matching.agrees(live(X="1"), request(X="1", Connection="close"))


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        ("application/json", b'{"a": 1, "b": [null]}', b'{"b":[null],"a":1}'),
        ("application/x-www-form-urlencoded", b"a=1&b=2", b"a=1&b=2"),
        ("application/x-www-form-urlencoded", b"a=1&b=2", b'{"b": 2, "a": 1}'),
    ],
)
def test_bodies_of_aiohttp(kind, ours, theirs):
    """VCR.py keeps the value that it was called with, in the order of its file."""
    client = Client("aiohttp", lambda _: {"content-type"}, body_type=kind)
    headers = Headers({"Content-Type": kind}).given(client)
    live = Request("POST", "http://a.invalid/", headers, ours)

    matching = VcrMatching([MATCHERS["body"]])
    assert matching.agrees(live, live._replace(headers=Headers(), body=theirs))
    other = theirs.replace(b"1", b"9")
    assert not matching.agrees(live, live._replace(headers=Headers(), body=other))


def test_answers_of_a_matcher():
    """None and what is true say yes; what is false and an AssertionError say no."""

    def fails(r1, r2):
        raise AssertionError(f"{r1.path} {r2.path}")

    one, two = (VcrRequest("GET", f"http://a.invalid/{n}", None, {}) for n in "12")
    matchers = [lambda *_: None, lambda *_: True, lambda *_: 0, fails]

    yes, no = compare(matchers, one, two)

    assert len(yes) == 2
    assert [reason for _, reason in no] == [None, "/1 /2"]


def test_functions_may_stand_for_themselves():
    """`match_on` takes names and functions; a name that nobody registered is an error."""
    assert chosen(["method", len], MATCHERS) == [MATCHERS["method"], len]
    assert len(chosen(DEFAULT_MATCH_ON, MATCHERS)) == 6
    with pytest.raises(KeyError):
        chosen(["nope"], MATCHERS)


@pytest.mark.parametrize("broken", ["http://[", "http://a.invalid:99999/", "http://a.invalid:b/"])
def test_a_recorded_uri_that_is_none(broken):
    """It is found by nothing but itself, and keeps no other from being found."""
    matching = VcrMatching(chosen(DEFAULT_MATCH_ON, MATCHERS))
    asked, recorded = (Request("GET", uri, Headers(), b"") for uri in ("http://a.invalid/", broken))

    assert matching.key("GET", broken) == matching.key("GET", broken)
    assert matching.key("GET", broken) != matching.key("GET", asked.uri)
    assert VcrRequest.of(recorded).port in {80, None}
