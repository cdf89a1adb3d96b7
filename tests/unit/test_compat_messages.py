"""Requests and responses in VCR.py's shapes, and back."""

from __future__ import annotations

import gzip
import io
import sys

import pytest
from hypothesis import given, strategies as st
from strategies import tries

from pytest_reqord.base.models import Client, Headers, Request, Response
from pytest_reqord.vcr_compat.messages import (
    CaseInsensitiveDict,
    VcrRequest,
    request_from_vcr,
    response_from_vcr,
    response_to_vcr,
)

names = st.sampled_from(["A", "a", "B", "Set-Cookie", "set-cookie", "Content-Length"])
pairs = st.lists(st.tuples(names, st.text("xyz", max_size=3)), max_size=8)

ASKED = Request("GET", "http://a.invalid/", Headers(), b"")


def sent(name, headers, body=b"", unpacks=True, *, adds=lambda _: (), body_type=""):
    """A request that a client sends, as its caller has put it."""
    given = Headers(headers).given(Client(name, adds, unpacks, body_type))
    return Request("POST", "http://a.invalid/", given, body)


def response(body=b"", *headers, chunks=None):
    return Response(200, "OK", Headers(headers), body, chunks=chunks)


@tries(200)
@given(pairs, st.binary(max_size=10))
def test_what_nobody_changes_stays_as_it_is(headers, body):
    """Requests and responses come back the very same from VCR.py's shape."""
    request = Request("GET", "http://a.invalid/x?b=1&a=2", Headers(headers), body)
    answer = Response(200, "OK", Headers(headers), body)

    assert request_from_vcr(VcrRequest.of(request), request) is request
    assert response_from_vcr(response_to_vcr(answer, request), answer, request) is answer


@tries(200)
@given(pairs, names, st.lists(st.text("xyz", max_size=3), min_size=1, max_size=3))
def test_a_changed_header_changes_nothing_else(headers, name, values):
    """All lines of one name are replaced where the first one stood; the others stay."""
    answer = Response(200, "OK", Headers(headers), b"")
    changed = response_to_vcr(answer, ASKED)
    known = next((key for key in changed["headers"] if key.lower() == name.lower()), name)
    changed["headers"][known] = values

    new = response_from_vcr(changed, answer, ASKED).headers

    assert list(new.get_all(name)) == values
    others = [pair for pair in headers if pair[0].lower() != name.lower()]
    assert [pair for pair in new.pairs if pair[0].lower() != name.lower()] == others


def test_changes_of_a_request():
    """Method, URI, body and headers that a hook sets are the request's."""
    request = Request("GET", "http://a.invalid/", Headers([("X-Old", "1"), ("X-Two", "2")]), b"")
    changed = VcrRequest.of(request)
    changed.method = "POST"
    changed.uri = "http://a.invalid/new"
    changed.body = "text"
    changed.headers["x-two"] = "3"
    del changed.headers["x-old"]
    changed.headers["X-New"] = ["first", "second"]

    assert request_from_vcr(changed, request) == Request(
        "POST", "http://a.invalid/new", Headers([("X-Two", "3"), ("X-New", "first")]), b"text"
    )


def test_what_depends_on_the_body_follows_it():
    """A replaced body takes its length and its chunks with it; arrivals are gone."""
    answer = response(b"old", ("Content-Length", "3"), chunks=(3,))
    changed = response_to_vcr(answer, ASKED)
    changed["body"]["string"] = "longer"

    new = response_from_vcr(changed, answer, ASKED)

    assert (new.body, new.chunks, new.headers["content-length"]) == (b"longer", (6,), "6")


