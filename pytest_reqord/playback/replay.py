"""Find the recorded interaction for a request, and claim it in one locked step.

The index finds candidates by address, then by test; of these the one that is most like the request
is picked; the replay marks it as played.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict, deque
from contextlib import suppress
from functools import cached_property
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pytest_reqord.base.models import without_socket
from pytest_reqord.base.real import threading
from pytest_reqord.codec import Entry, LocatedEntries
from pytest_reqord.errors import SequenceMismatchError
from pytest_reqord.matching.matchers import (
    body_key,
    fields_of,
    has_secret,
    hidden_parameters,
    hide,
    parameter_names,
    preferences,
    without_secret_parameters,
)
from pytest_reqord.redaction.kinds import is_issued
from pytest_reqord.redaction.marks import MARK_STARTS, marks_of, unmarked, without_marks

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from pytest_reqord.base.models import Interaction, Request
    from pytest_reqord.codec import Directory
    from pytest_reqord.matching.matchers import Matching
    from pytest_reqord.redaction.marks import Place

    _Marks: TypeAlias = tuple[tuple[Place, str], ...]

__all__ = ["Candidates", "Claimed", "Claims", "Index", "Player", "Replay", "Stored"]

_HIDDEN = b"=[REDACTED]"
# in a pattern, which escapes what is behind it
_SECRET = re.compile(r"%5BREDACTED%5D(?=/|\\[?&]|\Z)")


class Stored(Protocol):
    """An interaction in a cassette, decoded when it is first needed."""

    @property
    def method(self) -> str:
        """The request's method, found without decoding the entry."""

    @property
    def uri(self) -> str:
        """The request's URI, found without decoding the entry."""

    @property
    def recorded_at(self) -> str:
        """When it was recorded, as text that sorts by time."""

    @property
    def recorded_by(self) -> str:
        """The test that recorded it, found without decoding the entry."""

    def interaction(self) -> Interaction:
        """The whole of it, decoded on the first call."""


