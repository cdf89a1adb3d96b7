"""Play and record at the protocol of a urllib3-future connection: HTTP/1.1, 2 and 3 alike.

A stream is one request and its live answer; events are made of a recorded answer; and a stand-in
for the protocol hands out one or the other.
"""

from __future__ import annotations

import itertools
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Client, Failure, Response
from pytest_reqord.base.seam import Route
from pytest_reqord.interceptors import active, recorder, socket_errors
from pytest_reqord.interceptors.added_headers import by_http_client
from pytest_reqord.interceptors.framing import SWITCHED, is_bodiless, is_websocket
from pytest_reqord.interceptors.recorder import Arriving, Head, decode_headers, is_cut
from pytest_reqord.interceptors.urllib3_future import package
from pytest_reqord.interceptors.urllib3_future.package import (
    base,
    describe_end,
    describe_reset,
    is_stop,
    sibling,
    use_version,
    version,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.base.seam import Exchange

__all__ = ["GoesLive", "Reply", "Stream", "Twin", "asks_for_websocket", "head_of", "reply"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_reqord.base.models import Request
    from pytest_reqord.base.seam import Exchange

    Pairs = Sequence[tuple[bytes, bytes]]


class Stream:
    """One request on its way, and what came back.

    :param exchange: what decides about it; None where nothing does.
    :param http_version: what its connection speaks.
    """

    def __init__(self, head: Head, exchange: Exchange | None, http_version: str) -> None:
        self.head = head
        self.exchange = exchange
        self.sent: list[bytes] = []
        self._http_version = http_version
        self._arriving: Arriving | None = None
        self._interim: list[int] = []
        self._failure: Failure | None = None
        self._is_live = exchange is None or exchange.route is Route.RECORD
        self._started = monotonic()

    @property
    def is_held(self) -> bool:
        """Whether it is not known yet if the request goes live."""
        return not self._is_live

    def go_live(self) -> None:
        """The request goes live."""
        self._is_live = True

    @property
    def request(self) -> Request:
        """The request with the body that was sent."""
        return self.head.with_body(self.sent)

    def take(self, event: Any) -> None:
        """Keep what an event brings; the last one of a stream ends the exchange."""
        kind = type(event).__name__
        if kind == "StreamResetReceived":
            self.end(describe_reset(event))
        elif kind in ("EarlyHeadersReceived", "HeadersReceived"):
            self._take_headers(event, is_early=kind.startswith("Early"))
        elif kind == "DataReceived" and self._arriving is not None:
            self._failure = None
            self._arriving.add(bytes(event.data))
            if event.end_stream:
                self._complete()

    def _take_headers(self, event: Any, *, is_early: bool) -> None:
        if self.exchange is None:
            return
        # h11's own have the names in lower case unless asked for what came
        raw = event.headers.raw_items() if hasattr(event.headers, "raw_items") else event.headers
        pairs = tuple(pair for pair in raw if pair[0][:1] != b":")
        if self._arriving is not None:
            self._complete(pairs)
            return
        status = next(int(value) for name, value in raw if name == b":status")
        if status == SWITCHED:
            self.end()
            active.meet_unsupported("urllib3-future's upgraded connection", "", self.head.uri)
            return
        if is_early:
            self._interim.append(status)
            return
        self._arriving = self._begin(self.exchange, status, pairs)
        if event.end_stream:
            self._complete()

    def _begin(self, exchange: Exchange, status: int, pairs: Pairs) -> Arriving:
        reason = _phrase(status) if self._http_version == "1.1" else ""
        head = Response(
            status,
            reason,
            decode_headers(tuple(pairs)),
            b"",
            self._http_version,
            interim=tuple(self._interim),
        )
        self._failure = None
        arriving = Arriving(exchange, self.head, self.sent)
        arriving.begin(head)
        return arriving

    def _complete(self, trailers: Pairs = ()) -> None:
        if self.exchange is not None and self._arriving is not None:
            self._arriving.end(decode_headers(tuple(trailers)))
        self.exchange = None

    def break_off(self, failure: Failure) -> None:
        """A read or a write failed. That is no end yet: after a timeout a client may read on."""
        self._failure = failure

    def cancelled(self) -> Failure:
        """What it ended in if whoever waited for it was cancelled just now."""
        return recorder.describe_cancelled(monotonic() - self._started)

    def terminate(self, event: Any) -> None:
        """The connection has ended, and with it what is still on its way."""
        if self._arriving is not None and is_stop(event):
            if self.exchange is not None:
                self._arriving.cut()
            self.exchange = None
        else:
            self.end(describe_end(event))

    def end(self, failure: Failure | None = None) -> None:
        """No more events come.

        :param failure: why; None where it isn't known, or the client wants no more.
        """
        failure = failure or self._failure
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if self._arriving is not None:
            if failure is None:
                self._arriving.finish()
            else:
                self._arriving.break_off(failure)
        elif failure is None:
            exchange.discard()
        else:
            exchange.fail(self.request, failure)


def head_of(pairs: Pairs, connection: Any) -> Head:
    """The head of a request, its headers as they stand on the wire.

    :param pairs: as a connection hands them to its protocol, which takes HTTP/2's for all versions.
    """
    pseudo = {name.decode(): value.decode("latin-1") for name, value in pairs if name[:1] == b":"}
    plain = [(name, value) for name, value in pairs if name[:1] != b":"]
    authority = pseudo[":authority"]
    if version(connection) == "1.1":
        plain = [(_capitalized(name), value) for name, value in plain]
        if not any(name == b"Host" for name, _ in plain):
            plain.insert(0, (b"Host", authority.encode("latin-1")))
    path = pseudo.get(":path", "")
    uri = path if "://" in path else f"{_origin(authority, connection)}{path}"
    return Head(pseudo[":method"], uri, decode_headers(tuple(plain)))


def _origin(authority: str, connection: Any) -> str:
    """Scheme and authority of the request, less the port of an ``Alt-Svc``."""
    name, _, port = authority.rpartition(":")
    if name and port == str(connection.port):
        place = base(connection)
        if place.rpartition(":")[2] != port:
            return place
    return f"{connection.scheme}://{authority}"


def asks_for_websocket(pairs: Pairs) -> bool:
    """Whether a request asks for a WebSocket, over HTTP/1.1 or, by RFC 8441, over HTTP/2."""
    names = (b":protocol", b"upgrade")
    return any(is_websocket(value.decode("latin-1")) for name, value in pairs if name in names)


def _capitalized(name: bytes) -> bytes:
    return b"-".join(part.capitalize() for part in name.split(b"-"))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


# What comes out of a protocol of urllib3-future for a recorded answer.

_CLIENT = Client("urllib3", by_http_client)


class Reply(NamedTuple):
    """What comes for one request.

    :param events: the protocol's events; an exception is to be raised.
    :param ending: those that come once the connection has ended.
    """

    events: list[Any]
    ending: list[Any]


def reply(answer: Response | Failure, method: str, stream_id: int, connection: Any) -> Reply:
    """The events of a recorded answer to a request."""
    kinds = sibling(connection, "contrib.hface.events")
    if isinstance(answer, Response):
        events = list(_events(answer, method, stream_id, kinds))
        if answer.complete:
            return Reply(events, [])
        if answer.broken is None:
            return Reply(events, [_end(answer, kinds)])
        failure = answer.broken
    else:
        events, failure = [], answer
    now, later = package.broken(failure, stream_id, connection)
    return Reply([*events, *now], later)


def _events(response: Response, method: str, stream_id: int, kinds: Any) -> Iterator[Any]:
    for status in response.interim:
        yield kinds.EarlyHeadersReceived(stream_id, [(b":status", b"%d" % status)])
    headers = [(_encode(name), _encode(value)) for name, value in response.headers.pairs]
    is_empty = response.http_version[:1] != "1" and is_bodiless(method, response.status)
    yield kinds.HeadersReceived(
        stream_id, [(b":status", b"%d" % response.status), *headers], end_stream=is_empty
    )
    if is_empty:
        return
    for piece in _pieces(response):
        yield kinds.DataReceived(stream_id, piece)
    if response.trailers.pairs:
        trailers = [
            (_encode(name.lower()), _encode(value)) for name, value in response.trailers.pairs
        ]
        yield kinds.HeadersReceived(stream_id, trailers, end_stream=True)
    elif response.complete:
        yield kinds.DataReceived(stream_id, b"", end_stream=True)


def _encode(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # only in a cassette of another tool, or one edited by hand
        return text.encode()


def _end(response: Response, kinds: Any) -> Any:
    """The end of a body that its server cut off, or that was read no further."""
    is_h1 = response.http_version[:1] == "1"
    code = package.BAD_REQUEST if is_h1 else package.PROTOCOL_ERROR
    if not is_cut(response):
        return kinds.ConnectionTerminated(code, "the recording ends here")
    if not is_h1:
        return kinds.ConnectionTerminated(code, package.CUT_STREAM)
    expected = response.headers.get("content-length")
    missing = f"received {len(response.body)} bytes, expected {expected}"
    reason = missing if expected else "incomplete chunked read"
    return kinds.ConnectionTerminated(code, f"{package.CUT} ({reason})")


def _pieces(response: Response) -> Iterator[bytes]:
    """The body as it came: frame by frame, or cut where parts of it arrived later."""
    body = response.body
    ends = set(itertools.accumulate(response.chunks or ()))
    ends.update(arrival.offset for arrival in response.arrivals)
    places = sorted({0, len(body), *(min(end, len(body)) for end in ends)})
    yield from (body[start:end] for start, end in itertools.pairwise(places))


# What stands between a connection of urllib3-future and its protocol: HTTP/1.1, 2 or 3.
#
# That protocol is a state machine without sockets: requests are submitted to it, and events come
# out of it. So the same code plays and records for all three, sync and async.


_OURS = 1 << 32
"""From here on the numbers are of requests that are held, so that no live one has them, too."""


class GoesLive(Exception):
    """A request that was held isn't to be played: it has to be made anew, live.

    :param stream: the request.
    :param is_read: whether its body has been read, and is in `Stream.sent`.
    """

    def __init__(self, stream: Stream, *, is_read: bool) -> None:
        super().__init__(stream.head.uri)
        self.stream = stream
        self.is_read = is_read


class _Played:
    """What is left of an answer.

    :param http_version: of the response; empty for a failure.
    """

    def __init__(self, answer: Reply, http_version: str) -> None:
        self.events = deque(answer.events)
        self.ending = answer.ending
        self.http_version = http_version

    def end(self) -> None:
        """The connection has ended."""
        self.events.extend(self.ending)
        self.ending = []


class Twin:
    """A protocol that plays, or records what the real one does.

    :param connection: the connection that uses it.
    :param real: its protocol; an idle one where there is no connection.
    """

    def __init__(self, connection: Any, real: Any) -> None:
        self._connection = connection
        self._real = real
        self._numbers = itertools.count(_OURS)
        self._streams: dict[int, Stream] = {}
        self._played: dict[int, _Played] = {}
        self._reshelved: set[int] = set()
        self._given: Stream | Failure | None = None
        self._last: Stream | None = None
        self.holds = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def give(self, decided: Stream | Failure) -> None:
        """Have the next request be this one, gone live; or be answered with a failure."""
        self._given = decided

    async def room(self) -> None:
        """Wait until the last request can be recorded without holding up its loop."""
        if self._last is not None and self._last.exchange is not None:
            await self._last.exchange.room()

    # what is sent

    def get_available_stream_id(self) -> int:
        """A number for the next request."""
        if self.holds:
            return next(self._numbers)
        number: int = self._real.get_available_stream_id()
        return number

    def submit_headers(self, stream_id: int, headers: Any, end_stream: bool = False) -> None:
        """Start a request."""
        head = head_of(headers, self._connection)
        given, self._given = self._given, None
        if isinstance(given, Failure):
            self._answer(stream_id, head.method, given)
            return
        exchange = given.exchange if given is not None else _begin(head, headers)
        stream = Stream(head, exchange, version(self._connection))
        if given is not None or not stream.is_held:
            if stream_id >= _OURS:
                raise GoesLive(stream, is_read=False)
            self._go_live(stream_id, stream, headers, end_stream=end_stream)
            return
        self._streams[stream_id] = stream
        if end_stream:
            self._decide(stream_id, stream)

    def _go_live(self, stream_id: int, stream: Stream, headers: Any, *, end_stream: bool) -> None:
        self._streams[stream_id] = self._last = stream
        stream.go_live()
        self._real.submit_headers(stream_id, headers, end_stream)

    def submit_data(self, stream_id: int, data: bytes, end_stream: bool = False) -> None:
        """Send a part of a request's body."""
        stream = self._streams.get(stream_id)
        if stream is not None and data:
            stream.sent.append(bytes(data))
        if stream_id in self._played:  # a failure doesn't wait for a body
            return
        if stream is None or not stream.is_held:
            self._real.submit_data(stream_id, data, end_stream)
        elif end_stream:
            self._decide(stream_id, stream)

    def should_wait_remote_flow_control(self, stream_id: int, amt: int) -> bool | None:
        """Whether a part of a body has to wait; what is held back doesn't."""
        if stream_id >= _OURS:
            return None
        wait: bool | None = self._real.should_wait_remote_flow_control(stream_id, amt)
        return wait

    def submit_stream_reset(self, stream_id: int, error_code: int = 0) -> None:
        """Nobody reads any further."""
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            stream.end()
        if self._played.pop(stream_id, None) is None:
            self._real.submit_stream_reset(stream_id, error_code)

    def submit_close(self, error_code: int = 0) -> None:
        """The client closes the connection."""
        for stream in self._streams.values():
            stream.end()
        self._streams.clear()
        self._real.submit_close(error_code)

    def _decide(self, stream_id: int, stream: Stream) -> None:
        exchange = self._streams.pop(stream_id).exchange
        answer = exchange.play(stream.request) if exchange is not None else None
        if answer is None:
            raise GoesLive(stream, is_read=True)
        self._answer(stream_id, stream.head.method, answer)

    def _answer(self, stream_id: int, method: str, answer: Response | Failure) -> None:
        connection = self._connection
        if isinstance(answer, Failure) and package.is_of_connect(answer):
            connection._has_connected_to_proxy = False  # noqa: SLF001 -- decides whose error it is
            raise package.of_connect(answer, connection)
        spoken = answer.http_version if isinstance(answer, Response) else ""
        self._played[stream_id] = _Played(reply(answer, method, stream_id, connection), spoken)

    # what comes

    def next_event(self, stream_id: int | None = None) -> Any:
        """What came next, recorded or live; None where nothing did yet."""
        number = self._next_played(stream_id)
        if number is not None:
            return self._next_of(number)
        event = self._real.next_event(stream_id)
        if event is None or id(event) in self._reshelved:
            self._reshelved.discard(id(event))
        else:
            self._keep(event)
        return event

    def _next_played(self, stream_id: int | None) -> int | None:
        if stream_id is not None:
            return stream_id if stream_id in self._played else None
        return next((number for number, left in self._played.items() if left.events), None)

    def _next_of(self, number: int) -> Any:
        played = self._played[number]
        if not played.events:
            return None
        event = played.events.popleft()
        if not played.events and not played.ending:
            del self._played[number]
        if isinstance(event, BaseException):
            raise event
        if played.http_version:
            use_version(self._connection, played.http_version)
        return event

    def _keep(self, event: Any) -> None:
        """Have what came live recorded."""
        number = getattr(event, "stream_id", None)
        if number is None:
            if type(event).__name__ == "ConnectionTerminated":
                for stream in self._streams.values():
                    stream.terminate(event)
                self._streams.clear()
            return
        if number in self._streams:
            self._streams[number].take(event)
            if getattr(event, "end_stream", False):
                del self._streams[number]

    def break_off(self, stream_id: int | None, error: BaseException) -> None:
        """Reading or writing raised an error: for one request, or for all of them."""
        if not isinstance(error, OSError):
            return  # made of an event that has been kept already
        failure = socket_errors.describe(error)
        for stream in self._asked(stream_id):
            stream.break_off(failure)

    def cancel(self, stream_id: int | None) -> None:
        """Whoever reads was cancelled: for one request, or for all of them."""
        for stream in self._asked(stream_id):
            stream.break_off(stream.cancelled())

    def _asked(self, stream_id: int | None) -> Iterator[Stream]:
        return (one for number, one in self._streams.items() if stream_id in (None, number))

    def events(self, stream_id: int | None = None) -> Iterator[Any]:
        """All that came."""
        while (event := self.next_event(stream_id)) is not None:
            yield event

    def has_pending_event(
        self, *, stream_id: int | None = None, excl_event: tuple[type, ...] | None = None
    ) -> bool:
        """Whether something came."""
        queues = [
            played.events for number, played in self._played.items() if stream_id in (None, number)
        ]
        if any(not isinstance(event, excl_event or ()) for queue in queues for event in queue):
            return True
        return bool(self._real.has_pending_event(stream_id=stream_id, excl_event=excl_event))

    def reshelve(self, *events: Any) -> None:
        """Put events back."""
        live = []
        for event in events:
            played = self._played.get(getattr(event, "stream_id", 0))
            if played is None:
                live.append(event)
            else:
                played.events.appendleft(event)
        self._reshelved.update(map(id, live))
        self._real.reshelve(*live)

    def eof_received(self) -> None:
        """The connection has ended in good order."""
        self._lose("eof_received")

    def connection_lost(self) -> None:
        """The connection has ended."""
        self._lose("connection_lost")

    def _lose(self, how: str) -> None:
        for played in self._played.values():
            played.end()
        if not self._played:
            getattr(self._real, how, self._real.connection_lost)()

    def is_idle(self) -> bool:
        """Whether nothing is on its way."""
        return not self._played and bool(self._real.is_idle())

    def is_available(self) -> bool:
        """Whether another request may start."""
        return (self._real.multiplexed or not self._played) and bool(self._real.is_available())


def _begin(head: Head, headers: Any) -> Exchange | None:
    if asks_for_websocket(headers):
        active.meet_unsupported("urllib3-future's WebSocket", "", head.uri)
        return None
    exchange = active.begin(head.method, head.uri)
    if exchange is not None:
        exchange.client = _CLIENT
    return exchange
