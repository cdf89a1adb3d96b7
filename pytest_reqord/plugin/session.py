"""A pytest run on one side, a `Run` on the other: what each hook means for the cassettes."""

from __future__ import annotations

import shlex
import sys
from collections import ChainMap
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_reqord.base.real import os, threading
from pytest_reqord.plugin.config_sources import (
    MARK,
    NO_CONFIG,
    ini_layers,
    marker_layers,
    marks_of,
    strong_layers,
)
from pytest_reqord.plugin.placing import CurrentTest
from pytest_reqord.run.current import set_host
from pytest_reqord.settings.options import SAVED_AT_END, Layer, Own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from typing_extensions import Unpack  # which type checkers know; nothing imports it

    from pytest_reqord.interceptors.active import Opened
    from pytest_reqord.playback.cassette import Cassette
    from pytest_reqord.plugin.unused import Unused
    from pytest_reqord.recording.opening import Opening
    from pytest_reqord.run.run import Run
    from pytest_reqord.run.use_cassette import UseCassette
    from pytest_reqord.settings.resolve import Settings
    from pytest_reqord.settings.typed import CassetteOptions

__all__ = ["PytestSession", "put_first"]

_O = TypeVar("_O", bound="Opening")

_FIXTURE = "cassette"
_FACTORY = "cassette_factory"
_CONFIG = "cassette_config"
_OF_RECORDING = ("--record-mode", "--rerecord", "--vcr-record", "--vcr-record-mode")
_USE_CASSETTE = "pytest_reqord.run.use_cassette"  # imported by who imports `use_cassette`


