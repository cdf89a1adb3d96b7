"""Read a cassette, whoever wrote it; a large one of ours in pieces."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from itertools import pairwise
from operator import attrgetter, methodcaller
from typing import TYPE_CHECKING, Any, Protocol

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.codec import index
from pytest_reqord.codec.entries import HEADER, Document, Entry, Source
from pytest_reqord.codec.index import LocatedEntries, OtherLayout
from pytest_reqord.errors import CassetteFormatError

if TYPE_CHECKING:
    from codecs import IncrementalDecoder
    from collections.abc import Callable, Iterable, Iterator

    from pytest_reqord.base.models import Interaction

__all__ = ["Parts", "load", "load_piecemeal", "render"]

_PART = 1 << 20
_OURS = b"reqord: 1\n", b"reqord: 2\n"
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
    document = index.index(source) if data.startswith(_OURS) else None
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


# A large file of ours, read in pieces: its entries stay where they are until they are asked for.


_PIECE = 1 << 20
_NEXT = re.compile(rb"\n(?=-)")
_START = re.compile(rb"- recorded_at: '(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)'\n")
_START_SIZE = 45
_CONFLICT_IN_WINDOW = re.compile(rb"\n(?:<{7}|>{7})")


class Parts(Protocol):
    """A file of which parts can be read, as often as somebody asks."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def read(self, start: int, end: int) -> bytes:
        """The bytes from one place up to another."""


def load_piecemeal(file: Parts, path: str, bodies: Callable[[str], bytes]) -> Document | None:
    """Find the entries of a file of ours, of which no more than a piece is held at a time.

    An entry, too, is read each time that it is asked for, and let go.

    :param file: the file, which stays as it is.
    :param path: its path, for errors.
    :param bodies: reads a file from the folder of large bodies, by its name.
    :returns: None where only somebody who reads all of it can tell what it is.
    """
    try:
        starts = list(_starts(file))
    except OtherLayout:
        return None
    if not starts:
        return None
    head, last = file.read(0, starts[0]), starts[-1]
    # what may stand at the end of a file is known elsewhere
    end = index.index(Source(head + file.read(last, file.size), path, bodies))
    if end is None:
        return None
    bounds = [*starts, *(last + len(entry.text) for entry in end.entries)]
    torn = None
    if end.torn is not None:
        torn = end.torn[0] + _lines(file, len(head), last), end.torn[1]
    whole = _Whole(file, path, bodies)
    entries = [_FarEntry(whole, *place) for place in enumerate(pairwise(bounds))]
    return Document(entries, end.locked, "reqord", torn, head, end.extra)


def _starts(file: Parts) -> Iterator[int]:
    """Where the entries of a file start.

    :raises OtherLayout: if it isn't as we write it.
    """
    decoder = getincrementaldecoder("utf-8")()
    at, rest = 0, b""
    while at < file.size:
        piece = file.read(at, min(at + _PIECE, file.size))
        before, window = at - len(rest), rest + piece
        at += len(piece)
        if not _is_ours(window, is_first=before == 0) or not _is_text(decoder, piece):
            raise OtherLayout
        # the start of an entry must not lie in two windows
        limit = len(window) if at == file.size else max(1, len(window) - _START_SIZE)
        for found in _NEXT.finditer(window, 0, limit):
            if not _START.match(window, found.end()):
                if b"\n" not in window[found.end() :] and at == file.size:
                    return  # it is cut off in its first line
                raise OtherLayout
            yield before + found.end()
        rest = window[limit - 1 :]


def _is_ours(window: bytes, *, is_first: bool) -> bool:
    return not _CONFLICT_IN_WINDOW.search(window) and (not is_first or window.startswith(_OURS))


def _is_text(decoder: IncrementalDecoder, piece: bytes) -> bool:
    try:
        if not piece.isascii() or decoder.getstate()[0]:
            decoder.decode(piece)
    except UnicodeDecodeError:
        return False
    return True


def _lines(file: Parts, start: int, end: int) -> int:
    """How many lines end between two places."""
    places = range(start, end, _PIECE)
    return sum(file.read(at, min(at + _PIECE, end)).count(b"\n") for at in places)


class _Whole:
    """The file that entries are in, and the one of them that was read last."""

    def __init__(self, file: Parts, path: str, bodies: Callable[[str], bytes]) -> None:
        self.file = file
        self._path = path
        self._bodies = bodies
        self._last: tuple[int, Entry] | None = None

    def entry(self, start: int, end: int) -> Entry:
        """One entry, read; asked again for the same one it is at hand."""
        last = self._last
        if last is None or last[0] != start:
            source = Source(self.file.read(start, end), self._path, self._bodies)
            last = self._last = start, LocatedEntries(source, 0, end - start, [(b"", b"", b"")])[0]
        return last[1]

    def entry_of_all(self, number: int) -> Entry:
        """One that can't be read on its own: it may be broken, and errors have the file's lines."""
        data = self.file.read(0, self.file.size)
        return load(data, self._path, self._bodies).entries[number]


class _FarEntry(Entry):
    """An entry that is read each time that it is asked for."""

    __slots__ = ("_end", "_number", "_start", "_whole")

    def __init__(self, whole: _Whole, number: int, place: tuple[int, int]) -> None:
        self._whole = whole
        self._number = number
        self._start, self._end = place

    def _ask(self, question: Callable[[Entry], Any]) -> Any:
        try:
            return question(self._whole.entry(self._start, self._end))
        except CassetteFormatError:
            return question(self._whole.entry_of_all(self._number))

    def interaction(self) -> Interaction:
        found: Interaction = self._ask(methodcaller("interaction"))
        return found

    def may_have(self, text: bytes) -> bool:
        return text in self.text

    @property
    def text(self) -> bytes:
        return self._whole.file.read(self._start, self._end)

    @property
    def recorded_at(self) -> str:
        start = _START.match(self._whole.file.read(self._start, self._start + _START_SIZE))
        return start[1].decode() if start else ""

    @property
    def answered_at(self) -> str:
        return str(self._ask(attrgetter("answered_at")))

    @property
    def recorded_by(self) -> str:
        return str(self._ask(attrgetter("recorded_by")))

    @property
    def method(self) -> str:
        return str(self._ask(attrgetter("method")))

    @property
    def uri(self) -> str:
        return str(self._ask(attrgetter("uri")))

    @property
    def has_body(self) -> bool:
        return bool(self._ask(attrgetter("has_body")))
