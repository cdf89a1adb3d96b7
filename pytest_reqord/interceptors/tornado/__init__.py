"""tornado's simple client: taken where a request gets its connection.

The client's own code reads the recorded bytes from a stream to nowhere. Its other client, the one
on libcurl, isn't taken.
"""

from __future__ import annotations

import sys
from collections import deque
from functools import cache, partial, wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Client, Failure, Headers, Request, Response
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active, imports, socket_errors, unsupported
from pytest_reqord.interceptors.framing import end_of_head, is_websocket, parse_request
from pytest_reqord.interceptors.patching import Attributes, is_own
from pytest_reqord.interceptors.recorder import CONTINUE, Received, Written, is_broken_off, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reqord.base.seam import Exchange

__all__ = ["Tee", "break_off", "install", "to_nowhere", "uninstall"]


_MODULE = "tornado.simple_httpclient"
_NEEDED = ("run", "_handle_exception", "_run_callback", "_create_connection")
_patches = Attributes()


def install() -> bool:
    """Patch the client.

    :returns: False if it is left to a mock, or lacks what is patched.
    """
    if not imports.has_run(_MODULE):
        return True
    module = sys.modules[_MODULE]
    owner = getattr(module, "_HTTPConnection", None)
    missing = [name for name in _NEEDED if not hasattr(owner, name)]
    if missing:
        error = UnsupportedClient(
            "tornado", _version(), f"this version has no _HTTPConnection.{missing[0]}"
        )
        client = getattr(module, "SimpleAsyncHTTPClient", None)
        unsupported.refuse(
            "tornado", error, [unsupported.Entrance(client, "fetch", _uri_of_fetched)]
        )
        return False
    if not isinstance(owner, type) or not is_own(owner, "run"):
        error = UnsupportedClient(
            "tornado", _version(), unsupported.replaced("_HTTPConnection.run")
        )
        below = unsupported.Entrance(
            owner, "_create_connection", lambda given: given["self"].request.url
        )
        unsupported.refuse("tornado", error, [below])
        return False
    unsupported.accept("tornado")
    return _patches.take(owner, "run", _taking_run)


check = _patches.check
"""Patch again what another tool's teardown has restored."""


def uninstall() -> None:
    """Restore the original, where nothing else has replaced ours since."""
    _patches.put_back()


def _uri_of_fetched(arguments: Mapping[str, Any]) -> Any:
    request = arguments["request"]
    return getattr(request, "url", request)


def _version() -> str:
    version: str = sys.modules["tornado"].version
    return version


def _taking_run(original: Any) -> Any:
    @wraps(original)
    async def run(self: Any) -> None:
        try:
            self.tcp_client = _line_of(self)
        except BaseException as refusal:  # noqa: BLE001 -- it belongs to whoever awaits the fetch
            _refuse(self, refusal)
            return
        await original(self)

    return run


def _line_of(connection: Any) -> Any:
    """What the connection is to connect through."""
    request = connection.request
    url = urlsplit(request.url)
    if url.scheme not in ("http", "https", "ws", "wss"):
        return connection.tcp_client
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    uri = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{target}"
    exchange = active.begin(request.method, uri)
    if exchange is None:
        return connection.tcp_client
    given = {name.lower() for name in request.headers}
    if request.user_agent:
        given.add("user-agent")
    exchange.client = Client("tornado", partial(_added, given))
    if not is_websocket(request.headers.get("Upgrade")):
        return Line(exchange, uri, connection)
    exchange.let_go()
    active.meet_unsupported("tornado's WebSocket", _version(), uri)
    return connection.tcp_client


def _added(given: set[str], headers: Headers) -> set[str]:
    return {name.lower() for name in headers} - given


def _refuse(connection: Any, error: BaseException) -> None:
    """Have the fetch of a request raise an error, whatever its class."""
    request = connection.request
    if connection.final_callback is None or not hasattr(request, "original_request"):
        connection._handle_exception(type(error), error, None)  # noqa: SLF001 -- as it does
        return
    # the fetch that follows a redirect passes on what is the server's answer, and nothing else
    module = sys.modules["tornado.httpclient"]
    response = module.HTTPResponse(request, 599, error=error, request_time=0.0)
    response._error_is_response_code = True  # noqa: SLF001 -- as its `_handle_exception` does
    connection._remove_timeout()  # noqa: SLF001 -- as its `_handle_exception` does
    connection._run_callback(response)  # noqa: SLF001 -- as its `_handle_exception` does
    if hasattr(connection, "stream"):
        connection.stream.close()


