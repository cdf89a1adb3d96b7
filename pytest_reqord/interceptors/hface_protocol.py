"""What stands between a connection of urllib3-future and its protocol: HTTP/1.1, 2 or 3.

That protocol is a state machine without sockets: requests are submitted to it, and events come
out of it. So the same code plays and records for all three, sync and async.
"""

from __future__ import annotations

import itertools
import sys
from collections import deque
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active
from pytest_reqord.interceptors.httpx_streams import Head, Live, decode_headers
from pytest_reqord.models import Response
from pytest_reqord.seam import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_reqord.models import Request
    from pytest_reqord.seam import Exchange

    Pairs = Sequence[tuple[bytes, bytes]]

__all__ = ["Twin"]

_SWITCHING = 101
_VERSIONS = {"1": "h11", "2": "h2", "3": "h3"}
_NO_CHUNK = "incomplete chunked read"
_CUT = 1  # the error code of a connection that ended before the body did


class Stream:
    """One request on its way, and what came back.

    :param pairs: its headers as the protocol takes them.
    """

    def __init__(self, pairs: Pairs, head: Head, exchange: Exchange | None) -> None:
        self.pairs = pairs
        self.head = head
        self.exchange = exchange
        self.sent: list[bytes] = []
        self.live: Live | None = None
        self.http_version = "1.1"

    @property
    def is_held(self) -> bool:
        """Whether it is not known yet if the request goes live."""
        return self.exchange is not None and self.exchange.route is not Route.RECORD

    @property
    def request(self) -> Request:
        """The request with the body that was sent."""
        return self.head.with_body(self.sent)

    def take(self, event: Any) -> None:
        """Keep what an event of a live stream brings."""
        if self.exchange is None:
            return
        headers = getattr(event, "headers", None)
        if headers is not None and self.live is None:
            self._begin(event, headers)
        elif headers is None and self.live is not None and hasattr(event, "data"):
            self.live.add(event.data)
        if self.live is not None and getattr(event, "end_stream", False):
            self.live.end()
            self.exchange = None

    def _begin(self, event: Any, headers: Pairs) -> None:
        status = next(int(value) for name, value in headers if name == b":status")
        if status == _SWITCHING:
            self.end()
            reason = "a connection that becomes a WebSocket can't be recorded"
            raise UnsupportedClient("urllib3-future", "", reason)
        if type(event).__name__.startswith("Early"):
            return
        version, raw = self.http_version, [pair for pair in headers if pair[0][:1] != b":"]
        reason = _phrase(status) if version == "1.1" else ""
        self.live = Live(self.exchange, self.head, self.sent)  # type: ignore[arg-type]
        extensions = {"http_version": version.encode(), "reason_phrase": reason.encode()}
        self.live.begin(
            SimpleNamespace(
                status_code=status, headers=SimpleNamespace(raw=raw), extensions=extensions
            )
        )

    def end(self, *, is_cut: bool = False) -> None:
        """No more events come."""
        if self.exchange is None:
            return
        if self.live is None:
            self.exchange.discard()
        elif is_cut:
            self.live.cut()
        else:
            self.live.finish()
        self.exchange = None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class Twin:
    """A protocol that plays, or records what the real one does.

    :param connection: the connection that uses it.
    :param real: its protocol; an idle one where there is no connection yet.
    :param connect: makes the connection and gives its protocol; None where there is one.
    """

    def __init__(
        self, connection: Any, real: Any, connect: Callable[[], Any] | None = None
    ) -> None:
        self._connection = connection
        self._real = real
        self._connect = connect
        # ours, for a stream that is played must not have the number of one that is live
        self._numbers = itertools.count(1, 2)
        self._streams: dict[int, Stream] = {}
        self._played: dict[int, deque[Any]] = {}
        self._to_real: dict[int, int] = {}
        self._to_ours: dict[int, int] = {}
        self._reshelved: set[int] = set()

    @property
    def is_live(self) -> bool:
        """Whether there is a connection behind it."""
        return self._connect is None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    # what is sent

    def get_available_stream_id(self) -> int:
        """A number for the next request."""
        return next(self._numbers)

    def submit_headers(self, stream_id: int, headers: Any, end_stream: bool = False) -> None:
        """Start a request."""
        head = _head(headers, self._connection)
        exchange = active.begin(head.method, head.uri)
        stream = self._streams[stream_id] = Stream(tuple(headers), head, exchange)
        if not stream.is_held:
            self._go_live(stream_id, stream, end_stream=end_stream)
        elif end_stream:
            self._decide(stream_id, stream)

    def submit_data(self, stream_id: int, data: bytes, end_stream: bool = False) -> None:
        """Send a part of a request's body."""
        stream = self._streams.get(stream_id)
        if stream is not None and data:
            stream.sent.append(bytes(data))
        if stream is None or not stream.is_held:
            self._real.submit_data(self._real_id(stream_id), data, end_stream)
        elif end_stream:
            self._decide(stream_id, stream)

    def should_wait_remote_flow_control(self, stream_id: int, amt: int) -> bool | None:
        """Whether a part of a body has to wait; what is held back doesn't."""
        if stream_id not in self._to_real:
            return None
        wait: bool | None = self._real.should_wait_remote_flow_control(
            self._real_id(stream_id), amt
        )
        return wait

    def submit_stream_reset(self, stream_id: int, error_code: int = 0) -> None:
        """Nobody reads any further."""
        stream = self._streams.pop(stream_id, None)
        if self._played.pop(stream_id, None) is not None:
            return
        if stream is not None:
            stream.end()
        self._real.submit_stream_reset(self._real_id(stream_id), error_code)

    def submit_close(self, error_code: int = 0) -> None:
        """The client closes the connection."""
        self._end_all()
        self._real.submit_close(error_code)

    def _real_id(self, stream_id: int) -> int:
        return self._to_real.get(stream_id, stream_id)

    def _go_live(self, stream_id: int, stream: Stream, *, end_stream: bool) -> None:
        if self._connect is not None:
            self._real, self._connect = self._connect(), None
            self._connection._protocol = self  # noqa: SLF001 -- where it keeps it
        stream.http_version = _version(self._connection)
        number = self._real.get_available_stream_id()
        self._to_real[stream_id], self._to_ours[number] = number, stream_id
        self._real.submit_headers(number, stream.pairs, end_stream)

    def _decide(self, stream_id: int, stream: Stream) -> None:
        exchange = stream.exchange
        played = exchange.play(stream.request) if exchange is not None else None
        if isinstance(played, Response):
            del self._streams[stream_id]
            self._played[stream_id] = deque(_events(played, stream_id, self._connection))
        elif played is not None:
            errors = _sibling(self._connection, "exceptions")
            raise errors.NewConnectionError(self._connection, played.message)
        else:
            body = b"".join(stream.sent)
            self._go_live(stream_id, stream, end_stream=not body)
            if body:
                self._real.submit_data(self._real_id(stream_id), body, True)

    # what comes

    def next_event(self, stream_id: int | None = None) -> Any:
        """What came next, recorded or live; None where nothing did yet."""
        number = stream_id if stream_id is not None else next(iter(self._played), None)
        if number is not None and number in self._played:
            queue = self._played[number]
            event = queue.popleft()
            if not queue:
                del self._played[number]
            return event
        event = self._real.next_event(None if stream_id is None else self._real_id(stream_id))
        if event is None or id(event) in self._reshelved:
            self._reshelved.discard(id(event))
            return event
        return self._seen(event)

    def _seen(self, event: Any) -> Any:
        number = getattr(event, "stream_id", None)
        if number is None:
            if type(event).__name__ == "ConnectionTerminated":
                self._end_all(is_cut=bool(event.error_code))
            return event
        event.stream_id = ours = self._to_ours.get(number, number)
        stream = self._streams.get(ours)
        if stream is not None:
            if type(event).__name__ == "StreamResetReceived":
                stream.end(is_cut=True)
            else:
                stream.take(event)
            if getattr(event, "end_stream", False):
                del self._streams[ours]
        return event

    def events(self, stream_id: int | None = None) -> Iterator[Any]:
        """All that came."""
        while (event := self.next_event(stream_id)) is not None:
            yield event

    def has_pending_event(
        self, *, stream_id: int | None = None, excl_event: tuple[type, ...] | None = None
    ) -> bool:
        """Whether something came."""
        queues = self._played.values() if stream_id is None else [self._played.get(stream_id, ())]
        if any(not isinstance(event, excl_event or ()) for queue in queues for event in queue):
            return True
        number = None if stream_id is None else self._real_id(stream_id)
        return bool(self._real.has_pending_event(stream_id=number, excl_event=excl_event))

    def reshelve(self, *events: Any) -> None:
        """Put events back."""
        self._reshelved.update(map(id, events))
        for event in events:
            number = getattr(event, "stream_id", None)
            if number is not None:
                event.stream_id = self._to_real.get(number, number)
        self._real.reshelve(*events)

    def is_idle(self) -> bool:
        """Whether nothing is on its way."""
        return not self._played and bool(self._real.is_idle())

    def is_available(self) -> bool:
        """Whether another request may start."""
        return (self._real.multiplexed or not self._played) and bool(self._real.is_available())

    def _end_all(self, *, is_cut: bool = False) -> None:
        for stream in self._streams.values():
            stream.end(is_cut=is_cut)
        self._streams.clear()


