"""The end of a run: what waited for it is saved, and the drafts that stay are named."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from pytest_reqord import modes
from pytest_reqord.books import Books
from pytest_reqord.clock import monotonic
from pytest_reqord.drafts import reason_of
from pytest_reqord.errors import ReqordError
from pytest_reqord.library import Recorded
from pytest_reqord.opening import keeping, save_into
from pytest_reqord.paths import is_default_of
from pytest_reqord.real import os

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence, Set as AbstractSet
    from pathlib import Path

    from pytest_reqord.codec import Entry
    from pytest_reqord.drafts import Drafts
    from pytest_reqord.models import Interaction
    from pytest_reqord.notes import Notes
    from pytest_reqord.settings import Settings
    from pytest_reqord.storage import Record, Recording, StagingArea

__all__ = ["Ending"]


class Ending:
    """Ends a run, in the one of its processes that the others report to.

    :param staging: where its recordings wait.
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
        self._books = Books(staging, drafts, notes)

    def finish(self, progress: Callable[[int, int], None]) -> None:
        """Save what waited for the end of the run, and note the drafts that stay.

        :param progress: called with how many cassettes are saved and how many there are, about
            once a second.
        """
        jobs = list(self._jobs())
        told = monotonic()
        for number, (save, recordings) in enumerate(jobs):
            if monotonic() - told > 1:
                told = monotonic()
                progress(number, len(jobs))
            try:
                save()
            except (OSError, ReqordError) as error:
                for recording in recordings:
                    self._books.problem(recording, str(error))
        self._note_drafts()
        self._staging.sweep()

    def _jobs(self) -> Iterator[tuple[Callable[[], None], Sequence[Recording]]]:
        """What is to be saved: how, and the recordings that it is about."""
        waiting: defaultdict[Path, list[Recording]] = defaultdict(list)
        failed: defaultdict[Path, set[str]] = defaultdict(set)
        for record in self._staging.records():
            recording = record.recording
            if record.outcome != "passed":
                failed[recording.cassette].add(recording.owner)
                self._books.drafted(recording)
            elif record.has_data and recording.mode in modes.SAVED_AT_END:
                waiting[self._file_of(recording)].append(recording)
            elif record.has_data:
                yield partial(self._save_handed_over, recording), [recording]
        for path, passed in waiting.items():
            yield partial(self._replace, path, passed, failed[path]), passed

    def _file_of(self, recording: Recording) -> Path:
        """See `Library.settled`: another process may have made the other one."""
        path = recording.cassette
        if os.path.exists(path) or not is_default_of(path, recording.owner):
            return path
        return self._staging.mark_born(path)

    def _save_handed_over(self, recording: Recording) -> None:
        """Save what a worker on another machine would have saved at the end of its test."""
        if self._staging.claim(recording, recording.process):
            self._save_alone(recording)
            self._books.outdate(recording.cassette, recording.owner)
        self._staging.remove(recording)

    def _save_alone(self, recording: Recording) -> None:
        settings = self._settings.with_saving(recording.saving)
        new = Recorded(recording.path)
        keep = keeping(recording.cassette, recording.owner, settings)
        self._save(recording.cassette, new, settings, keep)

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
            self._replace(recording.cassette, self.kept_with(record), frozenset())
            return
        self._save_alone(recording)
        self._staging.remove(recording)
        self._staging.sweep()

    def kept_with(self, record: Record) -> Sequence[Recording]:
        """What `keep` saves of a draft, itself included."""
        recording = record.recording
        if recording.mode not in modes.SAVED_AT_END:
            return [recording]
        siblings = [
            each.recording
            for each in self._drafts.all
            if each.recording.process == recording.process
            and each.recording.owner == recording.owner
            and each.recording.cassette == recording.cassette
        ]
        return siblings or [recording]

    def _replace(self, path: Path, passed: Sequence[Recording], failed: AbstractSet[str]) -> None:
        """Replace what the tests that passed had recorded into one cassette before."""
        first: dict[str, Recording] = {}
        for recording in passed:
            first.setdefault(recording.owner, recording)
        # of a test in several workers (--dist each) one's; in that one it may have several
        recordings = [each for each in passed if each.process == first[each.owner].process]
        new = Recorded(*(recording.path for recording in recordings))
        is_rewritten = any(recording.mode == "rewrite" for recording in recordings)
        gone = {test for cassette, test in self._notes.gone if cassette == os.fspath(path)}

        def keep(entry: Entry) -> bool:
            owner = entry.recorded_by
            if is_rewritten:
                return owner in failed and owner not in first
            if not owner:  # as in VCR.py's format: what it answered tells whose it is
                is_theirs = any(is_default_of(path, each) for each in first)
                return not is_theirs and (entry.method, entry.uri) not in new.addresses
            return owner not in first and owner not in gone

        settings = self._settings.with_saving(recordings[0].saving)
        self._save(path, new, settings, keep)
        for recording in passed:
            self._staging.remove(recording)
        for owner in first:
            self._books.outdate(path, owner)

    def _save(
        self,
        path: Path,
        new: Collection[Interaction],
        settings: Settings,
        keep: Callable[[Entry], bool] | None,
    ) -> None:
        is_changed = save_into(path, new, settings, keep).changed
        self._books.saved(path, len(new), is_changed=is_changed)

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