class PytestSession:
    """What the plugin knows of one pytest run.

    :param config: pytest's configuration.
    :raises pytest.UsageError: if a setting of the run is wrong.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._current = CurrentTest()
        self._run: Run | None = None
        self._lock = threading.RLock()
        self._collected: list[pytest.Item] = []
        self._unconfigured: Any = None  # the class or module of tests without a cassette_config
        # those that have a cassette of their own now
        self._with_cassette: dict[pytest.Item, Opened] = {}
        self._ci = os.environ.get("CI", "")
        self._strong = strong_layers(config.option)
        if config.option.rerecord and config.option.record_mode == "none":
            raise pytest.UsageError(
                "--rerecord records, and --record-mode=none forbids it: leave out one of them"
            )
        with _usage_errors():
            self._weak = ini_layers(config)
        self._own = Own(
            matchers=dict(ChainMap(*config.hook.pytest_reqord_matchers(config=config))),
            redactors=dict(ChainMap(*config.hook.pytest_reqord_redactors(config=config))),
        )
        self._is_configured = any(layer.values for layer in (*self._strong, *self._weak))
        if self._is_configured:
            self.settings  # noqa: B018 -- a wrong value is to end the run now
        self._unused: Unused | None = None
        if config.option.unused_cassettes:
            self._look_for_unused()
        set_host(lambda: self.run)
        if getattr(config.option, "dist", "no") != "no" and not hasattr(config, "workerinput"):
            from pytest_reqord.plugin.start import Workers  # late: for a run with workers

            config.pluginmanager.register(Workers(lambda: self.run), "reqord-workers")

    @cached_property
    def _is_ci(self) -> bool:
        from pytest_reqord.recording.run_info import is_under_ci  # late: most runs never ask

        return is_under_ci(self._ci)

    @cached_property
    def settings(self) -> Settings:
        """What holds where no marker says otherwise.

        :raises pytest.UsageError: if a setting is wrong.
        """
        from pytest_reqord.settings.resolve import resolve  # late: most suites set nothing

        with _usage_errors():
            return resolve([*self._strong, *self._weak], is_ci=self._is_ci, own=self._own)

    @property
    def is_recording(self) -> bool:
        """Whether the run as a whole records, as the command line or an ini key says."""
        if not self._is_configured:
            return False
        return self.settings.record_mode != "none" or bool(self.settings.rerecord)

    @property
    def run(self) -> Run:
        """The run, made when it is first needed: most runs of pytest use no cassette."""
        if self._run is None:
            with self._lock:  # for plugins that run tests in threads
                self._run = self._run or self._start_run()
        return self._run

    def _start_run(self) -> Run:
        from pytest_reqord.plugin.start import start_run

        run = start_run(
            self.config,
            self._current,
            (self._strong, self._weak),
            self._own,
            is_ci=self._is_ci,
        )
        run.is_gone = self._is_gone
        return run

    def _look_for_unused(self) -> None:
        from pytest_reqord.plugin.unused import Unused  # late: few runs ask for it

        self._unused = Unused(self.config, self.settings.cassette_dir)
        self.config.pluginmanager.register(self._unused, "reqord-unused")

    def start(self) -> None:
        """Collection is over: watch for traffic outside of cassettes where the run records."""
        if self.is_recording and not self.config.option.collectonly:
            self.run.watch_outside()
        if self._unused is not None:
            self.run.opened = set()

    def remember(self, items: list[pytest.Item]) -> None:
        """Keep what was collected, before others deselect."""
        self._collected = list(items)

    def _is_gone(self, cassette: Path, owner: str) -> bool:
        """Return whether a test that recorded into a cassette isn't among those collected."""
        from pytest_reqord.plugin.unused import Collected  # late: for a miss

        collected = Collected(self._collected, (), self.settings.cassette_dir)
        return collected.is_gone(cassette, owner)

    # a test

    def _prepare(self, item: pytest.Item) -> None:
        """Make the run for the first test that may open a cassette."""
        if (
            _USE_CASSETTE in sys.modules
            or _has_cassette(item)
            or _FACTORY in getattr(item, "fixturenames", ())
        ):
            self.run  # noqa: B018 -- made by the first look

    def put_first(self, item: pytest.Item) -> None:
        """Have the cassette of a test set up before its first function-scoped fixture."""
        before = self._current.own
        if before is not None and before in self._with_cassette and before is not item:
            from pytest_reqord.errors import UsageError  # late: most runs raise none

            raise UsageError(
                f"{before.nodeid} goes on in this thread, with its cassette open. Tests may run at"
                " once in threads or processes of their own, not as tasks of one thread: leave out"
                " the plugin that does so"
            )
        self._current.item = item
        if self._run is None:
            self._prepare(item)
        if _has_cassette(item):
            put_first(item, _FIXTURE)

    @property
    def current_item(self) -> pytest.Item:
        """The test that runs.

        :raises UsageError: if there is none.
        """
        item = self._current.item
        if item is None:
            from pytest_reqord.errors import UsageError  # late: most runs raise none

            raise UsageError(f"the fixture {_FIXTURE} was asked for outside of a test")
        return item

    def test_settings(self, item: pytest.Item, marks: Sequence[pytest.Mark]) -> Settings:
        """What holds for the cassette of a test.

        :param marks: its ``cassette`` marks.
        :raises UsageError: if a marker or ``cassette_config`` is wrong.
        """
        config = self._config_of(item)
        if not isinstance(config, dict):
            from pytest_reqord.errors import UsageError  # late: most runs raise none

            raise UsageError(
                f"the fixture cassette_config has to return a dictionary of settings, not {config!r}"
            )
        layers = marker_layers(marks)
        if config:
            layers.append(Layer("the fixture cassette_config", config))
        return self.run.resolve(layers) if layers else self.run.settings

    def _config_of(self, item: Any) -> Any:
        """What ``cassette_config`` returns: asked once for tests of one class or module that see no
        fixture of that name but ours, for it takes 20 us.
        """
        if item.parent is self._unconfigured and _CONFIG not in item.fixturenames:
            return NO_CONFIG
        config = item._request.getfixturevalue(_CONFIG)  # noqa: SLF001 -- as `plugin.cassette` says
        self._unconfigured = item.parent if config is NO_CONFIG and not config else None
        return config

    def open_test(self, item: pytest.Item) -> Opening:
        """Open the cassette of a test.

        :raises UsageError: if a marker or ``cassette_config`` is wrong.
        """
        from pytest_reqord.plugin.placing import place_of

        marks = marks_of(item)
        settings = self.test_settings(item, marks)
        place = place_of(item, settings.cassette_dir, marks)
        return self.open_as_test(item, lambda: self.run.open(place.file, settings))

    def open_as_test(self, item: pytest.Item, make: Callable[[], _O]) -> _O:
        """Open the one cassette that is a test's own; see `close_test`.

        :param item: the test.
        :param make: opens it.
        :raises UsageError: if the test has one already.
        """
        from pytest_reqord.interceptors import active

        if item in self._with_cassette:
            from pytest_reqord.errors import UsageError  # late: most runs raise none

            raise UsageError(
                f"{item.nodeid} has two cassettes: @pytest.mark.vcr opens one, @pytest.mark.cassette"
                " or the fixture cassette another. Leave out one or the other"
            )
        opening = make()
        self._with_cassette[item] = active.open_test(opening.cassette)
        return opening

    def close_test(self, item: pytest.Item, opening: Opening) -> None:
        """Close the cassette of a test."""
        from pytest_reqord.interceptors import active

        active.close(self._with_cassette.pop(item))
        self.run.close(opening, None)

    def cassette_factory(
        self, name: str, **options: Unpack[CassetteOptions]
    ) -> UseCassette[Cassette]:
        """Open a cassette for a fixture of a wider scope: see `use_cassette`.

        :param name: its name; it lies in ``reqord_cassette_dir``, or in the folder ``cassettes``
            of the rootdir.
        :raises UsageError: if the name leaves that folder.
        """
        from pytest_reqord.run.use_cassette import use_cassette
        from pytest_reqord.settings.paths import join_within

        root = self.config.rootpath / (self.settings.cassette_dir or "cassettes")
        return use_cassette(join_within(root, name), **options)

    # the end

    def finish(self, session: pytest.Session) -> None:
        """Save what waits for the end of the run; fail it if something could not be saved."""
        if self._run is None:
            return
        if self.is_recording and self.settings.record_mode in SAVED_AT_END:
            from pytest_reqord.plugin.unused import Collected

            collected = Collected(self._collected, session.items, self.settings.cassette_dir)
            self._run.finish(collected, self._progress)
        else:
            self._run.finish()
        if self._unused is not None:
            self._note_unused(self._unused, session)
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            from pytest_reqord.plugin.start import INPUT

            output[INPUT] = self._run.told()
        if self._run.notes.problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _note_unused(self, unused: Unused, session: pytest.Session) -> None:
        from pytest_reqord.plugin.unused import delete, settle

        notes = self.run.notes
        notes.unused.extend((each.path, each.is_certain) for each in unused.found())
        notes.opened.extend(self.run.opened or ())
        if not self.run.info.is_worker:
            is_over = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
            is_cut = session.shouldstop or session.shouldfail or self.config.option.collectonly
            is_complete = bool(is_over and not is_cut)
            settle(notes, is_complete=is_complete)
            what = self.config.option.unused_cassettes
            if what == "fail" and notes.unused and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            if what == "delete" and is_complete and session.exitstatus == pytest.ExitCode.OK:
                reporter = self.config.pluginmanager.get_plugin("terminalreporter")
                delete(notes, has_skipped=reporter is None or "skipped" in reporter.stats)

    def _progress(self, saved: int, total: int) -> None:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"reqord: saved {saved} of {total} cassettes")

    def unconfigure(self) -> None:
        """Let go of the run."""
        if self._run is not None:
            from pytest_reqord.plugin.start import end_run

            end_run(self._run)

    def header(self) -> list[str]:
        """The header's lines, where there is something to say."""
        if not self.is_recording:
            held_back = self._held_back()
            if held_back:
                return [held_back]
            return ["reqord: record mode none"] if self.config.get_verbosity() > 0 else []
        anew = "".join(f", anew: {pattern}" for pattern in self.settings.rerecord)
        lines = [f"reqord: record mode {self.settings.record_mode}{anew}"]
        from pytest_reqord.plugin.preparation import unset_secrets

        lines += (f"reqord: the secret {name} is not set" for name in unset_secrets(self.config))
        return lines

    def _held_back(self) -> str:
        """Which mode doesn't count, where ``CI`` is set and an ini key would have the run record."""
        given = [each for each in (*self._strong, *self._weak) if "record_mode" in each.values]
        if not given or given[0].is_explicit or given[0].values["record_mode"] == "none":
            return ""
        mode = given[0].values["record_mode"]
        place = given[0].place.removesuffix(" on the command line")
        return (
            f'reqord: CI is set: record mode "{mode}" (from {place}) acts as "none";'
            f" pass --record-mode={mode} to record"
        )

    def summarise(self, reporter: pytest.TerminalReporter) -> None:
        """Write the summary, where there is something to say."""
        if self._run is None:
            return
        from pytest_reqord.report import colour, summary

        is_watched = self.is_recording and not self.config.option.collectonly
        lines = summary(
            self._run.notes,
            is_recording=self.is_recording,
            rerecord=self.settings.rerecord if is_watched else (),
            command=shlex.join(["pytest", *self._words()]),
            names_all=self.config.get_verbosity() > 0,
        )
        if lines:
            reporter.section("cassettes", sep="=", blue=True)
            for line in lines:
                reporter.line(line, **colour(line))

    def _words(self) -> Iterator[str]:
        """The words of the command line that have nothing to do with recording."""
        words = iter(self.config.invocation_params.args)
        for word in map(str, words):
            option, has_value, _ = word.partition("=")
            if option not in _OF_RECORDING:
                yield word
            elif not has_value:
                next(words, None)