def _head(pairs: Pairs, connection: Any) -> Head:
    """The head of a request, headers as they stand on the wire."""
    pseudo = {name.decode(): value.decode("latin-1") for name, value in pairs if name[:1] == b":"}
    plain = [(name, value) for name, value in pairs if name[:1] != b":"]
    if _version(connection) == "1.1":
        plain = [(_capitalized(name), value) for name, value in plain]
        if not any(name == b"Host" for name, _ in plain):
            plain.insert(0, (b"Host", pseudo[":authority"].encode("latin-1")))
    path = pseudo.get(":path", "")
    uri = path if "://" in path else f"{pseudo[':scheme']}://{pseudo[':authority']}{path}"
    return Head(pseudo[":method"], uri, decode_headers(tuple(plain)))


def _capitalized(name: bytes) -> bytes:
    return b"-".join(part.capitalize() for part in name.split(b"-"))


def _version(connection: Any) -> str:
    return {11: "1.1", 20: "2", 30: "3"}.get(connection._http_vsn, "1.1")  # noqa: SLF001


def _events(response: Response, stream_id: int, connection: Any) -> Iterator[Any]:
    """What comes out of the protocol for a recorded response."""
    kinds = _sibling(connection, "contrib.hface.events")
    versions = _sibling(connection, "backend").HttpVersion
    version = getattr(versions, _VERSIONS.get(response.http_version[:1], "h11"))
    connection._svn, connection._cached_http_vsn = version, None  # noqa: SLF001 -- as connected
    if connection.conn_info is not None:
        connection.conn_info.http_version = version
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.pairs
    ]
    yield kinds.HeadersReceived(stream_id, [(b":status", b"%d" % response.status), *headers])
    for piece in _pieces(response):
        yield kinds.DataReceived(stream_id, piece)
    if response.complete:
        yield kinds.DataReceived(stream_id, b"", end_stream=True)
    else:
        yield kinds.ConnectionTerminated(_CUT, _why_cut(response))


def _why_cut(response: Response) -> str:
    """What the protocol says of a body that its server cut off, or that was read no further."""
    size = len(response.body)
    if not any(arrival.offset == size for arrival in response.arrivals):
        return "the recording of this response ends here"
    expected = response.headers.get("content-length")
    missing = f"received {size} bytes, expected {expected}" if expected else _NO_CHUNK
    return f"peer closed connection without sending complete message body ({missing})"


def _pieces(response: Response) -> Iterator[bytes]:
    """The body as it came: frame by frame, or cut where parts of it arrived later."""
    body = response.body
    ends = set(itertools.accumulate(response.chunks or ()))
    ends.update(arrival.offset for arrival in response.arrivals)
    places = sorted({0, len(body), *(min(end, len(body)) for end in ends)})
    yield from (body[start:end] for start, end in itertools.pairwise(places))


def _sibling(connection: Any, name: str) -> Any:
    """A module of the package that a connection belongs to: it has two names."""
    package = next(
        owner.__module__.partition(".")[0]
        for owner in type(connection).__mro__
        if owner.__name__ in ("HfaceBackend", "AsyncHfaceBackend")
    )
    return sys.modules[f"{package}.{name}"]
