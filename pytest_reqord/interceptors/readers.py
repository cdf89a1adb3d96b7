"""What a connection's ``makefile`` gives: readers of a recorded answer, and of the real one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pytest_reqord.clock import monotonic
from pytest_reqord.interceptors import socket_errors
from pytest_reqord.interceptors.framing import to_wire
from pytest_reqord.real import io

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reqord.interceptors.turns import Turn
    from pytest_reqord.models import Failure, Response

__all__ = ["Answer", "Bytes", "Tee", "failing", "refusing"]


class Bytes(io.BytesIO):
    """An answer that comes in one go.

    :param wire: what code finds that looks for the socket below a reader.
    """

    def __init__(self, data: bytes, wire: Any) -> None:
        super().__init__(data)
        self._sock = wire


class Answer:
    """A recorded response on its way to the client.

    :param response: the response.
    :param method: the request's method.
    """

    def __init__(self, response: Response, method: str) -> None:
        self._pieces = to_wire(response, method)
        size = len(response.body)
        is_cut = size in [arrival.offset for arrival in response.arrivals]
        self._error: Callable[[], BaseException] | None = None
        if response.broken is not None:
            self._error = _error_of(response.broken)
        elif not response.complete and not is_cut:
            text = f"the recording ends here: only {size} bytes of this body were read"
            self._error = functools.partial(ConnectionAbortedError, text)

    def reader(self, wire: Any) -> Any:
        """A raw reader of what wasn't read yet."""
        if len(self._pieces) == 1 and self._error is None:
            return Bytes(self._pieces[0], wire)
        return Pieces(self._pieces, self._error, wire)


class Pieces(io.RawIOBase):
    """Gives a message in the pieces in which it came, then the error that it ended in.

    :param error: makes the error; a reader that held it would hold, through its traceback,
        itself and the connection.
    """

    def __init__(
        self, pieces: list[bytes], error: Callable[[], BaseException] | None, wire: Any
    ) -> None:
        super().__init__()
        self._pieces = pieces
        self._start = 0
        self._error = error
        self._sock = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._pieces:
            if self._error is None:
                return 0
            error = self._error()
            self._error = _after(error, self._error)
            raise error
        piece = self._pieces[0]
        start = self._start
        size = min(len(buffer), len(piece) - start)
        buffer[:size] = memoryview(piece)[start : start + size]
        self._start += size
        if self._start == len(piece):
            del self._pieces[0]
            self._start = 0
        return size


def _after(
    error: BaseException, again: Callable[[], BaseException]
) -> Callable[[], BaseException] | None:
    """What a socket raises that is read again after an error; None for its end."""
    if isinstance(error, TimeoutError):
        return functools.partial(OSError, "cannot read from timed out object")
    return None if getattr(error, "errno", None) else again


def failing(failure: Failure, wire: Any) -> Any:
    """A raw reader of what came in place of a response."""
    pieces = [piece for piece in (socket_errors.received(failure),) if piece]
    return Pieces(pieces, _error_of(failure), wire)


def _error_of(failure: Failure) -> Callable[[], BaseException] | None:
    """Makes the error that a reader raises in the end, where there was one."""
    if not socket_errors.is_broken(failure):
        return None
    return functools.partial(socket_errors.revive, failure)


def refusing(error: BaseException, wire: Any) -> Any:
    """A raw reader that raises an error in place of a response."""
    return Pieces([], lambda: error, wire)


class Tee(io.RawIOBase):
    """Reads from the real connection and keeps what came for the turn.

    :param raw: an unbuffered reader of the real socket.
    """

    def __init__(self, raw: io.RawIOBase, turn: Turn) -> None:
        super().__init__()
        self._raw = raw
        self._turn = turn
        turn.is_read = True

    @property
    def _sock(self) -> Any:
        return getattr(self._raw, "_sock", None)

    def readable(self) -> bool:
        """Always; see `io.RawIOBase`."""
        return True

    def fileno(self) -> int:
        """The real connection's descriptor."""
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:
        """Read what there is, and keep a copy."""
        since = monotonic()
        try:
            size = self._raw.readinto(buffer)
        except OSError as error:
            self._turn.break_off(error)
            raise
        if size is not None:
            self._turn.receive(bytes(memoryview(buffer)[:size]), since)
        return size

    def close(self) -> None:
        """Close the real reader; that ends the response."""
        if not self.closed:
            super().close()
            self._raw.close()
            self._turn.is_read = False
            self._turn.close_reader()
