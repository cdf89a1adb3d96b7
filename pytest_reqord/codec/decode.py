"""A reader for our own layout: as quick as Python allows, and for nothing else.

It reads what `pytest_reqord.codec.emit` writes. What it isn't sure about it refuses, for a real
loader to read: the two must never read one file in two ways.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from pytest_reqord.clock import parse_time
from pytest_reqord.codec import bodies
from pytest_reqord.codec.scalars import dedent, is_plain, unquote
from pytest_reqord.models import Arrival, Headers, Interaction, Request, Response

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


def read_entry(entry: bytes, files: Callable[[str], bytes]) -> Interaction:
    """Read an entry as we write it.

    :param entry: ``- recorded_at:`` to its last line end.
    :param files: reads a body that lies beside the cassette.
    :raises OtherLayout: if it isn't as we write it, or has an error in place of a response.
    :raises ValueError: if a value can't be right.
    """
    match = _entry().fullmatch(usual_text(entry))
    if match is None:
        raise OtherLayout
    recorded_at, recorded_by, method, uri, *found = match.groups("")
    headers, *body = found[:5]
    return Interaction(
        Request(_word(method), read_inline(uri), _headers(headers), _body(files, *body)),
        _response(found[5:-1], files),
        parse_time(recorded_at),
        _word(recorded_by),
        float(found[-1]),
    )


def _response(found: list[str], files: Callable[[str], bytes]) -> Response:
    status, reason, version, headers, *rest = found
    chunks, arrivals, trailers, interim, incomplete = rest[4:]
    return Response(
        int(status),
        _word(reason),
        _headers(headers),
        _body(files, *rest[:4]),
        _word(version) or "1.1",
        _headers(trailers),
        _numbers(chunks) if chunks else None,
        _arrivals(arrivals) if arrivals else (),
        _numbers(interim) if interim else (),
        not incomplete,
    )


def read_inline(text: str) -> str:
    """Read text that stands in one line; no text is an absent one.

    :raises OtherLayout: if it isn't as we write it.
    """
    if not text or is_plain(text):
        return text
    found = unquote(text) if text[:1] == '"' else None
    if found is None:
        raise OtherLayout
    return found


_word = lru_cache(maxsize=2048)(read_inline)  # the same words repeat all through a cassette


@lru_cache(maxsize=2048)
def _headers(lines: str) -> Headers:
    return Headers.parse(_scalar(lines, "      ") if lines else "")


def _body(
    files: Callable[[str], bytes], style: str, lines: str, is_spaced: str, compressed: str
) -> bytes:
    if not style:
        return b""
    stored: dict[str, Any] = {}
    if style == "json" and lines.startswith(("|\n        {", "|\n        [")):
        stored["json"] = lines[2:]  # the margin goes with the indentation
    elif style == "file":
        stored["file"] = read_inline(lines[:-1])
    else:
        stored[style] = _scalar(lines, _MARGIN)
    if is_spaced:
        stored["spaced"] = True
    if compressed:
        stored["compressed"] = compressed
    return bodies.read(stored, files)


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


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text[1:-1].split(", "))) if len(text) > 2 else ()  # noqa: PLR2004 -- the brackets


def _arrivals(text: str) -> tuple[Arrival, ...]:
    pairs = [pair.split(", ") for pair in text[2:-2].split("], [")]
    return tuple([Arrival(int(offset), float(time)) for offset, time in pairs])
