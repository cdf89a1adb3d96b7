from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pytest_reqord.base.models import Headers, Request
from pytest_reqord.matching.difference import differences, nearest
from pytest_reqord.matching.matchers import DEFAULT_MATCH_ON, Matching, body_key, normalise_uri


def request(
    uri: str = "http://api/", method: str = "GET", body: bytes = b"", **headers: str
) -> Request:
    lines = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return Request(method, uri, lines, body)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP://Api.Example.com/A", "http://api.example.com/A"),
        ("http://api:80/x", "http://api/x"),
        ("https://api:443/x", "https://api/x"),
        ("http://api/x?b=2&a=1", "http://api/x?a=1&b=2"),
        ("http://api/x#part", "http://api/x"),
        ("http://api", "http://api/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://user:pass@api/", "http://api/"),
    ],
)
def test_uris_that_mean_the_same(one, other):
    """Case of the host, default ports, the query's order and the fragment don't count."""
    assert normalise_uri(one) == normalise_uri(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://api/x", "https://api/x"),
        ("http://api/x", "http://api/X"),
        ("http://api:8080/x", "http://api/x"),
        ("http://api/x?a=1&a=2", "http://api/x?a=2&a=1"),
        ("http://api/x?a", "http://api/x?a="),
        ("http://api/x/", "http://api/x"),
    ],
)
def test_uris_that_differ(one, other):
    """What a server may tell apart is kept apart."""
    assert normalise_uri(one) != normalise_uri(other)


@given(st.text(max_size=40))
def test_normalising_is_idempotent_and_takes_anything(text):
    """Any text can be normalised, and a second time changes nothing."""
    try:
        once = normalise_uri("http://api/" + text)
    except ValueError:  # what urlsplit itself refuses
        return
    assert normalise_uri(once) == once


@pytest.mark.parametrize(
    ("content_type", "one", "other"),
    [
        ("application/json", b'{"a": 1, "b": [2]}', b'{"b":[2],"a":1}'),
        ("application/x-www-form-urlencoded", b"a=1&b=2", b"b=2&a=1"),
        ("application/x-www-form-urlencoded", b"a=%C3%A9&b=\xe9", b"b=%E9&a=\xc3\xa9"),
        ("text/plain", b"same", b"same"),
    ],
)
def test_bodies_that_say_the_same(content_type, one, other):
    """JSON is compared as JSON, forms as fields."""
    first = request(body=one, content_type=content_type)
    second = request(body=other, content_type=content_type)

    assert body_key(first) == body_key(second)


def test_multipart_boundaries_do_not_count():
    """A multipart body is the same with another random boundary."""

    def upload(boundary: str) -> Request:
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{boundary}--'
        )
        return request(body=body.encode(), content_type=f"multipart/form-data; boundary={boundary}")

    assert body_key(upload("abc123")) == body_key(upload("xyz789"))


def test_operations_at_one_uri_differ():
    """AWS and SOAP tell operations apart by a header; so does the default."""
    matching = Matching(DEFAULT_MATCH_ON)
    put = request(method="POST", X_Amz_Target="DynamoDB.PutItem")
    get = request(method="POST", X_Amz_Target="DynamoDB.GetItem")

    assert matching.key(put.method, put.uri) == matching.key(get.method, get.uri)
    assert matching.detail(put) != matching.detail(get)


@pytest.mark.parametrize(
    ("matcher", "other"),
    [
        ("method", request(method="PUT")),
        ("scheme", request("https://api:80/")),
        ("host", request("http://other/")),
        ("port", request("http://api:81/")),
        ("path", request("http://api/x")),
        ("query", request("http://api/?a=1")),
        ("headers", request(x="1")),
        ("body", request(body=b"x")),
        ("json_body", request(body=b'{"a":1}')),
        ("form_body", request(body=b"a=1")),
    ],
)
def test_each_matcher_minds_its_part_only(matcher, other):
    """A matcher tells requests apart that differ in its part, and no others."""

    def keys(matching: Matching, one: Request) -> tuple:
        return matching.key(one.method, one.uri), matching.detail(one)

    alone = Matching([matcher])
    rest = Matching([m for m in ("method", "scheme", "host", "port", "path") if m != matcher])

    assert keys(alone, request()) != keys(alone, other)
    assert keys(rest, request()) == keys(rest, other)


@pytest.mark.parametrize(
    ("answer", "agrees"), [(True, True), (None, True), (False, False), (AssertionError(), False)]
)
def test_own_matchers_answer_or_assert(answer, agrees):
    """A matcher says no with False or an AssertionError, yes with anything else."""

    def matcher(live: Request, recorded: Request) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert Matching(["mine"], {"mine": matcher}).agrees(request(), request()) is agrees
    assert Matching([matcher]).agrees(request(), request()) is agrees


def test_differences_are_told_field_by_field():
    """Each field that differs has a line; what is equal has none."""
    sent = request("http://api/a?page=2&q=x", "POST", b'{"model": "b", "n": [1, 2], "new": 1}')
    recorded = request("http://api/b?q=x", "POST", b'{"model": "a", "n": [1, 3], "old": 1}')

    assert differences(sent, recorded) == [
        "path: sent /a, recorded /b",
        "query page: sent ['2'], recorded None",
        "body.model: sent 'b', recorded 'a'",
        "body.n[1]: sent 2, recorded 3",
        "body.old: not sent, recorded 1",
        "body.new: sent 1, not recorded",
    ]
    assert differences(sent, sent) == []


def test_the_nearest_come_first():
    """A recording of the same host and path is nearer than one of another host."""
    far, near = request("http://other/x"), request("http://api/x?a=1")

    assert nearest(request("http://api/x"), [far, near])[0] == "nearest: GET http://api/x?a=1"


def test_what_is_nearest_is_named_once():
    """Equal requests of a shared cassette take one line, so that others have room."""
    same = [request("http://api/y", body=b"1")] * 4
    others = [request("http://api/z"), request("http://other/y")]

    lines = nearest(request("http://api/y", body=b"1"), [*others, *same])

    assert lines[0] == "nearest: GET http://api/y (4 times)"
    assert lines[1].strip().startswith("no difference: it was played before")
    assert [line.split()[2] for line in lines if line.startswith("nearest")] == [
        "http://api/y",
        "http://api/z",
        "http://other/y",
    ]