class Index:
    """Where each recorded request is found. Made once a file, used by every test that plays it.

    :param entries: the cassette's entries in chronological order.
    :param matching: what has to be equal.
    """

    def __init__(self, entries: Sequence[Stored], matching: Matching) -> None:
        self.entries = entries
        self.matching = matching

        self._found: dict[Any, dict[str, list[int]]] = {}
        self._marks_of_requests: dict[int, Mapping[Place, str]] = {}

    @cached_property
    def marks(self) -> Mapping[str, frozenset[str]]:
        """The marks of secrets that are told apart, by the test that recorded them; mostly none."""
        start = MARK_STARTS[0]
        if isinstance(self.entries, LocatedEntries) and not self.entries.have(start):
            return {}
        marks: dict[str, frozenset[str]] = {}
        for entry in self.entries:
            if not isinstance(entry, Entry) or entry.may_have(start):
                one = entry.interaction()
                found = [*marks_of(one.request).values()]
                found += marks_of(one.response).values() if one.response else ()
                if found:
                    marks[one.recorded_by] = marks.get(one.recorded_by, frozenset()).union(found)
        return marks

    def marks_at(self, at: int) -> Mapping[Place, str]:
        """The marks in the request at a position."""
        marks = self._marks_of_requests.get(at)
        if marks is None:
            marks = marks_of(self.entries[at].interaction().request)
            self._marks_of_requests[at] = marks
        return marks

    def request_at(self, at: int) -> Request:
        """The request at a position, as it is compared: without marks, and what doesn't count."""
        request = self.entries[at].interaction().request
        return self.matching.view(unmarked(request) if self.marks else request)

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The parameters whose values another tool has hidden: any value there is the recorded one."""
        if isinstance(self.entries, LocatedEntries) and not self.entries.have(_HIDDEN):
            return frozenset()
        return hidden_parameters(entry.uri for entry in self.entries)

    def like(self, uri: str, owner: str) -> Iterator[str]:
        """The URIs that a test recorded and that are one but for whole parts that are secret.

        Asked at a miss. One of 12 characters, or more, would have been taken out.
        """
        is_like = re.compile(_SECRET.sub(r"[^/?&%]{1,11}", re.escape(uri))).fullmatch
        own = self.owned_by(owner) or self.owned_by("")
        for other in dict.fromkeys(without_marks(self.entries[at].uri) for at in own):
            if is_like(other):
                yield other

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names of all parameters of what is recorded; asked where a request misses."""
        return parameter_names(entry.uri for entry in self.entries)

    @cached_property
    def _directory(self) -> Directory | None:
        """What finds most entries without reading them, 0.1 us each; None where that can't be."""
        if self.matching.is_plain and isinstance(self.entries, LocatedEntries) and not self.marks:
            return self.entries.directory
        return None

    @cached_property
    def _positions(self) -> dict[Any, list[int]]:
        """Positions by key of those that the directory can't find; 8 us an entry."""
        directory, entries = self._directory, self.entries
        positions: dict[Any, list[int]] = defaultdict(list)
        for at in range(len(entries)) if directory is None else directory.others:
            uri = without_marks(entries[at].uri) if self.marks else entries[at].uri
            positions[self.matching.key(entries[at].method, uri)].append(at)
        return positions

    def positions(self, key: Any) -> Sequence[int]:
        """Where a key is, in chronological order."""
        found = self._positions.get(key, ())
        if self._directory is None:
            return found
        listed = self._directory.positions(*key)
        return sorted([*listed, *found]) if found else listed

    def lookup(self, key: Any) -> dict[str, list[int]]:
        """The positions under a key, by the test that recorded them; do not change it."""
        found = self._found.get(key)
        if found is None:
            found = defaultdict(list)
            for at in self.positions(key):
                found[self.entries[at].recorded_by].append(at)
            if found:
                self._found[key] = found
        return found

    @property
    def with_body(self) -> Callable[[Request], Sequence[int]] | None:
        """What finds positions by a request's body without decoding them; None where nothing does."""
        if isinstance(self.entries, LocatedEntries) and not self.marks:
            return self.entries.with_body
        return None

    def owned_by(self, owner: str) -> list[int]:
        """The positions of what one test recorded."""
        return self._by_owner.get(owner, [])

    @cached_property
    def _by_owner(self) -> dict[str, list[int]]:
        if self._directory is not None and isinstance(self.entries, LocatedEntries):
            return self.entries.by_owner()
        by_owner: dict[str, list[int]] = defaultdict(list)
        for position, entry in enumerate(self.entries):
            by_owner[entry.recorded_by].append(position)
        return by_owner


class Candidate:
    """A recorded request that may be the one for a live one; or that one itself.

    :param at: its position.
    :param request: the request.
    :param matching: what has to be equal.
    """

    def __init__(self, at: int, request: Request, matching: Matching) -> None:
        self.at = at
        self.request = request
        self.detail = matching.detail(request)
        self.question = matching.question(request)
        self.preferences = preferences(request)
        self.but_preferences = self.detail, self.question, request.body
        self.all = self.but_preferences, self.preferences

    @cached_property
    def body(self) -> Any:
        """The same value for bodies that say the same."""
        return body_key(self.request)

    @cached_property
    def fields(self) -> frozenset[Any]:
        """The fields of its body."""
        return fields_of(self.request)

    def prefers_as(self, other: Candidate) -> int:
        """Return how many preferences it shares with another."""
        pairs = zip(self.preferences, other.preferences, strict=True)
        return sum(ours == theirs for ours, theirs in pairs)


_MOST_COMPARED = 50


