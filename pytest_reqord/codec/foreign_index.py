"""Cassettes of other tools as their emitters write them: found by a scan, decoded when needed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_reqord.codec import foreign_values, safe
from pytest_reqord.codec.document import HEADER, Document, Source
from pytest_reqord.codec.dumping import head_with
from pytest_reqord.codec.foreign import ForeignEntry
from pytest_reqord.codec.scalars import is_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_reqord.models import Interaction

__all__ = ["index"]

_NEXT = b"\n- request:\n"
_NEXT_ENTRY = re.compile(rb"\n(?=- request:\n    [a-z])")  # and no line of a quoted text
_AFTER = re.compile(rb"\n(?=[^ \n])")
_PLACEHOLDER, _OURS = "[FILTERED]", "[REDACTED]"
_OF_CASSETTER = re.compile(rb"\n    status: [0-9]")
_LAST_LINE = re.compile(rb"^interactions:\n\Z", re.MULTILINE)
_HEAD_AND_TAIL = b"interactions:\n", b"version: 1\n"  # but for metadata, all of VCR.py's
# method and URI as cassetter has them, first of all, and as VCR.py's sorted keys have them
_FIRST = re.compile(rb"- request:\n    method: ([A-Z]+)\n    uri: ([!-~]+)\n")
_LAST = re.compile(rb"\n    method: ([A-Z]+)\n    uri: ([!-~]+)\n  response:\n")
_KEYS = b"\n    method: ", b"\n    uri: ", b"\n  response:"
"""What an entry has once; where it is there twice, one may be part of a text, and the last counts."""


class _Indexed(ForeignEntry):
    """An entry of VCR.py's that was found but not decoded."""

    __slots__ = ("_decoded", "_end", "_found", "_position", "_source", "_start")

    def __init__(self, source: Source, start: int, end: int, position: int) -> None:
        self._decoded: Interaction | None = None
        self._text = None
        self._source = source
        self._start = start
        self._end = end
        self._position = position
        self._found: tuple[str, str] | None = None

    def interaction(self) -> Interaction:
        if self._decoded is None:
            self._decoded = self._decode()
        return self._decoded

    @property
    def recorded_by(self) -> str:
        return ""

    @property
    def method(self) -> str:
        return (self._found or self._head())[0]

    @property
    def uri(self) -> str:
        return (self._found or self._head())[1]

    def _head(self) -> tuple[str, str]:
        place = self._source.data, self._start, self._end
        match = _FIRST.match(*place) or _LAST.search(*place)
        method, uri = (match[1].decode(), match[2].decode()) if match else ("", "")
        is_said_once = all(self._source.data.count(key, *place[1:]) == 1 for key in _KEYS)
        if not is_said_once or not is_plain(uri):
            request = self.interaction().request
            method, uri = request.method, request.uri
        self._found = method, uri
        return self._found

    def _decode(self) -> Interaction:
        line = self._source.line(self._start)
        try:
            return foreign_values.interaction(self._load(), self._position)
        except safe.SafeError as error:
            raise self._source.unsafe(error, line - 1) from error
        except (ValueError, TypeError) as error:
            raise self._source.broken(str(error), line) from error

    def _load(self) -> Any:
        (item,) = safe.load(self.vcr_text().decode()).value
        return item

    def item(self) -> Any:
        return safe.typed(self._load())

    def vcr_text(self) -> bytes:
        return self._source.data[self._start : self._end]


class _IndexedOther(_Indexed):
    """The same, of cassetter's, whose placeholder for a secret is read as ours."""

    __slots__ = ()
    is_vcr = False

    def _head(self) -> tuple[str, str]:
        method, uri = super()._head()
        self._found = method, uri.replace(_PLACEHOLDER, _OURS)
        return self._found

    def _load(self) -> Any:
        text = self.vcr_text().decode().replace(_PLACEHOLDER, _OURS)
        (item,) = safe.load(text).value
        return item


def index(source: Source) -> Document | None:
    """Find the entries of a file of VCR.py's or cassetter's emitter.

    :returns: None where it is not laid out in that way.
    """
    data = source.data
    starts = [found.end() for found in _NEXT_ENTRY.finditer(data)]
    if (
        not starts
        or len(starts) != data.count(_NEXT)
        or not data.endswith(b"\n")
        or b" &id0" in data
    ):  # an anchor is for others, too
        return None
    first = starts[0]
    after = _AFTER.search(data, starts[-1])
    end = after.end() if after else len(data)
    if after and not data[end : end + 1].isalpha():  # no key, and part of what is before it
        return None
    extra = _extra(data[:first], data[end:])
    if extra is None or _lines_between(data, first, end) != len(starts) - 1:
        return None
    ends = [*starts[1:], end]
    is_vcr = _OF_CASSETTER.search(data, first, ends[0]) is None
    kind = _Indexed if is_vcr else _IndexedOther
    entries = [kind(source, *place, at) for at, place in enumerate(zip(starts, ends, strict=True))]
    head = head_with(extra) if extra else HEADER
    return Document(entries, format="vcr" if is_vcr else "cassetter", head=head, extra=extra)


def _lines_between(data: bytes, start: int, end: int) -> int:
    """How many lines but the first are neither indented nor blank."""
    lines = data.count(b"\n", start, end - 1)
    indented = data.count(b"\n ", start, end)
    if b"\n\n" in data:
        return sum(1 for _ in _AFTER.finditer(data, start, end))
    return lines - indented


def _extra(head: bytes, tail: bytes) -> Mapping[str, Any] | None:
    """The keys beside the entries that say neither version nor entries; None for another layout.

    :param head: what is before the entries.
    :param tail: what is after them.
    """
    if (head, tail) == _HEAD_AND_TAIL:
        return {}
    try:
        parts = [safe.load(part.decode()) for part in (head, tail) if part.strip()]
    except (safe.SafeError, UnicodeDecodeError):
        return None
    if any(not isinstance(part.value, dict) or part.duplicate for part in parts):
        return None
    top = {key: value for part in parts for key, value in part.value.items()}
    is_last = _LAST_LINE.search(head) and list(parts[0].value)[-1:] == ["interactions"]
    if not is_last or top["interactions"] is not None:
        return None
    if str(top.get("version")) != "1" or "reqord" in top:
        return None
    return {key: safe.typed(top[key]) for key in top if key not in ("version", "interactions")}
