"""Entries in a file of ours, by where they start and end: what isn't asked for isn't read.

An entry costs what is asked of it: its place 0.5 us, its line in the directory 1 us, the head
5 us, all of it 12 us. A cassette of 100,000 entries is opened for the one that is played.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple, overload

from pytest_reqord.codec import decode
from pytest_reqord.codec.document import Entry, Source

if TYPE_CHECKING:
    from pytest_reqord.models import Interaction

from pytest_reqord.patterns import Pattern

__all__ = ["Directory", "LocatedEntries", "is_complete", "recorded_at_of"]

_TEST = b"\n  recorded_by:"
_LAST_KEY = b"\n  elapsed: "
_NUMBER = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_LONGEST_END = 48
_NEXT_KEY = rb"(?=  (?:  )?[a-z])"  # deeper indented it would belong to the line before
_HEAD = Pattern(
    rb"- recorded_at: '(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)'\n"
    rb"(?:  recorded_by: (.+)\n)?"
    rb"  request:\n"
    rb"    method: (.+)\n"
    rb"    uri: (?:(https?://[!-~]*[!-9;-~])|(.+))\n"  # the first is text without quotes
    + _NEXT_KEY
)


@cache
def _line_of_directory(uri: str) -> re.Pattern[bytes]:
    """The start of an entry, up to its URI, that is text without quotes: test and address."""
    return re.compile(
        rb"- recorded_at: '[0-9T:.Z-]*'\n"
        rb"(?:  recorded_by: (.+)\n)?"
        rb"  request:\n"
        rb"    method: ((?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\n"
        rb"    uri: " + uri.encode() + rb"(?<!:))\n" + _NEXT_KEY
    )


def _address(method: str, uri: str) -> bytes:
    """Method and URI as they stand in a file, and so are found without reading either."""
    return f"{method}\n    uri: {uri}".encode("utf-8", "surrogatepass")


class Directory(NamedTuple):
    """Where in a file the recordings of an address are, and those of a test.

    :param first: the position of the first entry of an address.
    :param more: the positions of its others; few have any, so few have a list.
    :param others: the entries whose address is not written as it is looked for.
    :param spellings: the positions by the test that recorded them, as it is spelled in the file.
    """

    first: dict[bytes, int]
    more: dict[bytes, list[int]]
    others: list[int]
    spellings: dict[bytes | str, list[int]]

    def positions(self, method: str, uri: str) -> list[int]:
        """Where an address is, ``others`` aside."""
        address = _address(method, uri)
        first = self.first.get(address)
        return [] if first is None else [first, *self.more.get(address, ())]


class LocatedEntries(Sequence[Entry]):
    """The entries of a file, each made when it is first asked for.

    :param source: the file.
    :param bounds: where they start, each where the one before it ends, and where the last ends.
    """

    def __init__(self, source: Source, bounds: list[int]) -> None:
        self._source = source
        self._bounds = bounds
        self._made: dict[int, Entry] = {}

    def __len__(self) -> int:
        return len(self._bounds) - 1

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Entry]: ...
    def __getitem__(self, at: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        entry = self._made.get(at)
        if entry is None:
            bounds = self._bounds
            number = range(len(bounds) - 1)[at]  # from the end, too, or an IndexError
            made = _LocatedEntry(self._source, bounds[number], bounds[number + 1])
            entry = self._made.setdefault(number, made)  # of two threads one makes it
        return entry

    def have(self, text: bytes) -> bool:
        """Whether this stands somewhere in the file."""
        return text in self._source.data

    def earlier_than(self, time: str) -> Sequence[Entry]:
        """Those that were recorded before a time; 0.2 us for each up to the first that wasn't.

        :param time: the time as it stands in a cassette.
        """
        data, bounds = self._source.data, self._bounds
        least, limit = b"- recorded_at: '", f"- recorded_at: '{time}".encode()
        size, count = len(limit), 0
        for start in bounds[:-1]:
            if not least <= data[start : start + size] < limit:
                break
            count += 1
        rest = [self[at] for at in range(count, len(self)) if self[at].recorded_at < time]
        if rest:  # a hand, or git merge, has put them in another order
            return [*self[:count], *rest]
        return LocatedEntries(self._source, bounds[: count + 1])

    def directory(self, uri: str) -> Directory:
        """Read no more of the entries than what finds them.

        :param uri: a pattern of URIs, of printable ASCII, that only their own spelling is equal to.
        """
        match = _line_of_directory(uri).match
        data = self._source.data
        first: dict[bytes, int] = {}
        more: dict[bytes, list[int]] = {}
        others: list[int] = []
        spellings: dict[bytes | str, list[int]] = {}
        before: bytes | str | None = None
        own: list[int] = []
        for at, start in enumerate(self._bounds[:-1]):  # the loop that a large cassette waits for
            found = match(data, start)
            owner, address = found.groups() if found else (None, None)
            if address is None:
                others.append(at)
            elif first.setdefault(address, at) != at:
                more.setdefault(address, []).append(at)
            if owner is None:
                owner = self[at].recorded_by
            if owner != before:  # mostly a test's entries are together
                own = spellings.setdefault(owner, [])
                before = owner
            own.append(at)
        return Directory(first, more, others, spellings)

    def by_owner(self, directory: Directory) -> dict[str, list[int]]:
        """The positions by the test that recorded them; reads one head a test."""
        by_owner: dict[str, list[int]] = {}
        for positions in directory.spellings.values():
            by_owner.setdefault(self[positions[0]].recorded_by, []).extend(positions)
        if len(by_owner) < len(directory.spellings):  # one name in two spellings
            for positions in by_owner.values():
                positions.sort()
        return by_owner


class _Head(NamedTuple):
    recorded_at: str
    recorded_by: str
    method: str
    uri: str


class _LocatedEntry(Entry):
    """An entry as we write it, found but not decoded."""

    __slots__ = ("_decoded", "_end", "_found", "_source", "_start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self._decoded: Interaction | None = None
        self._source = source
        self._start = start
        self._end = end
        self._found: _Head | None = None

    def interaction(self) -> Interaction:
        if self._decoded is None:
            self._decoded = self._decode()
        return self._decoded

    @property
    def text(self) -> bytes:
        return self._source.data[self._start : self._end]

    @property
    def recorded_at(self) -> str:
        return (self._found or self._head()).recorded_at

    @property
    def recorded_by(self) -> str:
        return (self._found or self._head()).recorded_by

    @property
    def method(self) -> str:
        return (self._found or self._head()).method

    @property
    def uri(self) -> str:
        return (self._found or self._head()).uri

    @property
    def has_body(self) -> bool:
        data, start, end = self._source.data, self._start, self._end
        if self._found is None:
            self._head()  # which tells whether the request comes first
        response = data.find(b"\n  response:\n", start, end)
        if self._decoded is None and response > 0:
            return data.find(b"\n    body:", start, response) > 0
        return bool(self.interaction().request.body)

    def _head(self) -> _Head:
        try:
            found = _read_head(self._source.data, self._start, self._end)
        except decode.OtherLayout:
            found = _Head(super().recorded_at, super().recorded_by, super().method, super().uri)
        self._found = found
        return found

    def _decode(self) -> Interaction:
        text = self.text
        try:
            return decode.read_entry(text, self._source.files)
        except (decode.OtherLayout, ValueError):
            from pytest_reqord.codec import general  # late: what we wrote is read without it

            return general.entry(self._source, self._start, text)


def _read_head(data: bytes, start: int, end: int) -> _Head:
    match = _HEAD.match(data, start, end)
    if match is None or not is_complete(data, end):
        raise decode.OtherLayout
    recorded_at, by, method, uri, other = match.groups(b"")
    if not by and data.find(_TEST, start, end) > 0:  # a hand has moved it
        raise decode.OtherLayout
    uri_text = uri.decode("ascii") if uri else _inline(other)
    return _Head(recorded_at.decode("ascii"), _word(by), _word(method), uri_text)


def _inline(value: bytes) -> str:
    return decode.read_inline(decode.usual_text(value)) if value else ""


_word = lru_cache(maxsize=2048)(_inline)  # methods and tests repeat


def recorded_at_of(data: bytes, start: int) -> str | None:
    """When the entry that starts here was recorded; None where that can't be told."""
    match = _HEAD.match(data, start)
    return match[1].decode("ascii") if match else None


def is_complete(data: bytes, end: int) -> bool:
    """Whether an entry ends here: ``elapsed``, a number and a line end."""
    at = data.rfind(_LAST_KEY, max(0, end - _LONGEST_END), end)
    return (
        at >= 0
        and data[end - 1] == 0x0A  # noqa: PLR2004 -- the line end
        and _NUMBER.fullmatch(data, at + len(_LAST_KEY), end - 1) is not None
    )
