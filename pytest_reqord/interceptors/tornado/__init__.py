"""tornado's simple client: taken where a request gets its connection.

The client's own code reads the recorded bytes from a stream to nowhere. Its other client, the one
on libcurl, isn't taken.
"""

from __future__ import annotations

import sys
from functools import partial, wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Client, Failure, Headers, Request, Response
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active, imports, socket_errors, unhooked
from pytest_reqord.interceptors.framing import end_of_head, is_websocket
from pytest_reqord.interceptors.patching import Attributes, is_own
from pytest_reqord.interceptors.tornado.streams import Tee, break_off, to_nowhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_reqord.base.seam import Exchange
    from pytest_reqord.interceptors.recorder import Written

__all__ = ["install", "uninstall"]

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
        unhooked.refuse("tornado", error, [unhooked.Entrance(client, "fetch", _uri_of_fetched)])
        return False
    if not isinstance(owner, type) or not is_own(owner, "run"):
        error = UnsupportedClient("tornado", _version(), unhooked.replaced("_HTTPConnection.run"))
        below = unhooked.Entrance(
            owner, "_create_connection", lambda given: given["self"].request.url
        )
        unhooked.refuse("tornado", error, [below])
        return False
    unhooked.accept("tornado")
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
    active.pass_untaken("tornado's WebSocket", _version(), uri)
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
    response._error_is_response_code = True  # noqa: SLF001
    connection._remove_timeout()  # noqa: SLF001
    connection._run_callback(response)  # noqa: SLF001
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

        connection._handle_exception = note  # noqa: SLF001

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
