"""A connection of aiohttp's to nowhere: it takes a request, and answers with a recorded response."""

from __future__ import annotations

import re
from asyncio import Transport
from collections import deque
from typing import TYPE_CHECKING, Any

from pytest_reqord.interceptors import aiohttp_errors
from pytest_reqord.interceptors.framing import (
    end_of_head,
    is_bodiless,
    is_chunked,
    parse_request_head,
    to_wire,
    unchunk,
)
from pytest_reqord.models import Failure, Request, Response

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Handle
    from collections.abc import Callable, Iterable, Iterator

    from pytest_reqord.interceptors.aiohttp_errors import Asked
    from pytest_reqord.models import Headers

__all__ = ["Played"]

_CHUNK = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_READ_SIZE = 256 * 1024
"""The most that an event loop takes from a socket at once, in bytes."""

_NEVER = float("inf")


class Written:
    """A request while it is written."""

    __slots__ = ("_chunk", "_end", "_headers", "_start", "awaits_continue", "raw")

    def __init__(self) -> None:
        self.raw = bytearray()
        self.awaits_continue = False
        self._headers: Headers
        self._start = -1  # of the body
        self._end = 0
        self._chunk = -1  # where the next one starts, if there are chunks

    def add(self, data: Any) -> bool:
        """Take bytes of it.

        :returns: whether that was all.
        """
        self.raw += data
        if self._start < 0:
            self._start = end_of_head(self.raw)
            if self._start < 0:
                return False
            self._read_head()
        is_complete = len(self.raw) >= self._end if self._chunk < 0 else self._has_last_chunk()
        if is_complete:
            self.awaits_continue = False
        return is_complete

    def request(self, method: str, uri: str) -> Request:
        """Give the request, once it is complete."""
        raw = bytes(self.raw)
        body = raw[self._start :] if self._chunk < 0 else unchunk(raw, self._start).data
        return Request(method, uri, self._headers, body)

    def _read_head(self) -> None:
        _, _, headers = parse_request_head(bytes(self.raw[: self._start]))
        self._headers = headers
        if is_chunked(headers):
            self._chunk = self._start
        else:
            self._end = self._start + int(headers.get("content-length") or 0)
        self.awaits_continue = headers.get("expect", "").lower() == "100-continue"

    def _has_last_chunk(self) -> bool:
        raw = self.raw
        while match := _CHUNK.match(raw, self._chunk):
            size = int(match[1], 16)
            if size == 0:
                return raw.find(b"\r\n\r\n", match.end() - 2) >= 0
            after = match.end() + size + 2
            if after > len(raw):
                return False
            self._chunk = after
        return False


