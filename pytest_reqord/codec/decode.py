"""A reader for our own layout: as quick as Python allows, and for nothing else.

It reads what `pytest_reqord.codec.emit` writes into the plain data that a YAML loader gives. What
it isn't sure about it refuses, for the real loader to read: it must never read a file otherwise.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from pytest_reqord.codec.scalars import dedent, is_plain, unquote
from pytest_reqord.models import Headers

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OtherLayout", "read_entry", "read_inline", "usual_text"]

_CHOMPINGS = {"|": 1, "|-": 0, "|+": 2, "|2": 1, "|2-": 0, "|2+": 2}
_MARGIN = "        "

_USUAL = bytes([0x0A, *range(0x20, 0x7F)])
_OTHER_USUAL = bytes([0x09, *range(0x80, 0x100)])
# what a loader refuses, or takes for a line break or a byte order mark
_ODD = re.compile("[\x80-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

_NUMBER = r"(?:0|[1-9][0-9]*)"
_LIST = rf"\[(?:{_NUMBER}(?:, {_NUMBER})*)?\]"
_PAIR = rf"\[{_NUMBER}, {_NUMBER}\.[0-9]+\]"
# a scalar: what stands on the key's own line, and the lines that are deeper or empty
_HEADERS = r"(.*\n(?:(?:      .*)?\n)*)"
_BODY = (
    r"(?:    body:\n"
    r"      (json|text|base64|file): (.*\n(?:(?:        .*)?\n)*)"
    r"(?:      spaced: (true)\n)?"
    r"(?:      compressed: ([a-z0-9/ ]+)\n)?"
    r")?"
)
_ENTRY = (
    r"- recorded_at: '(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)'\n"
    r"(?:  recorded_by: (.+)\n)?"
    r"  request:\n"
    r"    method: (.+)\n"
    r"    uri: (.+)\n"
    rf"(?:    headers: {_HEADERS})?"
    rf"{_BODY}"
    r"  response:\n"
    rf"    status: ({_NUMBER})\n"
    r"(?:    reason: (.+)\n)?"
    r"(?:    http_version: (.+)\n)?"
    rf"(?:    headers: {_HEADERS})?"
    rf"{_BODY}"
    rf"(?:    chunks: ({_LIST})\n)?"
    rf"(?:    arrivals: (\[{_PAIR}(?:, {_PAIR})*\])\n)?"
    rf"(?:    trailers: {_HEADERS})?"
    rf"(?:    interim: ({_LIST})\n)?"
    r"(?:    complete: (false)\n)?"
    rf"  elapsed: ({_NUMBER}(?:\.[0-9]+)?)\n"
)


@cache  # compiled when it is first needed: a run that only records never does
def _entry() -> re.Pattern[str]:
    return re.compile(_ENTRY, re.ASCII)


class OtherLayout(Exception):
    """Not as we write it: let the real loader read it."""


def usual_text(data: bytes) -> str:
    """Decode UTF-8 that has no characters which we would have escaped.

    :raises OtherLayout: if it has.
    """
    left = data.translate(None, _USUAL)
    text = data.decode()
    if left and (left.translate(None, _OTHER_USUAL) or _ODD.search(text)):
        raise OtherLayout
    return text


def read_entry(entry: bytes) -> dict[str, Any]:
    """Read an entry as we write it.

    :param entry: ``- recorded_at:`` to its last line end.
    :returns: its plain data; numbers as text, headers as they will be.
    :raises OtherLayout: if it isn't as we write it, or has an error in place of a response.
    """
    match = _entry().fullmatch(usual_text(entry))
    if match is None:
        raise OtherLayout
    recorded_at, recorded_by, method, uri, *found = match.groups()
    headers, style, lines, is_spaced, compressed, *found, elapsed = found
    request: dict[str, Any] = {"method": _word(method), "uri": read_inline(uri)}
    if headers:
        request["headers"] = _headers(headers)
    if style:
        request["body"] = _body(style, lines, is_spaced, compressed)
    return {
        "recorded_at": recorded_at,
        "recorded_by": _word(recorded_by) if recorded_by else "",
        "request": request,
        "response": _response(found),
        "elapsed": elapsed,
    }


def _response(found: list[str]) -> dict[str, Any]:
    status, reason, version, headers, style, lines, is_spaced, compressed, *rare = found
    response: dict[str, Any] = {"status": status}
    if reason:
        response["reason"] = _word(reason)
    if version:
        response["http_version"] = _word(version)
    if headers:
        response["headers"] = _headers(headers)
    if style:
        response["body"] = _body(style, lines, is_spaced, compressed)
    for (key, read), text in zip(_RARE, rare, strict=True):
        if text:
            response[key] = read(text)
    return response


def read_inline(text: str) -> str:
    """Read text that stands in one line.

    :raises OtherLayout: if it isn't as we write it.
    """
    if is_plain(text):
        return text
    found = unquote(text) if text[:1] == '"' else None
    if found is None:
        raise OtherLayout
    return found


_word = lru_cache(maxsize=2048)(read_inline)  # the same words repeat all through a cassette


@lru_cache(maxsize=2048)
def _headers(lines: str) -> Headers:
    return Headers.parse(_scalar(lines, "      "))


def _body(style: str, lines: str, is_spaced: str | None, compressed: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if style == "json" and lines.startswith(("|\n        {", "|\n        [")):
        body["json"] = lines[2:]  # the margin goes with the indentation
    elif style == "file":
        body["file"] = read_inline(lines[:-1])
    else:
        body[style] = _scalar(lines, _MARGIN)
    if is_spaced:
        body["spaced"] = True
    if compressed:
        body["compressed"] = compressed
    return body


def _scalar(lines: str, indent: str) -> str:
    """A scalar of its own lines: a block, or double-quoted."""
    return _block(lines, indent) if lines[:1] == "|" else read_inline(lines[:-1])


def _block(text: str, indent: str) -> str:
    head, _, lines = text.partition("\n")
    ends = _CHOMPINGS.get(head)
    content = dedent(lines, indent) if lines.startswith((indent, "\n")) else None
    if ends is None or content is None:
        raise OtherLayout
    # a loader finds the indentation by the first line where there is no hint
    if head[1:2] != "2" and content[0] in " \t\n":
        raise OtherLayout
    bare = content.rstrip("\n")
    if not bare or (len(content) - len(bare) > 1) != (ends > 1):
        raise OtherLayout
    return bare if ends == 0 else content


def _numbers(text: str) -> list[str]:
    return text[1:-1].split(", ") if len(text) > 2 else []  # noqa: PLR2004 -- the brackets


def _pairs(text: str) -> list[list[str]]:
    return [pair.split(", ") for pair in text[2:-2].split("], [")]


_RARE: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("chunks", _numbers),
    ("arrivals", _pairs),
    ("trailers", _headers),
    ("interim", _numbers),
    ("complete", str),
)
