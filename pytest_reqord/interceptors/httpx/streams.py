"""The bodies and errors of httpx and httpx2: sent and received live, and played."""

from __future__ import annotations

import builtins
import functools
import sys
from collections import deque
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from inspect import iscoroutinefunction
from itertools import accumulate
from typing import TYPE_CHECKING, Any, cast

from pytest_reqord.base.models import Failure, Response
from pytest_reqord.interceptors import recorder, socket_errors
from pytest_reqord.interceptors.recorder import is_cut, is_sent_chunked as is_chunked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from pytest_reqord.interceptors.no_socket import NoSocket
    from pytest_reqord.interceptors.recorder import Arriving

__all__ = [
    "Held",
    "NoStream",
    "Played",
    "Sent",
    "Spoken",
    "Switched",
    "Teed",
    "break_off",
    "describe",
    "describe_end",
    "end_switched",
    "rebuild",
    "split",
]

_DEPTH = 5
_END = "the recording ends here"
_CUT = "peer closed connection without sending complete message body"
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())  # new in Python 3.11
_EXTRAS = ("reason", "library", "verify_code", "verify_message")
"""Attributes of the ssl module's errors that their constructors don't take."""


def describe(error: BaseException) -> Failure:
    """The failure that an exception of the client's is, with the exceptions that it came from.

    Each of these has the name of the link to it: ``cause`` for a ``raise ... from`` while it was
    handled, ``source`` for one outside of that, ``context`` for no ``from``, or ``from None``.
    What was handled besides a ``source`` is ``aside``.
    """
    details: dict[str, str] = {}
    path, link, message = "", error, str(error)
    for _ in range(_DEPTH):
        name, below = _below(link)
        if not isinstance(below, Exception) or isinstance(below, _GROUP):
            break  # a cancellation below a timeout, say: nobody but its loop can make one
        if name == "source" and isinstance(link.__context__, Exception):
            aside = f"{path}.aside".lstrip(".")
            details[aside] = _kind(link.__context__)
            details[f"{aside}.message"] = str(link.__context__)
        path = f"{path}.{name}".lstrip(".")
        details[path] = _kind(below)
        if isinstance(below, OSError) and below.errno is not None:
            details[f"{path}.errno"] = str(below.errno)
            details[f"{path}.strerror"] = below.strerror or ""
            for extra in _EXTRAS:
                if isinstance(value := getattr(below, extra, None), (str, int)):
                    details[f"{path}.{extra}"] = str(value)
        elif str(below) != message:
            details[f"{path}.message"] = str(below)
        link, message = below, str(below)
    return Failure(_kind(error), str(error), details)


def describe_end(error: BaseException) -> Failure | None:
    """The failure of a body that broke off; None where the server just stopped sending."""
    return None if str(error).startswith(_CUT) else describe(error)


def _below(error: BaseException) -> tuple[str, BaseException | None]:
    if error.__cause__ is None:
        return "context", error.__context__
    return "cause" if error.__context__ is error.__cause__ else "source", error.__cause__


def rebuild(failure: Failure, library: Any, nearest: str = "ConnectError") -> Exception:
    """The client's own exception for a failure, with the exceptions that it came from.

    :param failure: what was recorded.
    :param library: ``httpx`` or ``httpx2``, whichever is to raise it.
    :param nearest: the client's class for what is no timeout, where another client failed.
    """
    error = _kind_of_client(failure, library, nearest)(failure.message)
    _link(error, failure.details, "", failure.message)
    return error


def end_switched(response: Response, core: Any) -> Exception:
    """The error for reading on after all that came of a connection that was switched.

    :param core: ``httpcore`` or ``httpcore2``, whose stream is read.
    """
    failure = response.broken
    if failure is None:
        size = len(response.body)
        return cast("Exception", core.ReadError(f"{_END}: it has the {size} bytes that were read"))
    kind = _find(failure.kind)  # a stream raises httpcore's own errors
    error = (kind or core.ReadError)(failure.message)
    _link(error, failure.details, "", failure.message)
    return cast("Exception", error)


def break_off(response: Response, library: Any) -> Exception:
    """The client's own error for asking a body for more than there is of it."""
    if response.broken is not None:
        return rebuild(response.broken, library, "ReadError")
    core = library.__name__.replace("httpx", "httpcore")
    size = len(response.body)
    if not is_cut(response):
        message = f"{_END}: it has the {size} bytes of this body that were read"
        return rebuild(Failure("RemoteProtocolError", message), library)
    reason = "incomplete chunked read"
    if not is_chunked(response):
        length = response.headers.get("content-length", "")
        reason = f"received {size} bytes, expected {length}"
    message = f"{_CUT} ({reason})"
    link = "cause.context" if core == "httpcore" else "cause.cause"
    causes = {"cause": f"{core}.RemoteProtocolError", link: "h11._util.RemoteProtocolError"}
    return rebuild(Failure("RemoteProtocolError", message, causes), library)


def _link(error: BaseException, details: Mapping[str, str], prefix: str, message: str) -> None:
    for name in ("cause", "source", "aside", "context"):
        path = f"{prefix}.{name}" if prefix else name
        if path not in details:
            continue
        below = _rebuild_one(details, path, details.get(f"{path}.message", message))
        if below is None:
            return
        _link(below, details, path, str(below))
        if name != "source":
            error.__context__ = below
        if name in ("cause", "source"):
            error.__cause__ = below
        if _is_core(error) and name != "aside":
            error.args = (below,)  # what these errors are made from


