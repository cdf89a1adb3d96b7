"""A response that is recorded while its client takes it in: head, then piece by piece."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.clock import monotonic
from pytest_reqord.interceptors import cancelled
from pytest_reqord.interceptors.framing import SWITCHED, is_bodiless
from pytest_reqord.interceptors.streamed import PAUSE
from pytest_reqord.models import Arrival, Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_reqord.models import Failure
    from pytest_reqord.seam import Exchange

__all__ = ["Arriving", "Head", "decode_headers", "is_chunked", "is_cut"]


class Head(NamedTuple):
    """A request without its body."""

    method: str
    uri: str
    headers: Headers

    def with_body(self, pieces: Iterable[bytes]) -> Request:
        """The whole request."""
        return Request(self.method, self.uri, self.headers, b"".join(pieces))


class Arriving:
    """What has been seen of the response to a request that went live.

    :param exchange: takes the recording.
    :param sent_head: the request's head.
    :param sent: the pieces of the request's body, which may still grow.
    """

    __slots__ = (
        "_arrivals",
        "_exchange",
        "_has_sent",
        "_head",
        "_is_ended",
        "_is_over",
        "_is_switched",
        "_last",
        "_pause",
        "_pieces",
        "_sent",
        "_sent_head",
        "_size",
        "_started",
        "_was_all",
    )

    def __init__(self, exchange: Exchange, sent_head: Head, sent: Sequence[bytes]) -> None:
        self._exchange = exchange
        self._sent_head = sent_head
        self._sent = sent
        self._started = self._last = monotonic()
        self._head: Response
        self._pieces: list[bytes] = []
        self._arrivals: list[Arrival] = []
        self._size = 0
        self._pause = PAUSE
        self._is_over = False
        self._is_switched = False
        self._has_sent = False  # since the last piece, to a connection that was switched
        self._was_all = False
        self._is_ended = False

    @property
    def request(self) -> Request:
        """The request with the body that has been sent."""
        return self._sent_head.with_body(self._sent)

    def begin(self, head: Response) -> None:
        """The head of the response is here.

        :param head: the response without its body.
        """
        self._head = head
        self._is_switched = head.status == SWITCHED
        self._last = monotonic()
        if "event-stream" in head.headers.get("content-type", ""):
            self._pause = 0.0  # every event is one, however fast they come
        self._exchange.finish_with(self.finish)

    def add(self, piece: bytes, *, is_all: bool = True) -> None:
        """A piece of the body is here; none at all for the end of a switched connection.

        :param is_all: whether that was all that had come, and not all that was asked for.
        """
        if not piece:  # or an HTTP/2 frame that only ends the stream
            self._is_ended = True
            return
        if self._is_over:
            return
        self._notice_arrival()
        self._was_all = is_all
        self._pieces.append(piece)
        self._size += len(piece)

    def speak(self) -> None:
        """The client has said something in the protocol that the connection was switched to."""
        self._has_sent = True

    def end(self, trailers: Headers | None = None) -> None:
        """The body has ended as it should; what follows a 101 is more than that."""
        if self._is_switched:
            return
        self._notice_arrival()
        if trailers is not None:
            self._head = self._head._replace(trailers=trailers)
        self._record(complete=True)

    def cut(self) -> None:
        """The server ended the body too early; `is_cut` knows it by the time of that end."""
        self._arrivals.append(Arrival(self._size, self._seconds()))
        self._record(complete=False)

    def break_off(self, failure: Failure) -> None:
        """The connection broke in the body."""
        self._record(complete=False, broken=failure)

    def cancelled(self) -> Failure:
        """What it ended in if whoever waited for it was cancelled just now."""
        return cancelled.describe(self._seconds())

    def finish(self) -> None:
        """Nobody reads any further: record what there is."""
        if not self._is_over:
            self._record(complete=self._is_whole())

    def _seconds(self) -> float:
        return round(monotonic() - self._started, 6)

    def _notice_arrival(self) -> None:
        now = monotonic()
        has_sent, self._has_sent = self._has_sent, False
        is_apart = has_sent or (self._is_switched and self._was_all)  # as of `streamed.Received`
        if is_apart or now - self._last >= self._pause:
            self._arrivals.append(Arrival(self._size, round(now - self._started, 6)))
        self._last = now

    def _is_whole(self) -> bool:
        """Whether all of a body is here whose end was never asked for."""
        head = self._head
        if self._is_switched:
            return self._is_ended
        if is_bodiless(self._sent_head.method, head.status):
            return True
        return not is_chunked(head) and head.headers.get("content-length") == str(self._size)

    def _record(self, *, complete: bool, broken: Failure | None = None) -> None:
        self._is_over = True
        head = self._head
        sizes = None
        # HTTP/2 has no chunks, but its frames reach the reader in the same way
        if is_chunked(head) or (head.http_version[:1] != "1" and len(self._pieces) > 1):
            sizes = tuple(map(len, self._pieces))
        response = head._replace(
            body=b"".join(self._pieces),
            chunks=sizes,
            arrivals=tuple(self._arrivals),
            complete=complete,
            broken=broken,
        )
        self._exchange.record(self.request, response)


@lru_cache(maxsize=256)  # the same lines come again and again
def decode_headers(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """The header lines as they are on the wire."""
    return Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])


def is_chunked(response: Response) -> bool:
    """Whether the body came in chunks."""
    return "chunked" in response.headers.get("transfer-encoding", "").lower()


def is_cut(response: Response) -> bool:
    """Whether it was the server that ended the body too early, and not its reader."""
    size = len(response.body)
    return not response.complete and any(end.offset == size for end in response.arrivals)
