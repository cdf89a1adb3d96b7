"""What a cassette is to hold after a recording: what stays, what is new, and in which order.

A cassette is in order of time, and is played in that order. What is recorded anew takes the place of
its predecessor by keeping its time, so that the file changes where the API did, and the order stays
that of the last recording. Knows no file.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_reqord.base.clock import parse_time
from pytest_reqord.base.models import Headers
from pytest_reqord.cassette_file.volatile import (
    Volatile,
    grafted,
    is_same_content,
    needed_elsewhere,
)
from pytest_reqord.codec import Entry
from pytest_reqord.redaction.bodies import CHECKSUMS, with_boundaries
from pytest_reqord.redaction.marks import marks_of
from pytest_reqord.redaction.text_edits import EditedText

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from pytest_reqord.base.models import Interaction, Request, Response
    from pytest_reqord.redaction.marks import Place
    from pytest_reqord.redaction.text_edits import Edit

__all__ = ["Form", "Ours", "Revision", "asker", "is_equal", "like", "revise"]


_NOTHING = Volatile()


@dataclass(frozen=True, slots=True)
class Revision:
    """The entries that a cassette is to have.

    :param entries: all of them, in the order in which they are to stand there.
    :param kept: how many of them it had already, if at another time.
    :param added: how many are new.
    :param removed: how many it had and is not to have any more.
    """

    entries: Sequence[Entry]
    kept: int
    added: int
    removed: int


class Form(Protocol):
    """How the entries of a format are changed."""

    def redated(self, entry: Entry, recorded_at: str, rerecorded_at: str) -> Entry:
        """An entry with other times, and else as it stands."""

    def changed(
        self, entry: Entry, recorded_at: str, rerecorded_at: str, old: Entry, volatile: Volatile
    ) -> Entry:
        """An entry in the place of another one, from which it differs in what the API changed only."""


class _Step(NamedTuple):
    """One interaction of a recording.

    :param time: when its request was started.
    :param entry: what was recorded, or played.
    :param partner: what it supersedes, or itself where it was played; None where it is new.
    :param is_same: whether that tells the same.
    """

    time: str
    entry: Entry
    partner: Entry | None
    is_same: bool


def revise(
    old: Sequence[Entry],
    new: Sequence[Entry],
    *,
    keep: Callable[[Entry], bool],
    form: Form,
    volatile: Volatile = _NOTHING,
    oldest: str = "",
    played: Mapping[tuple[str, str], str] | None = None,
) -> Revision:
    """Put a new recording in the place of what it supersedes.

    A test's interactions are one series, whatever they ask for. Each keeps the time of its
    predecessor as long as that leaves the series in order; behind one that was inserted or came
    earlier than before, each has its new time.

    :param old: what the cassette has.
    :param new: what was recorded, in order of time.
    :param keep: whether an old entry stays.
    :param form: changes entries.
    :param volatile: what differs each time. A new entry that differs from the superseded one in
        nothing else leaves that one where it is.
    :param oldest: what was recorded before this time, as text, has expired: where it is confirmed,
        it says when.
    :param played: when entries were played while the rest was recorded, by test and time.
    """
    played = played or {}
    superseded: defaultdict[str, list[Entry]] = defaultdict(list)
    series: defaultdict[str, list[_Step]] = defaultdict(list)
    placed: list[tuple[str, Entry]] = []
    for entry in old:
        time = played.get((entry.recorded_by, entry.recorded_at)) if played else None
        if not keep(entry):
            superseded[entry.recorded_by].append(entry)
        elif time is not None:
            series[entry.recorded_by].append(_Step(time, entry, entry, is_same=True))
        else:
            placed.append((entry.recorded_at, entry))
    recorded: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in new:
        recorded[entry.recorded_by].append(entry)
    added = 0
    paired = {
        owner: _paired(superseded[owner], entries, volatile) for owner, entries in recorded.items()
    }
    pairs = [(one.old, one.new) for each in paired.values() for one in each]
    volatile = volatile._replace(written=needed_elsewhere(pairs, volatile))
    for owner, each in paired.items():
        steps = list(_steps(each, volatile, played))
        added += sum(not step.is_same for step in steps)
        series[owner] += steps
    for steps in series.values():
        placed += _placed(sorted(steps, key=itemgetter(0)), form, oldest, volatile)
    placed.sort(key=itemgetter(0))  # stable: of one moment, what was there stays first
    kept = len(placed) - added
    return Revision([entry for _, entry in placed], kept, added, len(old) - kept)


def _placed(
    steps: Iterable[_Step], form: Form, oldest: str, volatile: Volatile
) -> Iterable[tuple[str, Entry]]:
    """Give each a time, so that they are in order."""
    last = ""
    for time, entry, partner, is_same in steps:
        its_time = (partner or entry).recorded_at
        last = at = its_time if its_time >= last else time
        if partner is None:
            yield at, entry if at == its_time else form.redated(entry, at, entry.answered_at)
        elif not is_same:
            yield at, form.changed(entry, at, "" if at == time else time, partner, volatile)
        elif partner is entry:  # it was played, and is as old as it was
            yield at, entry if at == its_time else form.redated(entry, at, entry.answered_at)
        elif at != its_time:
            yield at, form.redated(partner, at, "")
        elif _is_dated(partner) and partner.answered_at < oldest:
            yield at, form.redated(partner, at, time)
        else:
            yield at, partner


def _is_dated(entry: Entry) -> bool:
    """Whether it has a time; what another tool wrote has none."""
    return entry.recorded_at > "1971"


class _Pair(NamedTuple):
    """A new entry, the one that it supersedes, and whether they tell the same."""

    old: Entry | None
    new: Entry
    is_same: bool


def _paired(old: Sequence[Entry], new: Sequence[Entry], volatile: Volatile) -> list[_Pair]:
    """Find for each new entry the one that it supersedes.

    First from both ends those that tell the same, for mostly nothing else has changed; of the rest
    the oldest with the same request of the same asker, then with the same request, the same address,
    the same place.
    """
    start, end = _ends(old, new, volatile)
    partners: dict[int, Entry] = dict(enumerate(old[:start]))
    partners.update(zip(range(len(new) - end, len(new)), old[len(old) - end :], strict=True))
    same = set(partners)
    left_old: list[Entry] = list(old[start : len(old) - end])
    left_new = list(range(start, len(new) - end))
    for key in (_asked_key, _request_key, _address, _place):
        if not left_old or not left_new:
            break
        waiting: defaultdict[int, deque[Entry]] = defaultdict(deque)
        for entry in left_old:
            waiting[hash(key(entry))].append(entry)  # their bodies may be large
        found = {at: queue.popleft() for at in left_new if (queue := waiting[hash(key(new[at]))])}
        same.update(at for at, entry in found.items() if _is_same(entry, new[at], volatile))
        partners |= found
        taken = set(map(id, found.values()))
        left_old = [entry for entry in left_old if id(entry) not in taken]
        left_new = [at for at in left_new if at not in found]
    return [_Pair(partners.get(at), entry, at in same) for at, entry in enumerate(new)]


def _steps(
    pairs: Iterable[_Pair], volatile: Volatile, played: Mapping[tuple[str, str], str]
) -> Iterator[_Step]:
    """Say of each new entry when it was asked for, and whether it still tells the same."""
    for old, entry, was_same in pairs:
        time = played.get((entry.recorded_by, entry.recorded_at), entry.recorded_at)
        is_same = was_same and not volatile.written
        if was_same and not is_same and old is not None:
            is_same = _is_same(old, entry, volatile)
        yield _Step(time, entry, old, is_same)


def _is_same(old: Entry, new: Entry, volatile: Volatile) -> bool:
    return is_equal(old.interaction(), new.interaction(), volatile)


def _ends(old: Sequence[Entry], new: Sequence[Entry], volatile: Volatile) -> tuple[int, int]:
    """How many tell the same at the start, and behind the rest at the end."""
    most = min(len(old), len(new))
    start = end = 0
    while start < most and _is_same(old[start], new[start], volatile):
        start += 1
    while end < most - start and _is_same(old[-1 - end], new[-1 - end], volatile):
        end += 1
    return start, end


def asker(request: Request) -> Mapping[Place, str]:
    """The marks in a request that tell apart whose it is: a header that has one isn't volatile."""
    return marks_of(request._replace(body=b""))  # of a body all counts anyhow


