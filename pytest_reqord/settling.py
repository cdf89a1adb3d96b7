"""What becomes of a recording: saved, kept as a draft, or discarded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reqord.books import Books
from pytest_reqord.drafts import reason_of
from pytest_reqord.errors import ReqordError, WriteFailed
from pytest_reqord.leaks import first_leak
from pytest_reqord.lean import read_lean
from pytest_reqord.opening import keeping
from pytest_reqord.paths import is_default_of
from pytest_reqord.real import os
from pytest_reqord.staged import sweep
from pytest_reqord.storage import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from pytest_reqord.drafts import Drafts
    from pytest_reqord.handover import Handover
    from pytest_reqord.models import Interaction
    from pytest_reqord.notes import Notes
    from pytest_reqord.opening import Opening
    from pytest_reqord.settings import Settings
    from pytest_reqord.storage import Recording, StagingArea

__all__ = ["Settling"]

_ONLY_HERE = (
    "only the suite's own serializer, persister or get_metadata knows how, and the worker is on"
    " another machine than the controller of the run: record it without --tx"
)


class Settling:
    """Settles each recording of a run when its test is over.

    :param staging: where they wait.
    :param drafts: those that earlier runs left.
    :param notes: takes what the user has to know.
    :param settings: what holds for the run.
    :param is_alone: whether no other process runs tests of this run, which could have recorded the
        same.
    :param handover: leads to the controller, for a worker on another machine.
    """

    def __init__(
        self,
        staging: StagingArea,
        drafts: Drafts,
        notes: Notes,
        settings: Settings,
        handover: Handover | None = None,
        *,
        is_alone: bool = False,
    ) -> None:
        self._staging = staging
        self._drafts = drafts
        self._notes = notes
        self._books = Books(staging, drafts, notes)
        self._settings = settings
        self._handover = handover
        self._is_alone = is_alone
        self._to_replace: set[Path] = set()

    def settle(self, opening: Opening, failure: str) -> None:
        """Settle one recording.

        :param opening: what recorded it.
        :param failure: why it may not be saved; empty if it may.
        """
        recording, settings = opening.recording, opening.plan.settings
        if recording is None:
            self._settle_draft(opening, failure)
            return
        try:
            opening.flush()
            self._settle(opening, recording, failure)
        except (OSError, ReqordError) as error:
            self._books.problem(recording, str(error))
        if not settings.redact:
            self._notes.unredacted.append(opening.owner)

    def _settle(self, opening: Opening, recording: Recording, failure: str) -> None:
        settings = opening.plan.settings
        if failure and settings.on_failure == "discard":
            self._staging.remove(recording)
            return
        if self._handover is not None and opening.needs_its_suite:
            raise WriteFailed(str(recording.cassette), _ONLY_HERE)
        new = sweep(recording.path, opening.swept)
        new.go_on_from(_played_drafts(opening))
        leak = None if settings.on_leak == "ignore" else first_leak(new)
        if failure and settings.on_failure == "draft":
            self._settle_as(recording, "draft", failure)
            self._books.drafted(recording)
        elif leak:
            self._books.leak(recording.cassette, leak)
            self._settle_as(recording, "draft", leak.reason)
        elif opening.is_saved_at_end or self._handover is not None:
            self._settle_as(recording, "passed")
            if opening.is_saved_at_end:
                self._to_replace.add(recording.cassette)
        elif self._is_alone or self._staging.claim(recording):
            self._save_now(opening, recording, new)
        else:  # another worker recorded the same test and was first (--dist each)
            self._staging.remove(recording)

    def _settle_as(self, recording: Recording, outcome: str, reason: str = "") -> None:
        """Leave the rest to the end of the run, wherever that is."""
        if self._handover is None:
            self._staging.settle(recording, outcome, reason)
        else:
            self._handover.give(recording, outcome, reason)
            self._staging.remove(recording)

    def _settle_draft(self, opening: Opening, failure: str) -> None:
        """Save what a test played of a draft that it had nothing to add to."""
        new = _played_drafts(opening)
        if failure or not new:
            return  # the draft stays
        draft = opening.plan.drafts[-1]
        leak = None if opening.plan.settings.on_leak == "ignore" else first_leak(new)
        try:
            if leak:
                self._books.leak(draft.cassette, leak)
            elif self._is_alone or self._staging.claim(draft):
                self._save_now(opening, draft, new)
        except (OSError, ReqordError) as error:
            self._notes.problems.append(f"{draft.cassette}: {error}")

    def _save_now(
        self, opening: Opening, recording: Recording, new: Collection[Interaction]
    ) -> None:
        if not _has_content(opening.plan.file):
            path = self._staging.mark_born(opening.plan.path)
            if is_default_of(path, opening.owner):  # see `Library.settled`
                opening.plan = opening.plan._replace(file=str(path))
        plan = opening.plan
        keep = keeping(plan.path, opening.owner, plan.settings, is_anew=plan.is_anew)
        self._books.saved(plan.path, len(new), is_changed=opening.save(new, keep))
        self._staging.remove(recording)
        self._books.outdate(plan.path, opening.owner)

    def hand_over_left(self) -> None:
        """Hand over as drafts what workers that crashed on this machine have left."""
        for record in self._drafts.all:
            try:
                # two workers may find the same
                with lock(record.recording.path, self._settings.lock_timeout):
                    if record.has_data:
                        self._settle_as(record.recording, "draft", reason_of(record))
            except (OSError, ReqordError) as error:
                self._notes.problems.append(f"{record.recording.cassette}: {error}")

    def note_gone(self, is_gone: Callable[[Path, str], bool]) -> None:
        """Note whose recordings `Ending` is to drop, in whichever process that is.

        :param is_gone: whether a test that recorded into a cassette exists no more.
        """
        for path in self._to_replace:
            try:
                owners = {entry.recorded_by for entry in read_lean(path).entries}
            except (OSError, ReqordError):  # nothing yet, or told when it is replaced
                continue
            gone = sorted(owner for owner in owners if owner and is_gone(path, owner))
            self._notes.gone.extend((os.fspath(path), owner) for owner in gone)


def _has_content(file: str) -> bool:
    """Whether there is a cassette; an empty file is none."""
    try:
        return os.stat(file).st_size > 0
    except (FileNotFoundError, NotADirectoryError):  # the latter is told when it is saved
        return False


def _played_drafts(opening: Opening) -> list[Interaction]:
    """What a test played of a draft, gone over with what is known to be secret now: a process
    that crashed didn't get so far.
    """
    return [opening.swept(one) for one in opening.played_drafts()]