class Candidates:
    """Candidates for one key: of those that match the one that is most like the request.

    That is the one with an equal question, then with an equal body, then with the most equal
    fields, then with the most equal preferences, then the oldest. They are decoded one after
    another, until one is equal in all of that: of 10,000 polls of one address a test that plays
    ten decodes ten. Where none is, the oldest 50 that match are compared. Each queue may hold
    positions that were played through another one; they are skipped when they come up, so that a
    claim takes the same time however many there are.

    :param matching: what has to be equal.
    :param positions: where they are, in the order in which they come up.
    :param request_at: gives the recorded request at a position.
    :param with_body: finds positions with the very body of a request without decoding them; None
        where that can't be, and all are read.
    """

    def __init__(
        self,
        matching: Matching,
        positions: Sequence[int],
        request_at: Callable[[int], Request],
        with_body: Callable[[Request], Sequence[int]] | None = None,
    ) -> None:
        self._matching = matching
        self._request_at = request_at
        self._positions = positions
        # a user's own matchers have to see each
        self._with_body = None if matching.compares_pairs else with_body
        self._read = 0
        self._by_detail: dict[Any, dict[int, Candidate]] = defaultdict(dict)
        self._equal: dict[Any, deque[Candidate]] = defaultdict(deque)
        self._preferences: dict[Any, set[Any]] = defaultdict(set)

    def _reads_another(self) -> bool:
        read = self._read
        if read == len(self._positions):
            return False
        one = self._candidate(self._positions[read])
        self._by_detail[one.detail][one.at] = one
        self._equal[one.detail, one.question].append(one)
        self._equal[one.but_preferences].append(one)
        self._equal[one.all].append(one)
        self._preferences[one.but_preferences].add(one.preferences)
        # last, and not one more: where a claim came in the middle of this one, which has read on,
        # the same are read again and stand there twice
        self._read = read + 1
        return True

    def _candidate(self, at: int) -> Candidate:
        return Candidate(at, self._request_at(at), self._matching)

    def find(self, live: Request, taken: Container[int]) -> int | None:
        """Return the best candidate that isn't taken; None if there is none."""
        sent = Candidate(-1, live, self._matching)
        at = self._first_equal(sent.all, sent, taken)
        if at is None and live.body and self._with_body and self._read < len(self._positions):
            at = self._unread(sent, self._with_body(live), taken)
        if at is None and len(self._preferences.get(sent.but_preferences, ())) == 1:
            # mostly, where it was recorded on another machine: no need to compare them
            at = self._first_of(self._equal[sent.but_preferences], sent, taken)
        return _most_alike(sent, self._left(sent, taken)) if at is None else at

    def oldest(self, live: Request, taken: Container[int]) -> int | None:
        """Return the oldest candidate that isn't taken, whatever its body.

        One with an equal question comes first.
        """
        while self._matching.compares_pairs and self._reads_another():
            pass  # or each would be compared again with every one that is read
        sent = Candidate(-1, live, self._matching)
        at = self._first_equal((sent.detail, sent.question), sent, taken)
        return _first(self._left(sent, taken)) if at is None else at

    def _first_equal(self, wanted: Any, sent: Candidate, taken: Container[int]) -> int | None:
        """Return the oldest that isn't taken and is equal in all that is wanted; reads on for it."""
        at = self._first_of(self._equal.get(wanted), sent, taken)
        if at is None and self._with_body and len(self._by_detail[sent.detail]) >= _MOST_COMPARED:
            self._drop_taken(sent.detail, taken)
        while at is None and self._may_read(sent.detail) and self._reads_another():
            at = self._first_of(self._equal.get(wanted), sent, taken)
        return at

    def _first_of(
        self, queue: deque[Candidate] | None, sent: Candidate, taken: Container[int]
    ) -> int | None:
        if queue is None:
            return None
        while queue and queue[0].at in taken:
            queue.popleft()  # what was played isn't looked at again, however much it is
        if not self._matching.compares_pairs:
            return queue[0].at if queue else None
        place = 0  # no iterator: a claim in the middle of this one may take from the queue
        while place < len(queue):
            one = queue[place]
            if one.at not in taken and self._matching.agrees(sent.request, one.request):
                return one.at
            place += 1
        return None

    def _may_read(self, detail: Any) -> bool:
        """Return whether fewer than are compared are at hand, or all have to be read."""
        return self._with_body is None or len(self._by_detail[detail]) < _MOST_COMPARED

    def _drop_taken(self, detail: Any, taken: Container[int]) -> tuple[Candidate, ...]:
        """Forget those that were played; return the others."""
        window = self._by_detail[detail]
        # one by one, of a copy: a claim in the middle of this one may add some
        for at in [at for at in tuple(window) if at in taken]:
            window.pop(at, None)
        return tuple(window.values())

    def _unread(self, sent: Candidate, found: Sequence[int], taken: Container[int]) -> int | None:
        """Return the first that has an equal body of those that were not read."""
        for at in found:
            place = bisect_left(self._positions, at, self._read)
            is_here = place < len(self._positions) and self._positions[place] == at
            if is_here and at not in taken:
                one = self._candidate(at)
                if one.detail == sent.detail and one.question == sent.question:
                    return at
        return None

    def _left(self, sent: Candidate, taken: Container[int]) -> list[Candidate]:
        """Return those that match and aren't taken, the oldest first."""
        left = self._drop_taken(sent.detail, taken)
        if not self._matching.compares_pairs:
            return list(left[:_MOST_COMPARED])
        agrees = self._matching.agrees
        return list(islice((x for x in left if agrees(sent.request, x.request)), _MOST_COMPARED))


