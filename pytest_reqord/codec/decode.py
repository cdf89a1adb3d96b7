"""A reader for our own layout: as quick as Python allows, and for nothing else.

It reads what `pytest_reqord.codec.emit` writes. What it isn't sure about it refuses, for a real
loader to read: the two must never read one file in two ways.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.clock import parse_time
from pytest_reqord.base.models import Arrival, Headers, Interaction, Request, Response
from pytest_reqord.codec import bodies
from pytest_reqord.codec.scalars import dedent, is_plain, unquote

if TYPE_CHECKING:
    from collections.abc import Callable

from pytest_reqord.base.lazy import Pattern

__all__ = ["OtherLayout", "read_entry", "read_inline", "usual_text"]

_CHOMPINGS = {"|": 1, "|-": 0, "|+": 2, "|2": 1, "|2-": 0, "|2+": 2}
_MARGIN = "        "
_HEADERS = "    headers: "
_JSON = ("|\n        {", "|\n        [")
_NO_HEADERS = Headers()

_USUAL = bytes([0x0A, *range(0x20, 0x7F)])
_OTHER_USUAL = bytes([0x09, *range(0x80, 0x100)])
# what a loader refuses, or takes for a line break or a byte order mark
_ODD = Pattern("[\x80-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

_NUMBER = r"(?:0|[1-9][0-9]*)"
_LIST = rf"\[(?:{_NUMBER}(?:, {_NUMBER})*)?\]"
_PAIR = rf"\[{_NUMBER}, {_NUMBER}\.[0-9]+\]"
_START = (
    r"- recorded_at: '(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)'\n"
    r"(?:  recorded_by: (.+)\n)?"
    r"  request:\n"
    r"    method: (.+)\n"
    r"    uri: (.+)\n"
)
_STATUS = (
    r"  response:\n    status: (0|[1-9][0-9]{0,2})\n"
    r"(?:    reason: (.+)\n)?"
    r"(?:    http_version: (.+)\n)?"
)
_BODY = r"    body:\n      (json|text|base64|file): "
_BODY_END = r"(?:      spaced: (true)\n)?(?:      compressed: ([a-z0-9/ ]+)\n)?"
_REST = (
    rf"(?:    chunks: ({_LIST})\n)?"
    rf"(?:    arrivals: (\[{_PAIR}(?:, {_PAIR})*\])\n)?"
    r"(?:    trailers: (.*\n(?:(?:      .*)?\n)*))?"
    rf"(?:    interim: ({_LIST})\n)?"
    r"(?:    complete: (false)\n)?"
    rf"  elapsed: ({_NUMBER}(?:\.[0-9]+)?)\n"
)


class _Patterns(NamedTuple):
    """For what stands in lines of its own kind; what has many lines is found by its end."""

    start: re.Pattern[str]
    status: re.Pattern[str]
    body: re.Pattern[str]
    body_end: re.Pattern[str]
    rest: re.Pattern[str]


@cache  # compiled when they are first needed: a run that only records never does
def _patterns() -> _Patterns:
    each = (re.compile(one, re.ASCII) for one in (_START, _STATUS, _BODY, _BODY_END, _REST))
    return _Patterns(*each)


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
    :raises OtherLayout: if it isn't as we write it, or has an error.
    :raises ValueError: if a value can't be right.
    """
    text = usual_text(entry)
    patterns = _patterns()
    start = patterns.start.match(text)
    middle = text.find("\n  response:\n") + 1  # as deep it can't stand in a header or a body
    status = patterns.status.match(text, middle)
    if start is None or status is None:
        raise OtherLayout
    headers, body, request_end = _message(text, start.end(), middle, files)
    limit = text.find("\n    trailers: ", middle) + 1 or len(text)
    its_headers, its_body, end = _message(text, status.end(), limit, files)
    rest = patterns.rest.fullmatch(text, end)
    if request_end != middle or rest is None:
        raise OtherLayout
    recorded_at, recorded_by, method, uri = start.groups("")
    return Interaction(
        Request(_word(method), read_inline(uri), headers, body),
        _response(status, its_headers, its_body, rest),
        parse_time(recorded_at),
        _word(recorded_by),
        float(rest[6]),
    )


def _response(
    status: re.Match[str], headers: Headers, body: bytes, rest: re.Match[str]
) -> Response:
    code, reason, version = status.groups("")
    chunks, arrivals, trailers, interim, incomplete, _ = rest.groups("")
    return Response(
        int(code),
        _word(reason),
        headers,
        body,
        _word(version) if version else "1.1",
        _headers(trailers) if trailers else _NO_HEADERS,
        _numbers(chunks) if chunks else None,
        _arrivals(arrivals) if arrivals else (),
        _numbers(interim) if interim else (),
        not incomplete,
    )


def _message(
    text: str, at: int, limit: int, files: Callable[[str], bytes]
) -> tuple[Headers, bytes, int]:
    """Headers and body from a place on, and where they end.

    A pattern that walks through their lines takes 10 us an entry, to look for their ends 1 us.
    That each line is as deep as it has to be is seen when the indentation is taken away.

    :param limit: where they end at the latest.
    """
    lines = ""
    if text.startswith(_HEADERS, at):
        at += len(_HEADERS)
        end = text.find("\n    body:\n", at, limit) + 1
        end = end or _scalar_end(text, at, limit, _MARGIN[2:])
        lines, at = text[at:end], end
    patterns = _patterns()
    body = patterns.body.match(text, at, limit)
    if body is None:
        return _headers(lines), b"", at
    end = _scalar_end(text, body.end(), limit, _MARGIN)
    more = patterns.body_end.match(text, end, limit)
    if more is None:
        raise OtherLayout
    return (
        _headers(lines),
        _body(files, body[1], text[body.end() : end], *more.groups("")),
        more.end(),
    )


def _scalar_end(text: str, at: int, limit: int, indent: str) -> int:
    """Where a scalar ends: after the last line that is indented, and empty ones."""
    last = text.rfind("\n" + indent, at, limit)
    end = text.find("\n", last + 1 if last > 0 else at, limit) + 1
    while text.startswith("\n", end, limit):
        end += 1
    return end


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
    is_json = style == "json" and lines.startswith(_JSON) and _is_indented(lines, _MARGIN)
    if is_json and not compressed:  # most bodies; the margin goes with the indentation
        return bodies.of_json(lines[2:], is_spaced=bool(is_spaced))
    stored: dict[str, Any] = {}
    if is_json:
        stored["json"] = lines[2:]
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
    if lines[:1] == "|":
        return _block(lines, indent)
    if not _is_indented(lines, indent):
        raise OtherLayout
    return read_inline(lines[:-1])


def _is_indented(lines: str, indent: str) -> bool:
    """Whether each line but the first is indented, and none is empty."""
    return lines.count("\n" + indent) == lines.count("\n") - 1


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
