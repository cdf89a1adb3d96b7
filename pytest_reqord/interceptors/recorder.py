"""Record one exchange with a server while its client sends and receives it.

Four parts: a response that arrives piece by piece; the bytes of a request and of a response on the
wire, for the clients that are watched there; requests whose sender was cancelled; and one request
on an HTTP/1.1 connection from its first byte to the end of its response, which uses the others.
"""

from __future__ import annotations

import math
import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Arrival, Failure, Headers, Request, Response
from pytest_reqord.base.seam import Route
from pytest_reqord.interceptors.framing import (
    INTERIM,
    SWITCHED,
    end_of_head,
    is_bodiless,
    is_chunked,
    length_of,
    parse_request_head,
    parse_response,
    to_wire,
    unchunk,
)
from pytest_reqord.interceptors.socket_errors import add_received, describe, describe_end

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from pytest_reqord.base.models import Client
    from pytest_reqord.base.seam import Exchange

__all__ = [
    "CONTINUE",
    "NEVER",
    "PATIENCE",
    "READ_PAUSE",
    "Arriving",
    "Head",
    "Received",
    "Transfer",
    "Written",
    "decode_headers",
    "describe_cancelled",
    "is_broken_off",
    "is_cancellation",
    "is_cut",
    "is_sent_chunked",
    "patience",
    "pieces",
    "sleep",
]


class Head(NamedTuple):
    """A request without its body."""

    method: str
    uri: str
    headers: Headers

    def with_body(self, pieces: Iterable[bytes]) -> Request:
        """The whole request."""
        return Request(self.method, self.uri, self.headers, b"".join(pieces))


class Arriving:
    """What has been seen of the response to a request that went live.

    :param exchange: takes the recording.
    :param sent_head: the request's head.
    :param sent: the pieces of the request's body, which may still grow.
    """

    __slots__ = (
        "_arrivals",
        "_exchange",
        "_has_sent",
        "_head",
        "_is_ended",
        "_is_over",
        "_is_switched",
        "_last",
        "_pause",
        "_pieces",
        "_sent",
        "_sent_head",
        "_size",
        "_started",
        "_was_all",
    )

    def __init__(self, exchange: Exchange, sent_head: Head, sent: Sequence[bytes]) -> None:
        self._exchange = exchange
        self._sent_head = sent_head
        self._sent = sent
        self._started = self._last = monotonic()
        self._head: Response
        self._pieces: list[bytes] = []
        self._arrivals: list[Arrival] = []
        self._size = 0
        self._pause = READ_PAUSE
        self._is_over = False
        self._is_switched = False
        self._has_sent = False  # since the last piece, to a connection that was switched
        self._was_all = False
        self._is_ended = False

    @property
    def request(self) -> Request:
        """The request with the body that has been sent."""
        return self._sent_head.with_body(self._sent)

    def begin(self, head: Response) -> None:
        """The head of the response is here.

        :param head: the response without its body.
        """
        self._head = head
        self._is_switched = head.status == SWITCHED
        self._last = monotonic()
        if "event-stream" in head.headers.get("content-type", ""):
            self._pause = 0.0  # every event is one, however fast they come
        self._exchange.finish_with(self.finish)

    def add(self, piece: bytes, *, is_all: bool = True) -> None:
        """A piece of the body is here; none at all for the end of a switched connection.

        :param is_all: whether that was all that had come, and not all that was asked for.
        """
        if not piece:  # or an HTTP/2 frame that only ends the stream
            self._is_ended = True
            return
        if self._is_over:
            return
        self._notice_arrival()
        self._was_all = is_all
        self._pieces.append(piece)
        self._size += len(piece)

    def speak(self) -> None:
        """The client has said something in the protocol that the connection was switched to."""
        self._has_sent = True

    def end(self, trailers: Headers | None = None) -> None:
        """The body has ended as it should; what follows a 101 is more than that."""
        if self._is_switched:
            return
        self._notice_arrival()
        if trailers is not None:
            self._head = self._head._replace(trailers=trailers)
        self._record(complete=True)

    def cut(self) -> None:
        """The server ended the body too early; `is_cut` knows it by the time of that end."""
        self._arrivals.append(Arrival(self._size, self._seconds()))
        self._record(complete=False)

    def break_off(self, failure: Failure) -> None:
        """The connection broke in the body."""
        self._record(complete=False, broken=failure)

    def cancelled(self) -> Failure:
        """What it ended in if whoever waited for it was cancelled just now."""
        return describe_cancelled(self._seconds())

    def finish(self) -> None:
        """Nobody reads any further: record what there is."""
        if not self._is_over:
            self._record(complete=self._is_whole())

    def _seconds(self) -> float:
        return round(monotonic() - self._started, 6)

    def _notice_arrival(self) -> None:
        now = monotonic()
        has_sent, self._has_sent = self._has_sent, False
        is_apart = has_sent or (self._is_switched and self._was_all)  # as of `streamed.Received`
        if is_apart or now - self._last >= self._pause:
            self._arrivals.append(Arrival(self._size, round(now - self._started, 6)))
        self._last = now

    def _is_whole(self) -> bool:
        """Whether all of a body is here whose end was never asked for."""
        head = self._head
        if self._is_switched:
            return self._is_ended
        if is_bodiless(self._sent_head.method, head.status):
            return True
        return not is_sent_chunked(head) and head.headers.get("content-length") == str(self._size)

    def _record(self, *, complete: bool, broken: Failure | None = None) -> None:
        self._is_over = True
        head = self._head
        sizes = None
        # HTTP/2 has no chunks, but its frames reach the reader in the same way
        if is_sent_chunked(head) or (head.http_version[:1] != "1" and len(self._pieces) > 1):
            sizes = tuple(map(len, self._pieces))
        response = head._replace(
            body=b"".join(self._pieces),
            chunks=sizes,
            arrivals=tuple(self._arrivals),
            complete=complete,
            broken=broken,
        )
        self._exchange.record(self.request, response)


