"""What is settled about an opening of a cassette before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.modes import SAVED_AT_END
from pytest_reqord.real import Path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_reqord.clock import Clock
    from pytest_reqord.library import Library
    from pytest_reqord.matching import Matching
    from pytest_reqord.modes import Access
    from pytest_reqord.redaction import Redactor, Rules
    from pytest_reqord.settings import Settings
    from pytest_reqord.staged import Staged
    from pytest_reqord.storage.staging import Recording, StagingArea
    from pytest_reqord.writer import CassetteWriter

__all__ = ["Plan", "Services", "Shared", "are_anew"]


class Services(NamedTuple):
    """What the openings of a run share.

    The writer, the staging folder and what is in it are made with the first recording: a run that
    only plays has none of them.
    """

    clock: Clock
    library: Library
    staging: Callable[[], StagingArea]
    staged: Callable[[], Staged]
    writer: Callable[[], CassetteWriter]
    note_refused: Callable[[str, str, str], None]


class Plan(NamedTuple):
    """What was settled about an opening before it began.

    :param file: the cassette's file, as text: a Path takes 6 us more.
    :param settings: what holds for it.
    :param access: what it may do.
    :param matching: what makes a request the recorded one.
    :param redactor: takes the secrets out.
    :param before: plays only what was recorded before this time, as text; None plays all.
    :param drafts: the drafts of earlier runs that are played with the cassette.
    :param hints: what a miss tells the user to run.
    """

    file: str
    settings: Settings
    access: Access
    matching: Matching
    redactor: Redactor
    before: str | None = None
    drafts: Sequence[Recording] = ()
    hints: Callable[[], Sequence[str]] = tuple

    @property
    def path(self) -> Path:
        """The cassette's file."""
        return Path(self.file)

    @property
    def is_recording(self) -> bool:
        """Whether something may be recorded, which ``verify`` only compares."""
        settings = self.settings
        may_record = self.access.record or bool(settings.rerecord)
        return may_record and settings.record_mode != "verify"

    @property
    def is_anew(self) -> bool:
        """See `are_anew`."""
        return are_anew(self.drafts)


def are_anew(drafts: Sequence[Recording]) -> bool:
    """Whether drafts are of a run that recorded anew what the cassette has of the test.

    Then they stand for it, and take its place when they are saved.
    """
    return any(draft.mode in SAVED_AT_END for draft in drafts)


class Shared(NamedTuple):
    """What was settled about an opening, as a child process needs it; see `Plan`.

    :param owner: the test as its recordings name it.
    :param nodeid: the test as pytest names it.
    :param rules: what is redacted.
    """

    path: Path
    settings: Settings
    access: Access
    owner: str
    nodeid: str
    rules: Rules
    before: str | None
    drafts: Sequence[Recording]
