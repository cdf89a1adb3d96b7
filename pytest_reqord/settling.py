"""What becomes of a recording: saved, kept as a draft, or discarded."""

from __future__ import annotations

import os
from collections import defaultdict
from time import monotonic
from typing import TYPE_CHECKING

from pytest_reqord import modes
from pytest_reqord.codec import encode, render
from pytest_reqord.drafts import reason_of
from pytest_reqord.errors import ReqordError
from pytest_reqord.leaks import first_leak
from pytest_reqord.library import read_document
from pytest_reqord.opening import save_into
from pytest_reqord.paths import is_default_of
from pytest_reqord.storage import remove_unused_bodies, replace, write_bodies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Set as AbstractSet
    from pathlib import Path

    from pytest_reqord.codec import Entry
    from pytest_reqord.drafts import Drafts
    from pytest_reqord.leaks import Leak
    from pytest_reqord.models import Interaction
    from pytest_reqord.notes import Notes
    from pytest_reqord.opening import Opening
    from pytest_reqord.settings import Settings
    from pytest_reqord.storage import Record, Recording, StagingArea

__all__ = ["Settling"]


class Settling:
    """Settles the recordings of a run.

    :param staging: where they wait.
    :param drafts: those that earlier runs left.
    :param notes: takes what the user has to know.
    :param settings: what holds for the run.
    """

    def __init__(
        self, staging: StagingArea, drafts: Drafts, notes: Notes, settings: Settings
    ) -> None:
        self._staging = staging
        self._drafts = drafts
        self._notes = notes
        self._settings = settings
        self._to_replace: set[Path] = set()
        self._drafted: defaultdict[tuple[Path, str], list[Recording]] = defaultdict(list)

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
            self._note_problem(recording, str(error))
        if not settings.redact:
            self._notes.unredacted.append(opening.owner)

    def _settle(self, opening: Opening, recording: Recording, failure: str) -> None:
        settings = opening.plan.settings
        if failure and settings.on_failure == "discard":
            self._staging.remove(recording)
            return
        new = [*_played_drafts(opening), *_sweep(opening, recording)]
        leak = None if settings.on_leak == "ignore" else first_leak(new)
        if failure and settings.on_failure == "draft":
            self._staging.settle(recording, "draft", failure)
            self._drafted[recording.cassette, recording.owner].append(recording)
        elif leak:
            self._note_leak(recording.cassette, leak)
            self._staging.settle(recording, "draft", leak.reason)
        elif opening.is_saved_at_end:
            self._staging.settle(recording, "passed")
            self._to_replace.add(recording.cassette)
        elif self._staging.claim(recording):
            self._save_now(opening, recording, new)
        else:  # another worker recorded the same test and was first (--dist each)
            self._staging.remove(recording)

    def _settle_draft(self, opening: Opening, failure: str) -> None:
        """Save what a test played of a draft that it had nothing to add to."""
        draft, new = opening.plan.draft, _played_drafts(opening)
        if draft is None or failure or not new:
            return  # the draft stays
        leak = None if opening.plan.settings.on_leak == "ignore" else first_leak(new)
        try:
            if leak:
                self._note_leak(draft.cassette, leak)
            elif self._staging.claim(draft):
                self._save_now(opening, draft, new)
        except (OSError, ReqordError) as error:
            self._notes.problems.append(f"{draft.cassette}: {error}")

    def _save_now(self, opening: Opening, recording: Recording, new: Sequence[Interaction]) -> None:
        plan = opening.plan
        self._staging.mark_born(plan.path)

        def keep(entry: Entry) -> bool:
            is_ours = entry.recorded_by == opening.owner or (
                not entry.recorded_by and is_default_of(plan.path, opening.owner)
            )
            return not (is_ours and plan.settings.is_rerecorded(entry.method, entry.uri))

        # what stays whole isn't read: a save into a long shared cassette costs what is new
        keeps = keep if plan.settings.rerecord else None
        self._note_saved(plan.path, len(new), is_changed=opening.save(new, keeps))
        self._staging.remove(recording)
        self._outdate(plan.path, opening.owner)

    def _save(
        self,
        path: Path,
        new: Sequence[Interaction],
        settings: Settings,
        keep: Callable[[Entry], bool],
    ) -> None:
        is_changed = save_into(path, new, settings, keep).changed
        self._note_saved(path, len(new), is_changed=is_changed)

    def _note_saved(self, path: Path, count: int, *, is_changed: bool) -> None:
        if is_changed:
            self._notes.saved.append((str(path), count))
        else:
            self._notes.unchanged.append(str(path))

    def _outdate(self, path: Path, owner: str) -> None:
        """Remove the drafts of a test that has been saved: kept, one would undo the newer one."""
        for draft in (*self._drafts.of(path, owner), *self._drafted.pop((path, owner), ())):
            self._staging.remove(draft)

    def _note_problem(self, recording: Recording, reason: str) -> None:
        """Keep what could not be saved as a draft, and have the run fail."""
        self._notes.problems.append(f"{recording.cassette}: {reason}")
        try:
            self._staging.settle(recording, "draft", reason)
        except OSError:  # the disk that failed before; the staging file is there all the same
            return

    def _note_leak(self, path: Path, leak: Leak) -> None:
        self._notes.problems.append(
            f"{path}: {leak}. Have it redacted (reqord_redact_patterns and the like),"
            " or allow it with the ini line: reqord_on_leak = ignore"
        )

    # the end of the run

    def note_gone(self, is_gone: Callable[[Path, str], bool]) -> None:
        """Note whose recordings `finish` is to drop, in whichever process that is.

        :param is_gone: whether a test that recorded into a cassette exists no more.
        """
        for path in self._to_replace:
            try:
                owners = {entry.recorded_by for entry in read_document(path).entries}
            except (FileNotFoundError, ReqordError):  # nothing yet, or told when it is replaced
                continue
            gone = sorted(owner for owner in owners if owner and is_gone(path, owner))
            self._notes.gone.extend((os.fspath(path), owner) for owner in gone)

    def finish(self, progress: Callable[[int, int], None]) -> None:
        """Save what waited for the end of the run, and note the drafts that stay.

        :param progress: called with how many cassettes are saved and how many there are, about
            once a second.
        """
        waiting: defaultdict[Path, list[Record]] = defaultdict(list)
        failed: defaultdict[Path, set[str]] = defaultdict(set)
        self._drafted.clear()  # a controller knows them from its workers' journals only
        for record in self._staging.records():
            recording = record.recording
            if record.outcome != "passed":
                failed[recording.cassette].add(recording.owner)
                self._drafted[recording.cassette, recording.owner].append(recording)
            elif record.has_data:
                waiting[recording.cassette].append(record)
        told = monotonic()
        for number, (path, passed) in enumerate(waiting.items()):
            if monotonic() - told > 1:
                told = monotonic()
                progress(number, len(waiting))
            try:
                self._replace(path, passed, failed[path])
            except (OSError, ReqordError) as error:
                for record in passed:
                    self._note_problem(record.recording, str(error))
        self._note_drafts()
        self._staging.sweep()

    def _note_drafts(self) -> None:
        """Name this run's drafts and what crashed; count those of earlier runs."""
        for record in self._staging.records():
            if record.has_data:
                self._note_draft(record)
        latest = {
            (each.recording.cassette, each.recording.owner): each for each in self._drafts.all
        }
        for record in latest.values():
            if not record.has_data:
                continue
            if record.outcome == "draft":
                self._notes.older.append(record.recording.owner)
            else:
                self._note_draft(record)

    def keep(self, record: Record) -> None:
        """Save one draft as it is; in ``all`` with what else its test recorded into the cassette.

        :raises OSError: if it can't be written.
        :raises ReqordError: if it or its cassette can't be read or locked.
        """
        recording = record.recording
        if recording.mode in modes.SAVED_AT_END:
            siblings = [
                each
                for each in self._drafts.all
                if each.recording.process == recording.process
                and each.recording.owner == recording.owner
                and each.recording.cassette == recording.cassette
            ]
            self._replace(recording.cassette, siblings or [record], frozenset())
            return
        entries = read_document(recording.path).entries
        new = [entry.interaction() for entry in entries]
        settings = self._settings.with_saving(recording.saving)
        self._save(recording.cassette, new, settings, lambda _: True)
        self._staging.remove(recording)
        self._staging.sweep()

    def _replace(self, path: Path, passed: Sequence[Record], failed: AbstractSet[str]) -> None:
        """Replace what the tests that passed had recorded into one cassette before."""
        first: dict[str, Recording] = {}
        for record in passed:
            first.setdefault(record.recording.owner, record.recording)
        # of a test in several workers (--dist each) one's; in that one it may have several
        recordings = [
            record.recording
            for record in passed
            if record.recording.process == first[record.recording.owner].process
        ]
        new = [
            entry.interaction()
            for recording in recordings
            for entry in read_document(recording.path).entries
        ]
        is_rewritten = any(recording.mode == "rewrite" for recording in recordings)
        anew = {(each.request.method, each.request.uri) for each in new}
        gone = {test for cassette, test in self._notes.gone if cassette == os.fspath(path)}

        def keep(entry: Entry) -> bool:
            owner = entry.recorded_by
            if is_rewritten:
                return owner in failed and owner not in first
            if not owner:  # as in VCR.py's format: what it answered tells whose it is
                is_theirs = any(is_default_of(path, each) for each in first)
                return not is_theirs and (entry.method, entry.uri) not in anew
            return owner not in first and owner not in gone

        settings = self._settings.with_saving(recordings[0].saving)
        self._save(path, new, settings, keep)
        for record in passed:
            self._staging.remove(record.recording)
        for owner in first:
            self._outdate(path, owner)

    def _note_draft(self, record: Record) -> None:
        recording = record.recording
        self._notes.drafts.append(
            (
                recording.owner,
                os.fspath(recording.cassette),
                reason_of(record),
                os.fspath(recording.path),
            )
        )


def _sweep(opening: Opening, recording: Recording) -> Sequence[Interaction]:
    """Go over what is staged once more: a secret may have become known after it was staged.

    :returns: what was recorded, as it is staged now.
    """
    staged = opening.recorded()
    swept = [opening.plan.redactor.interaction(interaction) for interaction in staged]
    if any(new is not old for new, old in zip(swept, staged, strict=True)):
        encoded = [encode(interaction) for interaction in swept]
        for each in encoded:
            write_bodies(recording.path, each.bodies)
        data = render([each.text for each in encoded])
        replace(recording.path, data)
        remove_unused_bodies(recording.path, data)
    return swept


def _played_drafts(opening: Opening) -> list[Interaction]:
    """What a test played of a draft, gone over with what is known to be secret now: a process
    that crashed didn't get so far.
    """
    return [opening.plan.redactor.interaction(one) for one in opening.played_drafts()]