def _has_cassette(item: pytest.Item) -> bool:
    names = getattr(item, "fixturenames", None)
    return names is not None and (_FIXTURE in names or item.get_closest_marker(MARK) is not None)


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Have pytest end the run with what is wrong."""
    try:
        yield
    except Exception as error:
        from pytest_reqord.errors import UsageError  # late: most runs raise none

        if not isinstance(error, UsageError):
            raise
        raise pytest.UsageError(str(error)) from error


def put_first(item: pytest.Item, *fixtures: str) -> None:
    """Have fixtures of a test set up before its first function-scoped one.

    The fixtures of a test are set up in the order of ``fixturenames``, wider scopes first; the
    item gets a list of its own, for parameters of one test share theirs.

    :param item: a test that has fixtures.
    :param fixtures: the names of fixtures that are function-scoped.
    """
    names: list[str] = item.fixturenames  # type: ignore[attr-defined]
    definitions = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]  # noqa: SLF001 -- the scopes are nowhere else
    others = [name for name in names if name not in fixtures]
    wider = (name in definitions and definitions[name][-1].scope != "function" for name in others)
    at = next((at for at, is_wider in enumerate(wider) if not is_wider), len(others))
    item.fixturenames = [*others[:at], *fixtures, *others[at:]]  # type: ignore[attr-defined]
