"""Our own files: indexed by a scan for where entries start, each decoded when it is needed."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.codec import decode, safe, values
from pytest_reqord.codec.document import HEADER, OUR_KEYS, Document, Entry, Source

if TYPE_CHECKING:
    from pytest_reqord.models import Interaction

__all__ = ["index", "last_recorded_at"]

_START = b"- recorded_at:"
_NEXT = b"\n" + _START
_LAST_KEY = b"\n  elapsed: "
_NUMBER = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_LONGEST_END = 48
_TORN = "the last interaction is cut off"
_HEAD = re.compile(
    rb"- recorded_at: '(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)'\n"
    rb"(?:  recorded_by: (.+)\n)?"
    rb"  request:\n"
    rb"    method: (.+)\n"
    rb"    uri: (?:(https?://[!-~]*[!-9;-~])|(.+))\n"  # the first is text without quotes
    rb"(?=  (?:  )?[a-z])"  # deeper indented the next line would belong to this one
)
_LAST_LINE = re.compile(rb"^interactions:.*\n\Z", re.MULTILINE)


class _Head(NamedTuple):
    recorded_at: str
    recorded_by: str
    method: str
    uri: str


class _NativeEntry(Entry):
    """An entry as we write it, found but not decoded."""

    __slots__ = ("_end", "_found", "_source", "_start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self._interaction = None
        self._source = source
        self._start = start
        self._end = end
        self._found: _Head | None = None

    @property
    def text(self) -> bytes:
        return self._source.data[self._start : self._end]

    @property
    def recorded_at(self) -> str:
        return (self._found or self._head()).recorded_at

    @property
    def recorded_by(self) -> str:
        return (self._found or self._head()).recorded_by

    @property
    def method(self) -> str:
        return (self._found or self._head()).method

    @property
    def uri(self) -> str:
        return (self._found or self._head()).uri

    @property
    def has_body(self) -> bool:
        data, start, end = self._source.data, self._start, self._end
        if self._found is None:
            self._head()  # which tells whether the request comes first
        response = data.find(b"\n  response:\n", start, end)
        if self._interaction is None and response > 0:
            return data.find(b"\n    body:", start, response) > 0
        return bool(self.interaction().request.body)

    def _head(self) -> _Head:
        try:
            found = _read_head(self._source.data, self._start, self._end)
        except decode.OtherLayout:
            found = _Head(super().recorded_at, super().recorded_by, super().method, super().uri)
        self._found = found
        return found

    def _decode(self) -> Interaction:
        text = self.text
        try:
            return decode.read_entry(text, self._source.files)
        except (decode.OtherLayout, ValueError):
            return self._decode_safely(text)

    def _decode_safely(self, text: bytes) -> Interaction:
        line = self._source.line(self._start)
        try:
            return values.interaction(self._load(text, line), self._source.files)
        except safe.SafeError as error:
            raise self._source.unsafe(error, line - 1) from error
        except (ValueError, TypeError) as error:
            raise self._source.broken(str(error), line) from error

    def _load(self, text: bytes, line: int) -> Any:
        try:
            (entry,) = safe.load(text.decode()).unambiguous().value
        except safe.SafeError as error:
            try:  # as a part of the whole: an alias may stand for something in another entry
                loaded = safe.load(self._source.data.decode()).unambiguous()
            except (safe.SafeError, UnicodeDecodeError):
                raise error from None
            lines = [place.line + 1 for place in loaded.items.get("interactions", ())]
            if line not in lines:  # what looks like an entry's start is part of a text
                raise error from None
            entry = loaded.value["interactions"][lines.index(line)]
        return entry


def _read_head(data: bytes, start: int, end: int) -> _Head:
    match = _HEAD.match(data, start, end)
    if match is None or not _is_complete(data, end):
        raise decode.OtherLayout
    recorded_at, by, method, uri, other = match.groups(b"")
    if not by and data.find(b"recorded_by:", match.end(), end) >= 0:  # a hand may have moved it
        raise decode.OtherLayout
    uri_text = uri.decode("ascii") if uri else _inline(other)
    return _Head(recorded_at.decode("ascii"), _word(by), _word(method), uri_text)


def _inline(value: bytes) -> str:
    return decode.read_inline(decode.usual_text(value)) if value else ""


_word = lru_cache(maxsize=2048)(_inline)  # methods and tests repeat


def index(source: Source) -> Document | None:
    """Find the entries of a file of ours.

    :returns: None where it is not laid out as we do it, for `pytest_reqord.codec.safe` to read.
    """
    data = source.data
    first = data.find(_NEXT) + 1
    head = data[:first]
    top = {} if head == HEADER else _top(head) if _LAST_LINE.search(head) else None
    if not first or top is None:
        return None
    starts = [first]
    start = data.find(b"\n-", first) + 1
    while start:
        if not data.startswith(_START, start):
            break
        starts.append(start)
        start = data.find(b"\n-", start) + 1
    torn = None
    end = len(data)
    if not _is_complete(data, end):
        end = _last_end(data, starts)
        if end < 0:
            return None
        torn = source.line(end), _TORN
    if start and start != end:  # an entry in another layout, or the end of the document
        return None
    ends = [*starts[1:], end][: len(starts)]
    entries = [_NativeEntry(source, start, end) for start, end in zip(starts, ends, strict=True)]
    extra = {key: safe.typed(top[key]) for key in top if key not in OUR_KEYS}
    is_locked = values.is_true(top.get("locked", False))
    return Document(entries, is_locked, "reqord", torn, head, extra)


def _top(head: bytes) -> dict[str, Any] | None:
    """The keys before the first entry; None where the head is not just that."""
    try:
        loaded = safe.load(head.decode())
    except (safe.SafeError, UnicodeDecodeError):
        return None
    top = loaded.value
    if (
        loaded.duplicate is None
        and isinstance(top, dict)
        and top.get("reqord") == "1"
        and list(top)[-1:] == ["interactions"]
        and top["interactions"] is None
    ):
        return top
    return None


def _is_complete(data: bytes, end: int) -> bool:
    """Whether an entry ends here: ``elapsed``, a number and a line end."""
    at = data.rfind(_LAST_KEY, max(0, end - _LONGEST_END), end)
    return (
        at >= 0
        and data[end - 1] == 0x0A  # noqa: PLR2004 -- the line end
        and _NUMBER.fullmatch(data, at + len(_LAST_KEY), end - 1) is not None
    )


def _last_end(data: bytes, starts: list[int]) -> int:
    """Where the last intact entry ends; takes the torn one from the starts. -1: not torn."""
    begun = data.rfind(b"\n") + 1
    if begun < len(data) and _START.startswith(data[begun:]) and _is_complete(data, begun):
        return begun
    if _is_complete_otherwise(data[starts[-1] :]):
        return -1
    return starts.pop()


def _is_complete_otherwise(entry: bytes) -> bool:
    """Whether this is a complete entry in another layout, such as one with a comment after it."""
    if not entry.endswith(b"\n"):
        return False
    try:
        top = safe.load((HEADER + entry).decode()).value
        return list(top["interactions"][-1])[-1:] == ["elapsed"]
    except (safe.SafeError, UnicodeDecodeError, TypeError, KeyError):
        return False


def last_recorded_at(tail: bytes) -> str | None:
    """When the last entry of a file was recorded.

    :param tail: the last bytes of the file.
    :returns: None where that can't be told from them, or the file is not to be appended to.
    """
    at = tail.rfind(_NEXT) + 1
    if (at or tail.startswith(_START)) and _is_complete(tail, len(tail)):
        match = _HEAD.match(tail, at)
        if match is not None and tail.find(b"\n-", at) < 0:
            return match[1].decode("ascii")
    return None
