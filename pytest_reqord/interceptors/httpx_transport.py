"""httpx and httpx2, sync and async: taken where a transport is handed a request.

Transports that answer by themselves (``MockTransport``, ASGI, WSGI) are other classes and never
come here; those of other packages that are built on another client are taken at that client.
"""

from __future__ import annotations

import functools
import inspect
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active, cancelled, httpcore_pool, imports
from pytest_reqord.interceptors.arriving import Arriving, Head, decode_headers
from pytest_reqord.interceptors.httpx_errors import describe
from pytest_reqord.interceptors.httpx_library import Library
from pytest_reqord.seam import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from pytest_reqord.seam import Exchange

__all__ = ["MODULES", "NAME", "check", "install", "uninstall"]

NAME = "httpx"


class Seam(NamedTuple):
    """One method to take over.

    :param module: where the transport is.
    :param transport: its class.
    :param method: the method that turns a request into a response.
    :param library: the module whose requests and responses these are.
    :param is_unpacked: whether it unpacks bodies before the library would do it.
    """

    module: str
    transport: str
    method: str
    library: str
    is_unpacked: bool = False


SEAMS = (
    Seam("httpx", "HTTPTransport", "handle_request", "httpx"),
    Seam("httpx", "AsyncHTTPTransport", "handle_async_request", "httpx"),
    Seam("httpx2", "HTTPTransport", "handle_request", "httpx2"),
    Seam("httpx2", "AsyncHTTPTransport", "handle_async_request", "httpx2"),
    # reaches the network through libcurl, which no other interceptor sees
    Seam("httpx_curl_cffi", "CurlTransport", "handle_request", "httpx", is_unpacked=True),
    Seam(
        "httpx_curl_cffi", "AsyncCurlTransport", "handle_async_request", "httpx", is_unpacked=True
    ),
)
MODULES = tuple(dict.fromkeys(seam.module for seam in SEAMS))

_SCHEMES = frozenset(("http", "https", "ws", "wss"))


class Taken(NamedTuple):
    """A method that has been taken over.

    :param method: its name.
    :param original: the transport's own.
    :param replacement: ours.
    """

    method: str
    original: Any
    replacement: Any


_taken: dict[type, Taken] = {}
_standing: dict[Seam, Any] = {}
"""What stands in each place, to see at a glance whether it still does."""


def install() -> None:
    """Take over every transport whose module has been imported; again is nothing.

    A method that a mock has replaced is left to the mock.

    :raises UnsupportedClient: if a module has no such transport.
    """
    for seam in SEAMS:
        if not imports.has_run(seam.module):
            continue
        module = sys.modules[seam.module]
        transport = getattr(module, seam.transport, None)
        method = getattr(transport, seam.method, None)
        if not isinstance(transport, type) or method is None:
            version = getattr(module, "__version__", "")
            reason = f"this version has no {seam.transport}.{seam.method}, where it is taken"
            raise UnsupportedClient(seam.module, version, reason)
        _take(seam, transport, method)


def check() -> None:
    """Put back what another tool's teardown undid: what a mock has put there isn't the transport's."""
    for seam, replacement in _standing.items():
        transport = getattr(sys.modules.get(seam.module), seam.transport, None)
        if getattr(transport, seam.method, None) is not replacement:
            install()
            return


def uninstall() -> None:
    """Give every transport its own method back, where nothing else has replaced ours since."""
    for transport, taken in _taken.items():
        if getattr(transport, taken.method) is taken.replacement:
            setattr(transport, taken.method, taken.original)


def _take(seam: Seam, transport: type, method: Any) -> None:
    # a replacement is made once and kept: a mock that saved it may put it back at any time
    taken = _taken.get(transport)
    if taken is None or method not in (taken.original, taken.replacement):
        if not _is_own(method, transport):
            return
        original = _below(method, active.passing if seam.is_unpacked else httpcore_pool.decided)
        library = Library(sys.modules[seam.library], is_unpacked=seam.is_unpacked)
        intercept = _intercept_async if seam.method == "handle_async_request" else _intercept
        replacement = functools.wraps(method)(intercept(original, library, seam.method))
        taken = _taken[transport] = Taken(seam.method, method, replacement)
    setattr(transport, seam.method, taken.replacement)
    _standing[seam] = taken.replacement


