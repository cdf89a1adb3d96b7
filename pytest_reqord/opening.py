"""One opening of a cassette: what it plays from, and the staging file that it records into."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord import modes
from pytest_reqord.cassette import Cassette
from pytest_reqord.clock import Clock, expiry_limit, format_time
from pytest_reqord.library import read_document
from pytest_reqord.once import once
from pytest_reqord.replay import Index, Player, Replay, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_reqord.cassette import Filter
    from pytest_reqord.codec import Entry
    from pytest_reqord.library import Library
    from pytest_reqord.matching import Matching
    from pytest_reqord.models import Interaction
    from pytest_reqord.modes import Access
    from pytest_reqord.redaction import Redactor
    from pytest_reqord.settings import Settings
    from pytest_reqord.storage.staging import Recording, StagingArea
    from pytest_reqord.writer import CassetteWriter, Saved

__all__ = ["Attempt", "Opening", "Plan", "Services", "save_into"]


@dataclass
class Attempt:
    """One attempt of one test; a rerun is another.

    :param owner: the test as its recordings name it.
    :param nodeid: the test as pytest names it.
    :param openings: the cassettes that it opened, the first one first.
    :param failure: why nothing of it may be saved; empty as long as all is well.
    """

    owner: str
    nodeid: str
    openings: list[Opening] = field(default_factory=list)
    failure: str = ""


class Services(NamedTuple):
    """What the openings of a run share.

    The writer and the staging folder are made with the first recording: a run that only plays
    has neither.
    """

    clock: Clock
    library: Library
    staging: Callable[[], StagingArea]
    writer: Callable[[], CassetteWriter]


class Plan(NamedTuple):
    """What was settled about an opening before it began.

    :param path: the cassette's file.
    :param settings: what holds for it.
    :param access: what it may do.
    :param matching: what makes a request the recorded one.
    :param redactor: takes the secrets out.
    :param before: plays only what was recorded before this time, as text; None plays all.
    :param draft: the draft of an earlier run that is played with the cassette.
    :param hints: what a miss tells the user to run.
    """

    path: Path
    settings: Settings
    access: Access
    matching: Matching
    redactor: Redactor
    before: str | None = None
    draft: Recording | None = None
    hints: Callable[[], Sequence[str]] = tuple


class Opening:
    """A cassette that is or was open, and the `Source` that it works with.

    :param plan: what was settled about it.
    :param services: what the openings of the run share.
    :param attempt: the test whose fate its recording shares; None outside of one.
    """

    def __init__(self, plan: Plan, services: Services, attempt: Attempt | None) -> None:
        self.plan = plan
        self.attempt = attempt
        self.owner = attempt.owner if attempt else ""
        self.recording: Recording | None = None
        self.redactor = self.filter_of(plan)
        self.clock = services.clock
        self._services = services
        self._lock = threading.Lock()
        self.cassette = Cassette(
            plan.path, self.owner, access=plan.access, settings=plan.settings, source=self
        )

    lets_through = False

    def filter_of(self, plan: Plan) -> Filter:
        """What requests are matched as and interactions are kept as."""
        return plan.redactor

    # the source of the cassette

    def index(self) -> Index:
        """The recording that is played: the cassette's, and the draft's where there is one."""
        return self._index

    @once
    def _index(self) -> Index:
        plan = self.plan
        index = self._services.library.index(plan.path, plan.matching, plan.before)
        if not self._drafted:
            return index
        return Index(sorted([*index.entries, *self._drafted], key=_recorded_at), plan.matching)

    @once
    def _drafted(self) -> Sequence[Entry]:
        return read_document(self.plan.draft.path).entries if self.plan.draft else ()

    def replay(self) -> Player:
        """What plays the recording."""
        settings = self.plan.settings
        return Replay(
            self.index(),
            self.owner,
            str(self.plan.path),
            repeats=settings.allow_playback_repeats,
            strict_order=settings.strict_order,
        )

    def record(self, interaction: Interaction) -> None:
        """Hand an interaction to the writer; it is on the disk one batch later."""
        self._services.writer().write_entry(self._staged().path, interaction)

    def _staged(self) -> Recording:
        with self._lock:
            if self.recording is None:
                plan = self.plan
                self.recording = self._services.staging().open_recording(
                    cassette=plan.path, owner=self.owner, mode=plan.settings.record_mode
                )
            return self.recording

    def flush(self) -> None:
        """Return when everything that was recorded is in the staging file.

        :raises WriteFailed: if it couldn't be written.
        """
        if self.recording is not None:
            self._services.writer().flush_cassette(self.recording.path)

    async def room(self) -> None:
        """Wait until the writer keeps up, without blocking an event loop."""
        await self._services.writer().wait_for_room()

    def recorded(self) -> Sequence[Interaction]:
        """Read back what was recorded, in order of time."""
        if self.recording is None:
            return ()
        self.flush()
        entries = sorted(read_document(self.recording.path).entries, key=_recorded_at)
        return [entry.interaction() for entry in entries]

    def played_drafts(self) -> Sequence[Interaction]:
        """What was played from the draft, and so belongs to the recording of this attempt."""
        drafted = {id(entry.interaction()) for entry in self._drafted}
        return [one for one in self.cassette.played if id(one) in drafted]

    def commands(self) -> Sequence[str]:
        """What a miss tells the user to run."""
        return self.plan.hints()

    def translate(self, miss: BaseException) -> BaseException:
        """See `pytest_reqord.cassette.Source.translate`."""
        return miss

    # its end

    @property
    def is_saved_at_end(self) -> bool:
        """Whether what it recorded waits for the end of the run."""
        return self.plan.settings.record_mode in modes.SAVED_AT_END

    def save(self, new: Sequence[Interaction], keep: Callable[[Entry], bool] | None) -> bool:
        """Make what was recorded part of the cassette.

        :param keep: whether an entry that the cassette has stays in it; None keeps all.
        :returns: whether the file changed.
        :raises OSError: if writing failed, or a ReqordError; the cassette is then as it was.
        """
        return save_into(self.plan.path, new, self.plan.settings, keep).changed

    def tidy(self) -> None:
        """Its test passed and recorded nothing."""


def save_into(
    path: Path,
    new: Sequence[Interaction],
    settings: Settings,
    keep: Callable[[Entry], bool] | None,
) -> Saved:
    """Make interactions part of a cassette; see `pytest_reqord.writer.save`."""
    # late: a run that only plays doesn't pay for the writer, its threads and locks
    from pytest_reqord.codec import encode
    from pytest_reqord.writer import save

    return save(
        path,
        [encode(interaction, inline_limit=settings.inline_limit) for interaction in new],
        keep=keep,
        volatile=frozenset(settings.volatile),
        lock_timeout=settings.lock_timeout,
        is_ordered=settings.strict_order,
        layout=settings.format,
        oldest=_oldest(settings.max_age),
    )


def _oldest(max_age: str) -> str:
    return format_time(expiry_limit(Clock().now(), max_age)) if max_age else ""


def _recorded_at(entry: Stored) -> str:
    return entry.recorded_at
