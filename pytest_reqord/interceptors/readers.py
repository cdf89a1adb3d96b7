"""What a connection that plays receives: a recorded answer, piece by piece, and how it ends."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pytest_reqord.interceptors import socket_errors
from pytest_reqord.interceptors.framing import SWITCHED, to_wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reqord.models import Failure, Response

__all__ = ["Answer", "answering", "failing", "refusing"]


class Answer:
    """Gives a message in the pieces in which it came, then the error that it ended in.

    :param error: makes the error; an answer that held it would hold, through its traceback, the
        connection; None for one that ends in good order.
    :param ends: whether the connection ends with it.
    """

    def __init__(
        self,
        pieces: list[bytes],
        error: Callable[[], BaseException] | None = None,
        *,
        ends: bool = False,
    ) -> None:
        self._pieces = pieces
        self._ends = ends
        self._start = 0
        self._error = error

    @property
    def is_due(self) -> bool:
        """Whether there is something to receive, be it the end: on a played connection, at once."""
        return bool(self._pieces) or self._error is not None or self._ends

    def recv_into(self, buffer: Any, *, is_kept: int = 0) -> int:
        """Receive a piece, or what fits of it.

        :param is_kept: whether it is to be received once more.
        """
        if not self._pieces:
            if self._error is None:
                return 0
            error = self._error()
            if getattr(error, "errno", None):  # a socket that has raised it is at its end
                self._error = None
            raise error
        piece, start = self._pieces[0], self._start
        size = min(len(buffer), len(piece) - start)
        buffer[:size] = memoryview(piece)[start : start + size]
        if is_kept:
            return size
        if start + size == len(piece):
            del self._pieces[0]
            self._start = 0
        else:
            self._start += size
        return size


def answering(response: Response, method: str) -> Answer:
    """A recorded response on its way to the client.

    :param method: the request's method.
    """
    error: Callable[[], BaseException] | None = None
    size = len(response.body)
    is_cut = size in [arrival.offset for arrival in response.arrivals]
    if response.broken is not None:
        error = _error_of(response.broken)
    elif not response.complete and not is_cut:
        text = f"the recording ends here: only {size} bytes of this body were read"
        error = functools.partial(ConnectionAbortedError, text)
    return Answer(to_wire(response, method), error, ends=response.status == SWITCHED)


def failing(failure: Failure) -> Answer:
    """What came in place of a response."""
    pieces = [piece for piece in (socket_errors.received(failure),) if piece]
    return Answer(pieces, _error_of(failure))


def _error_of(failure: Failure) -> Callable[[], BaseException] | None:
    """Makes the error that a reader raises in the end, where there was one."""
    if not socket_errors.is_broken(failure):
        return None
    return functools.partial(socket_errors.revive, failure)


def refusing(error: BaseException) -> Answer:
    """An error in place of a response."""
    return Answer([], lambda: error)
