"""Entries in a file of ours, by where they start and end: what isn't asked for isn't read.

An entry costs what is asked of it: its line in the file 1.5 us, its place 0.4 us, the head 5 us, all
of it 12 us. A cassette of 100,000 entries is opened for the one that is played.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple, overload

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.codec import decode
from pytest_reqord.codec.entries import HEADER, Document, Entry, Source, Top
from pytest_reqord.matching.matchers import PLAIN_URI

if TYPE_CHECKING:
    from pytest_reqord.base.models import Interaction

__all__ = [
    "NEXT",
    "Directory",
    "Line",
    "LocatedEntries",
    "index",
    "is_complete",
    "last_recorded_at",
    "lines_of",
    "recorded_at_of",
]

NEXT = b"\n- recorded_at:"
"""What is before an entry of ours: a line end, and the first of its keys."""
_TEST = b"\n  recorded_by:"
_LAST_KEY = b"\n  elapsed: "
_NUMBER = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_LONGEST_END = 48
_TIME = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
_NEXT_KEY = rb"(?=  (?:  )?[a-z])"  # deeper indented it would belong to the line before
_HEAD = Pattern(
    rb"- recorded_at: '" + _TIME + rb"'\n"
    rb"(?:  recorded_by: (.+)\n)?"
    rb"  request:\n"
    rb"    method: (.+)\n"
    rb"    uri: (?:(https?://[!-~]*[!-9;-~])|(.+))\n"  # the first is text without quotes
     + _NEXT_KEY
)


# The start of an entry and, where it has a URI of one spelling, which stands there without quotes,
# what finds it. An address is looked for as it stands here, and so is found without being read.
_LINES = Pattern(
    rb"\n-(?: recorded_at: '" + _TIME + rb"'\n"
    rb"(?:  recorded_by: (.+)\n)?"
    rb"  request:\n"
    rb"    method: ((?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\n"
    rb"    uri: " + PLAIN_URI.encode() + rb"(?<!:))\n" + _NEXT_KEY + rb")?"
)


Line = tuple[bytes, bytes, bytes]
"""What finds an entry, as it stands in the file: its time, the test that recorded it, if one did, and
its address. All are empty where the entry is laid out otherwise.
"""


def lines_of(data: bytes, start: int, end: int) -> list[Line]:
    """What finds each entry: one walk through the file, 1.5 us an entry of 1 KB, by `re` alone.

    :param start: where the first entry starts, after a line end.
    :param end: where the last one ends.
    """
    found: list[Line] = _LINES.findall(data, start - 1, end)
    return found


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
    :param start: where the first one starts.
    :param end: where the last one ends.
    :param lines: what finds each of them.
    """

    def __init__(self, source: Source, start: int, end: int, lines: Sequence[Line]) -> None:
        self._source = source
        self._start = start
        self._end = end
        self._lines = lines
        self._made: dict[int, Entry] = {}

    @cached_property
    def _bounds(self) -> list[int]:
        """Where they start, each where the one before it ends, and where the last ends; 0.4 us each."""
        find, bounds, start = self._source.data.find, [], self._start
        while start < self._end:
            bounds.append(start)
            start = find(NEXT, start) + 1 or self._end
        return [*bounds, self._end]

    def __len__(self) -> int:
        return len(self._lines)

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
        """Those that were recorded before a time.

        :param time: the time as it stands in a cassette.
        """
        limit = time.encode()
        if all(b"" < recorded_at < limit for recorded_at, _, _ in self._lines):  # mostly
            return self
        return [self[at] for at in range(len(self)) if self[at].recorded_at < time]

    @cached_property
    def directory(self) -> Directory:
        """Where each is, by what its line says."""
        first: dict[bytes, int] = {}
        more: dict[bytes, list[int]] = {}
        others: list[int] = []
        spellings: dict[bytes | str, list[int]] = {}
        before: bytes | str | None = None
        own: list[int] = []
        for at, (_, owner, address) in enumerate(self._lines):
            if not address:
                others.append(at)
            elif first.setdefault(address, at) != at:
                more.setdefault(address, []).append(at)
            test = owner or self[at].recorded_by
            if test != before:  # mostly a test's entries are together
                own = spellings.setdefault(test, [])
                before = test
            own.append(at)
        return Directory(first, more, others, spellings)

    def by_owner(self) -> dict[str, list[int]]:
        """The positions by the test that recorded them; reads one head a test."""
        directory = self.directory
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
            from pytest_reqord.codec import any_yaml  # late: what we wrote is read without it

            return any_yaml.entry(self._source, self._start, text)


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


# Our own files: indexed by a scan for where entries start, each decoded when it is needed.


_START = NEXT[1:]
_OTHER_NEXT = re.compile(rb"\n-(?! recorded_at:)")
_TORN = "the last interaction is cut off"
_OTHER_KEY = re.compile(rb"\n[^ \n-]")  # beside the entries, behind the last of them
_LAST_LINE = Pattern(rb"^interactions:.*\n\Z", re.MULTILINE)  # no end of document


def index(source: Source) -> Document | None:
    """Find the entries of a file of ours.

    :returns: None where it is not laid out as we do it, for `pytest_reqord.codec.safe_yaml` to read.
    """
    data = source.data
    first = data.find(NEXT) + 1
    head = data[:first]
    top = Top() if head == HEADER else _top(head)
    last = data.rfind(NEXT) + 1
    if not first or top is None or _OTHER_KEY.search(data, last):
        return None
    torn = None
    end = len(data)
    if not is_complete(data, end):
        end = _last_end(data, last)
        if end < 0:
            return None
        torn = source.line(end), _TORN
    lines = lines_of(data, first, end)
    if torn or not all(address for _, _, address in lines):
        other = _OTHER_NEXT.search(data, first)
        # an entry in another layout, or the end of the document
        if other is not None and other.start() + 1 != end:
            return None
    entries = LocatedEntries(source, first, end, lines)
    return Document(entries, top.is_locked, "reqord", torn, head, top.extra)


def _top(head: bytes) -> Top | None:
    if not _LAST_LINE.search(head):
        return None
    from pytest_reqord.codec import any_yaml  # late: what we wrote is read without it

    return any_yaml.top(head)


def _last_end(data: bytes, last: int) -> int:
    """Where the last intact entry ends; -1 where none is torn.

    :param last: where the last one that has begun starts.
    """
    begun = data.rfind(b"\n") + 1
    if begun < len(data) and _START.startswith(data[begun:]) and is_complete(data, begun):
        return begun
    from pytest_reqord.codec import any_yaml  # late: few are torn

    return -1 if any_yaml.is_complete(data[last:]) else last


def last_recorded_at(tail: bytes) -> str | None:
    """When the last entry of a file was recorded.

    :param tail: the last bytes of the file.
    :returns: None where that can't be told from them, or the file is not to be appended to.
    """
    at = tail.rfind(NEXT) + 1
    if (at or tail.startswith(_START)) and is_complete(tail, len(tail)):
        is_last = tail.find(b"\n-", at) < 0 and not _OTHER_KEY.search(tail, at)
        return recorded_at_of(tail, at) if is_last else None
    return None
