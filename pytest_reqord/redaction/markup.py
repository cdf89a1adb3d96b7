"""Secrets in XML and HTML, and in the parts of a multipart form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_reqord.patterns import Pattern
from pytest_reqord.redaction import values
from pytest_reqord.redaction.names import Secrecy
from pytest_reqord.redaction.text import from_latin, to_latin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.redaction.names import Names
    from pytest_reqord.redaction.text import Edit, Found

__all__ = ["attribute_edits", "element_edits", "input_edits", "part_edits"]

_ELEMENT = Pattern(
    r"<([A-Za-z_][\w.:-]{1,63})(?:\s[^<>]*)?(?<!/)>\s*"
    r"(?:<!\[CDATA\[(.*?)(?:\]\]>|\Z)|([^<]+))",
    re.ASCII | re.DOTALL,
)
_ATTRIBUTE = Pattern(r"""\s([A-Za-z_][\w.:-]{1,63})=("[^"<]*"|'[^'<]*')""", re.ASCII)
_INPUT = Pattern(r"<(?:input|meta)\b[^<>]*>", re.IGNORECASE)
_INPUT_NAME = Pattern(r"""\s(?:name|id)=["']?([^\s"'>]+)""", re.IGNORECASE)
_INPUT_VALUE = Pattern(r"""\s(?:value|content)=("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_BOUNDARY = Pattern(r'boundary="?([^";,\s]+)', re.IGNORECASE)
_PART_NAME = Pattern(r'\bname="((?:[^"\\]|\\.)*)"|\bname=([^\s;"]+)', re.IGNORECASE)


def element_edits(text: str, names: Names, found: Found) -> Iterator[Edit]:
    """Replace the text of elements with secret names, namespace or not."""
    for match in _ELEMENT.finditer(text):
        group = 2 if match[2] is not None else 3
        new = _redacted(names[match[1].rpartition(":")[2]], match[group].rstrip(), found)
        if new is not None:
            yield match.start(group), match.start(group) + len(match[group].rstrip()), new


def attribute_edits(text: str, names: Names, found: Found) -> Iterator[Edit]:
    """Replace the values of attributes with secret names."""
    for match in _ATTRIBUTE.finditer(text):
        new = _redacted(names[match[1].rpartition(":")[2]], match[2][1:-1], found)
        if new is not None:
            yield match.start(2) + 1, match.end(2) - 1, new


def input_edits(text: str, names: Names, found: Found) -> Iterator[Edit]:
    """Replace the values of HTML's ``<input name=...>`` and ``<meta name=...>``."""
    for tag in _INPUT.finditer(text):
        name = _INPUT_NAME.search(tag[0])
        content = _INPUT_VALUE.search(tag[0])
        if name is None or content is None:
            continue
        raw = content[1]
        quotes = 1 if raw[0] in "\"'" else 0
        new = _redacted(names[name[1]], raw.strip("\"'"), found)
        if new is not None:
            start = tag.start() + content.start(1) + quotes
            yield start, start + len(raw) - 2 * quotes, new


def _redacted(secrecy: Secrecy, raw: str, found: Found) -> str | None:
    """What comes in the place of a value; None where it isn't secret."""
    if secrecy is Secrecy.NO or not raw:
        return None
    text = raw
    if "&" in raw:
        import html  # late: only escaped values need its tables

        text = to_latin(html.unescape(from_latin(raw)))
    if secrecy is Secrecy.GUARDED and not values.looks_secret(text):
        return None
    return values.value(text, found, parseable=False)


def part_edits(text: str, content_type: str, names: Names, found: Found) -> Iterator[Edit]:
    """Replace the parts of a multipart form that have secret names."""
    match = _BOUNDARY.search(content_type)
    boundary = f"--{match[1]}" if match else text.partition("\n")[0].rstrip("\r")
    if not boundary.startswith("--"):
        return
    at = 0
    for part in text.split(boundary):
        edit = _part_edit(part, names, found)
        if edit is not None:
            start, end, new = edit
            yield at + start, at + end, new
        at += len(part) + len(boundary)


def _part_edit(part: str, names: Names, found: Found) -> Edit | None:
    line_end = "\r\n" if "\r\n" in part[:4096] else "\n"
    start = part.find(line_end * 2)
    name = _PART_NAME.search(part, 0, start) if start >= 0 else None
    if name is None:
        return None
    start += 2 * len(line_end)
    end = len(part) - len(line_end) if part.endswith(line_end) else len(part)
    raw = part[start:end]
    secrecy = names[name[1] or name[2] or ""]
    if (
        secrecy is Secrecy.NO
        or not raw
        or (secrecy is Secrecy.GUARDED and not values.looks_secret(raw))
    ):
        return None
    return start, end, values.value(raw, found, parseable=False)
