"""The JSON in a body, and the values in it by their place.

A body is one document, or a stream of them: server-sent events, each of which has one in its
``data:`` lines, or lines with one each (NDJSON). Offsets are into the text of the body, so that what
isn't edited stays as it came. What is no JSON (comments, ``[DONE]``, a line that was cut off) is
text between the documents.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.real import json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Document", "Documents", "Value", "documents", "values"]

Edit = tuple[int, int, str]


class Document(NamedTuple):
    """A document in a body.

    :param text: the document.
    :param lines: where its lines stand in the body; more than one where an event has several
        ``data:`` lines.
    :param gap: what stands between two lines of it in the body; empty where it may have but one.
    """

    text: str
    lines: Sequence[tuple[int, int]]
    gap: str

    def value(self) -> Any:
        """Return the document as Python has it."""
        return json.loads(self.text)

    def edit(self, start: int, end: int, new: str) -> Edit:
        """Return the edit of the body that replaces a part of the document.

        :param start: where the part starts in the document.
        :param end: where it ends there.
        :param new: what comes in its place; it has no line end where `gap` is empty.
        """
        return self._at(start), self._at(end), new.replace("\n", self.gap)

    def _at(self, offset: int) -> int:
        for start, end in self.lines:
            if offset <= end - start:
                return start + offset
            offset -= end - start + 1
        return self.lines[-1][1]


class Documents(NamedTuple):
    """The documents of a body.

    :param all: each of them, in order.
    :param is_stream: whether they are a stream.
    """

    all: Sequence[Document]
    is_stream: bool


_EVENTS = Pattern(r"(?:(?:data|event|id|retry)(?::|\r?\n)|:)")
_DATA = Pattern(r"(?:^data:[^\n]*(?:\n|\Z))+", re.MULTILINE)
_LINE = Pattern(r"data: ?([^\r\n]*)\r?(?:\n|\Z)")
_JSON_LINE = Pattern(r"^([{\[][^\r\n]*)", re.MULTILINE)
_KINDS_OF_LINES = ("ndjson", "jsonl", "json-lines", "jsonlines", "stream+json", "json-stream")


def documents(text: str, content_type: str = "") -> Documents:
    """Find the documents of a body.

    :param text: the body, unpacked; may be Latin-1, a byte a character.
    :param content_type: the header's value, empty where there is none.
    """
    kind = content_type.lower()
    if "event-stream" in kind or _EVENTS.match(text):
        return Documents(list(_of_events(text)), is_stream=True)
    if text.lstrip()[:1] not in ("{", "["):
        return Documents((), is_stream=False)
    is_lines = any(each in kind for each in _KINDS_OF_LINES)
    if not is_lines and _is_document(text):
        return Documents((Document(text, ((0, len(text)),), "\n"),), is_stream=False)
    lines = list(_of_lines(text))
    is_stream = is_lines or len(lines) > 1
    return Documents(lines if is_stream else (), is_stream)


def _is_document(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _of_events(text: str) -> Iterator[Document]:
    for event in _DATA.finditer(text):
        lines = [match.span(1) for match in _LINE.finditer(text, event.start(), event.end())]
        gap = text[lines[0][1] : lines[1][0]] if len(lines) > 1 else ""
        whole = Document("\n".join(text[start:end] for start, end in lines), lines, gap)
        # one document, or some servers' several, which have no blank line between them
        each = [whole] if _is_document(whole.text) else [_in_line(text, *line) for line in lines]
        yield from (one for one in each if one is whole or _is_document(one.text))


def _of_lines(text: str) -> Iterator[Document]:
    lines = (_in_line(text, *match.span(1)) for match in _JSON_LINE.finditer(text))
    return (line for line in lines if _is_document(line.text))


def _in_line(text: str, start: int, end: int) -> Document:
    return Document(text[start:end], ((start, end),), "")


class Value(NamedTuple):
    """A value in a document.

    :param place: its place, such as ``data[0].id``; empty for the document itself.
    :param start: where it starts in the document.
    :param end: where it ends.
    """

    place: str
    start: int
    end: int


def values(text: str) -> list[Value]:
    """Return the values of a document, each before those that are inside it.

    :param text: the document, which has to be JSON.
    """
    found: list[tuple[str, int]] = []
    ends: list[int] = []
    around: list[tuple[str, int, int]] = []  # what the next line was for each container around
    outer, index, number = "", _NONE, 0  # of this container: its place, the index that is next
    name = ""
    for match in _PIECE.finditer(text):
        start, end = match.span()
        first = text[start]
        if match[1] is not None:
            name = _name(text[start : match.start(1)])
        elif first == ",":
            index += index != _NONE
        elif first in "]}":
            ends[number] = end
            outer, index, number = around.pop()
        else:
            place = f"{outer}[{index}]" if index != _NONE else f"{outer}.{name}" if outer else name
            if first in "[{":
                around.append((outer, index, number))
                outer, index, number = place, 0 if first == "[" else _NONE, len(found)
            found.append((place, start))
            ends.append(end)
    return [Value(*one, end) for one, end in zip(found, ends, strict=True)]


_NONE = -1  # the index in an object
# a text, with the colon behind it where it is a name; brackets and commas; all other values
_PIECE = Pattern(r'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\],]|[^\s{}\[\],:"]+')


@lru_cache(maxsize=1024)
def _name(raw: str) -> str:
    name = str(json.loads(raw))
    if name.isascii():
        return name
    try:
        return name.encode("latin-1").decode()
    except UnicodeError:
        return name
