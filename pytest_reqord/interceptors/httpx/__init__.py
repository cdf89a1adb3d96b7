"""What is built of httpx's and httpx2's own parts: requests that are teed, responses played."""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pytest_reqord.base.models import Client, Failure, Headers, Response, with_socket
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active, imports, recorder, unsupported
from pytest_reqord.interceptors.added_headers import by_nobody
from pytest_reqord.interceptors.framing import SWITCHED, is_websocket
from pytest_reqord.interceptors.httpx import httpcore_pool
from pytest_reqord.interceptors.httpx.streams import (
    Held,
    NoStream,
    Played,
    Sent,
    Spoken,
    Switched,
    Teed,
    break_off,
    describe,
    describe_end,
    end_switched,
    rebuild,
)
from pytest_reqord.interceptors.no_socket import NoSocket
from pytest_reqord.interceptors.patching import Attributes, is_own
from pytest_reqord.interceptors.recorder import Arriving, Head, decode_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractContextManager

    from pytest_reqord.base.seam import Exchange

__all__ = ["Library", "install", "uninstall"]

_STREAM = "network_stream"
_STREAM_IDS = "_reqord_stream_ids"


class Library:
    """``httpx`` or ``httpx2``, and what stands in for its parts.

    :param module: the one of the two that is to build what its users see.
    :param is_unpacked: whether the transport unpacks bodies before the library would do it.
    """

    def __init__(self, module: Any, *, is_unpacked: bool = False) -> None:
        streams = (module.SyncByteStream, module.AsyncByteStream)
        self.module = module
        self._is_unpacked = is_unpacked
        self._core = module.__name__.replace("httpx", "httpcore")
        self._sent: Any = type("Sent", (Sent, *streams), {})
        self._held: Any = type("Held", (Held, *streams), {})
        self._teed: Any = type("Teed", (Teed, *streams), {})
        self._played: Any = type("Played", (Played, *streams), {})
        self._break_off = functools.partial(break_off, library=module)
        self._network = functools.cache(self._build_network)
        # the same header lines come again and again, and take longer than all else to build
        self._headers = functools.lru_cache(maxsize=256)(self._build_headers)

    def send(self, client_request: Any, exchange: Exchange, head: Head) -> tuple[Any, Arriving]:
        """Have a request's body kept while it is sent.

        :returns: the request to send and the recording of it.
        """
        if isinstance(client_request.stream, self.module.ByteStream):  # can be read again
            return client_request, Arriving(exchange, head, list(client_request.stream))
        pieces: list[bytes] = []
        sent = self._sent(client_request.stream, pieces)
        return _with_stream(client_request, sent), Arriving(exchange, head, pieces)

    def send_held(
        self, client_request: Any, exchange: Exchange, head: Head, pieces: list[bytes]
    ) -> tuple[Any, Arriving]:
        """As `send`, for a request whose body has been read, in the same pieces."""
        return _with_stream(client_request, self._held(pieces)), Arriving(exchange, head, pieces)

    def tee(self, client_response: Any, arriving: Arriving) -> None:
        """Have a response's body kept while it is read."""
        head = _head_of(client_response)
        arriving.begin(head)
        extensions = client_response.extensions
        if head.status == SWITCHED and (stream := extensions.get(_STREAM)) is not None:
            is_async = hasattr(stream, "aclose")
            note = functools.partial(self._note, arriving)
            extensions[_STREAM] = self._network(Switched, is_async=is_async)(stream, arriving, note)
        client_response.stream = self._teed(
            client_response.stream, arriving, self.module.TransportError, describe_end
        )

    def answer(
        self, answer: Response | Failure, uri: str, transport: Any, *, is_async: bool
    ) -> Any:
        """The client's response for a recorded one, as its own transport would build it.

        :param uri: what was asked for.
        :param transport: what was asked.
        :raises Exception: the client's own, for a recorded failure.
        """
        module = self.module
        if isinstance(answer, Failure):
            raise rebuild(answer, module)
        extensions: dict[str, Any] = {"http_version": f"HTTP/{answer.http_version}".encode()}
        is_multiplexed = answer.http_version[:1] != "1"
        if not is_multiplexed:
            extensions["reason_phrase"] = answer.reason.encode("latin-1", "replace")
        if self._core in sys.modules and not self._is_unpacked:
            socket = NoSocket(uri, "h2" if is_multiplexed else None)
            extensions[_STREAM] = self._stream(socket, answer, is_async=is_async)
        if is_multiplexed:
            extensions["stream_id"] = _next_stream_id(transport, uri)
        response = module.Response(
            answer.status,
            headers=self._headers(answer.headers),
            stream=self._played(_body_of(answer), self._break_off),
            extensions=extensions,
        )
        if self._is_unpacked:  # as such a transport does it itself, for want of a public way
            response._decoder = sys.modules[f"{module.__name__}._decoders"].IdentityDecoder()  # noqa: SLF001 -- see above
        return response

    def _stream(self, socket: NoSocket, answer: Response, *, is_async: bool) -> Any:
        if answer.status != SWITCHED:
            return self._network(NoStream, is_async=is_async)(socket)
        end = functools.partial(end_switched, core=sys.modules[self._core])
        spoken = self._network(Spoken, is_async=is_async)
        return spoken(socket, answer, end, is_async=is_async)

    def _build_network(self, kind: type, *, is_async: bool) -> Any:
        core = sys.modules[self._core]
        base = core.AsyncNetworkStream if is_async else core.NetworkStream
        return type(kind.__name__, (kind, base), {})

    def _note(self, arriving: Arriving, error: BaseException) -> None:
        """Keep how a connection that was switched broke; one that is slow is none."""
        if isinstance(error, sys.modules[self._core].NetworkError):
            arriving.break_off(describe(error))

    def _build_headers(self, headers: Headers) -> Any:
        return self.module.Headers(
            [(_encode(name), _encode(value)) for name, value in headers.pairs]
        )


