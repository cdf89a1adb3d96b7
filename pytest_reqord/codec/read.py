"""Read a cassette, whoever wrote it."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

from pytest_reqord.codec import index
from pytest_reqord.codec.entries import HEADER, Document, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

from pytest_reqord.base.lazy import Pattern

__all__ = ["load", "render"]

_PART = 1 << 20
_CONFLICT = Pattern(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
_LFS = b"version https://git-lfs.github.com/spec/"


def load(data: bytes, path: str, bodies: Callable[[str], bytes]) -> Document:
    """Read a cassette.

    A file as we write it is only indexed; an entry of it is decoded when it is first needed.

    :param data: the file.
    :param path: its path, for errors.
    :param bodies: reads a file from the folder of large bodies, by its name.
    :raises CassetteFormatError: if it can't be read.
    """
    source = Source(data, path, bodies)
    _check_text(source)
    document = index.index(source) if data.startswith(b"reqord: 1\n") else None
    if document is None:
        from pytest_reqord.codec import any_yaml  # late: what we wrote is read without it

        document = any_yaml.load(source)
    return document


def render(entries: Iterable[bytes], head: bytes = HEADER) -> bytes:
    """Put entries, sorted by time, together to a file.

    :param head: what is before the first entry.
    """
    return b"".join([head, *entries])


def _check_text(source: Source) -> None:
    data = source.data
    if not data or data.isspace():  # not strip(): it would copy a file of 1 GB
        raise source.error("the file is empty", "Delete it, and record it anew")
    if data.startswith(_LFS):
        raise source.error("this is a pointer of Git LFS, not the cassette", "Run: git lfs pull", 1)
    # one byte is found a hundred times as fast as many, and most cassettes don't have it
    if (b"<" in data and (data.startswith(b"<<<<<<<") or b"\n<<<<<<<" in data)) or (
        b">" in data and b"\n>>>>>>>" in data
    ):
        _check_conflict(source)
    if not data.isascii():
        _check_encoding(source)


def _check_conflict(source: Source) -> None:
    match = _CONFLICT.search(source.data)
    if match is not None:
        line = source.line(match.start())
        remedy = "Settle the conflict that git merge left, or delete the file and record it anew"
        raise source.error("there are conflict markers of git merge in it", remedy, line, 1)


def _check_encoding(source: Source) -> None:
    """Decode in parts: as a whole, the text of a large file could take four times its size.

    A character that the end of the file cuts off is left to whoever looks for torn entries.
    """
    decoder = getincrementaldecoder("utf-8")()
    data = source.data
    for at in range(0, len(data), _PART):
        part = data[at : at + _PART]
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(part)
        except UnicodeDecodeError as error:
            bad = at - pending + error.start
            line, column = source.line(bad), bad - data.rfind(b"\n", 0, bad)
            raise source.broken("it is not in UTF-8", line, column) from error