@pytest.mark.parametrize(
    ("modules", "is_shown_packed"),
    [(("urllib3",), False), (("httpx", "urllib3"), False), (("httpx",), True), ((), False)],
)
def test_packed_bodies_are_shown_as_the_stub_of_vcr_shows_them(
    monkeypatch, modules, is_shown_packed
):
    """Under Content-Encoding a hook sees an unpacked body, but where httpx is the only client."""
    for name in ("urllib3", "httpx", "httpx2", "aiohttp"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in modules:
        monkeypatch.setitem(sys.modules, name, sys)
    packed = gzip.compress(b"text")
    answer = response(packed, ("Content-Encoding", "gzip"))

    shown = response_to_vcr(answer, ASKED)

    assert shown["body"]["string"] == (packed if is_shown_packed else b"text")
    assert response_from_vcr(shown, answer, ASKED) is answer


@pytest.mark.parametrize("unpacks", [True, False])
def test_bodies_are_packed_where_the_stub_of_vcr_has_them_packed(unpacks):
    """Which client sent a request is known while it is: urllib3 2 unpacks, http.client doesn't."""
    answer = response(gzip.compress(b"text"), ("Content-Encoding", "gzip"))
    request = sent("http.client", [], unpacks=unpacks)

    shown = response_to_vcr(answer, request)["body"]["string"]
    assert shown == (b"text" if unpacks else answer.body)
    assert response_from_vcr(response_to_vcr(answer, request), answer, request) is answer


def test_headers_in_the_shape_that_the_client_has_them():
    """httpx has names in lower case, botocore values in bytes; hooks get them, tests send others."""
    lines = [("X-One", "1"), ("Content-Length", "3")]
    answer = response(b"", ("Set-Cookie", "a"))

    shown = VcrRequest.of(sent("httpx", lines)).headers
    assert list(shown.items()) == [("x-one", "1"), ("content-length", "3")]
    assert response_to_vcr(answer, sent("httpx", lines))["headers"] == {"set-cookie": ["a"]}
    shown = VcrRequest.of(sent("botocore", lines)).headers
    assert list(shown.items()) == [("X-One", b"1"), ("Content-Length", "3")]
    for name in ("httpx", "botocore"):
        request = sent(name, lines)
        assert request_from_vcr(VcrRequest.of(request), request) is request


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("application/json", b'{"a": [1, null]}', {"a": [1, None]}),
        ("application/json", b"[1, 2]", [1, 2]),
        ("application/json", b'"text"', b"text"),
        ("application/json", b"5", 5),
        ("application/json", b"{no json", b"{no json"),
        ("application/x-www-form-urlencoded", b"a=1+2&b=", {"a": "1 2", "b": ""}),
        ("application/x-www-form-urlencoded", b"a=1&a=2", b"a=1&a=2"),
        ("application/octet-stream", b"{}", b"{}"),
        ("text/plain; charset=utf-8", b"text", b"text"),
        ("application/json", b"", None),
    ],
)
def test_a_body_is_what_aiohttp_was_called_with(kind, body, shown):
    """Where it made the body of a value a hook gets that, and may change it."""
    adds = {"content-type"}
    request = sent("aiohttp", [("Content-Type", kind)], body, adds=lambda _: adds, body_type=kind)

    changed = VcrRequest.of(request)

    assert (changed.body, dict(changed.headers)) == (shown, {})
    assert request_from_vcr(changed, request) is request
    if isinstance(shown, dict) and shown:
        changed.body["new"] = "x"
        made = request_from_vcr(changed, request)
        assert VcrRequest.of(made).body == {**shown, "new": "x"}


def test_an_unpacked_body_loses_its_coding():
    """A hook that replaces a packed body with text doesn't leave clients to unpack that."""
    answer = response(gzip.compress(b"text"), ("Content-Encoding", "gzip"))
    changed = response_to_vcr(answer, ASKED)
    changed["body"]["string"] = b"other"

    new = response_from_vcr(changed, answer, ASKED)

    assert (new.body, new.headers.get("content-encoding")) == (b"other", None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, None),
        ("é", "é".encode()),
        (bytearray(b"x"), b"x"),
        (io.BytesIO(b"file"), b"file"),
        (io.StringIO("file"), b"file"),
        (iter([b"a", b"b"]), b"ab"),
        (iter(["a", "b"]), b"ab"),
        (iter([97, 98]), b"ab"),
    ],
)
def test_bodies_are_bytes(body, expected):
    """Whatever a body is made of, the request has its bytes."""
    assert VcrRequest("POST", "http://a.invalid/", body, {}).body == expected


def test_headers_are_compared_without_case():
    """The case that was set first is kept; of a list the first value counts."""
    headers = CaseInsensitiveDict({"Content-Type": ["a", "b"]})
    headers["content-type"] = "c"

    assert dict(headers) == {"Content-Type": "c"}
    assert headers == {"CONTENT-TYPE": "c"}
    assert headers != {"CONTENT-TYPE": "C"}
    assert repr(headers.copy()) == "{'Content-Type': 'c'}"


def test_add_header_is_deprecated():
    """`add_header` works, and warns as VCR.py's does."""
    request = VcrRequest("GET", "https://a.invalid/", None, {})

    with pytest.warns(DeprecationWarning, match="add_header"):
        request.add_header("X", "1")

    assert request.headers["x"] == "1"
    assert (request.port, str(request)) == (443, "<Request (GET) https://a.invalid/>")