def _body_of(answer: Response) -> Response:
    """The response with what is its body to HTTP: what follows a 101 isn't."""
    if answer.status != SWITCHED:
        return answer
    return answer._replace(body=b"", arrivals=(), complete=True, broken=None)


def _head_of(client_response: Any) -> Response:
    extensions = client_response.extensions
    return Response(
        client_response.status_code,
        extensions.get("reason_phrase", b"").decode("latin-1"),
        decode_headers(tuple(client_response.headers.raw)),
        b"",
        extensions.get("http_version", b"HTTP/1.1").decode("latin-1").removeprefix("HTTP/"),
    )


def _next_stream_id(transport: Any, uri: str) -> int:
    """The number of a request on the one connection that a transport would have to its origin."""
    ids = vars(transport).setdefault(_STREAM_IDS, {})
    origin = tuple(uri.split("/", 3)[:3])
    # both at one stroke, so that no two threads get one number
    return cast("int", next(ids.setdefault(origin, itertools.count(1, 2))))


def _with_stream(client_request: Any, stream: Any) -> Any:
    """The same request with another body; the test's own request must not change."""
    changed = object.__new__(type(client_request))
    changed.__dict__.update(client_request.__dict__, stream=stream)
    return changed


def _encode(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # only in a cassette of another tool, or one edited by hand
        return text.encode()


# httpx and httpx2, sync and async: taken where a transport is handed a request.
#
# Transports that answer by themselves (``MockTransport``, ASGI, WSGI) are other classes and never
# come here; those of other packages that are built on another client are taken at that client.


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
            unsupported.accept(library)
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
    unsupported.refuse(
        seam.module, error, [unsupported.Entrance(each, "send", _uri_of_sent) for each in clients]
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
                await recorder.sleep(recorder.patience(answer))
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
    uds = getattr(getattr(transport, "_pool", None), "_uds", None)
    if uds is not None:
        uri = with_socket(uri, uds)
    if is_websocket(request.headers.get("Upgrade")):
        library = type(request).__module__.partition(".")[0]
        version = getattr(sys.modules[library], "__version__", "")
        active.meet_unsupported(f"{library}'s WebSocket", version, uri)
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
        if recorder.is_cancellation(error):
            exchange.fail(arriving.request, arriving.cancelled())
        else:
            exchange.discard()
        raise
