"""One run of tests, without pytest: opens cassettes, gathers outcomes, saves what passed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.clock import Clock
from pytest_reqord.base.lazy import once
from pytest_reqord.base.models import host_of
from pytest_reqord.base.notes import Notes
from pytest_reqord.base.real import os
from pytest_reqord.cassette_file.cache import Library
from pytest_reqord.errors import ReqordError, UsageError, WriteFailed
from pytest_reqord.interceptors import active, registry
from pytest_reqord.recording.drafts import Drafts
from pytest_reqord.recording.opening import Attempt, Opening
from pytest_reqord.recording.plan import Planning, Services
from pytest_reqord.recording.run_info import staging_without_cache
from pytest_reqord.redaction import Rules
from pytest_reqord.settings.options import NOTHING_OWN, Layer, Own
from pytest_reqord.settings.paths import check_path
from pytest_reqord.settings.resolve import Settings, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from pytest_reqord.base.models import Interaction, LeaveOut
    from pytest_reqord.recording.outcome import Ending, Settling, Tests
    from pytest_reqord.recording.plan import Plan, Shared
    from pytest_reqord.recording.processes import Peers
    from pytest_reqord.recording.remote_workers import Handover, Intake
    from pytest_reqord.recording.run_info import RunInfo
    from pytest_reqord.recording.staged import Staged
    from pytest_reqord.storage import StagingArea
    from pytest_reqord.writer import CassetteWriter

__all__ = ["Run"]


_OUR_RULES = Rules()


class Run:
    """One run.

    :param info: what all its processes agree on.
    :param strong: the layers of settings that win over markers: command line, ``REQORD``.
    :param weak: those that give way to them: ini.
    :param own: what has a name in this suite.
    :param redact: the user's own last word on an interaction before it is kept.
    """

    def __init__(
        self,
        info: RunInfo,
        *,
        strong: Sequence[Layer] = (),
        weak: Sequence[Layer] = (),
        own: Own = NOTHING_OWN,
        redact: Callable[[Interaction], Interaction | LeaveOut] | None = None,
    ) -> None:
        self.info = info
        self.notes = Notes()
        self.is_child = False
        self.attempt_now: Callable[[], Attempt | None] = lambda: None
        self.nodeid_now: Callable[[], str | None] = lambda: None
        self.is_gone: Callable[[Path, str], bool] = lambda _path, _owner: False
        self.opened: set[str] | None = None  # kept where somebody asks for it
        self._strong = tuple(strong)
        self._weak = tuple(weak)
        self._own = own
        self._redact = redact
        self._environment = dict(os.environ)
        self._handover: Handover | None = None
        self._watches_outside = False
        self._unsettled: dict[int, Opening] = {}
        self._set_aside: dict[int, ExitStack] = {}
        self._services = Services(
            clock=Clock(),
            library=Library(),
            staging=lambda: self._staging,
            staged=lambda: self._staged,
            writer=lambda: self._writer,
            note_refused=self._note_refused,
        )

    # what is made when it is first needed: a run that only plays needs none of it

    @once
    def settings(self) -> Settings:
        """What holds where no marker says otherwise."""
        return self.resolve(())

    @once
    def _planning(self) -> Planning:
        names = self.settings.secrets
        return Planning(
            self.info,
            staging=lambda: self._staging,
            drafts=lambda: self._drafts,
            clock=self._services.clock,
            matchers=self._own.matchers,
            redact=self._redact,
            nodeid_now=self.nodeid_now,
            is_gone=self.is_gone,
            secrets={name: value for name in names if (value := self._variable(name))},
        )

    def _variable(self, name: str) -> str:
        """The value of an environment variable, also where a test has cleared them since."""
        return self._environment.get(name) or os.environ.get(name, "")

    @once
    def _staging(self) -> StagingArea:
        from pytest_reqord.storage import StagingArea

        return StagingArea(self._staging_folder, self.info.id)

    @property
    def _staging_folder(self) -> Path:
        """Where staging files go.

        :raises UsageError: if they can go nowhere.
        """
        if self.info.staging is not None:
            return self.info.staging
        try:
            return staging_without_cache(self.info.base)
        except OSError as error:
            raise UsageError(f"there is no place for what is recorded: {error}") from error

    @once
    def _staged(self) -> Staged:
        from pytest_reqord.recording.staged import Staged

        return Staged()

    @once
    def _writer(self) -> CassetteWriter:
        from pytest_reqord.writer import CassetteWriter

        return CassetteWriter.start_link(
            batch_size=self.settings.batch_size,
            batch_timeout=self.settings.batch_timeout,
            max_entries=self.settings.queue_entries,
            max_bytes=self.settings.queue_bytes,
            lock_timeout=self.settings.lock_timeout,
            sink=self._staged,
        )

    @once
    def _drafts(self) -> Drafts:
        return Drafts(self._staging_folder, self.info.id)

    @once
    def _settling(self) -> Settling:
        from pytest_reqord.recording.outcome import Settling  # late, as what it needs

        return Settling(
            self._staging,
            self._drafts,
            self.notes,
            self.settings,
            self._handover,
            is_alone=not self.info.is_worker,
        )

    @once
    def _ending(self) -> Ending:
        from pytest_reqord.recording.outcome import Ending  # late, as what it needs

        return Ending(self._staging, self._drafts, self.notes, self.settings, self.is_gone)

    def resolve(self, layers: Sequence[Layer], weakest: Sequence[Layer] = ()) -> Settings:
        """Settle what holds for one cassette.

        :param layers: its markers from the nearest out, then its ``cassette_config``.
        :param weakest: what takes the place of our defaults.
        :raises UsageError: if a setting is wrong.
        """
        layers = [*self._strong, *layers, *self._weak, *weakest]
        return resolve(layers, is_ci=self.info.is_ci, own=self._own)

    # a cassette's life

    def open(
        self,
        path: str | os.PathLike[str],
        settings: Settings,
        *,
        rules: Rules | None = None,
        kind: Callable[[Plan, Services, Attempt | None], Opening] = Opening,
    ) -> Opening:
        """Open a cassette; it is read now, and each entry is parsed when it is first needed.

        :param path: its file.
        :param settings: what holds for it.
        :param rules: what is redacted, in place of our defaults.
        :param kind: what makes the opening, of a suite with conventions of its own.
        :raises UsageError: if no file can have that path.
        """
        rules = rules or _OUR_RULES
        file = os.fspath(path)
        check_path(file)
        if "vcr.patch" not in sys.modules:
            return self._open(file, settings, rules, kind)
        from pytest_reqord.interceptors import vcrpy  # late: few suites have VCR.py beside us

        with vcrpy.set_aside() as aside:  # first: clients are taken, not what stands in for them
            opening = self._open(file, settings, rules, kind)
            self._set_aside[id(opening)] = aside.pop_all()
        return opening

    def _open(
        self,
        file: str,
        settings: Settings,
        rules: Rules,
        kind: Callable[[Plan, Services, Attempt | None], Opening],
    ) -> Opening:
        registry.ensure()
        active.observe_unsupported(self._note_unsupported)
        active.observe_refused(self._note_refused)
        attempt = self.attempt_now()
        if attempt is not None:
            file = self._services.library.settled(file, attempt.owner)
        if self.opened is not None:
            self.opened.add(file)
        plan = self._planning.plan(file, settings, attempt, rules)
        opening = kind(plan, self._services, attempt)
        opening.prepare()
        self._unsettled[id(opening)] = opening
        if attempt is not None:
            attempt.openings.append(opening)
        if plan.is_recording:
            from pytest_reqord.writer import supervisor

            supervisor.begin(opening)
        return opening

    def open_path(self, path: str | os.PathLike[str], options: Mapping[str, Any]) -> Opening:
        """Open a cassette at a path, as `use_cassette` does.

        :raises UsageError: if an option is wrong.
        """
        settings = self.resolve([Layer(f"use_cassette({str(path)!r})", options)])
        return self.open(self.info.base / path, settings)

    def close(self, opening: Opening, error: BaseException | None) -> None:
        """Close a cassette; outside of a test, save what it recorded unless there was an error."""
        opening.close()
        aside = self._set_aside.pop(id(opening), None)
        if aside is not None:
            aside.close()
        if opening.attempt is None:
            self._settle(opening, f"it ended with {type(error).__name__}" if error else "")

    def settle(self, attempt: Attempt) -> None:
        """A test is over, its teardown included: save what it recorded, or keep it as a draft."""
        for opening in attempt.openings:
            opening.close()
            self._settle(opening, attempt.failure)

    def _settle(self, opening: Opening, failure: str) -> None:
        self._unsettled.pop(id(opening), None)
        if opening.is_child:
            return  # its parent settles it
        try:
            self._save_or_keep(opening, failure)
        finally:
            if opening.plan.is_recording:
                from pytest_reqord.writer import supervisor  # late: as above

                supervisor.end(opening)

    def _save_or_keep(self, opening: Opening, failure: str) -> None:
        try:
            opening.take_over()
        except (OSError, ReqordError) as error:
            self.notes.problems.append(f"{opening.plan.path}: {error}")
        self.notes.rerecorded.update(opening.cassette.rerecorded)
        unrecorded = list(opening.cassette.unrecorded)
        if unrecorded:
            self.notes.unrecorded.append((opening.owner, str(opening.plan.path), unrecorded))
        if opening.recording is not None or opening.plan.drafts:
            self._settling.settle(opening, failure)
            if opening.recording is not None:
                self._staged.forget(opening.recording.path)
        elif not failure or opening.plan.settings.on_failure == "keep":
            self._tidy(opening)

    def _tidy(self, opening: Opening) -> None:
        try:
            opening.tidy()
        except (OSError, ReqordError) as error:
            self.notes.problems.append(f"{opening.plan.path}: {error}")

    # child processes

    def arguments(self) -> dict[str, Any]:
        """What makes the same run in another process, besides `RunInfo`."""
        return {"strong": self._strong, "weak": self._weak, "own": self._own}

    def openings(self) -> list[Opening]:
        """The cassettes that are open."""
        every = list(self._unsettled.values())
        return [opening for opening in every if not opening.cassette.is_closed]

    def join(self, shared: Shared, peers: Peers) -> Opening:
        """Open a cassette that this process's parent has open.

        :param shared: what the parent has settled about it.
        :param peers: the two of them.
        """
        attempt = Attempt(shared.owner, shared.nodeid)
        registry.ensure()
        opening = Opening(self._planning.join(shared, attempt), self._services, attempt)
        opening.peers = peers
        opening.prepare()  # nothing can be imported any more when its process ends
        self._unsettled[id(opening)] = opening
        self.be_child()
        return opening

    def be_child(self) -> None:
        """Leave alone what is the parent's: it settles the tests and ends the run."""
        self.is_child = True
        self.attempt_now = lambda: None
        for opening in self._unsettled.values():
            opening.after_fork()

    # workers on other machines

    def hand_over(self, handover: Handover) -> None:
        """Be a worker on another machine than the controller, to which recordings go."""
        self._handover = handover
        self._settling.hand_over_left()

    def take_in(self, answer: Callable[[str], None]) -> Intake:
        """Take what such a worker hands over; see `Intake`."""
        from pytest_reqord.recording.remote_workers import Intake  # late: few runs have one
        from pytest_reqord.storage import StagingArea

        self._staging.hold()
        return Intake(StagingArea(self._staging_folder, self.info.id), answer)

    def told(self) -> dict[str, Any]:
        """What this worker has to tell the controller."""
        plain = self.notes.as_plain()
        return self._handover.places.translate(plain) if self._handover else plain

    # the run as a whole

    def watch_outside(self) -> None:
        """Count the requests that are made while no cassette is in force, by host."""
        self._watches_outside = True
        registry.ensure()
        active.observe_outside(self._note_outside)

    def resume(self) -> None:
        """Take again what another run in this process, which began after it, has let go of."""
        registry.ensure()
        active.observe_unsupported(self._note_unsupported)
        active.observe_refused(self._note_refused)
        if self._watches_outside:
            self.watch_outside()

    def _note_outside(self, uri: str) -> None:
        self.notes.outside[f"{host_of(uri).name} {self.nodeid_now() or ''}".rstrip()] += 1

    def _note_unsupported(self, client: str, uri: str) -> None:
        self.notes.unsupported[f"{client} connected to {host_of(uri).name or 'a host'}"] += 1

    def _note_refused(self, uri: str, worker: str, why: str) -> None:
        self.notes.refused[f"{host_of(uri).name or 'a host'} by the thread {worker}: {why}"] += 1

    def hold(self) -> None:
        """Keep the run's staging folder until its workers are done."""
        if self.settings.record_mode != "none" or self.settings.rerecord:
            self._staging.hold()

    def finish(
        self,
        tests: Tests | None = None,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """The last test is over: settle what was cut short; save what waited for this moment.

        :param tests: those that there are.
        :param progress: see `Ending.finish`.
        """
        if self.is_child:
            return
        for opening in list(self._unsettled.values()):
            opening.close()
            self._settle(opening, "the run was interrupted")
        if "_writer" in self.__dict__:
            self._rescue()
        if "_settling" in self.__dict__ and tests is not None:
            self._settling.note_others(tests)
        if "_staging" in self.__dict__:
            if not self.info.is_worker:
                self._ending.finish(progress)
            elif self._handover is not None:
                self._staging.sweep()

    def _rescue(self) -> None:
        """Put what still could not be staged elsewhere, and have the run fail."""
        try:
            self._writer.flush_all()
        except WriteFailed:
            from pytest_reqord.storage import user_folder

            self._writer.rescue(user_folder("rescued"))
        self.notes.problems.extend(str(aside) for aside in self._writer.set_aside)

    def stop(self) -> None:
        """Let go of everything: the clients, the writer's thread, the journal."""
        active.observe_outside(None)
        active.observe_unsupported(None)
        active.observe_refused(None)
        registry.uninstall()
        if "_writer" in self.__dict__:
            self._writer.stop()
        if "_staging" in self.__dict__:
            self._staging.close()
