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
from pytest_reqord.interceptors import active, cancelled, httpcore_pool, imports, unhooked
from pytest_reqord.interceptors.added import by_nobody
from pytest_reqord.interceptors.arriving import Arriving, Head, decode_headers
from pytest_reqord.interceptors.attributes import Attributes, is_own
from pytest_reqord.interceptors.framing import is_websocket
from pytest_reqord.interceptors.httpx_errors import describe
from pytest_reqord.interceptors.httpx_library import Library
from pytest_reqord.models import Client
from pytest_reqord.seam import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractContextManager

    from pytest_reqord.seam import Exchange

__all__ = ["install", "uninstall"]


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

_CLIENT = Client("httpx", by_nobody, unpacks=False)  # the library above it does
_SCHEMES = frozenset(("http", "https", "ws", "wss"))


_patches = Attributes()


def install() -> bool:
    """Patch the transports of what is imported; to be called again when more is.

    :returns: False if a method is left to the mock that has replaced it, or is missing.
    """
    patched = {seam: _patch(seam) for seam in SEAMS}
    for library in ("httpx", "httpx2"):
        missing = [each for each, is_there in patched.items() if is_there is None]
        seam = next((each for each in missing if each.module == library), None)
        if seam is None:
            unhooked.accept(library)
        else:
            _refuse(seam)
    return all(patched.values())


check = _patches.check
"""Patch again what another tool's teardown has restored."""


def uninstall() -> None:
    """Restore every transport's own method, where nothing else has replaced ours since."""
    _patches.put_back()


def _patch(seam: Seam) -> bool | None:
    """Return False if a mock stands in a method's place, None if this version hasn't got it."""
    if not imports.has_run(seam.module):
        return True
    transport = getattr(sys.modules[seam.module], seam.transport, None)
    if not hasattr(transport, seam.method):
        return None
    if not isinstance(transport, type) or not is_own(transport, seam.method):
        return False
    return _patches.take(transport, seam.method, functools.partial(_wrapped, seam))


def _refuse(seam: Seam) -> None:
    module = sys.modules[seam.module]
    error = UnsupportedClient(
        seam.module,
        getattr(module, "__version__", ""),
        f"this version has no {seam.transport}.{seam.method}",
    )
    clients = (getattr(module, name, None) for name in ("Client", "AsyncClient"))
    unhooked.refuse(
        seam.module, error, [unhooked.Entrance(each, "send", _uri_of_sent) for each in clients]
    )


def _wrapped(seam: Seam, method: Callable[..., Any]) -> Any:
    original = _below(method, active.passing if seam.is_unpacked else httpcore_pool.decided)
    library = Library(sys.modules[seam.library], is_unpacked=seam.is_unpacked)
    intercept = _intercept_async if seam.method == "handle_async_request" else _intercept
    return functools.wraps(method)(intercept(original, library, seam.method))


def _uri_of_sent(arguments: Mapping[str, Any]) -> Any:
    return arguments["request"].url


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
    if is_websocket(request.headers.get("Upgrade")):
        library = type(request).__module__.partition(".")[0]
        version = getattr(sys.modules[library], "__version__", "")
        active.pass_untaken(f"{library}'s WebSocket", version, uri)
        return None
    exchange = active.begin(request.method, uri)
    if exchange is None:
        return None
    exchange.client = _CLIENT
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
