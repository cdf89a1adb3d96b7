"""What waits to be written: bounded, shared by producers and whoever writes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.clock import monotonic
from pytest_reqord.real import threading
from pytest_reqord.writer.batches import Batch, Rhythm, in_order, weigh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_reqord.models import Interaction

__all__ = ["Claim", "Queue", "Target"]


class Target(NamedTuple):
    """Where entries are meant to go.

    :param path: the absolute path of a cassette or staging file.
    :param staged: whether they wait beside it until it is replaced.
    """

    path: str
    staged: bool


@dataclass(slots=True)
class Claim:
    """Entries that one thread is writing. They stay in the queue's count until they are done.

    :param target: where they go.
    :param entries: what is not yet written, in order of time.
    :param batch: the batch they were.
    :param is_writers: whether the writer's thread has it, not a caller of flush.
    """

    target: Target
    entries: list[Interaction]
    batch: Batch
    is_writers: bool


class Queue:
    """Batches by target. An entry is pending, claimed, or gone: written or set aside.

    One target's entries are claimed by one thread at a time, or two could overtake each other.

    :param rhythm: when batches are due.
    :param max_entries: with so many entries the queue is full.
    :param max_bytes: with entries of so many bytes in all the queue is full.
    """

    def __init__(self, rhythm: Rhythm, max_entries: int, max_bytes: int) -> None:
        self._rhythm = rhythm
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._pending: dict[Target, Batch] = {}
        self._claimed: dict[Target, Claim] = {}
        self._count = 0
        self._weight = 0
        self._wakes_at = -math.inf
        self._stopped = False
        # reentrant: a response that the garbage collector closes is recorded by the thread that
        # happened to run, which may be in here already
        self._lock = threading.RLock()
        self._due = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)

    def __len__(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether producers have to wait."""
        return self._count >= self._max_entries or self._weight >= self._max_bytes

    def put(self, target: Target, entry: Interaction) -> None:
        """Add an entry, full or not: who may wait has waited with `wait_for_room`."""
        weight = weigh(entry)
        now = monotonic()
        with self._lock:
            batch = self._pending.get(target)
            if batch is None:
                batch = self._pending.setdefault(target, Batch(now, now))
            batch.entries.append(entry)
            batch.last = now
            self._count += 1
            self._weight += weight
            if batch.due_at(self._rhythm) < self._wakes_at:
                self._due.notify()

    def wait_for_room(self, timeout: float) -> None:
        """Wait until the queue isn't full, for so many seconds at most."""
        with self._lock:
            if self.is_full:
                self._settled.wait(timeout)

    def blockage(self) -> tuple[str, Exception] | None:
        """Where and why the queue can't get emptier: all that is in it failed more than once."""
        with self._lock:
            if self._claimed:
                return None
            blocked = None
            for target, batch in list(self._pending.items()):
                if batch.failures < 2 or batch.failure is None:  # noqa: PLR2004 - one retry
                    return None
                blocked = blocked or (target.path, batch.failure)
            return blocked

    def targets(self) -> list[Target]:
        """Everything that has entries which aren't written."""
        with self._lock:
            return list(dict.fromkeys([*self._claimed, *self._pending]))

    def claim_due(self) -> Claim | None:
        """Wait for a batch that is due and claim it. None: the queue was stopped."""
        with self._lock:
            while not self._stopped:
                target, due_at = self._next_due()
                now = monotonic()
                if target is not None and due_at <= now:
                    return self._claim(target, is_writers=True)
                self._wakes_at = due_at
                self._due.wait(None if target is None else due_at - now)
                self._wakes_at = -math.inf
            return None

    def _next_due(self) -> tuple[Target | None, float]:
        found, earliest = None, math.inf
        for target, batch in list(self._pending.items()):
            if target not in self._claimed and (due_at := batch.due_at(self._rhythm)) < earliest:
                found, earliest = target, due_at
        return found, earliest

    def claim(self, target: Target, timeout: float) -> Claim | None:
        """Claim what waits for a target, once nobody else writes there. None: nothing waits.

        :raises TimeoutError: if somebody else wrote there for ``timeout`` seconds.
        """
        deadline = monotonic() + timeout
        with self._lock:
            while target in self._claimed:
                if not self._settled.wait(max(0.0, deadline - monotonic())):
                    raise TimeoutError(f"a write has not come back for {timeout:g} s")
            return self._claim(target, is_writers=False) if target in self._pending else None

    def _claim(self, target: Target, *, is_writers: bool) -> Claim:
        batch = self._pending[target]
        claim = Claim(target, in_order(batch.entries), batch, is_writers)
        del self._pending[target]
        self._claimed[target] = claim
        return claim

    def recover(self) -> None:
        """Take back what the writer's thread had claimed when it died."""
        with self._lock:
            for claim in list(self._claimed.values()):
                if claim.is_writers:
                    self.release(claim, is_suspect=True)

    def done(self, claim: Claim, entries: Sequence[Interaction]) -> None:
        """Forget the first entries of a claim: they are written or set aside."""
        with self._lock:
            del claim.entries[: len(entries)]
            self._count -= len(entries)
            self._weight -= sum(map(weigh, entries))
            self._settled.notify_all()

    def release(
        self, claim: Claim, failure: Exception | None = None, *, is_suspect: bool = False
    ) -> None:
        """End a claim. What is not done is pending again, before what came meanwhile.

        :param failure: why it could not be written; it is tried again after a while.
        :param is_suspect: whether the writer died over it.
        """
        with self._lock:
            target = claim.target
            if self._claimed.get(target) is not claim:
                return
            if claim.entries:
                old = claim.batch
                newer = self._pending.get(target)
                last = newer.last if newer else old.last
                batch = Batch(old.first, last, claim.entries, is_suspect=is_suspect)
                batch.entries += newer.entries if newer else ()
                if failure is not None:
                    batch.failure, batch.failures = failure, old.failures + 1
                    batch.retry_at = monotonic() + self._rhythm.longest
                self._pending[target] = batch
            del self._claimed[target]
            self._settled.notify_all()
            self._due.notify()

    def unwritten(self) -> dict[str, list[Interaction]]:
        """What was accepted and isn't written, by path."""
        found: dict[str, list[Interaction]] = {}
        with self._lock:
            for target, claim in list(self._claimed.items()):
                found.setdefault(target.path, []).extend(claim.entries)
            for target, batch in list(self._pending.items()):
                found.setdefault(target.path, []).extend(batch.entries)
        return {path: in_order(entries) for path, entries in found.items() if entries}

    def stop(self) -> None:
        """Let whoever waits in `claim_due` go, for good."""
        with self._lock:
            self._stopped = True
            self._due.notify_all()
