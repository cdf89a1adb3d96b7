"""What stands in ``sock`` of an HTTP connection: a socket to the client, a cassette behind it."""

from __future__ import annotations

import errno
import functools
import weakref
from typing import TYPE_CHECKING, Any

from pytest_reqord.interceptors import descriptors, readers, socket_errors
from pytest_reqord.interceptors.no_socket import NoSocket
from pytest_reqord.interceptors.turns import Turn
from pytest_reqord.models import Response
from pytest_reqord.real import io
from pytest_reqord.seam import Route

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Wire"]

_UNSET = object()

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_SWALLOWED = frozenset((errno.ECONNRESET, errno.EPIPE, errno.EPROTOTYPE))
"""What urllib3 takes, while it sends, for a server that has answered already."""


class Wire:
    """A connection that plays, or records what goes over the real one.

    :param connection: the client's connection, whose ``connect`` makes the real socket.
    :param real: the real socket; None where none may be needed.
    :param base: scheme and authority of what is asked over it, ``https://api.example.com``.
    :param connect: runs the client's own ``connect`` and gives the real socket.
    """

    def __init__(
        self, connection: Any, real: Any, base: str, connect: Callable[[Any, float | None], Any]
    ) -> None:
        self._connection = weakref.ref(connection)
        self._real = real
        self._base = base
        self._connect = connect
        self._timeout: Any = _UNSET
        self._connect_timeout = connection.timeout
        self._turn: Turn | None = None
        self._answer: Callable[[], Any] | None = None

    # what clients send

    def sendall(self, data: Any, *flags: int) -> None:
        """Take bytes of a request; they go out at once if the request is live."""
        if type(data) is not bytes:
            data = bytes(memoryview(data))  # a TypeError is what a socket says, too
        turn = self._turn
        if turn is None or turn.is_over:
            turn = self._next_turn()
        was_open = turn.is_open
        turn.take(data)
        if not turn.is_open:
            return
        if turn.route in (None, Route.RECORD):
            if self._answer is None:
                self._transmit(turn, data if was_open else turn.sent, *flags)
        elif turn.is_complete and self._answer is None:
            self._decide(turn)

    def _next_turn(self) -> Turn:
        if self._turn is not None and self._turn.route is Route.RECORD:
            self._turn.finish()
        self._turn = Turn(self._base)
        self._answer = None
        return self._turn

    def _transmit(self, turn: Turn, data: bytes, *flags: int) -> None:
        if self._real is None and not self._open_late(turn):
            return
        try:
            self._real.sendall(data, *flags)
        except OSError as error:
            turn.break_off(error)
            raise

    def _open_late(self, turn: Turn) -> bool:
        """Connect where ``connect`` was held back."""
        connection = self._connection()
        try:
            self._real = self._connect(connection, self._connect_timeout)
            if self._timeout is not _UNSET:
                self._real.settimeout(self._timeout)
        except Exception as error:  # noqa: BLE001 -- a client's connect raises its own
            turn.fail(error, connection)
            self._raise_or_hold(socket_errors.of_connect(error, connection), connection)
            return False
        return True

    def _decide(self, turn: Turn) -> None:
        """Play the answer, or go live with all that was held."""
        played = turn.play()
        if played is None:
            self._drop_stale()
            self._transmit(turn, turn.sent)
        elif isinstance(played, Response):
            answer = readers.Answer(played, turn.method)
            self._answer = lambda: answer.reader(self)
        elif socket_errors.is_connecting(played):
            connection = self._connection()
            socket_errors.leave(connection, played)
            self._raise_or_hold(socket_errors.revive(played, connection), connection)
        else:
            self._answer = lambda: readers.failing(played, self)

    def _drop_stale(self) -> None:
        """Close a real connection that the server has closed while its place was played."""
        if self._real is not None and descriptors.is_readable(self._real.fileno()):
            self._real.close()
            self._real = None

    def _raise_or_hold(self, error: BaseException, connection: Any) -> None:
        """Raise an error of ``connect``, or have the reader do so where urllib3 wants it.

        While it sends, urllib3 swallows a broken connection and doesn't know a timeout for one.
        """
        is_odd = isinstance(error, TimeoutError) or getattr(error, "errno", None) in _SWALLOWED
        if not (is_odd and socket_errors.is_urllib3(connection)):
            raise error
        self._answer = functools.partial(readers.refusing, error, self)

    # what clients receive

    def makefile(self, mode: str = "r", buffering: int | None = None, **options: Any) -> Any:
        """Give a reader of the response; the bytes are the recorded or the real ones."""
        turn = self._turn
        if turn is None or "r" not in mode or "b" not in mode:
            return self._real.makefile(mode, buffering, **options)
        raw = self._raw(turn)
        if buffering == 0:
            return raw
        return io.BufferedReader(raw, buffering or io.DEFAULT_BUFFER_SIZE)

    def _raw(self, turn: Turn) -> Any:
        is_live = turn.route in (None, Route.RECORD)
        if not is_live and turn.awaits_continue:
            turn.has_reader = True
            return readers.Bytes(_CONTINUE, self)
        if not is_live and self._answer is None:
            try:
                self._decide(turn)
            except BaseException as error:  # noqa: BLE001 -- raised by the reader, not under it
                self._answer = functools.partial(readers.refusing, error, self)
        turn.has_reader = True
        if self._answer is not None:
            return self._answer()
        raw: io.RawIOBase = self._real.makefile("rb", buffering=0)
        return readers.Tee(raw, turn) if turn.is_kept else raw

    def fileno(self) -> int:
        """A descriptor to wait on: the real one, or one that is as ready as it should be."""
        turn = self._turn
        if turn is not None and turn.route in (Route.PLAY, Route.EITHER):
            is_due = turn.awaits_continue and not turn.has_reader
            return descriptors.ready() if is_due else descriptors.quiet()
        if self._real is None:
            return descriptors.quiet()
        number: int = self._real.fileno()
        return number

    # what else a socket can do

    def settimeout(self, value: float | None) -> None:
        """Set the timeout of reads and writes in seconds."""
        self._timeout = value
        if self._real is not None:
            self._real.settimeout(value)

    def gettimeout(self) -> float | None:
        """The timeout of reads and writes in seconds."""
        if self._real is not None:
            return self._real.gettimeout()  # type: ignore[no-any-return]
        return None if self._timeout is _UNSET else self._timeout

    def setsockopt(self, *arguments: Any) -> None:
        """Set an option of the real socket."""
        if self._real is not None:
            self._real.setsockopt(*arguments)

    def shutdown(self, how: int) -> None:
        """End one or both directions."""
        if self._real is not None:
            self._real.shutdown(how)

    def close(self) -> None:
        """Close the connection; a reader that is open reads on."""
        if self._real is not None:
            self._real.close()
        turn = self._turn
        if turn is not None and turn.route is Route.RECORD and not turn.is_read:
            turn.finish()

    def __getattr__(self, name: str) -> Any:
        if self._real is not None:
            return getattr(self._real, name)
        return getattr(NoSocket(self._base), name)
