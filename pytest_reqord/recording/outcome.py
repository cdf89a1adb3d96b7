"""What is noted of recordings, for the user and for the run after this one."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.notes import MOST_PATHS
from pytest_reqord.base.real import os
from pytest_reqord.cassette_file.cache import Recorded, read_lean
from pytest_reqord.errors import ReqordError, WriteFailed
from pytest_reqord.recording.drafts import first_leak, reason_of, refusal
from pytest_reqord.recording.opening import keeping, save_into
from pytest_reqord.recording.staged import sweep
from pytest_reqord.redaction.marks import without_marks
from pytest_reqord.settings import options
from pytest_reqord.settings.paths import is_default_of
from pytest_reqord.storage import lock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence, Set as AbstractSet
    from pathlib import Path

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.base.notes import Notes
    from pytest_reqord.cassette_file.save import Saved
    from pytest_reqord.codec import Entry
    from pytest_reqord.recording.drafts import Drafts, Leak
    from pytest_reqord.recording.opening import Opening
    from pytest_reqord.recording.remote_workers import Handover
    from pytest_reqord.settings.resolve import Settings
    from pytest_reqord.storage import Record, Recording, StagingArea

__all__ = ["Books", "Ending", "Settling", "Tests"]


class Tests(Protocol):
    """The tests that there are."""

    def is_gone(self, cassette: Path, owner: str, /) -> bool:
        """Whether a test that recorded into a cassette exists no more; False where in doubt."""

    def is_in_run(self, cassette: Path, owner: str, /) -> bool:
        """Whether a test that recorded into a cassette is one of this run's, run or not."""


class Books:
    """Keeps notes, journal and drafts at one.

    :param staging: where the recordings of this run wait.
    :param drafts: those that earlier runs left.
    :param notes: takes what the user has to know.
    """

    def __init__(self, staging: StagingArea, drafts: Drafts, notes: Notes) -> None:
        self._staging = staging
        self._drafts = drafts
        self._notes = notes
        self._drafted: defaultdict[tuple[Path, str], list[Recording]] = defaultdict(list)

    def saved(self, path: Path, done: Saved) -> None:
        """A cassette was saved."""
        if done.changed:
            self._notes.saved.append((str(path), done.added, done.removed))
        else:
            self._notes.unchanged.append(str(path))

    def drafted(self, recording: Recording) -> None:
        """A recording of this run is a draft."""
        self._drafted[recording.cassette, recording.owner].append(recording)

    def outdate(self, path: Path, owner: str) -> None:
        """Remove the drafts of a test that has been saved: kept, one would undo the newer one."""
        for draft in (*self._drafts.of(path, owner), *self._drafted.pop((path, owner), ())):
            self._staging.remove(draft)

    def problem(self, recording: Recording, reason: str) -> None:
        """Keep what could not be saved as a draft, and have the run fail."""
        self._notes.problems.append(f"{recording.cassette}: {reason}")
        try:
            self._staging.settle(recording, "draft", reason)
        except OSError:  # the disk that failed before; the staging file is there all the same
            return

    def leak(self, recording: Recording, leak: Leak) -> None:
        """A recording has a secret left in it, and isn't saved."""
        self._notes.problems.append(
            f"{recording.cassette}: {leak}. The draft lies in {recording.path}, for you alone to"
            " read. Have it redacted (reqord_redact_patterns and the like),"
            " or allow it with the ini line: reqord_on_leak = ignore"
        )


