"""One request on an HTTP/1.1 connection, from its first byte to the end of its response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord.clock import monotonic
from pytest_reqord.interceptors import active
from pytest_reqord.interceptors.framing import (
    end_of_head,
    is_chunked,
    parse_request_head,
    parse_response,
    unchunk,
)
from pytest_reqord.interceptors.socket_errors import add_received, describe, describe_end
from pytest_reqord.models import Request
from pytest_reqord.seam import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reqord.models import Failure, Headers, Response
    from pytest_reqord.seam import Exchange

__all__ = ["PAUSE", "Turn"]

PAUSE = 0.02
"""Bytes that a read had to wait for, so many seconds or longer, are an arrival of their own."""

_FRAMING = frozenset(("expect", "transfer-encoding"))
_LAST_CHUNK = b"0\r\n\r\n"
_CONTINUE = (100,)  # http.client takes every other one for the answer


class Turn:
    """What is sent and received for one request.

    It holds no reader: a response that nobody refers to any more has to be collected, since that
    is what closes its reader, and so ends it.

    :param base: scheme and authority of the connection, ``https://api.example.com``.
    """

    __slots__ = (
        "_end_of_head",
        "_exchange",
        "_failure",
        "_headers",
        "_is_chunked",
        "_is_stream",
        "_missing",
        "_received",
        "_request",
        "_sent",
        "_started",
        "base",
        "expects_continue",
        "has_reader",
        "is_ended",
        "is_read",
        "marks",
        "method",
        "route",
        "size",
        "uri",
    )

    def __init__(self, base: str) -> None:
        self.base = base
        self.method = ""
        self.uri = ""
        self.route: Route | None = None
        self.expects_continue = False
        self.has_reader = False
        self.is_ended = False
        self.is_read = False
        self._failure: Failure | None = None
        self.marks: list[tuple[int, float]] = []
        self.size = 0
        self._exchange: Exchange | None = None
        self._sent: list[bytes] = []
        self._received: list[bytes] = []
        self._request: Request | None = None
        self._headers: Headers
        self._end_of_head = 0
        self._missing = 0
        self._is_chunked = False
        self._is_stream = False
        self._started = monotonic()

    # the request

    @property
    def is_open(self) -> bool:
        """Whether the head is complete, so that it is known who the request goes to."""
        return bool(self.method)

    @property
    def is_kept(self) -> bool:
        """Whether a cassette has to do with it."""
        return self._exchange is not None

    @property
    def sent(self) -> bytes:
        """All that was sent so far."""
        if len(self._sent) != 1:
            self._sent = [b"".join(self._sent)]
        return self._sent[0]

    @property
    def is_complete(self) -> bool:
        """Whether the body is complete by the request's own framing."""
        if not self._is_chunked:
            return self._missing <= 0
        if not self._sent[-1].endswith(_LAST_CHUNK):
            return False
        raw = self.sent  # a chunk may end in the same bytes
        return unchunk(raw, end_of_head(raw)).is_complete

    @property
    def is_over(self) -> bool:
        """Whether what is sent next is another request.

        A reader says so, but for one that was opened for the answer to ``Expect``.
        """
        if not self.has_reader:
            return False
        return not self.awaits_continue or self.response() is not None

    @property
    def awaits_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body."""
        return self.expects_continue and not self.is_complete

    def take(self, data: bytes) -> None:
        """Take bytes of the request; those that complete its head open the exchange.

        :raises PlaybackError: if the request can't even start.
        """
        if self.is_open:
            self._missing -= len(data)
            if self.is_kept:
                self._sent.append(data)
            return
        self._sent.append(data)
        end = end_of_head(data if len(self._sent) == 1 else self.sent)
        if end >= 0:
            self._open(end)

    def _open(self, end: int) -> None:
        raw = self.sent
        method, target, headers = parse_request_head(raw[:end])
        self.uri = target if "://" in target else self.base + target
        exchange = active.begin(method, self.uri)
        self.method = method
        self._headers = headers
        self._end_of_head = end
        length = headers.get("content-length", "")
        self._missing = (int(length) if length.isdigit() else 0) - (len(raw) - end)
        if headers.has_any(_FRAMING):  # few requests have one
            self._is_chunked = is_chunked(headers)
            self.expects_continue = headers.get("expect", "").lower() == "100-continue"
        if exchange is not None:
            self.route = exchange.route
            self._exchange = exchange
            if exchange.route is Route.RECORD:
                exchange.finish_with(self.finish)

    def request(self) -> Request:
        """The request as far as it was sent."""
        if self._request is None:
            raw, end = self.sent, self._end_of_head
            body = unchunk(raw, end).data if self._is_chunked else raw[end:]
            self._request = Request(self.method, self.uri, self._headers, body)
        return self._request

    def play(self) -> Response | Failure | None:
        """Claim the answer; None sends the request live from here on.

        :raises CassetteMissError: if there is none and it may not go live.
        """
        exchange = self._exchange
        if exchange is None:
            return None
        answer = exchange.play(self.request())
        if answer is None:
            self._request = None
            self.go_live()
        return answer

    def go_live(self) -> None:
        """The request goes live after all."""
        self.route = Route.RECORD
        if self._exchange is not None:
            self._exchange.finish_with(self.finish)

    # the response

    def receive(self, data: bytes, since: float) -> None:
        """Bytes came, or none at the end, in a read that started at ``since``.

        Events without chunks around them are told apart by how they came, however fast.
        """
        if self._exchange is None:
            return
        now = monotonic()
        if now - since >= PAUSE or self._is_stream:
            self.marks.append((self.size, round(now - self._started, 6)))
        if not self.size:
            head = data.lower()
            self._is_stream = b"text/event-stream" in head and b"chunked" not in head
        self._received.append(data)
        self.size += len(data)
        if not data:
            self.is_ended = True

    def break_off(self, error: BaseException) -> None:
        """The connection broke.

        The error itself isn't kept: its traceback refers to whoever reads, see above.
        """
        if self._exchange is not None and self._failure is None:
            self._failure = describe(error)

    def response(self) -> Response | None:
        """What was received, as a response; None where that isn't one yet."""
        if len(self._received) > 1:
            self._received = [b"".join(self._received)]
        raw = b"".join(self._received)
        if raw[:1] in (b"\r", b"\n"):  # other clients pass over empty lines
            return None
        return parse_response(
            raw,
            self.method,
            is_ended=self.is_ended,
            marks=self.marks,
            interim=_CONTINUE,
            needs_end=False,
        )

    def close_reader(self) -> None:
        """The reader was closed: the end, unless it only saw the answer to ``Expect``."""
        if self._exchange is not None:
            response = self.response()
            if response is None:
                return
            # also of one that is complete: not every client sees where it ends
            if self._failure is not None:
                response = response._replace(broken=self._failure)
            self._end(lambda exchange: exchange.record(self.request(), response))

    def finish(self) -> None:
        """Nothing more will come: record what did, or how it failed."""
        self.close_reader()
        self._fail()

    def _fail(self) -> None:
        received = b"".join(self._received)
        failure = self._failure or describe_end(received, is_ended=self.is_ended)
        if failure is not None:
            kept = add_received(failure, received)
            self._end(lambda exchange: exchange.fail(self.request(), kept))
        else:
            self._end(lambda exchange: exchange.discard())

    def fail(self, error: BaseException, connection: Any) -> None:
        """There is no connection to send it over."""
        if self.is_open:
            failure = describe(error, is_connecting=True, connection=connection)
            self.route = Route.RECORD
            self._end(lambda exchange: exchange.fail(self.request(), failure))

    def _end(self, end: Callable[[Exchange], None]) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None and self.route is Route.RECORD:
            end(exchange)
            self._sent.clear()
            self._received.clear()