@lru_cache(maxsize=256)  # the same lines come again and again
def decode_headers(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """The header lines as they are on the wire."""
    return Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])


def is_sent_chunked(response: Response) -> bool:
    """Whether the body came in chunks."""
    return "chunked" in response.headers.get("transfer-encoding", "").lower()


def is_cut(response: Response) -> bool:
    """Whether it was the server that ended the body too early, and not its reader."""
    size = len(response.body)
    return not response.complete and any(end.offset == size for end in response.arrivals)


# What clients have in common on the wire: a request while it is written, a response as it arrives.


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NEVER = float("inf")
"""The time that a piece takes which nobody has read."""

PATIENCE = 5.0
"""The time that it takes where nobody says that they wait for it, in seconds: they may wait in vain."""

READ_PAUSE = 0.02
"""Bytes that come this many seconds after the ones before them are an arrival of their own."""

_FRAMING = frozenset(("content-length", "expect", "transfer-encoding"))
_STATUS = re.compile(rb"\s*http/\S+ +(\d+)")
_LONGEST_HEAD = 256 * 1024
"""In bytes: what is longer is no head, and isn't looked through again with all that comes."""
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n")
_READ_SIZE = 256 * 1024
"""The most that an event loop takes from a socket at once, in bytes."""


class Written:
    """A request while it is written."""

    __slots__ = (
        "_chunk",
        "_end",
        "_start",
        "awaits_continue",
        "headers",
        "is_complete",
        "method",
        "raw",
        "target",
    )

    def __init__(self) -> None:
        self.raw = bytearray()
        self.method = ""
        """Its method; empty until its head is complete."""
        self.target = ""
        self.headers: Headers
        self.awaits_continue = False
        """Whether whoever writes it wants a 100 before the body."""
        self.is_complete = False
        self._start = -1  # of the body
        self._end = 0
        self._chunk = -1  # where the next one starts, if there are chunks

    def add(self, data: Any) -> bool:
        """Take bytes of it.

        :returns: whether that was all.
        """
        self.raw += data
        if self._start < 0:
            self._start = end_of_head(self.raw)
            if self._start < 0:
                return False
            self._read_head()
        is_complete = len(self.raw) >= self._end if self._chunk < 0 else self._has_last_chunk()
        if is_complete:
            self.awaits_continue = False
        self.is_complete = is_complete
        return is_complete

    def request(self, method: str, uri: str) -> Request:
        """Give the request, as far as it is written."""
        if self._chunk < 0:
            body = bytes(self.raw[self._start :])
        else:
            body = unchunk(bytes(self.raw), self._start).data
        return Request(method, uri, self.headers, body)

    def forget(self) -> None:
        """Free what was written: nobody will ask for it."""
        self.raw = bytearray()

    def _read_head(self) -> None:
        self.method, self.target, headers = parse_request_head(bytes(self.raw[: self._start]))
        self.headers = headers
        self._end = self._start
        if not headers.has_any(_FRAMING):  # most requests end with their head
            return
        if is_chunked(headers):
            self._chunk = self._start
        else:
            length = headers.get("content-length", "")
            self._end += int(length) if length.isdecimal() else 0
        self.awaits_continue = headers.get("expect", "").lower() == "100-continue"

    def _has_last_chunk(self) -> bool:
        raw = self.raw
        while match := _CHUNK.match(raw, self._chunk):
            size = int(match[1], 16)
            if size == 0:  # after it, trailers may come
                return raw.find(b"\r\n\r\n", match.end() - 2) >= 0
            after = match.end() + size + 2
            if after > len(raw):
                return False
            self._chunk = after
        return False


