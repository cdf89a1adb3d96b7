"""A request while it is written, and what comes back while it arrives."""

from __future__ import annotations

import pytest

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Arrival
from pytest_reqord.interceptors.recorder import Received, Written, pieces

CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


class TestWritten:
    """When a request is complete, by its own framing."""

    @pytest.mark.parametrize(
        ("raw", "body"),
        [
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
            (b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", b"body"),
            (b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b""),
            (CHUNKED + b"0\r\n\r\n", b""),
            (CHUNKED + b"4;a=b\r\nbody\r\n3\r\n0\r\n\r\n0\r\n\r\n", b"body0\r\n"),
            (CHUNKED + b"4\r\nbody\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n", b"body"),
        ],
    )
    @pytest.mark.parametrize("size", [1, 3, 1000])
    def test_complete(self, raw, body, size):
        """It is with its last byte, however the bytes are cut."""
        written = Written()
        told = [written.add(raw[at : at + size]) for at in range(0, len(raw), size)]

        assert told == [False] * (len(told) - 1) + [True]
        assert written.is_complete
        assert written.request("POST", "http://a/").body == body

    def test_expect(self):
        """The body is waited for until it is complete."""
        written = Written()
        written.add(b"PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
        assert written.awaits_continue
        written.add(b"ok")

        assert not written.awaits_continue


class TestReceived:
    """A response as it came."""

    HEAD = b"HTTP/1.1 101 Switching\r\nUpgrade: tcp\r\n\r\n"

    def test_switched(self):
        """After a 101 all is the body; what comes in one read, or after a word, is an arrival."""
        received = Received(monotonic(), may_switch=True)
        received.add(b"HTTP/1.1 100 Continue\r\n\r\n" + self.HEAD[:10], monotonic())
        assert not received.is_switched
        received.add(self.HEAD[10:] + b"hello", monotonic())
        received.add(b" y", monotonic(), is_all=False)
        received.add(b"ou", monotonic(), is_all=False)
        received.speak()
        received.add(b"again", monotonic())
        response = received.response("POST")

        assert received.is_switched
        assert (response.status, response.body, response.complete) == (
            101,
            b"hello youagain",
            False,
        )
        assert [arrival.offset for arrival in response.arrivals] == [5, 9]
        assert response.interim == (100,)

    def test_end(self):
        """The end of the connection is the end of the body."""
        received = Received(monotonic(), may_switch=True)
        received.add(self.HEAD + b"hello")
        received.add(b"")
        response = received.response("GET")

        assert response.complete
        assert list(pieces(response, "GET")) == [(self.HEAD + b"hello", 0.0), (None, 0.0)]

    def test_waits(self):
        """Bytes that a read had to wait for are an arrival; those before the body aren't."""
        now = monotonic()
        received = Received(now)
        received.add(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", now - 5)
        received.add(b"bo", monotonic())
        received.add(b"dy", now - 5)
        response = received.response("GET")

        assert [arrival.offset for arrival in response.arrivals] == [2]
        assert isinstance(response.arrivals[0], Arrival)

    @pytest.mark.parametrize(("tells_chunks", "expected"), [(True, [0, 1]), (False, [])])
    def test_events(self, tells_chunks, expected):
        """Events are told apart however fast they come, unless chunks do it."""
        received = Received(monotonic(), tells_chunks=tells_chunks)
        head = b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        for data in (b"HTTP/1.1 200 OK\r\n" + head, b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n"):
            received.add(data, monotonic())
        response = received.response("GET")

        assert response.body == b"ab"
        assert [arrival.offset for arrival in response.arrivals if arrival.offset < 2] == expected
