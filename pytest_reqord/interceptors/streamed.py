"""What clients have in common on the wire: a request while it is written, a response as it arrives."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_reqord.interceptors.framing import (
    end_of_head,
    is_bodiless,
    is_chunked,
    parse_request_head,
    to_wire,
    unchunk,
)
from pytest_reqord.models import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_reqord.models import Headers

__all__ = ["CONTINUE", "NEVER", "PAUSE", "Written", "is_broken_off", "marks", "pieces"]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NEVER = float("inf")
"""The time that a piece takes which nobody has read."""

PAUSE = 0.02
"""Bytes that come this many seconds after the ones before them are an arrival of their own."""

_FRAMING = frozenset(("content-length", "expect", "transfer-encoding"))
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r\n")
_READ_SIZE = 256 * 1024
"""The most that an event loop takes from a socket at once, in bytes."""


class Written:
    """A request while it is written."""

    __slots__ = (
        "_chunk",
        "_end",
        "_start",
        "awaits_continue",
        "headers",
        "is_complete",
        "method",
        "raw",
        "target",
    )

    def __init__(self) -> None:
        self.raw = bytearray()
        self.method = ""
        """Its method; empty until its head is complete."""
        self.target = ""
        self.headers: Headers
        self.awaits_continue = False
        """Whether whoever writes it wants a 100 before the body."""
        self.is_complete = False
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
        self.is_complete = is_complete
        return is_complete

    def request(self, method: str, uri: str) -> Request:
        """Give the request, as far as it is written."""
        if self._chunk < 0:
            body = bytes(self.raw[self._start :])
        else:
            body = unchunk(bytes(self.raw), self._start).data
        return Request(method, uri, self.headers, body)

    def forget(self) -> None:
        """Free what was written: nobody will ask for it."""
        self.raw = bytearray()

    def _read_head(self) -> None:
        self.method, self.target, headers = parse_request_head(bytes(self.raw[: self._start]))
        self.headers = headers
        self._end = self._start
        if not headers.has_any(_FRAMING):  # most requests end with their head
            return
        if is_chunked(headers):
            self._chunk = self._start
        else:
            length = headers.get("content-length", "")
            self._end += int(length) if length.isdecimal() else 0
        self.awaits_continue = headers.get("expect", "").lower() == "100-continue"

    def _has_last_chunk(self) -> bool:
        raw = self.raw
        while match := _CHUNK.match(raw, self._chunk):
            size = int(match[1], 16)
            if size == 0:  # after it, trailers may come
                return raw.find(b"\r\n\r\n", match.end() - 2) >= 0
            after = match.end() + size + 2
            if after > len(raw):
                return False
            self._chunk = after
        return False


def marks(
    raw: bytes, reads: Sequence[tuple[int, float]], started: float
) -> list[tuple[int, float]]:
    """The reads that had to wait for their bytes, as `framing.parse_response` wants them.

    :param reads: for each read where its bytes start in ``raw``, and when it was.
    :param started: when the request was started.
    """
    # every event is one, however fast they come
    pause = 0.0 if b"text/event-stream" in raw[: end_of_head(raw)].lower() else PAUSE
    return [
        (offset, round(now - started, 6))
        for (_, before), (offset, now) in pairwise(reads)
        if now - before >= pause
    ]


def is_broken_off(response: Response) -> bool:
    """Whether it was the reader that stopped, and not the server."""
    size = len(response.body)
    is_cut = any(each.offset == size for each in response.arrivals)
    return not (response.complete or response.broken or is_cut)


def pieces(response: Response, method: str) -> Iterator[tuple[bytes | None, float]]:
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
        delay = times[-1] - before if times else 0.0
        least = 0.0 if response.broken is None else 1e-9  # what came is read before
        yield None, NEVER if is_broken_off(response) else max(delay, least)
    elif not is_sized and not is_chunked(response.headers):
        yield None, 0.0
