"""One request on a connection of urllib3-future, and what comes back live."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Response
from pytest_reqord.base.seam import Route
from pytest_reqord.interceptors import active, recorder
from pytest_reqord.interceptors.framing import SWITCHED, is_websocket
from pytest_reqord.interceptors.recorder import Arriving, Head, decode_headers
from pytest_reqord.interceptors.urllib3_future.errors import describe_end, describe_reset, is_stop
from pytest_reqord.interceptors.urllib3_future.package import base, version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_reqord.base.models import Failure, Request
    from pytest_reqord.base.seam import Exchange

    Pairs = Sequence[tuple[bytes, bytes]]

__all__ = ["Stream", "asks_for_websocket", "head_of"]


class Stream:
    """One request on its way, and what came back.

    :param exchange: what decides about it; None where nothing does.
    :param http_version: what its connection speaks.
    """

    def __init__(self, head: Head, exchange: Exchange | None, http_version: str) -> None:
        self.head = head
        self.exchange = exchange
        self.sent: list[bytes] = []
        self._http_version = http_version
        self._arriving: Arriving | None = None
        self._interim: list[int] = []
        self._failure: Failure | None = None
        self._is_live = exchange is None or exchange.route is Route.RECORD
        self._started = monotonic()

    @property
    def is_held(self) -> bool:
        """Whether it is not known yet if the request goes live."""
        return not self._is_live

    def go_live(self) -> None:
        """The request goes live."""
        self._is_live = True

    @property
    def request(self) -> Request:
        """The request with the body that was sent."""
        return self.head.with_body(self.sent)

    def take(self, event: Any) -> None:
        """Keep what an event brings; the last one of a stream ends the exchange."""
        kind = type(event).__name__
        if kind == "StreamResetReceived":
            self.end(describe_reset(event))
        elif kind in ("EarlyHeadersReceived", "HeadersReceived"):
            self._take_headers(event, is_early=kind.startswith("Early"))
        elif kind == "DataReceived" and self._arriving is not None:
            self._failure = None
            self._arriving.add(bytes(event.data))
            if event.end_stream:
                self._complete()

    def _take_headers(self, event: Any, *, is_early: bool) -> None:
        if self.exchange is None:
            return
        # h11's own have the names in lower case unless asked for what came
        raw = event.headers.raw_items() if hasattr(event.headers, "raw_items") else event.headers
        pairs = tuple(pair for pair in raw if pair[0][:1] != b":")
        if self._arriving is not None:
            self._complete(pairs)
            return
        status = next(int(value) for name, value in raw if name == b":status")
        if status == SWITCHED:
            self.end()
            active.pass_untaken("urllib3-future's upgraded connection", "", self.head.uri)
            return
        if is_early:
            self._interim.append(status)
            return
        self._arriving = self._begin(self.exchange, status, pairs)
        if event.end_stream:
            self._complete()

    def _begin(self, exchange: Exchange, status: int, pairs: Pairs) -> Arriving:
        reason = _phrase(status) if self._http_version == "1.1" else ""
        head = Response(
            status,
            reason,
            decode_headers(tuple(pairs)),
            b"",
            self._http_version,
            interim=tuple(self._interim),
        )
        self._failure = None
        arriving = Arriving(exchange, self.head, self.sent)
        arriving.begin(head)
        return arriving

    def _complete(self, trailers: Pairs = ()) -> None:
        if self.exchange is not None and self._arriving is not None:
            self._arriving.end(decode_headers(tuple(trailers)))
        self.exchange = None

    def break_off(self, failure: Failure) -> None:
        """A read or a write failed. That is no end yet: after a timeout a client may read on."""
        self._failure = failure

    def cancelled(self) -> Failure:
        """What it ended in if whoever waited for it was cancelled just now."""
        return recorder.describe(monotonic() - self._started)

    def terminate(self, event: Any) -> None:
        """The connection has ended, and with it what is still on its way."""
        if self._arriving is not None and is_stop(event):
            if self.exchange is not None:
                self._arriving.cut()
            self.exchange = None
        else:
            self.end(describe_end(event))

    def end(self, failure: Failure | None = None) -> None:
        """No more events come.

        :param failure: why; None where it isn't known, or the client wants no more.
        """
        failure = failure or self._failure
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if self._arriving is not None:
            if failure is None:
                self._arriving.finish()
            else:
                self._arriving.break_off(failure)
        elif failure is None:
            exchange.discard()
        else:
            exchange.fail(self.request, failure)


def head_of(pairs: Pairs, connection: Any) -> Head:
    """The head of a request, its headers as they stand on the wire.

    :param pairs: as a connection hands them to its protocol, which takes HTTP/2's for all versions.
    """
    pseudo = {name.decode(): value.decode("latin-1") for name, value in pairs if name[:1] == b":"}
    plain = [(name, value) for name, value in pairs if name[:1] != b":"]
    authority = pseudo[":authority"]
    if version(connection) == "1.1":
        plain = [(_capitalized(name), value) for name, value in plain]
        if not any(name == b"Host" for name, _ in plain):
            plain.insert(0, (b"Host", authority.encode("latin-1")))
    path = pseudo.get(":path", "")
    uri = path if "://" in path else f"{_origin(authority, connection)}{path}"
    return Head(pseudo[":method"], uri, decode_headers(tuple(plain)))


def _origin(authority: str, connection: Any) -> str:
    """Scheme and authority of the request, less the port of an ``Alt-Svc``."""
    name, _, port = authority.rpartition(":")
    if name and port == str(connection.port):
        place = base(connection)
        if place.rpartition(":")[2] != port:
            return place
    return f"{connection.scheme}://{authority}"


def asks_for_websocket(pairs: Pairs) -> bool:
    """Whether a request asks for a WebSocket, over HTTP/1.1 or, by RFC 8441, over HTTP/2."""
    names = (b":protocol", b"upgrade")
    return any(is_websocket(value.decode("latin-1")) for name, value in pairs if name in names)


def _capitalized(name: bytes) -> bytes:
    return b"-".join(part.capitalize() for part in name.split(b"-"))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
