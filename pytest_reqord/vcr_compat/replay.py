"""Playing as VCR.py does: the first interaction that matches and wasn't played, by the file.

But first what the test itself recorded, which files of ours tell: in one that it shares, what
another test was answered may be something else. And of these the one whose body is equal, so that
concurrent requests to one URL get their own answers.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.real import threading
from pytest_reqord.errors import SequenceMismatchError
from pytest_reqord.matching.matchers import hidden_parameters, hide
from pytest_reqord.playback.index import Candidates
from pytest_reqord.playback.replay import Claimed, has_drifted

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from pytest_reqord.base.models import Interaction, Request
    from pytest_reqord.matching.matchers import Matching
    from pytest_reqord.playback.index import Stored

__all__ = ["VcrReplay"]


class VcrReplay:
    """What one opening of a cassette has played of it; see `pytest_reqord.playback.replay.Player`.

    :param entries: what may be played, in the order of the files.
    :param matching: what has to agree.
    :param redact: what a live request went through already, so that a stored one can be compared.
    :param owner: the test, as its recordings name it.
    :param cassette: the cassette's path, for errors.
    :param repeats: whether an interaction is played again, always the same one.
    :param strict_order: whether interactions are played by position only.
    """

    def __init__(
        self,
        entries: Sequence[Stored],
        matching: Matching,
        redact: Callable[[Request], Request],
        owner: str,
        cassette: str,
        *,
        repeats: bool,
        strict_order: bool,
    ) -> None:
        self.entries = list(entries)
        self.play_counts: Counter[int] = Counter()
        self._matching = matching
        self._redact = redact
        self._owner = owner
        self._cassette = cassette
        self._repeats = repeats
        self._strict_order = strict_order
        self._played: list[int] = []
        self._taken: dict[int, object] = {}  # by position: the claim that took it
        # reentrant: see `pytest_reqord.playback.replay.Replay`
        self._lock = threading.RLock()

    @cached_property
    def _hidden(self) -> frozenset[str]:
        return hidden_parameters(entry.uri for entry in self.entries)

    @cached_property
    def _groups(self) -> dict[Any, list[Candidates]]:
        """What may be played by key: what the test itself recorded, then what others did."""
        by_key: dict[Any, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for at, entry in enumerate(self.entries):
            own, others = by_key[self._matching.key(entry.method, entry.uri)]
            (own if entry.recorded_by == self._owner else others).append(at)
        return {
            key: [Candidates(self._matching, part, self._request_at) for part in parts if part]
            for key, parts in by_key.items()
        }

    def _request_at(self, at: int) -> Request:
        request = self.entries[at].interaction().request
        return self._redact(request) if self._matching.compares_pairs else request

    def claim(self, live: Request) -> Claimed | None:
        """Find the interaction for a request and mark it played; None if there is none left.

        :raises SequenceMismatchError: with ``strict_order``, if it isn't the next one.
        """
        if self._hidden:
            live = hide(live, self._hidden)
        with self._lock:
            while (at := self._candidate(live)) is not None:
                interaction = self.entries[at].interaction()  # a broken one isn't played
                if self.take(at) or (self._repeats and not self._strict_order):
                    self.play_counts[at] += 1
                    self._played.append(at)
                    return Claimed(interaction, has_drifted(live, interaction.request))
        return None

    def take(self, at: int) -> bool:
        """Mark an interaction taken; False if somebody has it who came in between."""
        claim = object()
        return self._taken.setdefault(at, claim) is claim  # in one step: see the lock

    def _candidate(self, live: Request) -> int | None:
        return self._next(live) if self._strict_order else self._find(live)

    def agrees(self, live: Request, recorded: Request) -> bool:
        """Whether a recorded request is the one for a request."""
        matching = self._matching
        return matching.key(live.method, live.uri) == matching.key(
            recorded.method, recorded.uri
        ) and matching.agrees(live, self._redact(recorded))

    def _find(self, live: Request) -> int | None:
        taken: Container[int] = () if self._repeats else self._taken
        groups = self._groups.get(self._matching.key(live.method, live.uri), ())
        found = (group.find(live, self._matching.detail(live), taken) for group in groups)
        return next((at for at in found if at is not None), None)

    @cached_property
    def _in_order(self) -> deque[int]:
        every = range(len(self.entries))
        own = [at for at in every if self.entries[at].recorded_by == self._owner]
        return deque(own or every)

    def _next(self, live: Request) -> int:
        while self._in_order and self._in_order[0] in self._taken:
            self._in_order.popleft()
        at = self._in_order[0] if self._in_order else None
        recorded = None if at is None else self.entries[at].interaction().request
        if at is None or recorded is None or not self.agrees(live, recorded):
            expected = f"{recorded.method} {recorded.uri}" if recorded else ""
            raise SequenceMismatchError(live, self._cassette, expected, self.play_count)
        return at

    def add(self, entry: Stored) -> None:
        """Have another interaction played after all others."""
        with self._lock:
            self.entries.append(entry)
            self._forget()

    def rewind(self) -> None:
        """Play it all anew."""
        with self._lock:
            self.play_counts = Counter()
            self._taken = {}
            self._forget()

    def _forget(self) -> None:
        self.__dict__.pop("_groups", None)
        self.__dict__.pop("_in_order", None)

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
