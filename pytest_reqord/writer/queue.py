"""What waits to be written, by the file it is meant for: bounded, and safe from any interruption.

An entry stays in its batch until it is written, and whoever writes a batch has a claim to it that
ends with a ``with`` block. So nobody has to give anything back: wherever Ctrl-C, pytest-timeout or
the death of a thread ends the work, the entries are there and the next one who asks gets them.
"""

from __future__ import annotations

import math
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.real import Empty, SimpleQueue, threading, time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.storage.locks import Claim

__all__ = ["POLL", "Batch", "Queue", "Rhythm", "Target", "in_order", "weigh"]

POLL = 0.005
"""Seconds between two looks at what somebody else is busy with."""

_ENTRY_WEIGHT = 1024  # what an entry takes besides its bodies, about
_LONGEST_SLEEP = 1.0
"""Seconds after which the writer's thread looks even if nobody woke it: whoever had to may have
been interrupted."""


class Target(NamedTuple):
    """Where entries are meant to go.

    :param path: the absolute path of a cassette or staging file.
    :param staged: whether they wait beside it until it is replaced.
    """

    path: str
    staged: bool


class Rhythm(NamedTuple):
    """When batches are written.

    :param size: a batch of so many entries is due at once.
    :param timeout: seconds after its last entry at which a batch is due.
    """

    size: int = 10
    timeout: float = 0.1

    @property
    def longest(self) -> float:
        """Seconds after its first entry at which a batch is due, however steady the trickle."""
        return 10 * self.timeout


class Batch:
    """The entries that wait for one file, in the order in which they came.

    :param target: the file.
    :param now: the time, on the monotonic clock.
    """

    __slots__ = (
        "claim",
        "entries",
        "failure",
        "failures",
        "first",
        "last",
        "retry_at",
        "suspects",
        "target",
        "weight",
    )

    def __init__(self, target: Target, now: float) -> None:
        self.target = target
        self.entries: list[Interaction] = []
        self.weight = 0
        self.first = self.last = now
        self.suspects = 0
        """How many of the first entries the writer died over: they are written one by one."""
        self.failures = 0
        """How often writing failed in a row."""
        self.failure: Exception | None = None
        self.retry_at = 0.0
        self.claim: Claim | None = None

    @property
    def is_claimed(self) -> bool:
        """Whether somebody is writing it."""
        return self.claim is not None and self.claim.is_good

    def due_at(self, rhythm: Rhythm) -> float:
        """Return when the batch is to be written; a time that is past means now."""
        if self.failures:
            return self.retry_at
        if len(self.entries) >= rhythm.size:
            return self.first
        return min(self.last + rhythm.timeout, self.first + rhythm.longest)

    def group(self) -> list[Interaction]:
        """Return what is written next: the first entries, put in order of time."""
        if self.suspects:
            return self.entries[:1]
        count = len(self.entries)  # more may come meanwhile
        self.entries[:count] = in_order(self.entries[:count])
        return self.entries[:count]


def in_order(entries: Iterable[Interaction]) -> list[Interaction]:
    """Sort entries by the start of their requests; those of one moment stay as they came."""
    return sorted(entries, key=attrgetter("recorded_at"))


