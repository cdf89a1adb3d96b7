"""HTTP/1.1 messages as bytes: a recorded response to what a server sends, and what came back to
values. Pure: no sockets, no clients.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.base.models import Arrival, Failure, Headers, Response, one_line

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

from pytest_reqord.base.lazy import Pattern

__all__ = [
    "INTERIM",
    "IN_ORDER",
    "RECEIVED",
    "SWITCHED",
    "Body",
    "RawRequest",
    "end_of_head",
    "is_bodiless",
    "is_chunked",
    "is_websocket",
    "length_of",
    "parse_request",
    "parse_request_head",
    "parse_response",
    "to_wire",
    "unchunk",
]

SWITCHED = 101
"""The status after which a connection speaks something else: all that comes is the body."""
INTERIM = frozenset(range(100, 200)) - {SWITCHED}
"""Statuses of responses that another one follows."""

IN_ORDER = "http.client."
"""What the kind of a failure starts with where the connection ended in good order."""
RECEIVED = "received"
"""The detail of a failure that has the bytes that came in place of a response, or of its rest."""

_MOST_DIGITS = 600  # what every Python reads, however it is set up
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = Pattern(rb"[ \t]*([0-9A-Fa-f]+)[ \t]*(?:;[^\n]*)?\r?\n")


class RawRequest(NamedTuple):
    """A request as it was sent.

    :param target: as it stood on the request line.
    :param body: without its transfer coding.
    """

    method: str
    target: str
    headers: Headers
    body: bytes


class Body(NamedTuple):
    """A body with its transfer coding undone.

    :param chunks: the sizes of its chunks as they were announced; None where there are none.
    :param starts: where on the wire each part of ``data`` starts: ``(wire offset, size)``.
    :param is_complete: whether all that was announced came.
    :param garbage: what stands where the size of a chunk should, to the end of its line.
    """

    data: bytes
    chunks: tuple[int, ...] | None
    trailers: Headers
    starts: tuple[tuple[int, int], ...]
    is_complete: bool
    garbage: bytes = b""


def end_of_head(raw: bytes | bytearray, start: int = 0) -> int:
    """Where the body starts: after the empty line; -1 where the head isn't complete."""
    end = raw.find(b"\r\n\r\n", start)
    if end >= 0:
        return end + 4
    match = _END_OF_HEAD.search(raw, start)  # bare line feeds: forbidden, and accepted by all
    return match.end() if match else -1


