"""Our own files: indexed by a scan for where entries start, each decoded when it is needed."""

from __future__ import annotations

import re

from pytest_reqord.codec.document import HEADER, Document, Source, Top
from pytest_reqord.codec.located import (
    NEXT,
    LocatedEntries,
    is_complete,
    lines_of,
    recorded_at_of,
)
from pytest_reqord.patterns import Pattern

__all__ = ["index", "last_recorded_at"]

_START = NEXT[1:]
_OTHER_NEXT = re.compile(rb"\n-(?! recorded_at:)")
_TORN = "the last interaction is cut off"
_OTHER_KEY = re.compile(rb"\n[^ \n-]")  # beside the entries, behind the last of them
_LAST_LINE = Pattern(rb"^interactions:.*\n\Z", re.MULTILINE)  # no end of document


def index(source: Source) -> Document | None:
    """Find the entries of a file of ours.

    :returns: None where it is not laid out as we do it, for `pytest_reqord.codec.safe` to read.
    """
    data = source.data
    first = data.find(NEXT) + 1
    head = data[:first]
    top = Top() if head == HEADER else _top(head)
    last = data.rfind(NEXT) + 1
    if not first or top is None or _OTHER_KEY.search(data, last):
        return None
    torn = None
    end = len(data)
    if not is_complete(data, end):
        end = _last_end(data, last)
        if end < 0:
            return None
        torn = source.line(end), _TORN
    lines = lines_of(data, first, end)
    if torn or not all(address for _, _, address in lines):
        other = _OTHER_NEXT.search(data, first)
        # an entry in another layout, or the end of the document
        if other is not None and other.start() + 1 != end:
            return None
    entries = LocatedEntries(source, first, end, lines)
    return Document(entries, top.is_locked, "reqord", torn, head, top.extra)


def _top(head: bytes) -> Top | None:
    if not _LAST_LINE.search(head):
        return None
    from pytest_reqord.codec import general  # late: what we wrote is read without it

    return general.top(head)


def _last_end(data: bytes, last: int) -> int:
    """Where the last intact entry ends; -1 where none is torn.

    :param last: where the last one that has begun starts.
    """
    begun = data.rfind(b"\n") + 1
    if begun < len(data) and _START.startswith(data[begun:]) and is_complete(data, begun):
        return begun
    from pytest_reqord.codec import general  # late: few are torn

    return -1 if general.is_complete(data[last:]) else last


def last_recorded_at(tail: bytes) -> str | None:
    """When the last entry of a file was recorded.

    :param tail: the last bytes of the file.
    :returns: None where that can't be told from them, or the file is not to be appended to.
    """
    at = tail.rfind(NEXT) + 1
    if (at or tail.startswith(_START)) and is_complete(tail, len(tail)):
        is_last = tail.find(b"\n-", at) < 0 and not _OTHER_KEY.search(tail, at)
        return recorded_at_of(tail, at) if is_last else None
    return None