def _is_own(method: Any, transport: type) -> bool:
    """Whether a method is the one that the transport's package defines, and no mock."""
    package = transport.__module__.partition(".")[0]
    return str(getattr(method, "__module__", "")).partition(".")[0] == package


def _intercept(original: Callable[..., Any], library: Library, method: str) -> Callable[..., Any]:
    def handle_request(transport: Any, request: Any) -> Any:
        begun = _begin(transport, request, method)
        if begun is None:
            return original(transport, request)
        exchange, head = begun
        if exchange.route is Route.RECORD:
            sent, arriving = library.send(request, exchange, head)
        else:
            pieces = list(request.stream)
            answer = exchange.play(head.with_body(pieces))
            if answer is not None:
                return library.answer(answer, head.uri, transport, is_async=False)
            sent, arriving = library.send_held(request, exchange, head, pieces)
        with _recorded_errors(exchange, arriving, library):
            response = original(transport, sent)
        library.tee(response, arriving)
        return response

    return handle_request


def _intercept_async(
    original: Callable[..., Any], library: Library, method: str
) -> Callable[..., Any]:
    async def handle_async_request(transport: Any, request: Any) -> Any:
        begun = _begin(transport, request, method)
        if begun is None:
            return await original(transport, request)
        exchange, head = begun
        if exchange.route is Route.RECORD:
            sent, arriving = library.send(request, exchange, head)
        else:
            pieces = [piece async for piece in request.stream]
            answer = exchange.play(head.with_body(pieces))
            if answer is not None:
                # at least let other tasks run, as every request on a network does
                await cancelled.sleep(cancelled.patience(answer))
                return library.answer(answer, head.uri, transport, is_async=True)
            sent, arriving = library.send_held(request, exchange, head, pieces)
        await exchange.room()
        with _recorded_errors(exchange, arriving, library):
            response = await original(transport, sent)
        library.tee(response, arriving)
        return response

    return handle_async_request


def _below(
    original: Callable[..., Any], let_through: Callable[[], AbstractContextManager[None]]
) -> Callable[..., Any]:
    """A transport's method whose own client is let through: the request has been decided on."""
    if inspect.iscoroutinefunction(original):

        async def handle_async_request(transport: Any, request: Any) -> Any:
            with let_through():
                return await original(transport, request)

        return handle_async_request

    def handle_request(transport: Any, request: Any) -> Any:
        with let_through():
            return original(transport, request)

    return handle_request


def _begin(transport: Any, request: Any, method: str) -> tuple[Exchange, Head] | None:
    """Start the exchange of a request; None where it isn't ours to take."""
    url = request.url
    if url.scheme not in _SCHEMES or _is_mocked(transport, method):
        return None
    target = request.extensions.get("target") or url.raw_path
    uri = f"{url.scheme}://{url.netloc.decode('ascii')}{target.decode('latin-1')}"
    if "Upgrade" in request.headers:
        library = type(request).__module__.partition(".")[0]
        version = getattr(sys.modules[library], "__version__", "")
        active.pass_untaken(f"{library}'s WebSocket", version, uri)
        return None
    exchange = active.begin(request.method, uri)
    if exchange is None:
        return None
    return exchange, Head(request.method, uri, decode_headers(tuple(request.headers.raw)))


def _is_mocked(transport: Any, method: str) -> bool:
    """Whether a mock such as respx stands below the transport, in its connection pool."""
    pool = getattr(transport, "_pool", None)
    below = getattr(pool, method, None)
    return (
        below is not None
        and type(pool).__module__.startswith("httpcore")
        and not getattr(below, "__module__", "").startswith("httpcore")
    )


@contextmanager
def _recorded_errors(exchange: Exchange, arriving: Arriving, library: Library) -> Generator[None]:
    """End the exchange where the request itself fails."""
    try:
        yield
    except library.module.TransportError as error:
        exchange.fail(arriving.request, describe(error))
        raise
    except BaseException as error:
        if cancelled.is_cancellation(error):
            exchange.fail(arriving.request, arriving.cancelled())
        else:
            exchange.discard()
        raise