def _most_alike(sent: Candidate, left: list[Candidate]) -> int | None:
    """Return the position of the one that is most like a request; of equals the first."""
    left = [one for one in left if one.question == sent.question] or left
    if len(left) > 1:
        equal = [one for one in left if one.body == sent.body]
        if equal or sent.fields:
            left = equal or _most(left, lambda one: len(one.fields & sent.fields))
    if len(left) > 1:
        equal = [one for one in left if one.preferences == sent.preferences]
        left = equal or _most(left, lambda one: one.prefers_as(sent))
    return _first(left)


def _most(candidates: list[Candidate], score: Callable[[Candidate], int]) -> list[Candidate]:
    scores = [score(one) for one in candidates]
    most = max(scores)
    return [one for one, each in zip(candidates, scores, strict=True) if each == most]


def _first(candidates: list[Candidate]) -> int | None:
    return candidates[0].at if candidates else None


# Which recorded secret each one stands for that is sent.


class Secrets:
    """Which of the secrets that were recorded each one stands for that is sent.

    Of those that answers gave nobody knows whose they are: a key that nobody recorded stands for one
    after another of them, if it must.

    With the key that was recorded it is itself. Another one stands for the first that nobody stands
    for yet, from then on; no two stand for one. Those of each test's part are apart.

    :param index: what is played.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._stands_for: dict[tuple[str, str], str] = {}
        self._taken: dict[tuple[str, str], str] = {}
        self._by_marks: dict[Any, dict[_Marks, list[int]]] = {}

    def admitted(
        self,
        key: Any,
        owner: str,
        positions: Sequence[int],
        sent: Mapping[Place, str],
        *,
        if_it_must: bool = False,
    ) -> tuple[Any, Sequence[int]]:
        """Return those of one test's positions under a key at which these secrets may be meant.

        Only where several were recorded at one place it matters which one it is.

        :param sent: the marks of what is sent.
        :param if_it_must: whether one may stand for several.
        :returns: a name for them, and the positions.
        """
        groups = self._by_marks.get((key, owner))
        if groups is None:
            groups = self._by_marks[key, owner] = {}
            for at in positions:
                marks = tuple(sorted(self._index.marks_at(at).items()))
                groups.setdefault(marks, []).append(at)
        if len(groups) < 2 or not sent:  # noqa: PLR2004 -- nothing to tell apart
            return (key, owner), positions
        meeting = self._meeting(groups)
        admitted = [
            marks
            for marks in groups
            if self._may_mean(owner, sent, dict(marks), meeting, if_it_must=if_it_must)
        ]
        if len(admitted) == len(groups):
            return (key, owner), positions
        return (key, owner, *admitted), sorted(at for each in admitted for at in groups[each])

    @staticmethod
    def _meeting(groups: Iterable[_Marks]) -> set[Place]:
        first: dict[Place, str] = {}
        return {
            place
            for marks in groups
            for place, mark in marks
            if first.setdefault(place, mark) != mark
        }

    def _may_mean(
        self,
        owner: str,
        sent: Mapping[Place, str],
        recorded: Mapping[Place, str],
        meeting: Container[Place],
        *,
        if_it_must: bool,
    ) -> bool:
        meant: dict[str, str] = {}
        for place, mark in sent.items():
            other = recorded.get(place)
            if other is None or place not in meeting:
                continue
            if not self._may_be(owner, mark, other, if_it_must=if_it_must):
                return False
            if meant.setdefault(mark, other) != other:
                return False
        return len(set(meant.values())) == len(meant)

    def _may_be(self, owner: str, mark: str, other: str, *, if_it_must: bool) -> bool:
        known, taken_by = self._stands_for.get((owner, mark)), self._taken.get((owner, other))
        if taken_by is not None:
            return taken_by == mark
        if known is not None:
            return if_it_must and known != mark and is_issued(known) and is_issued(other)
        is_recorded = mark in self._index.marks.get(owner, ()) and (owner, mark) not in self._taken
        return mark == other or not is_recorded

    def note(self, at: int, sent: Mapping[Place, str]) -> None:
        """Note which secrets were meant by a request that is played what is at a position."""
        owner, recorded = self._index.entries[at].recorded_by, self._index.marks_at(at)
        for place, mark in sent.items():
            other = recorded.get(place)
            if other is not None and self._may_be(owner, mark, other, if_it_must=True):
                self._stands_for[owner, mark] = other
                self._taken[owner, other] = mark


_NO_MARKS: Mapping[Place, str] = MappingProxyType({})


# Find the recorded interaction for a request and claim it, in one locked step.


class Claimed(NamedTuple):
    """What a request was answered with.

    :param interaction: the recorded interaction.
    :param has_drifted: whether it was recorded for another body.
    """

    interaction: Interaction
    has_drifted: bool


class Claims(Protocol):
    """What is played, where several processes play the same recording."""

    def take(self, at: int) -> bool:
        """Claim the interaction at a position; False if another process has."""

    def has(self, at: int) -> bool:
        """Whether a process has claimed it."""

    def all(self) -> Iterable[int]:
        """All positions that are claimed."""


class Player(Protocol):
    """Chooses what a request is played, and knows what was."""

    def claim(self, live: Request) -> Claimed | None:
        """Find the interaction for a request and mark it played; None if there is none left."""

    @property
    def play_count(self) -> int:
        """How many requests were answered."""

    def played(self) -> Iterator[Interaction]:
        """What was played, in the order in which it was."""

    def unplayed(self) -> Iterator[Stored]:
        """What the test was expected to ask for and didn't."""