class Received:
    """What comes back for a request, kept as it comes.

    :param started: when the request was started, by `monotonic`.
    :param may_switch: whether the request asks for another protocol than HTTP.
    :param tells_chunks: whether chunks that come together reach the reader together.
    """

    __slots__ = (
        "_has_head",
        "_has_sent",
        "_is_stream",
        "_last",
        "_marks",
        "_may_switch",
        "_pieces",
        "_size",
        "_started",
        "_tells_chunks",
        "_was_all",
        "is_ended",
        "is_switched",
    )

    def __init__(
        self, started: float, *, may_switch: bool = False, tells_chunks: bool = True
    ) -> None:
        self.is_ended = False
        """Whether the server has ended the connection."""
        self.is_switched = False
        """Whether the connection speaks another protocol now: all that comes is the body."""
        self._started = started
        self._may_switch = may_switch
        self._tells_chunks = tells_chunks
        self._pieces: list[bytes] = []
        self._size = 0
        self._marks: list[tuple[int, float]] = []
        self._last: float | None = None
        self._has_head = False
        self._is_stream = False
        self._has_sent = False
        self._was_all = False

    @property
    def raw(self) -> bytes:
        """All that came."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return b"".join(self._pieces)

    def add(self, data: bytes, since: float | None = None, *, is_all: bool = True) -> None:
        """Keep bytes that came, or none for the end of the connection.

        :param since: when the read began that they came in, by `monotonic`; by default when
            the bytes before them came.
        :param is_all: whether that was all that had come, and not all that was asked for.
        """
        now = monotonic()
        before = self._last if since is None else since
        if before is not None and (self._is_apart() or now - before >= READ_PAUSE):
            self._marks.append((self._size, round(now - self._started, 6)))
        self._last, self._was_all = now, is_all
        self._pieces.append(data)
        self._size += len(data)
        self.is_ended = not data
        if not self._has_head and self._size <= _LONGEST_HEAD:
            self._see_head()

    def _is_apart(self) -> bool:
        """Whether bytes are an arrival of their own, however fast they came.

        Events are. In another protocol than HTTP it is what a read takes after one that has taken
        all there was, or after the client has said something: it may wait for its socket before it
        reads, and take what comes for the answer.
        """
        has_sent, self._has_sent = self._has_sent, False
        return self._is_stream or has_sent or (self.is_switched and self._was_all)

    def _see_head(self) -> None:
        raw, start = self.raw, 0
        while (end := end_of_head(raw, start)) >= 0:
            head = raw[start:end].lower()
            match = _STATUS.match(head)
            status = int(match[1]) if match else 0
            if status not in INTERIM:
                self._has_head = True
                self.is_switched = self._may_switch and status == SWITCHED
                is_told = self._tells_chunks or b"chunked" not in head
                self._is_stream = is_told and b"text/event-stream" in head
                return
            start = end

    def speak(self) -> None:
        """The client has said something in the protocol that the connection was switched to."""
        self._has_sent = True

    def response(
        self, method: str, *, interim: Container[int] = INTERIM, needs_end: bool = True
    ) -> Response | None:
        """What came, as a response: see `framing.parse_response`.

        :param method: the request's method.
        """
        return parse_response(
            self.raw,
            method,
            is_ended=self.is_ended,
            marks=self._marks,
            interim=interim,
            needs_end=needs_end,
        )

    def forget(self) -> None:
        """Free what came: nobody will ask for it."""
        self._pieces = []


def is_broken_off(response: Response) -> bool:
    """Whether it was the reader that stopped, and not the server."""
    size = len(response.body)
    is_cut = any(each.offset == size for each in response.arrivals)
    return not (response.complete or response.broken or is_cut)


def pieces(response: Response, method: str) -> Iterator[tuple[bytes | None, float]]:
    """What the wire brings, each with the seconds that it took; None for its end."""
    sent = to_wire(response, method)
    length = response.headers.get("content-length", "")  # one that is none ends nothing
    is_sized = response.complete and (length.isdecimal() or length_of(response.headers) is not None)
    if is_sized and len(sent) == 1 and len(sent[0]) <= _READ_SIZE:  # as nearly all are
        yield sent[0], 0.0
        return
    times = [arrival.time for arrival in response.arrivals]
    before = 0.0
    for number, piece in enumerate(sent):
        delay = 0.0
        if 0 < number <= len(times):
            delay = max(times[number - 1] - before, 1e-9)
            before = times[number - 1]
        if len(piece) <= _READ_SIZE:
            yield piece, delay
            continue
        for start in range(0, len(piece), _READ_SIZE):
            yield piece[start : start + _READ_SIZE], delay if start == 0 else 0.0
    if is_bodiless(method, response.status):
        return
    if not response.complete:
        delay = times[-1] - before if times else 0.0
        least = 0.0 if response.broken is None else 1e-9  # what came is read before
        never = NEVER if response.status != SWITCHED else PATIENCE
        yield None, never if is_broken_off(response) else max(delay, least)
    elif not is_sized and not is_chunked(response.headers):
        yield None, 0.0


# Requests whose sender was cancelled while it waited: by `asyncio.timeout`, a lost race, a scope.
#
# Nothing came, and nothing went wrong on the wire. So on replay nothing comes again, and whoever
# cancels has the chance to; but nobody waits for ever.


_KIND = "cancelled"
_MESSAGE = "the recording ends here: its reader was cancelled"
_SECONDS = "seconds"
_MOST = 600
"""The most seconds that a file may have a replay wait for, before they are doubled."""
_NAMES = frozenset(("CancelledError", "Cancelled"))
"""The exceptions of asyncio and of trio."""


def is_cancellation(error: BaseException | None) -> bool:
    """Whether an exception is a loop's own that cancels a task."""
    return not isinstance(error, Exception) and type(error).__name__ in _NAMES


