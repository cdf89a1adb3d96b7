"""One request on an HTTP/1.1 connection, from its first byte to the end of its response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Response
from pytest_reqord.base.seam import Route
from pytest_reqord.interceptors import active
from pytest_reqord.interceptors.framing import SWITCHED
from pytest_reqord.interceptors.recorder import Received, Written
from pytest_reqord.interceptors.socket_errors import add_received, describe, describe_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reqord.base.models import Client, Failure, Request
    from pytest_reqord.base.seam import Exchange
__all__ = ["Turn"]

_UPGRADE = frozenset(("upgrade",))
_CONTINUE = (100,)  # http.client takes every other one for the answer


class Turn:
    """What is sent and received for one request.

    It holds no reader: a response that nobody refers to any more has to be collected, since that
    is what closes its reader, and so ends it.

    :param base: scheme and authority of the connection, ``https://api.example.com``.
    :param client: what sends it.
    """

    __slots__ = (
        "_client",
        "_exchange",
        "_failure",
        "_is_switched",
        "_received",
        "_started",
        "_written",
        "base",
        "is_answered",
        "is_open",
        "route",
        "uri",
    )

    def __init__(self, base: str, client: Client) -> None:
        self.base = base
        self._client = client
        self.uri = ""
        self.route: Route | None = None
        self.is_open = False
        """Whether the head is complete, so that it is known who the request goes to."""
        self.is_answered = False
        """Whether the client has begun to read the response."""
        self._written = Written()
        self._exchange: Exchange | None = None
        self._failure: Failure | None = None
        self._received: Received | None = None  # where it goes live
        self._is_switched = False  # by what is played
        self._started = monotonic()

    # the request

    @property
    def is_kept(self) -> bool:
        """Whether a cassette has to do with it: not with an ignored host, nor once it is closed."""
        return self._exchange is not None

    @property
    def method(self) -> str:
        """The request's method."""
        return self._written.method

    @property
    def sent(self) -> bytes:
        """All that was sent so far, while it is kept."""
        return bytes(self._written.raw)

    @property
    def is_complete(self) -> bool:
        """Whether the body is complete by the request's own framing."""
        return self._written.is_complete

    @property
    def is_over(self) -> bool:
        """Whether what is sent next, without a word of its client's, is another request."""
        is_sent = self.is_complete or not self.is_kept
        return self.is_answered and is_sent and not self.is_switched

    @property
    def is_switched(self) -> bool:
        """Whether the connection speaks another protocol now than HTTP."""
        received = self._received
        return self._is_switched if received is None else received.is_switched

    @property
    def awaits_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body."""
        return self._written.awaits_continue

    def be_continued(self) -> None:
        """The client has its 100."""
        self._written.awaits_continue = False

    def take(self, data: bytes) -> None:
        """Take bytes of the request; those that complete its head open the exchange.

        :raises PlaybackError: if the request can't even start.
        """
        if self.is_switched:  # what the client says there is no part of its request
            if self._received is not None:
                self._received.speak()
        elif self.is_kept or not self.is_open:
            self._written.add(data)
            if not self.is_open and self._written.method:
                self._open()

    def _open(self) -> None:
        written = self._written
        target = written.target
        self.uri = target if "://" in target else self.base + target
        exchange = active.begin(written.method, self.uri)
        self.is_open = True
        if exchange is not None:
            exchange.client = self._client
            self.route = exchange.route
            self._exchange = exchange
            if exchange.route is Route.RECORD:
                self._go_live(exchange)

    def _go_live(self, exchange: Exchange) -> None:
        self.route = Route.RECORD
        may_switch = self._written.headers.has_any(_UPGRADE)
        self._received = Received(self._started, may_switch=may_switch, tells_chunks=False)
        exchange.finish_with(self.finish)

    def request(self) -> Request:
        """The request as far as it was sent."""
        return self._written.request(self.method, self.uri)

    def play(self) -> Response | Failure | None:
        """Claim the answer; None sends the request live from here on.

        :raises CassetteMissError: if there is none and it may not go live.
        """
        exchange = self._exchange
        if exchange is None:
            return None
        answer = exchange.play(self.request())
        if answer is None:
            self._go_live(exchange)
        elif isinstance(answer, Response):
            self._is_switched = answer.status == SWITCHED
        return answer

    # the response

    def receive(self, data: bytes, since: float, *, is_all: bool) -> None:
        """Bytes came, or none at the end: see `Received.add`."""
        self.is_answered = True
        if self._exchange is not None and self._received is not None:
            self._received.add(data, since, is_all=is_all)

    def break_off(self, error: BaseException) -> None:
        """The connection broke.

        The error itself isn't kept: its traceback refers to whoever reads, see above.
        """
        if self._exchange is not None and self._failure is None:
            self._failure = describe(error)

    def response(self) -> Response | None:
        """What was received, as a response; None where that isn't one yet."""
        received = self._received
        if received is None:
            return None
        if received.raw[:1] in (b"\r", b"\n"):  # other clients pass over empty lines
            return None
        return received.response(self.method, interim=_CONTINUE, needs_end=False)

    def close_reader(self) -> None:
        """The reader was closed: the end, unless it only saw the answer to ``Expect``.

        Nor is it the end where the connection was upgraded: others read on from its socket.
        """
        if not self.is_switched:
            self._record()

    def finish(self) -> None:
        """Nothing more will come: record what did, or how it failed."""
        self._record()
        self._fail()

    def _record(self) -> None:
        if self._exchange is None:
            return
        response = self.response()
        if response is None:
            return
        # also of one that is complete: not every client sees where it ends
        if self._failure is not None:
            response = response._replace(broken=self._failure)
        self._end(lambda exchange: exchange.record(self.request(), response))

    def _fail(self) -> None:
        if self._exchange is None or self._received is None:
            return
        received = self._received.raw
        failure = self._failure or describe_end(received, is_ended=self._received.is_ended)
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
            self._written.forget()
            if self._received is not None:
                self._received.forget()
