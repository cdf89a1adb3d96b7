"""What became of a test. These hooks are registered with the first cassette of a run, so that a
run without one doesn't pay for them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import pytest_reqord
from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.printable import printable, see, shown
from pytest_reqord.base.real import Path, os
from pytest_reqord.errors import (
    CassetteError,
    CassetteMiss,
    CassetteMissError,
    PlaybackError,
    UnsupportedClient,
    UsageError,
)
from pytest_reqord.interceptors import active
from pytest_reqord.plugin.placing import place_of
from pytest_reqord.recording.opening import Attempt
from pytest_reqord.recording.run_info import again
from pytest_reqord.report import drift_lines, drifted, expired_lines, section, unplayed_lines

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_reqord.playback.cassette import Cassette
    from pytest_reqord.plugin.placing import CurrentTest
    from pytest_reqord.run.run import Run

__all__ = ["Outcomes"]


class Outcomes:
    """Follows each attempt of each test to its last report, and settles it.

    :param run: the run behind pytest's.
    :param current: which test runs.
    :param is_verbose: whether every cassette that was played is to be named.
    """

    def __init__(self, run: Run, current: CurrentTest, *, is_verbose: bool) -> None:
        self._run = run
        self._current = current
        self._is_verbose = is_verbose
        self._attempts: dict[str, Attempt] = {}  # of the tests that run, by nodeid
        self._suspended: set[str] = set()  # those of which a wider fixture is set up

    def current_attempt(self) -> Attempt | None:
        """The attempt that a cassette opened now belongs to; None outside of tests."""
        item = self._current.item
        if item is None or item.nodeid in self._suspended:
            return None
        attempt = self._attempts.get(item.nodeid)
        if attempt is None:
            place = place_of(item, self._run.settings.cassette_dir)
            attempt = self._attempts[item.nodeid] = Attempt(place.owner, item.nodeid)
        return attempt

    @property
    def _attempt(self) -> Attempt | None:
        """The attempt of the test that runs here, if it has opened a cassette."""
        item = self._current.item
        return self._attempts.get(item.nodeid) if item is not None else None

    def _refusals(self) -> list[BaseException]:
        openings = self._attempt.openings if self._attempt else ()
        return [
            error
            for opening in openings
            for error in (*opening.cassette.take_refusals(), *opening.take_misses())
        ]

    def _cassettes(self) -> list[Cassette]:
        attempt = self._attempt
        return [opening.cassette for opening in attempt.openings] if attempt else []

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None]:
        """Hold the test's cassette out of force while a wider fixture is set up."""
        if fixturedef.scope == "function":
            return (yield)
        item = self._current.item
        nodeid = item.nodeid if item is not None else ""
        was_suspended = nodeid in self._suspended
        self._suspended.add(nodeid)
        try:
            with active.suspended():
                return (yield)
        except CassetteMissError as miss:
            # of what a fixture raises pytest keeps only an Exception for the next test
            key: Any = fixturedef.cache_key(request)  # type: ignore[arg-type]
            fixturedef.cached_result = (None, key, (miss, miss.__traceback__))
            raise
        finally:
            if not was_suspended:
                self._suspended.discard(nodeid)

    # reports

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: sees what xfail and others made
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note what a report says of the attempt; the teardown's is the last one."""
        attempt = self._attempts.get(item.nodeid)
        went_well = call.excinfo is None
        if attempt is not None and went_well:
            self._judge(attempt, call)
        error = call.excinfo.value if call.excinfo is not None else None
        if error is not None:
            _hide_ours()
            _explain(error)
            _shorten(call, item.config.rootpath)
        report = yield
        if error is not None and report.failed:
            if went_well or isinstance(error, _REFUSALS):
                _summarise(report, error)
            self._note_missing(item, error)
        if attempt is not None:
            attempt.failure = attempt.failure or _failure(report)
            if report.failed:
                self._refusals()  # told; else they would fail the next phase, too
                report.sections.extend(section(cassette) for cassette in self._cassettes())
            if report.when == "teardown":
                self._watch(attempt)
                self._attempts.pop(item.nodeid, None)
                self._run.settle(attempt)
        if report.when == "teardown":
            self._current.item = None
        return report

    def _note_missing(self, item: pytest.Item, error: BaseException) -> None:
        """Note a test that failed because its cassette isn't there."""
        misses = [each.file for each in self._cassettes() if each.misses]
        if isinstance(error, (CassetteMissError, CassetteMiss)):
            of_test: object = error.cassette  # under `vcr` it is the cassette itself
            misses += [of_test] if isinstance(of_test, str) else []
        if not all(map(os.path.exists, misses)):
            self._run.notes.missing.append(item.nodeid)

    def _judge(self, attempt: Attempt, call: pytest.CallInfo[None]) -> None:
        """Have a phase that went well fail where it should. Done here, and not in a hook around each
        phase, which takes 8 us each.
        """
        try:
            self._check(attempt, call.when)
        except (Exception, CassetteMissError, pytest.fail.Exception):  # noqa: BLE001 -- what a phase raises is its failure
            call.excinfo = pytest.ExceptionInfo.from_current()

    def _check(self, attempt: Attempt, when: str) -> None:
        """Raise what the code under test swallowed in a phase, and what its settings say of it."""
        for error in self._refusals():
            if not isinstance(error, CassetteMiss):  # on_miss = "raise": the test's own affair
                raise error
        if when == "call":
            self._fail_if("on_drift", drift_lines, "drift")
            self._fail_if("on_expiry", expired_lines, "expiry")
            self._fail_if_changed()
        elif when == "teardown" and not attempt.failure:
            self._fail_if("on_unplayed", unplayed_lines, "unplayed")

    def _fail_if(self, option: str, lines_of: Any, topic: str) -> None:
        for cassette in self._cassettes():
            lines = lines_of(cassette) if getattr(cassette.settings, option) == "fail" else []
            if lines:
                self._fail(lines, f"in {shown(cassette.file)} ({option} = fail)", topic)

    def _fail_if_changed(self) -> None:
        """With ``verify``, fail the test if the API answers otherwise than recorded."""
        for cassette in self._cassettes():
            if cassette.changes:
                where = f"{shown(cassette.file)} is not what the API answers now"
                self._fail(cassette.changes, where, "compare")

    def _fail(self, lines: Sequence[str], where: str, topic: str) -> None:
        """Fail the test with what is wrong with its recording, and what to run."""
        nodeid = self._attempt.nodeid if self._attempt else ""
        command = again(self._run.info.test(nodeid))
        text = [*map(printable, lines), where, "", f"  {command}", f"  {see(topic)}"]
        pytest.fail("\n".join(text), pytrace=False)

    def _watch(self, attempt: Attempt) -> None:
        """Note what was compared, and what a user should look at although the test passed."""
        notes, owner = self._run.notes, attempt.owner
        for cassette in self._cassettes():
            if cassette.verified:
                notes.verified.append((owner, len(cassette.verified)))
                notes.changed += ((owner, *each) for each in cassette.changed())
        if attempt.failure:
            return
        for cassette in self._cassettes():
            path, settings = cassette.path, cassette.settings
            if self._is_verbose and cassette.play_count and not cassette.verified:
                notes.played.append((str(path), cassette.play_count))
            if settings.on_drift == "warn":
                notes.drifted += ((owner, str(path), *each) for each in drifted(cassette))
            if settings.on_expiry != "fail" and (lines := expired_lines(cassette)):
                notes.expired.append((owner, str(path), lines))
            if settings.on_unplayed == "warn" and (lines := unplayed_lines(cassette)):
                notes.unplayed.append((owner, str(path), lines))


