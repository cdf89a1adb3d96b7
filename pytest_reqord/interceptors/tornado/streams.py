"""What tornado's simple client reads from and writes to: a stream to nowhere, and a real one teed."""

from __future__ import annotations

import sys
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.models import Failure, Request, Response
from pytest_reqord.interceptors import socket_errors
from pytest_reqord.interceptors.framing import parse_request
from pytest_reqord.interceptors.recorder import CONTINUE, Received, Written, is_broken_off, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reqord.base.seam import Exchange

__all__ = ["Tee", "break_off", "to_nowhere"]


def to_nowhere(size: int, take: Callable[[Written], None]) -> Any:
    """A stream to nowhere.

    :param size: how much of a body it may hold, in bytes.
    :param take: takes the request when it is complete; it is to feed the stream.
    """
    return _stream_class()(size, take)


@cache
def _stream_class() -> Any:
    return type("IOStream", (_Nowhere, sys.modules["tornado.iostream"].BaseIOStream), {})


class _Nowhere:
    """The part of a `tornado.iostream.BaseIOStream` that is a socket in other streams."""

    io_loop: Any
    closed: Callable[[], bool]
    reading: Callable[[], bool]
    close: Callable[..., None]
    _handle_read: Callable[[], None]

    def __init__(self, size: int, take: Callable[[Written], None]) -> None:
        super().__init__(max_buffer_size=size)  # type: ignore[call-arg]
        self._take = take
        self._written: Written | None = Written()
        self._inbox = bytearray()
        self._pieces: deque[tuple[bytes | None, float]] = deque()
        self._is_ended = False
        self._is_due = False
        self._end: Callable[[], None] = self.end
        self.real: Any = None
        self.was_continued = False

    # what a stream asks of its socket

    def write_to_fd(self, data: memoryview) -> int:
        """Take bytes of the request."""
        size, written = len(data), self._written
        if written is None:
            return size
        if written.add(data):
            self._written = None
            self.io_loop.add_callback(self._take, written)
        elif written.awaits_continue:
            written.awaits_continue = False
            self.was_continued = True
            self.io_loop.add_callback(self.feed, CONTINUE)
        return size

    def read_from_fd(self, buffer: Any) -> int | None:
        """Give bytes of the response; None for none as yet, 0 for its end."""
        size = min(len(buffer), len(self._inbox))
        if size:
            buffer[:size] = self._inbox[:size]
            del self._inbox[:size]
            return size
        return 0 if self._is_ended else None

    def fileno(self) -> int:
        """There is no file."""
        return -1

    def close_fd(self) -> None:
        """Close the real stream, if there is one."""
        if self.real is not None:
            self.real.close()

    def get_fd_error(self) -> None:
        """Nothing goes wrong with no file."""

    def _add_io_state(self, _: int) -> None:
        """Somebody may be waiting to read."""
        self._hurry()

    # the answer

    def respond(self, response: Response, method: str, end: Callable[[], None]) -> None:
        """Answer; what arrived late comes when it is waited for.

        :param end: ends the connection where the response does.
        """
        self._end = end
        self._pieces.extend(pieces(response, method))
        self._deliver()

    def feed(self, data: bytes) -> None:
        """Have some bytes arrive."""
        if self.closed():
            return
        self._inbox += data
        self._read()

    def end(self) -> None:
        """Have the other side close the connection."""
        self._is_ended = True
        if not self.closed():
            self._read()

    def _read(self) -> None:
        try:
            self._handle_read()
        except Exception:  # noqa: BLE001 -- as for a real socket: whoever reads is told
            self.close(exc_info=sys.exc_info())

    def _hurry(self) -> None:
        if self._pieces and not self._is_due and self.reading():
            self._is_due = True
            self.io_loop.add_callback(self._deliver)

    def _deliver(self) -> None:
        self._is_due = False
        if not self._pieces or self.closed():
            return
        is_first = True
        while self._pieces and (is_first or self._pieces[0][1] == 0):
            piece, _ = self._pieces.popleft()
            if piece is None:
                self._read()
                self._end()
                return
            self._inbox += piece
            is_first = False
        self._read()
        self._hurry()


class Tee:
    """Keeps what goes over a real stream, until that is closed.

    :param stream: the stream; it serves one request.
    :param started: when the request was started, by `monotonic`.
    """

    def __init__(
        self, exchange: Exchange, method: str, uri: str, stream: Any, started: float
    ) -> None:
        self.error: BaseException | None = None
        self._exchange = exchange
        self._method = method
        self._uri = uri
        self._sent: list[bytes] = []
        self._received = Received(started)
        self._lost: OSError | None = None
        self._is_done = False
        self._read, self._write, self._close = (
            stream.read_from_fd,
            stream.write_to_fd,
            stream.close,
        )
        stream.read_from_fd, stream.write_to_fd, stream.close = self.read, self.write, self.close
        exchange.finish_with(self.record)

    def read(self, buffer: Any) -> int | None:
        """Receive."""
        try:
            size: int | None = self._read(buffer)
        except OSError as error:
            self._received.is_ended, self._lost = True, error
            raise
        if size is not None and not self._is_done:
            self._received.add(bytes(memoryview(buffer)[:size]))
        return size

    def write(self, data: memoryview) -> int:
        """Send."""
        if self._is_done:
            return int(self._write(data))
        kept = bytes(data)
        size: int = self._write(data)
        self._sent.append(kept[:size])
        return size

    def close(self, *arguments: Any, **options: Any) -> None:
        """Close, and record what there is."""
        self.record()
        self._close(*arguments, **options)

    def record(self) -> None:
        """Nothing more will come, or nobody is there to take it."""
        if self._is_done:
            return
        self._is_done = True
        sent = parse_request(b"".join(self._sent))
        request = Request(self._method, self._uri, sent.headers, sent.body)
        response = self._received.response(self._method)
        if response is not None:
            if not (response.complete or response.broken):
                response = response._replace(broken=self._break())
            self._exchange.record(request, response)
        elif failure := self._break() or self._end():
            received = self._received.raw
            self._exchange.fail(request, socket_errors.add_received(failure, received))
        else:
            self._exchange.discard()

    def _break(self) -> Failure | None:
        """What the connection broke with; None where it didn't."""
        if self._lost is not None:
            return socket_errors.describe(self._lost)
        if isinstance(self.error, Exception) and not self._received.is_ended:
            return Failure("tornado.simple_httpclient.HTTPTimeoutError", str(self.error))
        return None

    def _end(self) -> Failure | None:
        raw = self._received.raw
        return socket_errors.describe_end(raw, is_ended=self._received.is_ended or bool(raw))


def break_off(response: Response) -> Exception | None:
    """The client's error for a recorded body that was not read to its end."""
    if not is_broken_off(response):
        return None
    size = len(response.body)
    message = f"the recording ends here: it has the {size} bytes of this body that were read"
    error: Exception = sys.modules["tornado.simple_httpclient"].HTTPStreamClosedError(message)
    return error