def _asked_key(entry: Entry) -> tuple[object, ...]:
    return *_request_key(entry), frozenset(asker(entry.interaction().request).items())


def _request_key(entry: Entry) -> tuple[str, str, bytes]:
    request = entry.interaction().request
    return request.method, request.uri, request.body


def _address(entry: Entry) -> tuple[str, str]:
    return entry.method, entry.uri


def _place(entry: Entry) -> tuple[str, str]:
    return entry.method, entry.uri.partition("?")[0]


# When two interactions tell the same, and how one is written that doesn't.


def is_equal(old: Interaction, new: Interaction, volatile: Volatile) -> bool:
    """Whether two interactions tell the same: all but times, volatile headers and fields, and the
    order of headers with different names.

    How the network cut a body into pieces (chunks, arrivals) is time too.
    """
    one, other = old.request, new.request
    return (
        old.recorded_by == new.recorded_by
        and (one.method, one.uri, one.body) == (other.method, other.uri, other.body)
        and old.failure == new.failure
        and _named(one.headers, volatile.headers) == _named(other.headers, volatile.headers)
        and asker(one) == asker(other)
        and _is_equal_response(old.response, new.response, volatile)
    )


def _is_equal_response(old: Response | None, new: Response | None, volatile: Volatile) -> bool:
    if old is None or new is None:
        return old is new
    if (
        (old.status, old.reason, old.http_version) != (new.status, new.reason, new.http_version)
        or (old.interim, old.broken) != (new.interim, new.broken)
        or old.complete < new.complete  # a reader that stops may have seen the end, or just not
    ):
        return False
    names = volatile.headers
    if old.body != new.body:
        new = grafted(old, new, volatile)
        # a gzip body has the time in it: then its content tells
        if not is_same_content(old, new):
            return False
        names = names.union(_following_the_body(old.headers), _following_the_body(new.headers))
    return _lasting(old.headers, names) == _lasting(new.headers, names) and _lasting(
        old.trailers, names
    ) == _lasting(new.trailers, names)


