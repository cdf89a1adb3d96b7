"""Our own files: indexed by a scan for where entries start, each decoded when it is needed."""

from __future__ import annotations

import re
from typing import Any

from pytest_reqord.codec import safe, values
from pytest_reqord.codec.document import HEADER, OUR_KEYS, Document, Source
from pytest_reqord.codec.located import LocatedEntries, is_complete, recorded_at_of

__all__ = ["index", "last_recorded_at"]

_START = b"- recorded_at:"
_NEXT = b"\n" + _START
_LAST_LINE = re.compile(rb"^interactions:[ \t]*(?:#.*)?\n\Z", re.MULTILINE)  # no end of document
_TORN = "the last interaction is cut off"
_LAST_LINE = re.compile(rb"^interactions:.*\n\Z", re.MULTILINE)


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
    if not is_complete(data, end):
        end = _last_end(data, starts)
        if end < 0:
            return None
        torn = source.line(end), _TORN
    if start and start != end:  # an entry in another layout, or the end of the document
        return None
    entries = LocatedEntries(source, [*starts, end])
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


def _last_end(data: bytes, starts: list[int]) -> int:
    """Where the last intact entry ends; takes the torn one from the starts. -1: not torn."""
    begun = data.rfind(b"\n") + 1
    if begun < len(data) and _START.startswith(data[begun:]) and is_complete(data, begun):
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
    if (at or tail.startswith(_START)) and is_complete(tail, len(tail)):
        return recorded_at_of(tail, at) if tail.find(b"\n-", at) < 0 else None
    return None