class Replay:
    """What one opening of a cassette has played of it.

    :param index: the cassette's index.
    :param owner: the test that plays; what it recorded itself is played to it first.
    :param cassette: the cassette's path, for errors.
    :param repeats: whether an interaction may be played more than once.
    :param strict_order: whether interactions are played by position only.
    """

    def __init__(
        self, index: Index, owner: str, cassette: str, *, repeats: bool, strict_order: bool
    ) -> None:
        self._index = index
        self._owner = owner
        self._cassette = cassette
        self._repeats = repeats
        self._strict_order = strict_order
        self._taken: dict[int, object] = {}  # by position: the claim that took it
        self._played: list[int] = []
        self._played_under: dict[Any, list[int]] = {}
        self._groups: dict[Any, Candidates] = {}
        self._others: dict[Any, list[int]] = {}
        self._secrets = Secrets(index)
        self._next = 0
        self._claims: Claims | None = None
        # reentrant: a garbage collection that closes a response may claim one, in the middle of this
        self._lock = threading.RLock()

    # other processes that play the same recording

    def share(self, claims: Claims) -> None:
        """Claim in other processes, too, from now on, and what was played before."""
        with self._lock:
            if self._claims is None:
                self._claims = claims
                for at in self._played:
                    claims.take(at)

    def gather(self) -> None:
        """Count what other processes have played by now as played."""
        if self._claims is None:
            return
        with self._lock:
            claimed = set(self._claims.all())
            for at in sorted(claimed.difference(self._played)):
                self._taken[at] = self
                self._has_played(at)

    def after_fork(self) -> None:
        """Make it usable in a forked child, whose copy of the lock may be held."""
        self._lock = threading.RLock()

    # this process

    def claim(self, live: Request) -> Claimed | None:
        """Find the interaction for a request and mark it played.

        :param live: the request, redacted.
        :returns: None if there is none left for it.
        :raises SequenceMismatchError: with ``strict_order``, if it isn't the next one.
        """
        if self._index.hidden:
            live = hide(live, self._index.hidden)
        sent = _NO_MARKS
        if self._index.marks:
            sent, live = marks_of(live), unmarked(live)
        live = self._index.matching.view(live)
        try:
            found = self._claim(live, sent)
        except SequenceMismatchError:
            found = self._claim_otherwise(live, sent)
            if found is None:
                raise
        return found or self._claim_otherwise(live, sent)

    def _claim_otherwise(self, live: Request, sent: Mapping[Place, str]) -> Claimed | None:
        """As `_claim`, by what was recorded with less in its URI; mostly there is no less."""
        for uri in self._lesser(live.uri):
            with suppress(SequenceMismatchError):
                found = self._claim(live._replace(uri=uri), sent)
                if found is not None:
                    return found
        return None

    def _lesser(self, uri: str) -> Iterator[str]:
        if "+" in uri:  # recorded before sockets had names
            yield without_socket(uri)
        if has_secret(uri):
            lesser = without_secret_parameters(uri, self._index.parameters)
            if lesser != uri:  # recorded with a filter that takes them away
                yield lesser
            if without_secret_parameters(uri) != lesser:
                yield without_secret_parameters(uri)
            # a short one, that an answer had, was recorded as it was sent
            yield from self._index.like(uri, self._owner)

    def _claim(self, live: Request, sent: Mapping[Place, str]) -> Claimed | None:
        with self._lock:
            at = self._candidate(live, sent)
            while at is not None and not self._take(at):
                at = self._candidate(live, sent)
            if at is None and self._repeats:
                at = self._last_played(live, sent)
            if at is None:
                return None
            self._has_played(at)
            if sent:
                self._secrets.note(at, sent)
        interaction = self._index.entries[at].interaction()
        recorded = unmarked(interaction.request) if self._index.marks else interaction.request
        has_drifted = self._index.matching.has_drifted(live, recorded)
        return Claimed(interaction, has_drifted)

    def _has_played(self, at: int) -> None:
        self._played.append(at)
        if self._repeats:
            recorded = self._index.entries[at].interaction().request
            uri = without_marks(recorded.uri) if self._index.marks else recorded.uri
            key = self._index.matching.key(recorded.method, uri)
            self._played_under.setdefault(key, []).append(at)

    def _candidate(self, live: Request, sent: Mapping[Place, str]) -> int | None:
        return self._in_order(live, sent) if self._strict_order else self._best(live, sent)

    def _take(self, at: int) -> bool:
        """Mark an interaction taken; False if somebody has it who came in between."""
        claim = object()
        if self._taken.setdefault(at, claim) is not claim:  # in one step: see the lock
            return False
        return self._claims is None or self._claims.take(at) or self._repeats

    def _best(self, live: Request, sent: Mapping[Place, str]) -> int | None:
        key = self._index.matching.key(live.method, live.uri)
        positions = self._index.positions(key)
        if not positions:
            return None
        if len(positions) == 1:  # mostly; whose it is doesn't matter then, and costs 3 us to read
            return self._only(positions[0], live)
        if not sent:
            return self._own_or_other(key, live)
        at = self._told_apart(key, live, sent)
        return self._told_apart(key, live, sent, if_it_must=True) if at is None else at

    def _only(self, at: int, live: Request) -> int | None:
        """The one candidate for a key, if it isn't taken: in 2 us, to make a group takes 10."""
        if at in self._taken:
            return None
        matching = self._index.matching
        recorded = self._index.request_at(at)
        is_it = matching.detail(live) == matching.detail(recorded)
        return at if is_it and matching.agrees(live, recorded) else None

    def _own_or_other(self, key: Any, live: Request) -> int | None:
        """What this test recorded comes before what others did."""
        by_owner = self._index.lookup(key)
        own = by_owner.get(self._owner)
        at = self._group((key, True), own).find(live, self._taken) if own else None
        if at is None and len(by_owner) > (own is not None):
            others = self._of_others(key, by_owner)
            at = self._group((key, False), others).find(live, self._taken)
        return at

    def _told_apart(
        self, key: Any, live: Request, sent: Mapping[Place, str], *, if_it_must: bool = False
    ) -> int | None:
        """As `_own_or_other`, of what the secrets that are sent may mean."""
        by_owner = self._index.lookup(key)
        own = by_owner.get(self._owner)
        at = None
        if own:
            name, positions = self._secrets.admitted(
                key, self._owner, own, sent, if_it_must=if_it_must
            )
            at = self._group((name, True), positions).find(live, self._taken)
        others = [
            self._secrets.admitted(key, owner, positions, sent, if_it_must=if_it_must)
            for owner, positions in by_owner.items()
            if owner != self._owner
        ]
        if at is None and others:
            name = tuple([name for name, _ in others])
            positions = sorted(chain.from_iterable(each for _, each in others))
            at = self._group((name, False), positions).find(live, self._taken)
        return at

    def _may_mean(self, at: int, sent: Mapping[Place, str]) -> bool:
        """Return whether the secrets that are sent may be those of a request that was recorded."""
        if not sent:
            return True
        recorded = self._index.request_at(at)
        key, owner = (
            self._index.matching.key(recorded.method, recorded.uri),
            self._index.entries[at].recorded_by,
        )
        positions = self._index.lookup(key)[owner]
        return at in self._secrets.admitted(key, owner, positions, sent)[1]

    def _of_others(self, key: Any, by_owner: dict[str, list[int]]) -> list[int]:
        """What other tests recorded under a key; put together once, not for every request."""
        positions = self._others.get(key)
        if positions is None:
            lists = (found for owner, found in by_owner.items() if owner != self._owner)
            positions = self._others[key] = sorted(chain.from_iterable(lists))
        return positions

    def _group(self, key: Any, positions: Sequence[int]) -> Candidates:
        group = self._groups.get(key)
        if group is None:
            with_body = self._index.with_body
            group = Candidates(self._index.matching, positions, self._index.request_at, with_body)
            self._groups[key] = group
        return group

    def _last_played(self, live: Request, sent: Mapping[Place, str]) -> int | None:
        """Return the answer that a question like this one got last.

        A poll that goes on gets "done", not "pending" anew.
        """
        matching = self._index.matching
        played = self._played_under.get(matching.key(live.method, live.uri), ())
        asked = Candidate(-1, live, matching)
        left: list[Candidate] = []
        for at in dict.fromkeys(islice(reversed(played), _MOST_COMPARED)):
            one = Candidate(at, self._index.request_at(at), matching)
            is_it = one.detail == asked.detail and matching.agrees(live, one.request)
            if is_it and self._may_mean(at, sent):
                if one.all == asked.all:
                    return at
                left.append(one)
        return _most_alike(asked, left)

    def _in_order(self, live: Request, sent: Mapping[Place, str]) -> int | None:
        own = self._index.owned_by(self._owner) or range(len(self._index.entries))
        matching = self._index.matching
        position = self._next
        while position < len(own) and self._is_taken(own[position]):
            position += 1
        self._next = position
        if position >= len(own):
            raise SequenceMismatchError(live, self._cassette, "", position)
        at = own[position]
        recorded = self._index.request_at(at)
        other = live._replace(uri=without_socket(live.uri))
        is_it = matching.matches(live, recorded) or matching.matches(other, recorded)
        if not is_it or not self._may_mean(at, sent):
            expected = f"{recorded.method} {recorded.uri}"
            raise SequenceMismatchError(live, self._cassette, expected, position)
        return at

    def _is_taken(self, at: int) -> bool:
        return at in self._taken or (self._claims is not None and self._claims.has(at))

    @property
    def play_count(self) -> int:
        """How many requests were answered."""
        self.gather()
        return len(self._played)

    def played(self) -> Iterator[Interaction]:
        """What was played, in the order in which it was; by other processes, as far as is known."""
        self.gather()
        return (self._index.entries[at].interaction() for at in tuple(self._played))

    def unplayed(self) -> Iterator[Stored]:
        """What wasn't played of what concerns this test.

        That is what the test recorded itself, or, where it recorded nothing, what no test did.
        """
        self.gather()
        if len(self._taken) == len(self._index.entries):  # mostly; whose they are isn't asked then
            return iter(())
        own = self._index.owned_by(self._owner) or self._index.owned_by("")
        return (self._index.entries[at] for at in own if at not in self._taken)
