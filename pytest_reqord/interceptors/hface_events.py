"""What comes out of a protocol of urllib3-future for a recorded answer."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.interceptors import hface_errors
from pytest_reqord.interceptors.arriving import is_cut
from pytest_reqord.interceptors.framing import is_bodiless
from pytest_reqord.interceptors.hface_package import sibling
from pytest_reqord.models import Failure, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Reply", "reply"]


class Reply(NamedTuple):
    """What comes for one request.

    :param events: the protocol's events; an exception is to be raised.
    :param ending: those that come once the connection has ended.
    """

    events: list[Any]
    ending: list[Any]


def reply(answer: Response | Failure, method: str, stream_id: int, connection: Any) -> Reply:
    """The events of a recorded answer to a request."""
    kinds = sibling(connection, "contrib.hface.events")
    if isinstance(answer, Response):
        events = list(_events(answer, method, stream_id, kinds))
        if answer.complete:
            return Reply(events, [])
        if answer.broken is None:
            return Reply(events, [_end(answer, kinds)])
        failure = answer.broken
    else:
        events, failure = [], answer
    now, later = hface_errors.broken(failure, stream_id, connection)
    return Reply([*events, *now], later)


def _events(response: Response, method: str, stream_id: int, kinds: Any) -> Iterator[Any]:
    for status in response.interim:
        yield kinds.EarlyHeadersReceived(stream_id, [(b":status", b"%d" % status)])
    headers = [(_encode(name), _encode(value)) for name, value in response.headers.pairs]
    is_empty = response.http_version[:1] != "1" and is_bodiless(method, response.status)
    yield kinds.HeadersReceived(
        stream_id, [(b":status", b"%d" % response.status), *headers], end_stream=is_empty
    )
    if is_empty:
        return
    for piece in _pieces(response):
        yield kinds.DataReceived(stream_id, piece)
    if response.trailers.pairs:
        trailers = [
            (_encode(name.lower()), _encode(value)) for name, value in response.trailers.pairs
        ]
        yield kinds.HeadersReceived(stream_id, trailers, end_stream=True)
    elif response.complete:
        yield kinds.DataReceived(stream_id, b"", end_stream=True)


def _encode(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # only in a cassette of another tool, or one edited by hand
        return text.encode()


def _end(response: Response, kinds: Any) -> Any:
    """The end of a body that its server cut off, or that was read no further."""
    is_h1 = response.http_version[:1] == "1"
    code = hface_errors.BAD_REQUEST if is_h1 else hface_errors.PROTOCOL_ERROR
    if not is_cut(response):
        return kinds.ConnectionTerminated(code, "the recording ends here")
    if not is_h1:
        return kinds.ConnectionTerminated(code, hface_errors.CUT_STREAM)
    expected = response.headers.get("content-length")
    missing = f"received {len(response.body)} bytes, expected {expected}"
    reason = missing if expected else "incomplete chunked read"
    return kinds.ConnectionTerminated(code, f"{hface_errors.CUT} ({reason})")


def _pieces(response: Response) -> Iterator[bytes]:
    """The body as it came: frame by frame, or cut where parts of it arrived later."""
    body = response.body
    ends = set(itertools.accumulate(response.chunks or ()))
    ends.update(arrival.offset for arrival in response.arrivals)
    places = sorted({0, len(body), *(min(end, len(body)) for end in ends)})
    yield from (body[start:end] for start, end in itertools.pairwise(places))