def describe_cancelled(seconds: float) -> Failure:
    """What a request ended in that was cancelled.

    :param seconds: how long it had been on its way.
    """
    # whole ones, so that the same recorded anew is the same to the byte
    return Failure(_KIND, _MESSAGE, {_SECONDS: str(math.ceil(seconds))})


def patience(answer: Response | Failure | None) -> float:
    """For how many seconds to wait to be cancelled again: longer than live; 0 for all else."""
    if not isinstance(answer, Failure) or answer.kind != _KIND:
        return 0.0
    text = answer.details.get(_SECONDS, "")
    return 2.0 * min(int(text) if text.isdecimal() else 1, _MOST)


async def sleep(seconds: float) -> None:
    """Let time pass, on whichever loop this is."""
    trio = sys.modules.get("trio")
    if trio is not None and _is_running(trio):
        await trio.sleep(seconds)
    else:
        import asyncio  # late: whoever awaits has it, but for trio alone

        await asyncio.sleep(seconds)


def _is_running(trio: Any) -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:  # asyncio's turn
        return False
    return True


# One request on an HTTP/1.1 connection, from its first byte to the end of its response.


_UPGRADE = frozenset(("upgrade",))
_CONTINUE = (100,)  # http.client takes every other one for the answer


class Transfer:
    """What is sent and received for one request.

    It holds no reader: a response that nobody refers to any more has to be collected, since that
    is what closes its reader, and so ends it.

    :param base: scheme and authority of the connection, ``https://api.example.com``.
    :param client: what sends it.
    :param begun: its exchange, None where it is no cassette's; or what makes it of method and URI,
        once these are read, for bytes that come without a word of their client's.
    """

    __slots__ = (
        "_begun",
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

    def __init__(
        self,
        base: str,
        client: Client,
        begun: Exchange | Callable[[str, str], Exchange | None] | None,
    ) -> None:
        self.base = base
        self._begun = begun
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
        begun, self._begun = self._begun, None
        exchange = begun(written.method, self.uri) if callable(begun) else begun
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
