"""A reader for our own layout: as quick as Python allows, and for nothing else.

It reads what `pytest_reqord.codec.emit` writes into the plain data that a YAML loader gives. What
it isn't sure about it refuses, for the real loader to read: it must never read a file otherwise.
"""

from __future__ import annotations

import re
from typing import Any

from pytest_reqord.codec.scalars import dedent, is_plain, unquote

__all__ = ["OtherLayout", "read_entry", "read_inline", "usual_text"]

_KEYS = tuple(re.compile(rf"\n{'  ' * depth}([a-z_]+):") for depth in range(5))
_INDENTS = tuple("  " * depth for depth in range(6))
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_LIST = re.compile(r"\[(?:[0-9]+(?:, [0-9]+)*)?\]")
_PAIRS = re.compile(r"\[\[[0-9]+, [0-9]+\.[0-9]+\](?:, \[[0-9]+, [0-9]+\.[0-9]+\])*\]")
_WORDS = {"true": True, "false": False}
_TIME = re.compile(r"'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)'", re.ASCII)
_CHOMPINGS = {"|": 1, "|-": 0, "|+": 2, "|2": 1, "|2-": 0, "|2+": 2}

_USUAL = bytes([0x0A, *range(0x20, 0x7F)])
_OTHER_USUAL = bytes([0x09, *range(0x80, 0x100)])
# what a loader refuses, or takes for a line break or a byte order mark
_ODD = re.compile("[\x80-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


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
    :returns: its plain data; numbers as text.
    :raises OtherLayout: if it isn't as we write it.
    """
    text = usual_text(entry)
    if text[:2] != "- " or text[-1:] != "\n":
        raise OtherLayout
    return _mapping(f"\n  {text[2:-1]}", 1)


def _mapping(text: str, depth: int) -> dict[str, Any]:
    if depth == len(_KEYS):
        raise OtherLayout
    before, *parts = _KEYS[depth].split(text)
    keys = parts[::2]
    values = {key: _value(value, depth) for key, value in zip(keys, parts[1::2], strict=True)}
    if before or len(values) != len(keys) or not keys:
        raise OtherLayout
    return values


def _value(text: str, depth: int) -> Any:
    if text[:1] == "\n":
        return _mapping(text, depth + 1)
    if text[:1] != " ":
        raise OtherLayout
    text = text[1:]
    first = text[:1]
    if first == "|":
        return _block(text, _INDENTS[depth + 1])
    if first == "[":
        return _list(text)
    return read_inline(text)


def read_inline(text: str) -> Any:
    """Read a scalar other than a block; a number comes as text.

    :raises OtherLayout: if it isn't as we write it.
    """
    if is_plain(text) or _NUMBER.fullmatch(text):
        return text
    if text in _WORDS:
        return _WORDS[text]
    time = _TIME.fullmatch(text)
    found = time[1] if time else unquote(text)
    if found is None:
        raise OtherLayout
    return found


def _block(text: str, indent: str) -> str:
    head, _, lines = text.partition("\n")
    ends = _CHOMPINGS.get(head)
    content = dedent(f"{lines}\n", indent) if lines.startswith((indent, "\n")) else None
    if ends is None or content is None:
        raise OtherLayout
    # a loader finds the indentation by the first line where there is no hint
    if head[1:2] != "2" and content[0] in " \t\n":
        raise OtherLayout
    bare = content.rstrip("\n")
    if not bare or (len(content) - len(bare) > 1) != (ends > 1):
        raise OtherLayout
    return bare if ends == 0 else content


def _list(text: str) -> list[Any]:
    if _LIST.fullmatch(text):
        return text[1:-1].split(", ") if len(text) > 2 else []  # noqa: PLR2004 -- the brackets
    if _PAIRS.fullmatch(text):
        return [pair.split(", ") for pair in text[2:-2].split("], [")]
    raise OtherLayout