def _following_the_body(headers: Headers) -> Iterator[str]:
    """Names of the headers that are a length or a checksum of the bytes of a body."""
    names = (name.lower() for name in headers)
    return (name for name in names if name == "content-length" or CHECKSUMS.fullmatch(name))


def _lasting(headers: Headers, volatile: Collection[str]) -> list[tuple[str, str]]:
    return _by_name(pair for pair in headers.pairs if pair[0].lower() not in volatile)


def _named(headers: Headers, volatile: Collection[str]) -> list[tuple[str, str]]:
    """As above; but that a request has a header at all is the client's doing, and counts."""
    return _by_name(
        (name, "" if name.lower() in volatile else value) for name, value in headers.pairs
    )


def _by_name(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: pair[0].lower())


def like(old: Interaction, new: Interaction, volatile: Volatile) -> Interaction:
    """A new interaction, as the old one in what tells nothing: volatile headers and fields, the
    order of headers, how long it took and in which pieces it came.
    """
    request, response = new.request, new.response
    elapsed = old.elapsed
    if response is not None and old.response is not None:
        before, names = old.response, volatile.headers
        response = grafted(before, response, volatile)
        if is_same_content(before, response):
            names = names.union(_following_the_body(before.headers))
            response = response._replace(
                body=before.body, chunks=before.chunks, arrivals=before.arrivals
            )
        else:
            response = _in_pieces(before, response)
            if not before.arrivals and not any(one.offset for one in response.arrivals):
                response = response._replace(arrivals=())  # it came late, but in one go, as before
            if response.arrivals and response.arrivals[-1].time > elapsed:
                elapsed = new.elapsed
        response = response._replace(
            headers=_like(before.headers, response.headers, names),
            trailers=_like(before.trailers, response.trailers, names),
        )
    names = volatile.headers if asker(old.request) == asker(request) else frozenset()
    headers = _like(old.request.headers, request.headers, names)
    return new._replace(
        request=request._replace(headers=headers), response=response, elapsed=elapsed
    )


def _like(old: Headers, new: Headers, volatile: Collection[str]) -> Headers:
    """New header lines in the order of the old ones, those of volatile names with the old values."""
    before, lines = _numbered(old), _numbered(new)
    order = [key for key in before if key in lines]
    last = -1
    for key in lines:
        if key in before:
            last = order.index(key)
        else:
            last += 1
            order.insert(last, key)
    return Headers(
        before[key] if key[0] in volatile and key in before else lines[key] for key in order
    )