# What becomes of a recording: saved, kept as a draft, or discarded.


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
        left_in = opening.plan.redactor.left_in
        leak = None if settings.on_leak == "ignore" else first_leak(new, left_in=left_in)
        if failure and settings.on_failure == "draft":
            self._settle_as(recording, "draft", "; ".join(filter(None, (failure, refusal(new)))))
            self._books.drafted(recording)
        elif leak:
            self._books.leak(recording, leak)
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
        plan = opening.plan
        is_ignored = plan.settings.on_leak == "ignore"
        leak = None if is_ignored else first_leak(new, left_in=plan.redactor.left_in)
        try:
            if leak:
                self._books.leak(draft, leak)
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
        self._books.saved(plan.path, opening.save(new, keep))
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

    def note_others(self, tests: Tests) -> None:
        """Note whose recordings `Ending` is to drop or to keep, in whichever process that is.

        :param tests: those that there are.
        """
        for path in self._to_replace:
            try:
                owners = {entry.recorded_by for entry in read_lean(path).entries}
            except (OSError, ReqordError):  # nothing yet, or told when it is replaced
                continue
            for owner in sorted(filter(None, owners)):
                if tests.is_gone(path, owner):
                    self._notes.gone.append((os.fspath(path), owner))
                elif tests.is_in_run(path, owner):
                    self._notes.staying.append((os.fspath(path), owner))


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


# The end of a run: what waited for it is saved, and the drafts that stay are named.


class Ending:
    """Ends a run, in the one of its processes that the others report to.

    :param staging: where its recordings wait.
    :param drafts: those that earlier runs left.
    :param notes: takes what the user has to know.
    :param settings: what holds for the run.
    :param is_gone: whether a test exists no more, see `Tests`; its drafts go.
    """

    def __init__(
        self,
        staging: StagingArea,
        drafts: Drafts,
        notes: Notes,
        settings: Settings,
        is_gone: Callable[[Path, str], bool] = lambda *_: False,
    ) -> None:
        self._is_gone = is_gone
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
        self.count()

    def count(self) -> None:
        """Note how many interactions the cassettes that were saved hold now."""
        paths = {path for path, _, _ in self._notes.saved}
        for path in paths if len(paths) <= MOST_PATHS else ():
            with suppress(OSError, ReqordError):  # only its suite can read it, or it is gone again
                self._notes.now[path] = len(read_lean(path).entries)

    def _jobs(self) -> Iterator[tuple[Callable[[], None], Sequence[Recording]]]:
        """What is to be saved: how, and the recordings that it is about."""
        waiting: defaultdict[Path, list[Recording]] = defaultdict(list)
        failed: defaultdict[Path, set[str]] = defaultdict(set)
        for record in self._staging.records():
            recording = record.recording
            if record.outcome != "passed":
                failed[recording.cassette].add(recording.owner)
                self._books.drafted(recording)
            elif record.has_data and recording.mode in options.SAVED_AT_END:
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
            recording = record.recording
            if self._is_gone(recording.cassette, recording.owner):
                for each in self._drafts.of(recording.cassette, recording.owner):
                    self._staging.remove(each)
            elif record.outcome == "draft":
                self._notes.older.append(recording.owner)
            else:
                self._note_draft(record)

    def keep(self, record: Record) -> None:
        """Save one draft as it is; in ``all`` with what else its test recorded into the cassette.

        :raises OSError: if it can't be written.
        :raises ReqordError: if it or its cassette can't be read or locked.
        """
        recording = record.recording
        if recording.mode in options.SAVED_AT_END:
            self._replace(recording.cassette, self.kept_with(record), frozenset())
            return
        self._save_alone(recording)
        self._staging.remove(recording)
        self._staging.sweep()

    def kept_with(self, record: Record) -> Sequence[Recording]:
        """What `keep` saves of a draft, itself included."""
        recording = record.recording
        if recording.mode not in options.SAVED_AT_END:
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
        staying = {test for cassette, test in self._notes.staying if cassette == os.fspath(path)}

        def keep(entry: Entry) -> bool:
            owner = entry.recorded_by
            if is_rewritten:
                return owner in failed | staying and owner not in first
            if not owner:  # as in VCR.py's format: what it answered tells whose it is
                is_theirs = any(is_default_of(path, each) for each in first)
                address = entry.method, without_marks(entry.uri)
                return not is_theirs and address not in new.addresses
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
        self._books.saved(path, save_into(path, new, settings, keep))

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
