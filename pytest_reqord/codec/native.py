"""Our own files: indexed by a scan for where entries start, each decoded when it is needed."""

from __future__ import annotations

import re

from pytest_reqord.codec.document import HEADER, Document, Source, Top
from pytest_reqord.codec.located import LocatedEntries, is_complete, recorded_at_of
from pytest_reqord.patterns import Pattern

__all__ = ["index", "last_recorded_at"]

_START = b"- recorded_at:"
_NEXT = b"\n" + _START
_OTHER_NEXT = re.compile(rb"\n-(?! recorded_at:)")
_TORN = "the last interaction is cut off"
_OTHER_KEY = re.compile(rb"\n[^ \n-]")  # beside the entries, behind the last of them
_LAST_LINE = Pattern(rb"^interactions:.*\n\Z", re.MULTILINE)  # no end of document


def index(source: Source) -> Document | None:
    """Find the entries of a file of ours.

    :returns: None where it is not laid out as we do it, for `pytest_reqord.codec.safe` to read.
    """
    data = source.data
    first = data.find(_NEXT) + 1
    head = data[:first]
    top = Top() if head == HEADER else _top(head)
    if not first or top is None:
        return None
    other = _OTHER_NEXT.search(data, first)  # a third of the time of a find
    starts = []
    start = first
    while start:
        starts.append(start)
        start = data.find(_NEXT, start) + 1
    if _OTHER_KEY.search(data, starts[-1]):
        return None
    torn = None
    end = len(data)
    if not is_complete(data, end):
        end = _last_end(data, starts)
        if end < 0:
            return None
        torn = source.line(end), _TORN
    # an entry in another layout, or the end of the document
    if other is not None and other.start() + 1 != end:
        return None
    entries = LocatedEntries(source, [*starts, end])
    return Document(entries, top.is_locked, "reqord", torn, head, top.extra)


def _top(head: bytes) -> Top | None:
    if not _LAST_LINE.search(head):
        return None
    from pytest_reqord.codec import general  # late: what we wrote is read without it

    return general.top(head)


def _last_end(data: bytes, starts: list[int]) -> int:
    """Where the last intact entry ends; takes the torn one from the starts. -1: not torn."""
    begun = data.rfind(b"\n") + 1
    if begun < len(data) and _START.startswith(data[begun:]) and is_complete(data, begun):
        return begun
    from pytest_reqord.codec import general  # late: few are torn

    if general.is_complete(data[starts[-1] :]):
        return -1
    return starts.pop()


def last_recorded_at(tail: bytes) -> str | None:
    """When the last entry of a file was recorded.

    :param tail: the last bytes of the file.
    :returns: None where that can't be told from them, or the file is not to be appended to.
    """
    at = tail.rfind(_NEXT) + 1
    if (at or tail.startswith(_START)) and is_complete(tail, len(tail)):
        is_last = tail.find(b"\n-", at) < 0 and not _OTHER_KEY.search(tail, at)
        return recorded_at_of(tail, at) if is_last else None
    return None
