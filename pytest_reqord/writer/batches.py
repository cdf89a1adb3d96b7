"""When a batch is due and in which order it is written. Pure: times come in, nothing waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_reqord.models import Interaction

__all__ = ["Batch", "Rhythm", "in_order", "weigh"]

_ENTRY_WEIGHT = 1024  # what an entry takes besides its bodies, about


@dataclass(frozen=True, slots=True)
class Rhythm:
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


@dataclass(slots=True)
class Batch:
    """The entries that wait for one file, in the order in which they came.

    :param first: when the first one came, on the monotonic clock.
    :param last: when the last one came.
    :param entries: the entries.
    :param failures: how often writing them failed in a row.
    :param failure: why it failed the last time.
    :param retry_at: when to try again after a failure.
    :param is_suspect: whether the writer died over them: then each is written alone.
    """

    first: float
    last: float
    entries: list[Interaction] = field(default_factory=list)
    failures: int = 0
    failure: Exception | None = None
    retry_at: float = 0.0
    is_suspect: bool = False

    def due_at(self, rhythm: Rhythm) -> float:
        """When the batch is to be written; a time that is past means now."""
        if self.failures:
            return self.retry_at
        if len(self.entries) >= rhythm.size:
            return self.first
        return min(self.last + rhythm.timeout, self.first + rhythm.longest)


def in_order(entries: Iterable[Interaction]) -> list[Interaction]:
    """The entries by the start of their requests; those of one moment stay as they came."""
    return sorted(entries, key=attrgetter("recorded_at"))


def weigh(entry: Interaction) -> int:
    """About how many bytes of memory an entry takes."""
    response = entry.response
    body = len(response.body) if response is not None else 0
    return _ENTRY_WEIGHT + len(entry.request.body) + body