def _numbered(headers: Headers) -> dict[tuple[str, int], tuple[str, str]]:
    """Header lines by name, in lower case, and how many of that name were before."""
    counts: defaultdict[str, int] = defaultdict(int)
    numbered = {}
    for pair in headers.pairs:
        name = pair[0].lower()
        numbered[name, counts[name]] = pair
        counts[name] += 1
    return numbered


def _in_pieces(old: Response, new: Response) -> Response:
    """Cut a new body where the old one was cut, if that leaves as many pieces; else as it came."""
    is_packed = "content-encoding" in new.headers or "content-encoding" in old.headers
    if is_packed or (old.chunks is None) != (new.chunks is None):
        return new
    text = EditedText(old.body.decode("latin-1"))
    text.replace(_growths(text.text, new.body.decode("latin-1")))
    found = with_boundaries(old, len(new.body), text)
    if len(found.chunks or ()) != len(old.chunks or ()) or len(found.arrivals) != len(old.arrivals):
        return new
    return new._replace(chunks=found.chunks, arrivals=found.arrivals)


def _growths(old: str, new: str) -> Iterator[Edit]:
    """The edits that make one text as long as another, line by line where it has as many."""
    lines, others = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if len(lines) != len(others):
        lines, others = [old], [new]
    at = 0
    for line, other in zip(lines, others, strict=True):
        if len(line) != len(other):
            start = _common(line, other)
            end = _common(line[start:][::-1], other[start:][::-1])
            yield at + start, at + len(line) - end, other[start : len(other) - end]
        at += len(line)


def _common(one: str, other: str) -> int:
    """How many characters are equal at the start."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


# Entries of our format that are changed; none is held decoded, for all may be more than memory.


class Ours:
    """Changes entries of our format.

    :param encode: makes the text of an interaction, and puts its bodies where they belong.
    """

    def __init__(self, encode: Callable[[Interaction], bytes]) -> None:
        self._encode = encode

    def redated(self, entry: Entry, recorded_at: str, rerecorded_at: str) -> Entry:
        """See `Form`."""
        return _Redated(entry, recorded_at, rerecorded_at)

    def changed(
        self, entry: Entry, recorded_at: str, rerecorded_at: str, old: Entry, volatile: Volatile
    ) -> Entry:
        """See `Form`."""

        def as_before(new: Interaction) -> Interaction:
            return like(old.interaction(), new, volatile)

        return _Changed(entry, recorded_at, rerecorded_at, as_before, self._encode)


class _Redated(Entry):
    """An entry at another time.

    :param entry: the entry.
    :param recorded_at: its time.
    :param rerecorded_at: when it was recorded anew; empty where it wasn't.
    """

    __slots__ = ("_entry", "_recorded_at", "_rerecorded_at")

    def __init__(self, entry: Entry, recorded_at: str, rerecorded_at: str) -> None:
        self._entry = entry
        self._recorded_at = recorded_at
        self._rerecorded_at = rerecorded_at

    def interaction(self) -> Interaction:
        again = parse_time(self._rerecorded_at) if self._rerecorded_at else None
        return self._entry.interaction()._replace(
            recorded_at=parse_time(self._recorded_at), rerecorded_at=again
        )

    @property
    def text(self) -> bytes:
        from pytest_reqord.codec import redated  # late: few are

        return redated(self._entry.text, self._recorded_at, self._rerecorded_at)

    @property
    def recorded_at(self) -> str:
        return self._recorded_at

    @property
    def recorded_by(self) -> str:
        return self._entry.recorded_by

    @property
    def method(self) -> str:
        return self._entry.method

    @property
    def uri(self) -> str:
        return self._entry.uri


class _Changed(_Redated):
    """An entry in the place of another one.

    :param like: gives it what the other one says that tells nothing.
    :param encode: makes its text.
    """

    __slots__ = ("_encode", "_like")

    def __init__(
        self,
        entry: Entry,
        recorded_at: str,
        rerecorded_at: str,
        like: Callable[[Interaction], Interaction],
        encode: Callable[[Interaction], bytes],
    ) -> None:
        super().__init__(entry, recorded_at, rerecorded_at)
        self._like = like
        self._encode = encode

    def interaction(self) -> Interaction:
        return self._like(super().interaction())

    @property
    def text(self) -> bytes:
        return self._encode(self.interaction())