class Played(Transport):
    """The transport of a connection to nowhere.

    It answers in the next turn of the loop, as nothing can be answered while it is sent. What of a
    response arrived late comes when the reader waits for it, and no later than it came live.

    :param protocol: the client's, which reads the answer.
    :param peer: host and port that the connection is to.
    """

    def __init__(self, loop: AbstractEventLoop, protocol: Any, peer: tuple[str, int]) -> None:
        super().__init__({"peername": peer})
        self._loop = loop
        self._protocol = protocol
        self._asked: Asked
        self._written: Written | None = None
        self._go_live: Callable[[bytes], None] | None = None
        self._hops = 0
        self._is_closing = False
        self._is_paused = False
        self._response: Response | None = None
        self._pieces: deque[tuple[bytes | None, float]] = deque()
        self._next: Handle | None = None
        self._is_waiting = False  # for the reader, or for the time of the next piece

    def expect(
        self, asked: Asked, hops: int, go_live: Callable[[bytes], None] | None = None
    ) -> None:
        """Be ready for a request.

        :param hops: how many turns of the loop later to answer.
        :param go_live: takes the written request, where the recording has no answer.
        """
        self._asked = asked
        self._go_live = go_live
        self._hops = hops
        self._written = Written()

    # what the client calls

    def write(self, data: Any) -> None:
        """Take bytes of the request."""
        written = self._written
        if written is None:
            return
        if written.add(data):
            self._written = None
            self._loop.call_soon(self._answer, written, self._hops)
        elif written.awaits_continue:
            written.awaits_continue = False
            self._loop.call_soon(self._feed, _CONTINUE)

    def writelines(self, pieces: Iterable[Any]) -> None:
        """Take bytes of the request."""
        self.write(b"".join(pieces))

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._is_closing

    def close(self) -> None:
        """End the connection: nothing more is read from it."""
        if self._is_closing:
            return
        self._stop()
        self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """Give the reader nothing until `resume_reading`."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Go on after `pause_reading`."""
        self._is_paused = False
        if not self._is_waiting:
            self._continue()

    def is_reading(self) -> bool:
        """Whether it isn't paused."""
        return not (self._is_paused or self._is_closing)

    def set_protocol(self, protocol: Any) -> None:
        """Have another protocol read."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Give the protocol that reads."""
        return self._protocol

    def can_write_eof(self) -> bool:
        """Say no: there is no other side."""
        return False

    def get_write_buffer_size(self) -> int:
        """Say that nothing piles up."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take limits that nothing ever reaches."""

    # the answer

    def hurry(self) -> None:
        """The reader waits: give it the next piece now, however long it took live."""
        if self._is_waiting:
            self._continue()

    def _answer(self, written: Written, hops: int) -> None:
        if self._is_closing:  # nobody waits any longer
            return
        if hops > 1:
            self._loop.call_soon(self._answer, written, hops - 1)
            return
        asked = self._asked
        request = written.request(asked.client_request.method, asked.uri)
        try:
            answer = asked.exchange.play(request)
        except BaseException as error:  # noqa: BLE001 -- whoever awaits the response has to see it
            self._protocol.set_exception(error)
            return
        if isinstance(answer, Response):
            self._response = answer
            self._pieces.extend(_pieces(answer, request.method))
            self._deliver()
        elif isinstance(answer, Failure):
            aiohttp_errors.play(answer, self._protocol, asked)
        elif self._go_live is not None:
            self._go_live(bytes(written.raw))

    def _feed(self, data: bytes) -> None:
        if not self._is_closing:
            self._protocol.data_received(data)

    def _deliver(self) -> None:
        self._next = None
        self._is_waiting = False
        data, _ = self._pieces.popleft()
        if data is not None:
            self._protocol.data_received(data)
        elif self._response is not None and _is_broken_off(self._response):
            self._break_off(self._response)
        else:
            self._stop()
            self._protocol.connection_lost(None)
        if not self._pieces:
            return
        delay = self._pieces[0][1]
        if delay == 0:
            if not self._is_paused:
                self._continue()
            return
        self._is_waiting = True
        if delay < _NEVER:
            self._next = self._loop.call_later(delay, self._deliver)

    def _continue(self) -> None:
        if self._pieces:
            self._is_waiting = False
            if self._next is not None:
                self._next.cancel()
            self._next = self._loop.call_soon(self._deliver)

    def _break_off(self, response: Response) -> None:
        payload = self._protocol._payload  # noqa: SLF001 -- what the reader reads from
        if payload is not None:
            payload.set_exception(aiohttp_errors.break_off(response))

    def _stop(self) -> None:
        self._is_closing = True
        self._written = None
        self._pieces.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None


def _is_broken_off(response: Response) -> bool:
    """Whether it was the reader that stopped, and not the server."""
    size = len(response.body)
    return not response.complete and all(each.offset < size for each in response.arrivals)


def _pieces(response: Response, method: str) -> Iterator[tuple[bytes | None, float]]:
    """What the wire brings, each with the seconds that it took; None for its end."""
    wire = to_wire(response, method)
    is_sized = response.complete and "content-length" in response.headers
    if is_sized and len(wire) == 1 and len(wire[0]) <= _READ_SIZE:  # as nearly all are
        yield wire[0], 0.0
        return
    times = [arrival.time for arrival in response.arrivals]
    before = 0.0
    for number, piece in enumerate(wire):
        delay = 0.0
        if 0 < number <= len(times):
            delay = max(times[number - 1] - before, 1e-9)
            before = times[number - 1]
        if len(piece) <= _READ_SIZE:
            yield piece, delay
            continue
        for start in range(0, len(piece), _READ_SIZE):
            yield piece[start : start + _READ_SIZE], delay if start == 0 else 0.0
    if is_bodiless(method, response.status):
        return
    if not response.complete:
        broken_off = _is_broken_off(response)
        yield None, _NEVER if broken_off else max(times[-1] - before, 0.0)
    elif not is_sized and not is_chunked(response.headers):
        yield None, 0.0
