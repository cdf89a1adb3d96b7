"""What a cassette works with: where its recording comes from, and what takes secrets out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_reqord.clock import Clock
    from pytest_reqord.index import Index, Stored
    from pytest_reqord.models import Client, Interaction, Request
    from pytest_reqord.replay import Player
__all__ = ["Filter", "Source"]


class Filter(Protocol):
    """What requests are matched as and interactions are kept as: without their secrets."""

    def request(self, request: Request) -> Request | None:
        """The request as it is matched; None for one to let through untouched."""

    def interaction(self, interaction: Interaction) -> Interaction | None:
        """The interaction as it is recorded; None for one not to record."""


class Source(Protocol):
    """Where a cassette gets its recording from and puts what it records."""

    redactor: Filter
    clock: Clock
    lets_through: bool
    """Whether the filter may let requests through, which only a whole request tells."""

    @property
    def is_over(self) -> bool:
        """Whether another process, which has opened the cassette, has closed it."""

    def as_called(self, request: Request, client: Client | None) -> Request:
        """A request as it is compared: as it was sent, or as the client was called for it."""

    def as_kept(self, interaction: Interaction, client: Client | None) -> Interaction:
        """What goes into the recording: as it went over the wire, or as the client's caller sees it."""

    def index(self) -> Index:
        """The recording, read when it is first needed."""

    def has(self, entry: Stored) -> bool:
        """Whether an entry of the index is the cassette's: of a draft's, what was played is."""

    def replay(self) -> Player:
        """What plays the recording, made once."""

    def played_drafts(self) -> Sequence[Interaction]:
        """What was played from drafts of earlier runs."""

    def record(self, interaction: Interaction) -> None:
        """Take what was recorded, redacted; returns at once."""

    def flush(self) -> None:
        """Return when what was recorded is on the disk."""

    async def room(self) -> None:
        """Wait until there is room for more, without blocking an event loop."""

    def recorded(self) -> Sequence[Interaction]:
        """Read back what was recorded since the cassette was opened."""

    def commands(self) -> Sequence[str]:
        """The shell commands that would add a missing request or start over."""

    def note_refused(self, uri: str, worker: str, why: str) -> None:
        """Tell the user of a request that was refused and fails no test.

        :param worker: the thread that made it.
        :param why: why, in a few words.
        """

    def translate(self, miss: BaseException) -> BaseException:
        """A miss as the error that the suite knows it by; natively itself."""
