"""The bodies of httpx and httpx2: what is sent and received live, and what is played."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pytest_reqord.interceptors import cancelled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from pytest_reqord.interceptors.arriving import Arriving
    from pytest_reqord.interceptors.no_socket import NoSocket
    from pytest_reqord.models import Failure, Response

__all__ = ["Held", "NoStream", "Played", "Sent", "Teed", "split"]

READ_SIZE = 64 * 1024
"""The most that these clients take from a connection at once, in bytes."""


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
    :param arriving: what keeps it.
    :param broken: the library's class of errors for a body that breaks off.
    :param describe: makes a failure of such an error; None where the server just stopped.
    """

    def __init__(
        self,
        stream: Any,
        arriving: Arriving,
        broken: type[Exception],
        describe: Callable[[BaseException], Failure | None],
    ) -> None:
        self._stream = stream
        self._arriving = arriving
        self._broken = broken
        self._describe = describe

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._stream:
                self._arriving.add(piece)
                yield piece
        except self._broken as error:
            self._break_off(error)
            raise
        self._arriving.end()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async with _closing(self._stream) as pieces:
                async for piece in pieces:
                    self._arriving.add(piece)
                    yield piece
        except self._broken as error:
            self._break_off(error)
            raise
        except BaseException as error:
            if cancelled.is_cancellation(error):
                self._arriving.break_off(self._arriving.cancelled())
            raise
        self._arriving.end()

    def _break_off(self, error: BaseException) -> None:
        failure = self._describe(error)
        if failure is None:
            self._arriving.cut()
        else:
            self._arriving.break_off(failure)

    def close(self) -> None:
        """Give the connection back; what has not been read by now never will be."""
        try:
            self._stream.close()
        finally:
            self._arriving.finish()

    async def aclose(self) -> None:
        """As `close`."""
        try:
            await self._stream.aclose()
        finally:
            self._arriving.finish()


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
        for piece in split(self._response):
            yield piece
        if not self._response.complete:
            if seconds := cancelled.patience(self._response.broken):
                await cancelled.sleep(seconds)
            raise self._break_off(self._response)

    def close(self) -> None:
        """There is no connection to give back."""

    async def aclose(self) -> None:
        """There is no connection to give back."""


class NoStream:
    """The network stream of a response that came over none; becomes one of the library's.

    :param socket: what answers for its socket.
    """

    def __init__(self, socket: NoSocket) -> None:
        self._socket = socket

    def get_extra_info(self, info: str) -> Any:
        """What is asked of the connection; None where there is no such thing."""
        socket = self._socket
        if info == "ssl_object":
            return socket if socket.is_tls else None
        answers = {
            "client_addr": socket.getsockname,
            "server_addr": socket.getpeername,
            "socket": lambda: socket,
            "is_readable": lambda: False,
        }
        return answers[info]() if info in answers else None


def _closing(stream: Any) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
    """Iterate over a stream and close its generator, which trio warns of where it is forgotten."""
    pieces = aiter(stream)
    return aclosing(pieces) if hasattr(pieces, "aclose") else nullcontext(pieces)


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