class Queue:
    """Batches by target; one call at a time writes a batch, or two could overtake each other.

    :param rhythm: when batches are due.
    :param max_entries: with so many entries the queue is full.
    :param max_bytes: with entries of so many bytes in all the queue is full.
    """

    def __init__(self, rhythm: Rhythm, max_entries: int, max_bytes: int) -> None:
        self._rhythm = rhythm
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._batches: dict[Target, Batch] = {}
        self._wakes_at = -math.inf
        self._held_by = 0
        self._held_until = -math.inf
        self._is_stopped = False
        self.is_hurried = False
        self.written_count = 0
        # reentrant: a response that the garbage collector closes is recorded by the thread that
        # happened to run, which may be in here already
        self._lock = threading.RLock()
        self._bell: SimpleQueue[None] = SimpleQueue()  # may be rung from anywhere, a signal too

    def __len__(self) -> int:
        with self._lock:
            return sum(len(batch.entries) for batch in self._batches.values())

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits. Takes no lock."""
        return not self._batches

    @property
    def is_full(self) -> bool:
        """Whether producers have to wait."""
        # summed up each time: no interruption can put a sum at odds with what there is
        with self._lock:
            batches = list(self._batches.values())
            return (
                sum(len(batch.entries) for batch in batches) >= self._max_entries
                or sum(batch.weight for batch in batches) >= self._max_bytes
            )

    def put(self, target: Target, entry: Interaction) -> None:
        """Add an entry, full or not: who may wait has waited."""
        now = monotonic()
        with self._lock:
            batch = self._batches.get(target)
            if batch is None:
                batch = self._batches.setdefault(target, Batch(target, now))
            batch.last = now
            batch.entries.append(entry)
            batch.weight += weigh(entry)
            if batch.due_at(self._rhythm) < self._wakes_at:
                self._ring()

    def blockage(self) -> tuple[str, Exception] | None:
        """Return where and why the queue can't get emptier: all that is in it failed repeatedly."""
        blocked = None
        with self._lock:
            for batch in list(self._batches.values()):
                if batch.is_claimed or batch.failures < 2 or batch.failure is None:  # noqa: PLR2004 -- one retry
                    return None
                blocked = blocked or (batch.target.path, batch.failure)
        return blocked

    def targets(self) -> list[Target]:
        """Return everything that has entries which aren't written."""
        with self._lock:
            return list(self._batches)

    # who writes

    def wait_for_due(self) -> Target | None:
        """Wait until a batch is due, for a while; None: none is yet, or the queue was stopped."""
        with self._lock:
            target, due_at = self._next_due()
            now = monotonic()
            if self._is_stopped or due_at <= now:
                return None if self._is_stopped else target
            self._wakes_at = due_at
        with suppress(Empty):
            self._bell.get(timeout=min(due_at - now, _LONGEST_SLEEP))
        self._wakes_at = -math.inf
        return None

    def _next_due(self) -> tuple[Target | None, float]:
        found, earliest = None, math.inf
        for target, batch in list(self._batches.items()):
            is_now = self.is_hurried and not batch.failures
            due_at = -math.inf if is_now else batch.due_at(self._rhythm)
            if due_at < earliest and not batch.is_claimed:
                found, earliest = target, due_at
        return found, earliest

    def _ring(self) -> None:
        self._wakes_at = -math.inf  # once is enough
        self._bell.put(None)

    def claim(self, target: Target, claim: Claim) -> Batch | None:
        """Claim what waits for a target, unless somebody else is writing it.

        :param claim: whose lock the caller holds; the batch has another one where it wasn't free.
        :returns: None where nothing waits.
        """
        with self._lock:
            batch = self._batches.get(target)
            is_held = self._held_by != claim.thread and monotonic() < self._held_until
            if batch is None or is_held or batch.is_claimed:
                return batch
            if not batch.entries:  # whoever wrote them was interrupted
                del self._batches[target]
                return None
            batch.claim = claim
            return batch

    def hold(self, seconds: float) -> None:
        """Grant nobody else a claim for a while, and wait until nobody has one; for a fork.

        It ends by itself: what has to end it may be interrupted, too.
        """
        self._held_by = threading.get_ident()
        self._held_until = until = monotonic() + seconds
        while self._is_claimed_elsewhere() and monotonic() < until:
            time.sleep(POLL)

    def let_go(self) -> None:
        """Grant claims again after `hold`."""
        self._held_until = -math.inf

    def _is_claimed_elsewhere(self) -> bool:
        with self._lock:
            claims = [batch.claim for batch in self._batches.values() if batch.is_claimed]
        return any(claim is not None and claim.thread != self._held_by for claim in claims)

    def written(self, batch: Batch, count: int) -> None:
        """Forget the first entries of a batch: they are written or set aside."""
        with self._lock:
            batch.weight -= sum(map(weigh, batch.entries[:count]))
            batch.suspects = max(0, batch.suspects - count)
            batch.failures, batch.failure = 0, None
            del batch.entries[:count]
            self.written_count += count
            if not batch.entries and self._batches.get(batch.target) is batch:
                del self._batches[batch.target]

    def batch(self, target: Target) -> Batch | None:
        """Return what waits for a target, whoever writes it."""
        with self._lock:
            return self._batches.get(target)

    def forget(self, batch: Batch, count: int) -> None:
        """Give up the first entries of a batch, whoever writes it, and keep what came after them."""
        with self._lock:
            if self._batches.get(batch.target) is batch:
                del self._batches[batch.target]
                for entry in batch.entries[count:]:
                    self.put(batch.target, entry)

    def failed(self, batch: Batch, failure: Exception) -> None:
        """Try a batch again after a while.

        :param failure: why it could not be written.
        """
        with self._lock:
            batch.retry_at = monotonic() + self._rhythm.longest
            batch.failure = failure
            batch.failures += 1
            if batch.retry_at < self._wakes_at:
                self._ring()

    def unwritten(self) -> dict[str, list[Interaction]]:
        """Return what was accepted and isn't written, by path."""
        found: dict[str, list[Interaction]] = {}
        with self._lock:
            for target, batch in list(self._batches.items()):
                found.setdefault(target.path, []).extend(batch.entries)
        return {path: in_order(entries) for path, entries in found.items() if entries}

    # its end

    def hurry(self) -> None:
        """Have all that waits written at once, from now on. Takes no lock, so a signal may call it."""
        self.is_hurried = True
        self._bell.put(None)

    def stop(self) -> None:
        """Let whoever waits in `wait_for_due` go, for good."""
        self._is_stopped = True
        self._bell.put(None)

    @property
    def is_stopped(self) -> bool:
        """Whether nobody is to wait for what is due any more."""
        return self._is_stopped


def weigh(entry: Interaction) -> int:
    """Return about how many bytes of memory an entry takes."""
    response = entry.response
    body = len(response.body) if response is not None else 0
    return _ENTRY_WEIGHT + len(entry.request.body) + body
