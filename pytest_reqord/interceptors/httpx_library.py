"""What is built of httpx's and httpx2's own parts: requests that are teed, responses played."""

from __future__ import annotations

import functools
import itertools
import sys
from typing import TYPE_CHECKING, Any, cast

from pytest_reqord.interceptors.arriving import Arriving, decode_headers
from pytest_reqord.interceptors.framing import SWITCHED
from pytest_reqord.interceptors.httpx_errors import (
    break_off,
    describe,
    describe_end,
    end_switched,
    rebuild,
)
from pytest_reqord.interceptors.httpx_streams import (
    Held,
    NoStream,
    Played,
    Sent,
    Spoken,
    Switched,
    Teed,
)
from pytest_reqord.interceptors.no_socket import NoSocket
from pytest_reqord.models import Failure, Headers, Response

if TYPE_CHECKING:
    from pytest_reqord.interceptors.arriving import Head
    from pytest_reqord.seam import Exchange

__all__ = ["Library"]

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
            response._decoder = sys.modules[f"{module.__name__}._decoders"].IdentityDecoder()  # noqa: SLF001
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
