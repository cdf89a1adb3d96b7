"""The bodies of httpx and httpx2: what is sent and received live, and what is played."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from functools import lru_cache
from itertools import accumulate
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.models import Arrival, Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from pytest_reqord.models import Failure
    from pytest_reqord.seam import Exchange

__all__ = [
    "Head",
    "Live",
    "Played",
    "Sent",
    "Teed",
    "decode_headers",
    "is_chunked",
    "is_cut",
    "split",
]

READ_SIZE = 64 * 1024
"""The most that these clients take from a connection at once, in bytes."""

PAUSE = 0.02
"""Body bytes that come this many seconds after the ones before them are an arrival of their own."""

_BODILESS = frozenset((204, 304))


class Head(NamedTuple):
    """A request without its body."""

    method: str
    uri: str
    headers: Headers

    def with_body(self, pieces: Iterable[bytes]) -> Request:
        """The whole request."""
        return Request(self.method, self.uri, self.headers, b"".join(pieces))


class Live:
    """A request that goes live and what has been seen of its response so far.

    :param exchange: takes the recording.
    :param sent_head: the request's head.
    :param sent: the pieces of the request's body, which may still grow.
    """

    __slots__ = (
        "_arrivals",
        "_exchange",
        "_head",
        "_is_over",
        "_last",
        "_pause",
        "_pieces",
        "_sent",
        "_sent_head",
        "_size",
        "_started",
    )

    def __init__(self, exchange: Exchange, sent_head: Head, sent: Sequence[bytes]) -> None:
        self._exchange = exchange
        self._sent_head = sent_head
        self._sent = sent
        self._started = self._last = perf_counter()
        self._head: Response
        self._pieces: list[bytes] = []
        self._arrivals: list[Arrival] = []
        self._size = 0
        self._pause = PAUSE
        self._is_over = False

    @property
    def request(self) -> Request:
        """The request with the body that has been sent."""
        return self._sent_head.with_body(self._sent)

    def begin(self, client_response: Any) -> None:
        """The head of the response is here."""
        extensions = client_response.extensions
        self._head = Response(
            client_response.status_code,
            extensions.get("reason_phrase", b"").decode("latin-1"),
            decode_headers(tuple(client_response.headers.raw)),
            b"",
            extensions.get("http_version", b"HTTP/1.1").decode("latin-1").removeprefix("HTTP/"),
        )
        self._last = perf_counter()
        if "event-stream" in self._head.headers.get("content-type", ""):
            self._pause = 0.0  # every event is one, however fast they come
        self._exchange.finish_with(self.finish)

    def add(self, piece: bytes) -> None:
        """A piece of the body is here."""
        if not piece:  # an HTTP/2 frame that only ends the stream
            return
        self._notice_arrival()
        self._pieces.append(piece)
        self._size += len(piece)

    def end(self) -> None:
        """The body has ended as it should."""
        self._notice_arrival()
        self._record(complete=True)

    def cut(self) -> None:
        """The server ended the body too early; `is_cut` knows it by the time of that end."""
        self._arrivals.append(Arrival(self._size, self._seconds()))
        self._record(complete=False)

    def break_off(self, failure: Failure) -> None:
        """The connection broke in the body."""
        self._record(complete=False, broken=failure)

    def finish(self) -> None:
        """Nobody reads any further: record what there is."""
        if not self._is_over:
            self._record(complete=self._is_whole())

    def _seconds(self) -> float:
        return round(perf_counter() - self._started, 6)

    def _notice_arrival(self) -> None:
        now = perf_counter()
        if now - self._last >= self._pause:
            self._arrivals.append(Arrival(self._size, round(now - self._started, 6)))
        self._last = now

    def _is_whole(self) -> bool:
        """Whether all of a body is here whose end was never asked for."""
        head = self._head
        if self._sent_head.method == "HEAD" or head.status in _BODILESS:
            return True
        return not is_chunked(head) and head.headers.get("content-length") == str(self._size)

    def _record(self, *, complete: bool, broken: Failure | None = None) -> None:
        self._is_over = True
        head = self._head
        sizes = None
        # HTTP/2 has no chunks, but its frames reach the reader in the same way
        if is_chunked(head) or (head.http_version[:1] != "1" and len(self._pieces) > 1):
            sizes = tuple(map(len, self._pieces))
        response = Response(
            head.status,
            head.reason,
            head.headers,
            b"".join(self._pieces),
            head.http_version,
            chunks=sizes,
            arrivals=tuple(self._arrivals),
            complete=complete,
            broken=broken,
        )
        self._exchange.record(self.request, response)


class Sent:
    """A request's body that is kept while it is sent; becomes a byte stream of the library's."""

    def __init__(self, stream: Any, pieces: list[bytes]) -> None:
        self._stream = stream
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._pieces.append(piece)
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with _closing(self._stream) as pieces:
            async for piece in pieces:
                self._pieces.append(piece)
                yield piece


class Held:
    """A request's body that was held back until it was known that it goes live."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Teed:
    """A response's body that is kept while the client reads it, piece by piece as it comes.

    :param stream: the body.
    :param live: what keeps it.
    :param broken: the library's class of errors for a body that breaks off.
    :param describe: makes a failure of such an error; None where the server just stopped.
    """

    def __init__(
        self,
        stream: Any,
        live: Live,
        broken: type[Exception],
        describe: Callable[[BaseException], Failure | None],
    ) -> None:
        self._stream = stream
        self._live = live
        self._broken = broken
        self._describe = describe

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._stream:
                self._live.add(piece)
                yield piece
        except self._broken as error:
            self._break_off(error)
            raise
        self._live.end()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async with _closing(self._stream) as pieces:
                async for piece in pieces:
                    self._live.add(piece)
                    yield piece
        except self._broken as error:
            self._break_off(error)
            raise
        self._live.end()

    def _break_off(self, error: BaseException) -> None:
        failure = self._describe(error)
        if failure is None:
            self._live.cut()
        else:
            self._live.break_off(failure)

    def close(self) -> None:
        """Give the connection back; what has not been read by now never will be."""
        try:
            self._stream.close()
        finally:
            self._live.finish()

    async def aclose(self) -> None:
        """As `close`."""
        try:
            await self._stream.aclose()
        finally:
            self._live.finish()


