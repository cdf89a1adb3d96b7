"""Find and decode the entries of a cassette in our own layout; what isn't asked for isn't read.

The reader knows what `pytest_reqord.codec.emit` writes. What it isn't sure about it refuses, for a
real loader to read: the two must never read one file in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from pytest_reqord.base.clock import parse_time
from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.models import Arrival, Headers, Interaction, Request, Response
from pytest_reqord.codec import bodies
from pytest_reqord.codec.entries import HEADER, VERSION, Document, Entry, Source, Top
from pytest_reqord.codec.scalars import dedent, is_plain, unquote
from pytest_reqord.matching.matchers import PLAIN_URI

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "NEXT",
    "Directory",
    "Line",
    "LocatedEntries",
    "OtherLayout",
    "index",
    "is_complete",
    "last_recorded_at",
    "lines_of",
    "read_entry",
    "read_inline",
    "recorded_at_of",
    "usual_text",
]

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
_TIME_TEXT = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
_START = (
    rf"- recorded_at: '{_TIME_TEXT}'\n"
    rf"(?:  rerecorded_at: '{_TIME_TEXT}'\n)?"
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
    del entry  # as large as the text, which all that follows is taken from
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
    recorded_at, rerecorded_at, recorded_by, method, uri = start.groups("")
    return Interaction(
        Request(_word(method), read_inline(uri), headers, body),
        _response(status, its_headers, its_body, rest),
        parse_time(recorded_at),
        _word(recorded_by),
        float(rest[6]),
        None,
        parse_time(rerecorded_at) if rerecorded_at else None,
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
    del lines
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


# Entries in a file of ours, by where they start and end: what isn't asked for isn't read.
#
# An entry costs what is asked of it: its line in the file 1.5 us, its place 0.4 us, the head 5 us, all
# of it 12 us. A cassette of 100,000 entries is opened for the one that is played.


NEXT = b"\n- recorded_at:"
"""What is before an entry of ours: a line end, and the first of its keys."""
_TEST = b"\n  recorded_by:"
_RERECORDED = b"\n  rerecorded_at:"
_LAST_KEY = b"\n  elapsed: "
_ELAPSED = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_LONGEST_END = 48
_TIME = _TIME_TEXT.encode()
_AGAIN = rb"(?:  rerecorded_at: '[0-9T:.-]{26}Z'\n)?"
_NEXT_KEY = rb"(?=  (?:  )?[a-z])"  # deeper indented it would belong to the line before
_HEAD = Pattern(
    rb"- recorded_at: '" + _TIME + rb"'\n" + _AGAIN + rb"(?:  recorded_by: (.+)\n)?"
    rb"  request:\n"
    rb"    method: (.+)\n"
    rb"    uri: (?:(https?://[!-~]*[!-9;-~])|(.+))\n"  # the first is text without quotes
     + _NEXT_KEY
)


# The start of an entry and, where it has a URI of one spelling, which stands there without quotes,
# what finds it. An address is looked for as it stands here, and so is found without being read.
_LINES = Pattern(
    rb"\n-(?: recorded_at: '" + _TIME + rb"'\n" + _AGAIN + rb"(?:  recorded_by: (.+)\n)?"
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


_RESPONSE = b"\n  response:\n"
_REQUEST_BODY = b"\n    body:\n"
_INLINE_LIMIT = 1 << 20


@lru_cache(maxsize=64)  # a poll sends the same one again and again
def _hashes_as_written(body: bytes, headers: Headers) -> Sequence[int]:
    """The hash of a body as it stands in a file, and as older releases wrote it."""
    ways = (True, False) if body.count(b",") > bodies.FEW else (True,)
    texts = {
        bodies.write(body, headers, _INLINE_LIMIT, may_differ=False, fills=fills).text: None
        for fills in ways
    }
    return [hash(text.encode()) for text in texts]


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

    def with_body(self, request: Request) -> Sequence[int]:
        """Return where a request has the very body of this one, as we write it; decode none."""
        hashes = _hashes_as_written(request.body, request.headers)
        if len(hashes) == 1:  # mostly
            return self._by_body.get(hashes[0], ())
        return sorted(at for each in hashes for at in self._by_body.get(each, ()))

    @cached_property
    def _by_body(self) -> dict[int, list[int]]:
        """The positions by the hash of a request's body as it stands in the file; 1 us each."""
        by_body: dict[int, list[int]] = {}
        find, data, bounds = self._source.data.find, self._source.data, self._bounds
        for at in range(len(self)):
            end = find(_RESPONSE, bounds[at], bounds[at + 1])
            start = find(_REQUEST_BODY, bounds[at], end) + len(_REQUEST_BODY)
            if end > 0 and start >= len(_REQUEST_BODY):
                by_body.setdefault(hash(data[start : end + 1]), []).append(at)
        return by_body

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

    def may_have(self, text: bytes) -> bool:
        return self._source.data.find(text, self._start, self._end) >= 0

    @property
    def recorded_at(self) -> str:
        return (self._found or self._head()).recorded_at

    @property
    def answered_at(self) -> str:
        if self._source.data.find(_RERECORDED, self._start, self._end) < 0:  # few have it
            return self.recorded_at
        return super().answered_at

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
        except OtherLayout:
            found = _Head(super().recorded_at, super().recorded_by, super().method, super().uri)
        self._found = found
        return found

    def _decode(self) -> Interaction:
        try:
            return read_entry(self.text, self._source.files)  # which lets go of it: it may be large
        except (OtherLayout, ValueError):
            from pytest_reqord.codec import any_yaml  # late: what we wrote is read without it

            return any_yaml.entry(self._source, self._start, self.text)


def _read_head(data: bytes, start: int, end: int) -> _Head:
    match = _HEAD.match(data, start, end)
    if match is None or not is_complete(data, end):
        raise OtherLayout
    recorded_at, by, method, uri, other = match.groups(b"")
    if not by and data.find(_TEST, start, end) > 0:  # a hand has moved it
        raise OtherLayout
    uri_text = uri.decode("ascii") if uri else _inline(other)
    return _Head(recorded_at.decode("ascii"), _word_of_head(by), _word_of_head(method), uri_text)


def _inline(value: bytes) -> str:
    return read_inline(usual_text(value)) if value else ""


_word_of_head = lru_cache(maxsize=2048)(_inline)  # methods and tests repeat


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
        and _ELAPSED.fullmatch(data, at + len(_LAST_KEY), end - 1) is not None
    )


# Our own files: indexed by a scan for where entries start, each decoded when it is needed.


_HEADS = tuple(HEADER.replace(b"1", b"%d" % version) for version in range(1, VERSION + 1))
_ENTRY_START = NEXT[1:]
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
    top = Top() if head in _HEADS else _top(head)
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
    if begun < len(data) and _ENTRY_START.startswith(data[begun:]) and is_complete(data, begun):
        return begun
    from pytest_reqord.codec import any_yaml  # late: few are torn

    return -1 if any_yaml.is_complete(data[last:]) else last


def last_recorded_at(tail: bytes) -> str | None:
    """When the last entry of a file was recorded.

    :param tail: the last bytes of the file.
    :returns: None where that can't be told from them, or the file is not to be appended to.
    """
    at = tail.rfind(NEXT) + 1
    if (at or tail.startswith(_ENTRY_START)) and is_complete(tail, len(tail)):
        is_last = tail.find(b"\n-", at) < 0 and not _OTHER_KEY.search(tail, at)
        return recorded_at_of(tail, at) if is_last else None
    return None
