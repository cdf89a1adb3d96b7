"""A body taken out of its message, and put back with all that depends on its length."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, TypeVar

from pytest_reqord import content
from pytest_reqord.models import Headers, Request, Response
from pytest_reqord.patterns import Pattern
from pytest_reqord.redaction.text import REDACTED, EditedText

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Unpacked", "with_body"]

_CHECKSUMS = Pattern(
    r"content-md5|(?:content-|repr-)?digest|x-amz-crc32|x-amz-checksum-(?!mode|type|algorithm).*"
    r"|x-goog-hash",
    re.IGNORECASE,
)
_WBITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_Message = TypeVar("_Message", Request, Response)


class Unpacked:
    """A body with its content coding undone, to be edited.

    :param coding: the coding to be applied again; empty where there is none.
    :param is_cut_off: whether the packed bytes ended too early.
    :param marker: what comes in the place of a secret.
    """

    __slots__ = ("coding", "is_cut_off", "marker", "text")

    def __init__(self, text: EditedText, coding: str = "", *, is_cut_off: bool = False) -> None:
        self.text = text
        self.coding = coding
        self.is_cut_off = is_cut_off
        self.marker = REDACTED

    @staticmethod
    def of(body: bytes, coding: str | None) -> Unpacked:
        """Take a body out; one that can't be unpacked is edited as it is."""
        if not coding or not body:
            return Unpacked(EditedText(body.decode("latin-1")))
        unpacked = content.decode(body, coding)
        if unpacked is not None:
            return Unpacked(EditedText(unpacked.decode("latin-1")), coding)
        part = _first_part(body, coding.strip().lower())
        if part is not None:
            return Unpacked(EditedText(part.decode("latin-1")), coding, is_cut_off=True)
        return Unpacked(EditedText(body.decode("latin-1")))

    def packed(self) -> tuple[bytes, bool]:
        """The edited body, and whether its coding could be applied again."""
        body = self.text.text.encode("latin-1")
        if self.is_cut_off:
            encoder = zlib.compressobj(wbits=_WBITS[self.coding.strip().lower()])
            return encoder.compress(body) + encoder.flush(zlib.Z_SYNC_FLUSH), True
        packed = content.encode(body, self.coding) if self.coding else body
        return (body, False) if packed is None else (packed, True)


def _first_part(body: bytes, coding: str) -> bytes | None:
    """As much as can be unpacked of a body that was cut off."""
    if coding not in _WBITS:
        return None
    try:
        return (
            zlib.decompressobj(wbits=_WBITS[coding]).decompress(body, content.MOST_UNPACKED) or None
        )
    except zlib.error:
        return None


def with_body(message: _Message, unpacked: Unpacked) -> _Message:
    """The message with the edited body in it."""
    body, is_packed = unpacked.packed()
    message = _with_length(message, body)
    if not is_packed:
        message = message._replace(headers=_without(message.headers, Pattern("content-encoding")))
    if isinstance(message, Response) and (message.chunks is not None or message.arrivals):
        edits = None if unpacked.coding else unpacked.text
        return _with_boundaries(message, len(body), edits)
    return message


def _with_length(message: _Message, body: bytes) -> _Message:
    """What depends on the body's bytes follows it; what is a checksum of them goes."""
    growth = len(body) - len(message.body)
    pairs = tuple(
        (name, str(int(value) + growth))
        if name.lower() == "content-length" and value.strip().isdigit()
        else (name, value)
        for name, value in message.headers.pairs
    )
    return message._replace(headers=_without(Headers(pairs), _CHECKSUMS), body=body)


def _without(headers: Headers, names: Pattern[str]) -> Headers:
    return Headers(pair for pair in headers.pairs if not names.fullmatch(pair[0].lower()))


def _with_boundaries(response: Response, length: int, edits: EditedText | None) -> Response:
    """Chunks and arrivals of the new body; packed anew it has but one chunk."""
    if edits is None:
        whole = None if response.chunks is None else (length,)
        return response._replace(chunks=whole, arrivals=())
    chunks = response.chunks
    if chunks is not None:
        chunks = _differences(edits.moved(_sums(chunks)))
    offsets = edits.moved([arrival.offset for arrival in response.arrivals])
    arrivals = {
        offset: arrival._replace(offset=offset)
        for offset, arrival in reversed(tuple(zip(offsets, response.arrivals, strict=True)))
    }
    return response._replace(chunks=chunks, arrivals=tuple(reversed(arrivals.values())))


def _sums(sizes: Sequence[int]) -> list[int]:
    total = 0
    return [total := total + size for size in sizes]


def _differences(ends: Sequence[int]) -> tuple[int, ...]:
    starts = (0, *ends)
    sizes = (end - start for start, end in zip(starts, ends))  # noqa: B905 -- one start more
    return tuple(size for size in sizes if size)  # a chunk without bytes would end the body