def is_bodiless(method: str, status: int) -> bool:
    """Whether a response has no body whatever its headers say (RFC 9112, section 6.3)."""
    return (
        method == "HEAD"
        or status in (204, 304)
        or (status // 100 == 1 and status != SWITCHED)
        or (method == "CONNECT" and status // 100 == 2)  # noqa: PLR2004 -- any 2xx
    )


def parse_request_head(head: bytes) -> tuple[str, str, Headers]:
    """Read method, target and headers from the head of a request."""
    line, headers = _split_head(head)
    method, _, rest = line.partition(" ")
    return method, rest.rpartition(" ")[0], headers


def parse_request(raw: bytes) -> RawRequest:
    """Read a request from what was sent, complete or as far as it goes."""
    end = end_of_head(raw)
    method, target, headers = parse_request_head(raw[:end])
    body = unchunk(raw, end).data if is_chunked(headers) else raw[end:]
    return RawRequest(method, target, headers, body)


def parse_response(
    raw: bytes,
    method: str,
    *,
    is_ended: bool,
    marks: Sequence[tuple[int, float]] = (),
    interim: Container[int] = INTERIM,
    needs_end: bool = True,
) -> Response | None:
    """Read a response from what was received, complete or as far as it was read.

    :param method: the request's method.
    :param is_ended: whether the server closed the connection after ``raw``.
    :param marks: reads that had to wait for their bytes: ``(offset in raw, seconds)``.
    :param interim: the statuses that the client skips to wait for another response.
    :param needs_end: whether the client misses the empty line after the last chunk.
    :returns: the response; None where not even its head is there, or it isn't HTTP.
    """
    start, skipped = 0, []
    while True:
        end = end_of_head(raw, start)
        if end < 0:
            return None
        line, headers = _split_head(raw[start:end])
        version, _, rest = line.partition(" ")
        code, _, reason = rest.lstrip().partition(" ")
        if not version.startswith("HTTP/") or not code.isdigit():
            return None
        status = int(code)
        if status not in interim:
            break
        skipped.append(status)
        start = end
    body = _read_body(raw, end, headers, method, status, is_ended=is_ended, needs_end=needs_end)
    return Response(
        status,
        reason,
        headers,
        body.data,
        version[5:],
        body.trailers,
        body.chunks,
        _arrivals(body, end, marks, is_cut=is_ended and not body.is_complete),
        tuple(skipped),
        body.is_complete,
        _no_chunk(body.garbage) if body.garbage else None,
    )


def _no_chunk(garbage: bytes) -> Failure:
    # a client stops reading there: the connection itself has ended in good order
    received = {RECEIVED: garbage.decode("latin-1")}
    return Failure(f"{IN_ORDER}IncompleteRead", "what the server sent is no chunk", received)


def is_chunked(headers: Headers) -> bool:
    """Whether the last transfer coding is ``chunked``."""
    return _is_chunked(headers.get("transfer-encoding", ""))


def _is_chunked(coding: str) -> bool:
    return coding.lower().endswith("chunked")


def is_websocket(upgrade: str | None) -> bool:
    """Whether an ``Upgrade`` asks for a WebSocket, whose messages a cassette can't hold.

    :param upgrade: the header's value; None where there is none.
    """
    return upgrade is not None and "websocket" in upgrade.lower()


def to_wire(response: Response, method: str) -> list[bytes]:
    """The bytes that a server sends for a response, cut where later parts arrived.

    :param method: the request's method; an answer to ``HEAD`` has no body.
    """
    pieces = _pieces(response, method)
    if response.broken is not None and (garbage := response.broken.details.get(RECEIVED)):
        pieces[-1] += garbage.encode("latin-1", "replace")
    return pieces


_LARGE = 1 << 20  # no copy is made of such a body: nobody receives it with the head in one piece


def _pieces(response: Response, method: str) -> list[bytes]:
    body = response.body
    if is_bodiless(method, response.status):
        return [_head(response)]
    block = _block(response.headers)
    if block.is_chunked and response.status != SWITCHED:
        return _chunked(response)
    if block.length != str(len(body)):
        response = _with_true_length(response)
    if not response.arrivals:
        head = _head(response)
        return [head + body] if len(body) < _LARGE else [head, body]
    # a body that a hand has shortened may have none of the places at which parts of it arrived
    cuts = sorted({0, len(body), *(min(each.offset, len(body)) for each in response.arrivals)})
    parts = [body[start:end] for start, end in pairwise(cuts)]
    if parts and response.arrivals[0].offset > 0:  # the first part came with the head
        return [_head(response) + parts[0], *parts[1:]]
    return [_head(response), *parts]


def _split_head(head: bytes) -> tuple[str, Headers]:
    text = head.decode("latin-1").replace("\r\n", "\n").lstrip("\n")
    line, _, lines = text.partition("\n")
    return line, Headers.parse(lines)


def _read_body(
    raw: bytes,
    start: int,
    headers: Headers,
    method: str,
    status: int,
    *,
    is_ended: bool,
    needs_end: bool,
) -> Body:
    none = Headers()
    if is_bodiless(method, status):
        return Body(b"", None, none, (), is_complete=True)
    is_switched = status == SWITCHED
    if is_chunked(headers) and not is_switched:
        return unchunk(raw, start, needs_end=needs_end or not is_ended)
    length = None if is_switched else length_of(headers)
    if length is not None:
        data = raw[start : start + length]
        is_complete = len(data) == length
    else:
        data, is_complete = raw[start:], is_ended
    return Body(data, None, none, ((start, len(data)),), is_complete)


def length_of(headers: Headers) -> int | None:
    """The length that a body is announced with, be it repeatedly; None for none that is one."""
    lengths = {length.strip() for length in headers.get("content-length", "").split(",")}
    length = lengths.pop()
    is_one = length.isdecimal() and len(length) <= _MOST_DIGITS and not lengths
    return int(length) if is_one else None


def unchunk(raw: bytes, start: int, *, needs_end: bool = True) -> Body:
    """Undo chunked framing, as far as it goes.

    :param needs_end: whether an empty line has to follow the last chunk.
    """
    parts: list[bytes] = []
    starts: list[tuple[int, int]] = []
    sizes: list[int] = []
    position, trailers, is_complete, garbage = start, Headers(), False, b""
    while match := _CHUNK_SIZE.match(raw, position):
        position = match.end()
        size = int(match[1], 16)
        if size == 0:
            trailers, is_complete = _trailers(raw, position, needs_end=needs_end)
            break
        part = raw[position : position + size]
        sizes.append(size)
        parts.append(part)
        starts.append((position, len(part)))
        position += size + (2 if raw[position + size : position + size + 1] == b"\r" else 1)
    else:  # clients read no further than a line that is no size
        garbage = raw[position : raw.find(b"\n", position) + 1]
    return Body(b"".join(parts), tuple(sizes), trailers, tuple(starts), is_complete, garbage)


def _trailers(raw: bytes, start: int, *, needs_end: bool) -> tuple[Headers, bool]:
    if raw.startswith((b"\r\n", b"\n"), start):
        return Headers(), True
    end = end_of_head(raw, start)
    if end < 0:
        if needs_end:
            return Headers(), False
        end = len(raw)
    text = raw[start:end].decode("latin-1").replace("\r\n", "\n")
    return Headers.parse(text), True


def _arrivals(
    body: Body, first: int, marks: Iterable[tuple[int, float]], *, is_cut: bool
) -> tuple[Arrival, ...]:
    """Where in the body the bytes start that had to be waited for.

    A body that its server cut off has an arrival at its end: the end was waited for as well.
    """
    size = len(body.data)
    found: dict[int, float] = {}
    last = 0.0
    for place, seconds in marks:
        last = seconds
        offset = sum(min(max(place - start, 0), length) for start, length in body.starts)
        is_end = offset == size and (body.chunks is None or not body.is_complete)
        if place >= first and body.starts and not is_end:
            found.setdefault(offset, seconds)
    if is_cut:
        found.setdefault(size, last)
    return tuple(Arrival(offset, seconds) for offset, seconds in found.items())


class _Block(NamedTuple):
    """The header lines of a response as they are sent, and what they say of its body.

    :param length: ``Content-Length`` as it stands there; None where it doesn't.
    """

    data: bytes
    is_chunked: bool
    length: str | None


@lru_cache(maxsize=512)  # the same lines repeat all through a suite
def _block(headers: Headers) -> _Block:
    text = headers.text.replace("\r\n", "\n").replace("\n", "\r\n")
    coding, length = headers.get("transfer-encoding", ""), headers.get("content-length")
    return _Block(text.encode("latin-1", "replace"), _is_chunked(coding), length)


def _head(response: Response) -> bytes:
    version = response.http_version
    if not version.startswith(("1.", "0.9")):
        version = "1.1"  # recorded over HTTP/2; this connection has no other way to say it
    line = one_line(f"HTTP/{version} {response.status} {response.reason}") + "\r\n"
    return line.encode("latin-1", "replace") + _block(response.headers).data + b"\r\n"


def _with_true_length(response: Response) -> Response:
    """A response whose body was edited by hand, redacted or recompressed, with its new length."""
    headers, actual = response.headers, str(len(response.body))
    length = length_of(headers)
    if length in (None, len(response.body)) or not response.complete:
        return response
    pairs = (
        (name, actual if name.lower() == "content-length" else value)
        for name, value in headers.pairs
    )
    return response._replace(headers=Headers(pairs))


def _chunked(response: Response) -> list[bytes]:
    body, size = response.body, len(response.body)
    cuts = {arrival.offset for arrival in response.arrivals}
    pieces = [[_head(response)]]
    position = 0
    for announced in _sizes(response):
        end = min(position + announced, size)
        if position in cuts:
            pieces.append([])
        pieces[-1].append(b"%x\r\n" % announced)
        inside = sorted(cut for cut in cuts if position < cut < end)
        for start, stop in pairwise([position, *inside, end]):
            if start != position:
                pieces.append([])
            pieces[-1].append(body[start:stop])
        if end - position == announced:
            pieces[-1].append(b"\r\n")
        position = end
    if response.complete:
        if size in cuts:
            pieces.append([])
        trailers = response.trailers.text.replace("\n", "\r\n").encode("latin-1", "replace")
        pieces[-1].append(b"0\r\n" + trailers + b"\r\n")
    return [b"".join(piece) for piece in pieces]


def _sizes(response: Response) -> Iterable[int]:
    """The chunk sizes, made to fit where the body isn't the one that came in these chunks."""
    size = len(response.body)
    chunks = response.chunks or ()
    if not response.complete or sum(chunks) == size:
        return chunks
    sizes, left = [], size
    for announced in chunks:
        sizes.append(min(announced, left))
        left -= sizes[-1]
    return [each for each in (*sizes, left) if each]
