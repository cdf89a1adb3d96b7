"""Which header lines a client has added to those that it was called with."""

from __future__ import annotations

import pytest

from pytest_reqord.base.models import Client, Headers
from pytest_reqord.interceptors.added_headers import (
    by_aiohttp,
    by_http_client,
    by_nobody,
    sender_of,
)

HOST, IDENTITY = ("Host", "a.invalid"), ("Accept-Encoding", "identity")
AGENT = ("User-Agent", "python-urllib3/2.8.0")


@pytest.mark.parametrize(
    ("lines", "added"),
    [
        ([HOST, IDENTITY], {"host", "accept-encoding"}),
        ([HOST, ("Accept-Encoding", "gzip"), ("X", "1")], {"host"}),
        ([IDENTITY, HOST, ("X", "1")], {"accept-encoding"}),
        (
            [HOST, IDENTITY, ("Content-Length", "3"), ("X", "1")],
            {"host", "accept-encoding", "content-length"},
        ),
        ([HOST, IDENTITY, ("X", "1"), ("Content-Length", "3")], {"host", "accept-encoding"}),
        (
            [HOST, IDENTITY, ("Transfer-Encoding", "chunked")],
            {"host", "accept-encoding", "transfer-encoding"},
        ),
        ([HOST, IDENTITY, AGENT, ("X", "1")], {"host", "accept-encoding", "user-agent"}),
        (
            [HOST, IDENTITY, ("Content-Length", "1"), ("User-Agent", "urllib3.future/2.25.904")],
            {"host", "accept-encoding", "content-length", "user-agent"},
        ),
        ([HOST, ("User-Agent", "python-requests/2"), ("Accept-Encoding", "gzip")], {"host"}),
        ([HOST, IDENTITY, ("Connection", "close")], {"host", "accept-encoding"}),
        (
            [IDENTITY, ("Content-Length", "1"), HOST, ("Connection", "close")],
            {"accept-encoding"},  # urllib.request
        ),
        ([HOST, ("Accept-Encoding", "gzip"), ("Connection", "close")], set()),  # the same
        ([], set()),
    ],
)
def test_http_client(lines, added):
    """Host, coding and framing in the first lines, and urllib3's name."""
    assert by_http_client(Headers(lines)) == added


ACCEPT, CODING = ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br")
SELF = ("User-Agent", "Python/3.13 aiohttp/3.14.5")
LENGTH, KIND = ("Content-Length", "2"), ("Content-Type", "application/json")
USUAL = {"host", "accept", "accept-encoding", "user-agent"}


@pytest.mark.parametrize(
    ("lines", "session", "added"),
    [
        ([HOST, ACCEPT, CODING, SELF], (), USUAL),
        ([HOST, ("X", "1"), ACCEPT, CODING, SELF, LENGTH, KIND], (), USUAL | {"content-length", "content-type"}),
        ([HOST, KIND, ACCEPT, CODING, SELF, LENGTH], (), USUAL | {"content-length"}),
        ([HOST, ("User-Agent", "me"), ACCEPT, CODING], (), USUAL - {"user-agent"}),
        ([HOST, ACCEPT, CODING, SELF], {"accept"}, USUAL - {"accept"}),
        ([HOST, ("Accept", "text/html"), CODING, SELF], (), USUAL - {"accept"}),
        ([HOST, ACCEPT, CODING, SELF, ("Cookie", "a=1"), ("Authorization", "Basic x")], (), USUAL),
        ([("Host", "other")], {"host"}, set()),
        ([HOST, ("Accept", "a"), ("Accept-Encoding", "b"), ("User-Agent", "c"), KIND, LENGTH], (), {"host", "content-length"}),
    ],
)  # fmt: skip
def test_aiohttp(lines, session, added):
    """The host, and what stands behind the headers that it was called with."""
    assert by_aiohttp(Headers(lines), session) == added


def test_given_headers():
    """They leave out what was added, in whatever case, and remember it; the value is the same."""
    headers = Headers([HOST, ("X", "1"), ("x", "2")])
    from_client = headers.given(Client("c", by_http_client))
    assert from_client == Headers([("X", "1"), ("x", "2")])
    assert from_client.sent.added == Headers([HOST])
    assert headers.sent is None
    assert by_nobody(headers) == ()


CLOSE, ASKS, NAME = (
    ("Connection", "close"),
    ("Accept-Encoding", "gzip"),
    ("User-Agent", "Tornado/6.5"),
)
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("lines", "client", "added"),
    [
        ([CLOSE, HOST, NAME, ASKS], "tornado", {"connection", "host", "user-agent", "accept-encoding"}),
        ([("X", "1"), CLOSE, HOST, NAME, LENGTH, FORM, ASKS], "tornado", {"connection", "host", "user-agent", "content-length", "content-type", "accept-encoding"}),
        ([KIND, CLOSE, HOST, NAME, LENGTH, ASKS], "tornado", {"connection", "host", "user-agent", "content-length", "accept-encoding"}),
        ([HOST, ("X", "1"), ACCEPT, CODING, SELF], "aiohttp", USUAL),
        ([HOST, ("User-Agent", "me"), ACCEPT, CODING], "aiohttp", USUAL - {"user-agent"}),
        ([HOST, ("User-Agent", "python-requests/2"), CODING, ACCEPT, ("Connection", "keep-alive")], "http", {"host"}),
        ([HOST, IDENTITY, AGENT], "http", {"host", "accept-encoding", "user-agent"}),
        ([IDENTITY, ("Content-Length", "1"), HOST, CLOSE], "http", {"accept-encoding"}),
        ([HOST, ACCEPT, CODING, ("Connection", "keep-alive"), ("User-Agent", "python-httpx/0.28")], None, set()),
        ([("X", "1")], None, set()),
        ([], None, set()),
    ],
)  # fmt: skip
def test_what_was_sent(lines, client, added):
    """Of a request in a file the lines tell who sent it, and what that added."""
    sender = sender_of(Headers(lines))
    assert (sender and sender.name) == client
    assert set(sender.adds(Headers(lines)) if sender else ()) == added


def test_a_body_that_aiohttp_made():
    """It says what it made where nobody gave it a content type."""
    assert sender_of(Headers([HOST, ACCEPT, CODING, SELF, LENGTH, KIND])).body_type == KIND[1]
    assert sender_of(Headers([HOST, KIND, ACCEPT, CODING, SELF, LENGTH])).body_type == ""