def _rebuild_one(details: Mapping[str, str], path: str, message: str) -> BaseException | None:
    kind = _find(details[path])
    if kind is None:
        return None
    errno = details.get(f"{path}.errno")
    try:
        if errno is None:
            error = kind(message) if message else kind()
        else:
            error = kind(int(errno), details.get(f"{path}.strerror", ""))
        for extra in _EXTRAS:
            if (value := details.get(f"{path}.{extra}")) is not None:
                setattr(error, extra, int(value) if value.lstrip("-").isdigit() else value)
    except Exception:  # noqa: BLE001 -- an error whose constructor wants something else
        return None
    error.__suppress_context__ = _is_core(error)  # httpcore's pools raise ``from None``
    return error


def _is_core(error: BaseException) -> bool:
    return type(error).__module__.startswith("httpcore")


def _find(kind: str) -> type[BaseException] | None:
    """The exception class of a qualified name, from what has been imported."""
    module, _, name = kind.rpartition(".")
    found = getattr(sys.modules.get(module or "builtins"), name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _kind(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"


def _kind_of_client(failure: Failure, library: Any, nearest: str) -> Callable[[str], Exception]:
    """The client's class; the nearest to it where the failure was another client's."""
    name = failure.kind.rpartition(".")[2]
    found = getattr(library, name, None)
    if not (isinstance(found, type) and issubclass(found, library.TransportError)):
        if not socket_errors.is_broken(failure):
            nearest = "RemoteProtocolError"
        found = getattr(library, "ReadTimeout" if "Timeout" in name else nearest)
    return cast("Callable[[str], Exception]", found)


# The bodies of httpx and httpx2: what is sent and received live, and what is played.


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
            if recorder.is_cancellation(error):
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
            if seconds := recorder.patience(self._response.broken):
                await recorder.sleep(seconds)
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


class Switched:
    """The network stream of a response after which the connection speaks another protocol, kept
    while it is read; becomes one of the library's, sync or async as the real one is.

    :param stream: the real one.
    :param arriving: what keeps it.
    :param note: takes the error of a connection that broke.
    """

    def __init__(
        self, stream: Any, arriving: Arriving, note: Callable[[BaseException], None]
    ) -> None:
        self._stream = stream
        self._arriving = arriving
        self._note = note

    def read(self, max_bytes: int, timeout: float | None = None) -> Any:
        """Read what there is."""
        if iscoroutinefunction(self._stream.read):
            return self._read_async(max_bytes, timeout)
        try:
            data = self._stream.read(max_bytes, timeout)
        except Exception as error:
            self._note(error)
            raise
        self._arriving.add(data, is_all=len(data) < max_bytes)
        return data

    async def _read_async(self, max_bytes: int, timeout: float | None) -> Any:
        try:
            data = await self._stream.read(max_bytes, timeout)
        except Exception as error:
            self._note(error)
            raise
        self._arriving.add(data, is_all=len(data) < max_bytes)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> Any:
        """Write all of it."""
        self._arriving.speak()
        return self._stream.write(buffer, timeout)

    def start_tls(self, *args: Any, **options: Any) -> Any:
        """Go on in TLS, of which nothing is kept."""
        return self._stream.start_tls(*args, **options)

    def close(self) -> Any:
        """Close the connection; an async one is closed when this is awaited."""
        self._arriving.finish()
        return self._stream.close()

    def aclose(self) -> Any:
        """As `close`."""
        self._arriving.finish()
        return self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        """What is asked of the connection."""
        return self._stream.get_extra_info(info)


class Spoken(NoStream):
    """The network stream of a response after which the connection speaks another protocol, played.

    :param response: the response; its body is what the server said then.
    :param end: gives the error for reading on where the server hasn't ended the connection.
    :param is_async: whether what it does is awaited.
    """

    def __init__(
        self,
        socket: NoSocket,
        response: Response,
        end: Callable[[Response], Exception],
        *,
        is_async: bool,
    ) -> None:
        super().__init__(socket)
        self._response = response
        self._end = end
        self._pieces = deque(split(response))
        self._is_async = is_async

    def read(self, max_bytes: int, timeout: float | None = None) -> Any:  # noqa: ARG002 -- the library's
        """Read what came at once, or as much of it."""
        return self._after_a_while(functools.partial(self._take, max_bytes))

    def write(self, buffer: bytes, timeout: float | None = None) -> Any:  # noqa: ARG002 -- as above
        """There is nobody to hear it."""
        return self._after_a_while(lambda: None)

    def close(self) -> Any:
        """There is no connection to close."""
        return self._after_a_while(lambda: None)

    aclose = close

    def _take(self, size: int) -> bytes:
        if not self._pieces:
            if self._response.complete:
                return b""
            raise self._end(self._response)
        piece = self._pieces.popleft()
        if len(piece) > size:
            self._pieces.appendleft(piece[size:])
        return piece[:size]

    def _after_a_while(self, action: Callable[[], Any]) -> Any:
        return _later(action) if self._is_async else action()


async def _later(action: Callable[[], Any]) -> Any:
    await recorder.sleep(0)  # let other tasks run, as on a network
    return action()


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