class Played:
    """A response's body from a recording.

    :param response: the recorded response.
    :param break_off: gives the error for one that isn't complete and is read to its end.
    """

    def __init__(self, response: Response, break_off: Callable[[Response], Exception]) -> None:
        self._response = response
        self._break_off = break_off

    def __iter__(self) -> Iterator[bytes]:
        yield from split(self._response)
        if not self._response.complete:
            raise self._break_off(self._response)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        """There is no connection to give back."""

    async def aclose(self) -> None:
        """There is no connection to give back."""


def _closing(stream: Any) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    """Iterate over a stream and close its generator, which trio warns of where it is forgotten."""
    pieces = aiter(stream)
    return aclosing(pieces) if hasattr(pieces, "aclose") else nullcontext(pieces)


@lru_cache(maxsize=256)  # a client sends nearly the same lines each time
def decode_headers(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """The header lines as they are on the wire."""
    return Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])


def is_chunked(response: Response) -> bool:
    """Whether the body came in chunks."""
    return "chunked" in response.headers.get("transfer-encoding", "").lower()


def is_cut(response: Response) -> bool:
    """Whether it was the server that ended the body too early, and not its reader."""
    size = len(response.body)
    return not response.complete and any(end.offset == size for end in response.arrivals)


def split(response: Response) -> Iterator[bytes]:
    """The body in the pieces in which a client that waits for each would read it."""
    body = response.body
    if not (response.chunks or response.arrivals) and 0 < len(body) <= READ_SIZE:
        yield body
        return
    ends = {len(body), *(arrival.offset for arrival in response.arrivals)}
    if response.chunks:
        ends.update(accumulate(response.chunks))
    start = 0
    for end in sorted(ends):
        for offset in range(start, min(end, len(body)), READ_SIZE):
            yield body[offset : min(offset + READ_SIZE, end)]
        start = end
