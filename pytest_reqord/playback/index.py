"""Where what was recorded is found: by address, then by test, then by body."""

from __future__ import annotations

from collections import defaultdict, deque
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from pytest_reqord.codec import LocatedEntries
from pytest_reqord.matching.matchers import body_key, hidden_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from pytest_reqord.base.models import Interaction, Request
    from pytest_reqord.codec import Directory
    from pytest_reqord.matching.matchers import Matching

__all__ = ["Candidates", "Index", "Stored"]


_HIDDEN = b"=[REDACTED]"


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

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The parameters whose values another tool has hidden: any value there is the recorded one."""
        if isinstance(self.entries, LocatedEntries) and not self.entries.have(_HIDDEN):
            return frozenset()
        return hidden_parameters(entry.uri for entry in self.entries)

    @cached_property
    def _directory(self) -> Directory | None:
        """What finds most entries without reading them, 0.1 us each; None where that can't be."""
        if self.matching.is_plain and isinstance(self.entries, LocatedEntries):
            return self.entries.directory
        return None

    @cached_property
    def _positions(self) -> dict[Any, list[int]]:
        """Positions by key of those that the directory can't find; 8 us an entry."""
        directory, entries = self._directory, self.entries
        positions: dict[Any, list[int]] = defaultdict(list)
        for at in range(len(entries)) if directory is None else directory.others:
            positions[self.matching.key(entries[at].method, entries[at].uri)].append(at)
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


class Candidates:
    """Candidates for one key: found by what else must be equal, then by body, then by age.

    They are decoded one after another, until one has the very body that was sent: of 10,000
    polls of one address a test that plays ten decodes ten. Each queue may hold positions that
    were played through another one; they are skipped when they come up, so that a claim takes
    the same time however many there are.

    :param matching: what has to be equal besides.
    :param positions: where they are, in the order in which they come up.
    :param request_at: gives the recorded request at a position.
    """

    def __init__(
        self,
        matching: Matching,
        positions: Sequence[int],
        request_at: Callable[[int], Request],
    ) -> None:
        self._matching = matching
        self._request_at = request_at
        self._positions = positions
        self._read = 0
        self._requests: dict[int, Request] = {}
        self._by_detail: dict[Any, deque[int]] = defaultdict(deque)
        self._by_bytes: dict[Any, deque[int]] = defaultdict(deque)

    def _reads_another(self) -> bool:
        read = self._read
        if read == len(self._positions):
            return False
        at = self._positions[read]
        request = self._requests[at] = self._request_at(at)
        detail = self._matching.detail(request)
        self._by_detail[detail].append(at)
        self._by_bytes[detail, request.body].append(at)
        # last, and not one more: where a claim came in the middle of this one, which has read on,
        # the same are read again and stand there twice
        self._read = read + 1
        return True

    @cached_property
    def _by_body(self) -> dict[Any, deque[int]]:
        by_body: dict[Any, deque[int]] = defaultdict(deque)
        for at, request in list(self._requests.items()):
            by_body[self._matching.detail(request), body_key(request)].append(at)
        return by_body

    def find(self, live: Request, detail: Any, taken: Container[int]) -> int | None:
        """The best candidate that isn't taken: equal bytes, else an equal body, else the oldest."""
        same = self._first(self._by_bytes.get((detail, live.body)), live, taken)
        while same is None and self._reads_another():
            same = self._first(self._by_bytes.get((detail, live.body)), live, taken)
        if same is None and len(self._requests) > 1 and live.body:
            same = self._first(self._by_body.get((detail, body_key(live))), live, taken)
        return self._first(self._by_detail.get(detail), live, taken) if same is None else same

    def _first(self, queue: deque[int] | None, live: Request, taken: Container[int]) -> int | None:
        if queue is None:
            return None
        while queue and queue[0] in taken:
            queue.popleft()  # what was played isn't looked at again, however much it is
        if not self._matching.compares_pairs:
            return queue[0] if queue else None
        place = 0  # no iterator: a claim in the middle of this one may take from the queue
        while place < len(queue):
            at = queue[place]
            if at not in taken and self._matching.agrees(live, self._requests[at]):
                return at
            place += 1
        return None
