"""Playing as VCR.py does: the first interaction that matches and wasn't played, by the file.

But first what the test itself recorded, which files of ours tell: in one that it shares, what
another test was answered may be something else.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_reqord.matching import hidden_parameters, hide
from pytest_reqord.real import threading
from pytest_reqord.replay import Claimed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_reqord.index import Stored
    from pytest_reqord.matching import Matching
    from pytest_reqord.models import Interaction, Request

__all__ = ["VcrReplay"]


class VcrReplay:
    """What one opening of a cassette has played of it; see `pytest_reqord.replay.Player`.

    :param entries: what may be played, in the order of the files.
    :param matching: what has to agree.
    :param redact: what a live request went through already, so that a stored one can be compared.
    :param owner: the test, as its recordings name it.
    :param repeats: whether an interaction is played again, always the first one that matches.
    """

    def __init__(
        self,
        entries: Sequence[Stored],
        matching: Matching,
        redact: Callable[[Request], Request],
        owner: str,
        *,
        repeats: bool,
    ) -> None:
        self.entries = list(entries)
        self.play_counts: Counter[int] = Counter()
        self._matching = matching
        self._redact = redact
        self._owner = owner
        self._repeats = repeats
        self._redacted: dict[int, Request] = {}
        self._played: list[int] = []
        self._lock = threading.Lock()

    @cached_property
    def _hidden(self) -> frozenset[str]:
        return hidden_parameters(entry.uri for entry in self.entries)

    @cached_property
    def _positions(self) -> dict[Any, deque[int]]:
        positions: dict[Any, deque[int]] = defaultdict(deque)
        own: list[int] = []
        others: list[int] = []
        for at, entry in enumerate(self.entries):
            (own if entry.recorded_by == self._owner else others).append(at)
        for at in (*own, *others):
            entry = self.entries[at]
            positions[self._matching.key(entry.method, entry.uri)].append(at)
        return positions

    def claim(self, live: Request) -> Claimed | None:
        """Find the interaction for a request and mark it played; None if there is none left."""
        if self._hidden:
            live = hide(live, self._hidden)
        with self._lock:
            at = self._find(live)
            if at is None:
                return None
            self.play_counts[at] += 1
            self._played.append(at)
        return Claimed(self.entries[at].interaction(), has_drifted=False)

    def agrees(self, live: Request, recorded: Request) -> bool:
        """Whether a recorded request is the one for a request."""
        matching = self._matching
        return matching.key(live.method, live.uri) == matching.key(
            recorded.method, recorded.uri
        ) and matching.agrees(live, self._redact(recorded))

    def _find(self, live: Request) -> int | None:
        candidates = self._positions.get(self._matching.key(live.method, live.uri))
        if candidates is None:
            return None
        while not self._repeats and candidates and self.play_counts[candidates[0]]:
            candidates.popleft()  # what was played isn't looked at again, however much it is
        return next(
            (
                at
                for at in candidates
                if (self._repeats or not self.play_counts[at]) and self._agrees(live, at)
            ),
            None,
        )

    def _agrees(self, live: Request, at: int) -> bool:
        if not self._matching.compares_pairs:
            return True
        recorded = self._redacted.get(at)
        if recorded is None:
            recorded = self._redact(self.entries[at].interaction().request)
            self._redacted[at] = recorded
        return self._matching.agrees(live, recorded)

    def add(self, entry: Stored) -> None:
        """Have another interaction played after all others."""
        with self._lock:
            self.entries.append(entry)
            self.__dict__.pop("_positions", None)

    def rewind(self) -> None:
        """Play it all anew."""
        with self._lock:
            self.play_counts = Counter()
            self.__dict__.pop("_positions", None)

    @property
    def play_count(self) -> int:
        """How many requests were answered since it was rewound."""
        return sum(self.play_counts.values())

    def played(self) -> Iterator[Interaction]:
        """What was played, in the order in which it was."""
        return (self.entries[at].interaction() for at in tuple(self._played))

    def unplayed(self) -> Iterator[Stored]:
        """What wasn't played."""
        return (entry for at, entry in enumerate(self.entries) if not self.play_counts[at])