class Line:
    """Stands in for a `tornado.tcpclient.TCPClient` for one request.

    :param exchange: the request's exchange.
    :param uri: its URI.
    :param connection: the client's connection.
    """

    def __init__(self, exchange: Exchange, uri: str, connection: Any) -> None:
        self._exchange = exchange
        self._uri = uri
        self._connection = connection
        self._method = connection.request.method
        self._real = connection.tcp_client
        self._started = monotonic()
        self._arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self._stream: Any = None

    async def connect(self, *arguments: Any, **options: Any) -> Any:
        """Give a stream: a real one, teed, or one to nowhere."""
        self._arguments = (arguments, options)
        if self._exchange.route is Route.RECORD:
            return await self._open()
        self._stream = to_nowhere(options["max_buffer_size"], self._answer)
        return self._stream

    async def _open(self) -> Any:
        arguments, options = self._arguments
        await self._exchange.room()
        try:
            stream = await self._real.connect(*arguments, **options)
        except BaseException as error:
            self._fail(error)
            raise
        tee = Tee(self._exchange, self._method, self._uri, stream, self._started)
        self._note_errors(tee)
        return stream

    def _note_errors(self, tee: Tee) -> None:
        connection = self._connection
        handle = connection._handle_exception  # noqa: SLF001 -- nobody else sees its timeouts

        def note(kind: Any, error: Any, traceback: Any) -> Any:
            tee.error = error
            return handle(kind, error, traceback)

        connection._handle_exception = note  # noqa: SLF001 -- where it learns of an error

    def _fail(self, error: BaseException) -> None:
        failure = None
        if isinstance(error, Exception):
            error = getattr(error, "real_error", None) or error  # below tornado's for any of them
            failure = socket_errors.describe(error, is_connecting=True)
        if failure is None:
            self._exchange.discard()
            return
        sent = self._connection.request
        body = sent.body if isinstance(sent.body, bytes) else b""
        headers = Headers(list(sent.headers.get_all()))
        self._exchange.fail(Request(self._method, self._uri, headers, body), failure)

    def _answer(self, written: Written) -> None:
        if self._stream.closed():
            return
        try:
            answer = self._exchange.play(written.request(self._method, self._uri))
        except BaseException as refusal:  # noqa: BLE001 -- whoever awaits the fetch has to see it
            _refuse(self._connection, refusal)
            return
        if isinstance(answer, Response):
            end = self._stream.end
            if answer.broken is not None:
                end = partial(self._break, answer.broken)
            elif error := break_off(answer):
                end = partial(self._raise, error)
            self._stream.respond(answer, self._method, end)
        elif isinstance(answer, Failure):
            self._stream.feed(socket_errors.received(answer))
            self._break(answer)
        else:
            self._connection.io_loop.add_callback(self._go_live, bytes(written.raw))

    def _break(self, failure: Failure) -> None:
        stream = self._stream
        if not socket_errors.is_broken(failure):
            stream.end()
            return
        error = socket_errors.revive(failure)
        if isinstance(error, TimeoutError) and error.errno is None:
            timeout = sys.modules["tornado.simple_httpclient"].HTTPTimeoutError(failure.message)
            self._raise(timeout)
        elif socket_errors.is_connecting(failure):
            self._raise(error)
        else:
            stream.close(exc_info=(type(error), error, None))

    def _raise(self, error: BaseException) -> None:
        self._connection._handle_exception(type(error), error, None)  # noqa: SLF001 -- as it does

    async def _go_live(self, sent: bytes) -> None:
        """Connect after all, send what was held, and have what comes arrive."""
        stream = self._stream
        closed = sys.modules["tornado.iostream"].StreamClosedError
        try:
            real = await self._open()
        except Exception as error:  # noqa: BLE001 -- the fetch has to see it
            self._raise(error)
            return
        stream.real = real
        if stream.closed():
            real.close()
            return
        try:
            await real.write(sent)
            is_first = stream.was_continued
            while True:
                data = await real.read_bytes(65536, partial=True)
                if is_first and data.startswith((b"HTTP/1.1 100", b"HTTP/1.0 100")):
                    data = data[end_of_head(data) :]  # we have said so before
                is_first = False
                stream.feed(data)
        except closed as error:
            if error.real_error is None:
                stream.end()
            else:
                stream.close(exc_info=(type(error.real_error), error.real_error, None))


# What tornado's simple client reads from and writes to: a stream to nowhere, and a real one teed.


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
