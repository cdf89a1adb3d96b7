"""Tests for HTTP/1.1 messages as bytes."""

from __future__ import annotations

import http.client
import io
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st
from strategies import tries

from pytest_reqord.base.models import Arrival, Headers, Response
from pytest_reqord.interceptors.framing import (
    end_of_head,
    parse_request,
    parse_response,
    to_wire,
    unchunk,
)

TEXT = ("Content-Type", "text/plain")
CHUNKED = ("Transfer-Encoding", "chunked")


def parse(raw: bytes, method: str = "GET", **options: Any) -> Response | None:
    return parse_response(raw, method, **{"is_ended": False} | options)


def response(body: bytes, *headers: tuple[str, str], status: int = 200, **more: Any) -> Response:
    return Response(status, "OK", Headers(headers), body, **more)


class TestParseResponse:
    """Bytes to a response, however far they go."""

    def test_length(self):
        """A body ends where its Content-Length says; what follows isn't its."""
        parsed = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc")

        assert parsed == response(b"ab", ("Content-Length", "2"))

    @pytest.mark.parametrize("is_ended", [True, False])
    def test_until_the_close(self, is_ended):
        """Without a length a body is complete when the connection is closed."""
        parsed = parse(b"HTTP/1.0 200 OK\r\n\r\nabc", is_ended=is_ended)

        assert (parsed.body, parsed.complete, parsed.http_version) == (b"abc", is_ended, "1.0")

    def test_too_short(self):
        """A body that is cut off by the server has an arrival at its end, one that isn't hasn't."""
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"

        assert parse(raw, is_ended=False).arrivals == ()
        assert parse(raw, is_ended=True).arrivals == (Arrival(3, 0.0),)
        assert not parse(raw, is_ended=True).complete

    def test_chunked(self):
        """Chunks keep their sizes, their extensions go, trailers come."""
        raw = (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"
        )

        expected = response(b"abcde", CHUNKED, chunks=(3, 2), trailers=Headers([("X-Sum", "1")]))
        assert parse(raw) == expected

    @pytest.mark.parametrize(
        ("rest", "body", "chunks"),
        [
            (b"5\r\nfirst\r\n20\r\nhalf", b"firsthalf", (5, 32)),
            (b"5\r\nfirst\r\n", b"first", (5,)),
            (b"5\r\nfirst\r\n2", b"first", (5,)),
            (b"5\r\nfirst\r\n0\r\nX: 1\r\n", b"first", (5,)),
            (b"", b"", ()),
        ],
    )
    def test_broken_chunks(self, rest, body, chunks):
        """A chunked body that stops anywhere keeps what was announced and what came."""
        parsed = parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest)

        assert (parsed.body, parsed.chunks, parsed.complete) == (body, chunks, False)

    @pytest.mark.parametrize(
        ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("CONNECT", 200)]
    )
    def test_bodiless(self, method, status):
        """Some responses have no body whatever their length says."""
        parsed = parse(b"HTTP/1.1 %d OK\r\nContent-Length: 5\r\n\r\n" % status, method)

        assert (parsed.body, parsed.complete) == (b"", True)
        assert parsed.headers["content-length"] == "5"

    def test_interim(self):
        """Interim responses are counted and skipped; 101 is none."""
        raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: 1\r\n\r\nHTTP/1.1 200 OK\r\n"

        assert parse(raw) is None
        assert parse(raw + b"\r\n").interim == (100, 103)
        assert parse(raw + b"\r\n", interim=(100,)).status == 103
        assert parse(b"HTTP/1.1 101 Switching\r\n\r\n").status == 101

    @pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nX: 1\r\n", b"HTTX/1 200\r\n\r\n"])
    def test_no_response(self, raw):
        """What isn't a head, or isn't HTTP, is no response."""
        assert parse(raw) is None

    @pytest.mark.parametrize(("line", "reason"), [(b"  Two  Words ", " Two  Words "), (b"", "")])
    def test_reason(self, line, reason):
        """A reason phrase is what follows a blank, its own blanks included, or nothing."""
        assert parse(b"HTTP/1.1 299" + line + b"\r\n\r\n").reason == reason

    def test_bare_line_feeds(self):
        """A head with bare line feeds is read, as every client does."""
        parsed = parse(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab")

        assert parsed == response(b"ab", ("Content-Length", "2"))

    def test_odd_headers(self):
        """Order, case, repeats, Latin-1, continuations and lines without a colon are kept."""
        lines = b"b: 1\r\nA:2\r\nB: caf\xe9\r\n more\r\nno colon\r\nC:\r\n"
        parsed = parse(b"HTTP/1.1 204 No\r\n" + lines + b"\r\n")

        assert parsed.headers.pairs == (
            ("b", "1"),
            ("A", "2"),
            ("B", "caf\xe9\n more"),
            ("", "no colon"),
            ("C", ""),
        )
        expected = b"b: 1\r\nA: 2\r\nB: caf\xe9\r\n more\r\nno colon\r\nC:\r\n\r\n"
        assert to_wire(parsed, "GET") == [b"HTTP/1.1 204 No\r\n" + expected]

    def test_marks(self):
        """A read that waited is an arrival where it brought body bytes or the end alone."""
        raw = (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        marks = [(0, 0.1), (raw.index(b"3\r"), 0.2), (raw.index(b"c\r"), 0.3)]
        marks += [(raw.index(b"2\r"), 0.4), (raw.index(b"0\r\n\r"), 0.5)]

        expected = ((0, 0.2), (2, 0.3), (3, 0.4), (5, 0.5))
        assert parse(raw, marks=marks).arrivals == tuple(Arrival(*each) for each in expected)


class TestToWire:
    """A response to bytes."""

    def test_pieces(self):
        """The bytes are cut where later parts arrived; a chunk's size goes with its first byte."""
        body = response(
            b"abcde", CHUNKED, chunks=(3, 2), arrivals=(Arrival(2, 1), Arrival(3, 2), Arrival(5, 3))
        )

        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        pieces = [head + b"3\r\nab", b"c\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"]
        assert to_wire(body, "GET") == pieces

    def test_head_alone(self):
        """An arrival at the start of the body means that the head came before it."""
        pieces = to_wire(response(b"ab", TEXT, arrivals=(Arrival(0, 1), Arrival(1, 2))), "GET")

        assert pieces == [b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", b"a", b"b"]

    @pytest.mark.parametrize(("chunks", "sizes"), [((9,), (5,)), ((2, 1), (2, 1, 2)), (None, (5,))])
    def test_other_chunks(self, chunks, sizes):
        """Chunk sizes that are another body's are made to fit."""
        (raw,) = to_wire(response(b"abcde", CHUNKED, chunks=chunks), "GET")

        assert unchunk(raw, end_of_head(raw)).chunks == sizes

    def test_other_length(self):
        """A length that is another body's follows the body, but an incomplete body's doesn't."""
        length = ("content-LENGTH", "9")
        (raw,) = to_wire(response(b"abc", length), "GET")
        (cut,) = to_wire(response(b"abc", length, complete=False), "GET")

        assert b"content-LENGTH: 3\r\n" in raw
        assert b"content-LENGTH: 9\r\n" in cut

    @pytest.mark.parametrize("length", ["9", "9" * 5000, "-1", "x", "1, 2"])
    def test_no_body(self, length):
        """A body that somebody has taken out is one of no length; what is no length stays."""
        (raw,) = to_wire(response(b"", ("Content-Length", length)), "GET")

        announced = "0" if length == "9" else length
        assert raw == b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % announced.encode()

    @pytest.mark.parametrize("body", [b"", b"ab"])
    def test_arrivals_that_are_beyond_it(self, body):
        """A body that somebody has shortened is played as far as it goes."""
        arrivals = Arrival(10, 0.5), Arrival(14, 1.25)
        head, *parts = to_wire(response(body, TEXT, arrivals=arrivals), "GET")

        assert (
            head + b"".join(parts) == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body
        )

    def test_a_large_body_is_not_copied(self):
        """It is a piece of its own, and the very bytes of the response."""
        body = bytes(1 << 20)
        head, piece = to_wire(response(body, TEXT), "GET")

        assert head.endswith(b"\r\n\r\n")
        assert piece is body

    def test_http2(self):
        """What was recorded over HTTP/2 is served as HTTP/1.1."""
        (raw,) = to_wire(response(b"", TEXT, http_version="2"), "GET")

        assert raw.startswith(b"HTTP/1.1 200 OK\r\n")

    def test_head(self):
        """An answer to HEAD has no body, and keeps the length it spoke of."""
        assert to_wire(response(b"", ("Content-Length", "9")), "HEAD") == [
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
        ]


class TestParseRequest:
    """Bytes to a request."""

    def test_chunked(self):
        """A chunked body loses its framing, and is read as far as it goes."""
        raw = b"POST /a b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nd"

        parsed = parse_request(raw)
        assert (parsed.method, parsed.target, parsed.body) == ("POST", "/a b", b"abcd")

    def test_plain(self):
        """Any other body is all that follows the head."""
        assert parse_request(b"PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab").body == b"ab"


_BODIES = st.binary(max_size=200)


@st.composite
def _framed(draw) -> Response:
    """A complete response with a framing that fits it."""
    body = draw(_BODIES)
    status = draw(st.sampled_from([200, 201, 404, 503]))
    if not draw(st.booleans()):
        return response(body, TEXT, ("Content-Length", str(len(body))), status=status)
    ends = sorted(draw(st.sets(st.integers(1, max(len(body), 1)), max_size=6)) | {len(body)})
    edges = [0, *(end for end in ends if 0 < end <= len(body))]
    chunks = tuple(end - start for start, end in pairwise(edges))
    trailers = Headers(draw(st.sampled_from([(), (("X-Sum", "1"),)])))
    return response(body, CHUNKED, TEXT, status=status, chunks=chunks, trailers=trailers)


class TestBothWays:
    """What one makes the other reads."""

    @given(_framed(), st.sampled_from(["GET", "POST"]))
    @tries(150)
    def test_round_trip(self, given_response, method):
        """A response survives its own bytes."""
        raw = b"".join(to_wire(given_response, method))

        assert parse(raw, method) == given_response

    @given(_framed(), st.integers(0, 400))
    @tries(150)
    def test_any_cut(self, given_response, place):
        """A message that is cut anywhere gives the same bytes again, less half a line."""
        raw = b"".join(to_wire(given_response, "GET"))[:place]
        parsed = parse(raw)
        if parsed is not None:
            again = b"".join(to_wire(parsed, "GET"))
            assert parsed.body == given_response.body[: len(parsed.body)]
            assert raw.startswith(again[: len(raw)]) or again.startswith(raw)

    @given(_framed(), st.lists(st.integers(0, 200), max_size=5))
    @tries(150)
    def test_arrivals_change_no_byte(self, given_response, offsets):
        """Arrivals cut the bytes and leave them as they are."""
        places = sorted({min(offset, len(given_response.body)) for offset in offsets})
        arrivals = tuple(Arrival(place, float(at)) for at, place in enumerate(places))
        streamed = given_response._replace(arrivals=arrivals)
        pieces = to_wire(streamed, "GET")

        assert b"".join(pieces) == b"".join(to_wire(given_response, "GET"))
        assert all(pieces)

    @given(_framed())
    @tries(100)
    def test_standard_library(self, given_response):
        """http.client reads the same body from the bytes."""

        class Socket:
            def makefile(self, *_: object) -> io.BytesIO:
                return io.BytesIO(b"".join(to_wire(given_response, "GET")))

        read = http.client.HTTPResponse(Socket(), method="GET")
        read.begin()

        assert read.read() == given_response.body
        assert read.getheaders() == list(given_response.headers.pairs)