_REFUSALS = (CassetteMissError, PlaybackError, CassetteError, UnsupportedClient, UsageError)
_OURS = Path(pytest_reqord.__file__).parent
_PACKAGE = pytest_reqord.__name__


def _shorten(call: pytest.CallInfo[None], root: Path) -> None:
    """End a refusal's traceback where the suite's code made the request: the frames of the client
    and our own below it say nothing to who reads the report. Where the suite has no part in it,
    as when a fixture of ours refuses a marker, its text is all there is to say.
    """
    found = call.excinfo
    if found is None or not isinstance(found.value, (*_REFUSALS, pytest.UsageError)):
        return
    if isinstance(found.value, CassetteError):  # the parser that found it broken says no more
        found.value.__cause__, found.value.__suppress_context__ = None, True
    frame, last = found.tb, None
    while frame is not None:
        path = Path(frame.tb_frame.f_code.co_filename)
        if root in path.parents and "site-packages" not in path.parts:
            last = frame
        frame = frame.tb_next  # type: ignore[assignment]
    if last is not None:
        last.tb_next = None
    elif _OURS in path.parents:
        failed = pytest.fail.Exception(f"{found.typename}: {found.value}", pytrace=False)
        call.excinfo = pytest.ExceptionInfo.from_exception(failed.with_traceback(found.tb))


def _summarise(report: pytest.TestReport, error: BaseException) -> None:
    """Have the line of the short summary begin with the request, and not with a path or a class."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        crash.message = str(error)


def _hide_ours() -> None:
    """Keep our frames out of tracebacks: a user has written none of them."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == _PACKAGE:
            vars(module).setdefault("__tracebackhide__", _is_no_fault_of_ours)


def _is_no_fault_of_ours(found: pytest.ExceptionInfo[BaseException] | None) -> bool:
    """Whether an error came through our code; of a fault in it the frames are what to report."""
    if found is None:
        return True
    first, last = (_OURS in Path(str(found.traceback[at].path)).parents for at in (0, -1))
    is_plain = type(found.value).__module__ == "builtins" and not isinstance(found.value, OSError)
    return not first and not (is_plain and last)


def _explain(error: BaseException) -> None:
    """Say what to use where a fixture of a wider scope asks for the test's cassette."""
    if isinstance(error, pytest.fail.Exception) and _MISMATCH.search(error.msg or ""):
        error.msg = f"{error.msg}\n{_FACTORY}; {see('places')}"
        error.args = (error.msg,)


_MISMATCH = Pattern(r"ScopeMismatch: .* function scoped fixture cassette ")
_FACTORY = (
    "`cassette` is the cassette of one test. In a fixture of a wider scope, take"
    " cassette_factory: with cassette_factory('name'): ..."
)


def _failure(report: pytest.TestReport) -> str:
    """Why what the test recorded may not be saved; empty where it may."""
    if report.failed:
        return "the test failed" if report.when == "call" else f"its {report.when} failed"
    if report.skipped and not hasattr(report, "wasxfail"):
        return "the test was skipped"
    return ""
