"""What pytest calls. No logic: each hook asks the session and returns.

pytest loads this module in every run where the package is installed, so it imports nothing but
pytest and the table of options; the rest comes with the first test that uses a cassette.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base import real  # noqa: F401 -- now: no test has put anything in its place yet
from pytest_reqord.base.loading import load_as_before, load_as_usual
from pytest_reqord.run.current import refuse, set_host
from pytest_reqord.settings.options import FOLDER, MODES, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_reqord.playback.cassette import Cassette
    from pytest_reqord.plugin.session import PytestSession
    from pytest_reqord.run.use_cassette import CassetteFactory
    from pytest_reqord.settings.options import Option
    from pytest_reqord.settings.typed import CassetteOptions

__all__ = ["SESSION", "cassette", "cassette_config", "cassette_factory"]

pytest_plugins = ("pytest_reqord.vcr_compat.plugin",)

SESSION: pytest.StashKey[PytestSession] = pytest.StashKey()
_sessions: list[PytestSession] = []  # of runs that are started in a run the last one is the inmost
_HOST_BEFORE: pytest.StashKey[Callable[[], Any] | None] = pytest.StashKey()

_INI_TYPES: dict[str, Any] = {
    "bool": "bool",
    "int": "int",
    "float": "float",
    "words": "args",
    "match_on": "args",
    "redactors": "args",
    "patterns": "linelist",  # which leaves backslashes and blanks alone
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options and the ini keys."""
    group = parser.getgroup("reqord", "recording and replaying HTTP traffic")
    group.addoption(
        "--record-mode",
        choices=MODES,
        default=None,
        help="what this run records; none (the default): nothing; once: tests without a cassette;"
        " new_episodes: requests that a cassette lacks; all: everything again; rewrite: as all, and"
        " drops what other tests recorded; verify: nothing, it compares the API with the cassettes."
        " The environment variable REQORD does the same: REQORD=once pytest",
    )
    group.addoption(
        "--rerecord",
        action="append",
        metavar="'METHOD GLOB'",
        default=None,
        help="record the requests that match again and play all others: 'POST */chat*'",
    )
    # each form is a name of its own: an option that may have a value would take a test's file for it
    for form, what in _UNUSED.items():
        name = f"--unused-cassettes{f'={form}' if form != 'list' else ''}"
        group.addoption(
            name, action="store_const", const=form, dest="unused_cassettes", default="", help=what
        )
    for option in OPTIONS.values():
        ini_type = _INI_TYPES.get(option.kind, "string")
        parser.addini(f"reqord_{option.name}", _described(option), type=ini_type, default=None)


_UNUSED = {
    "list": "list the cassettes that no test uses; with -v all of them",
    "fail": "as --unused-cassettes, and fail the run if there are any",
    "delete": "delete the cassettes that no test uses, after all tests have passed",
}


def _described(option: Option) -> str:
    """The help of an ini key: what it does, what it may be and what it is by itself."""
    default = option.default
    if isinstance(default, tuple):
        default = " ".join(default[:_SHOWN]) + (" ..." if len(default) > _SHOWN else "")
    elif isinstance(default, bool):
        default = str(default).lower()
    allowed = [f"one of {', '.join(option.choices)}"] if option.choices else []
    more = "; ".join([*allowed, *([f"default: {default}"] if default != "" else [])])
    return f"{option.help} ({more})" if more else option.help


_SHOWN = 4


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that users may implement; this is the first that pytest calls."""
    load_as_usual()
    from pytest_reqord.plugin import hookspecs
    from pytest_reqord.plugin.preparation import refuse_rivals

    refuse_rivals(pluginmanager)  # they declare the same hook and the same options
    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(tryfirst=True)  # before the first conftest.py is imported
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Have SDKs that ask for a key find one, where the run only plays, and no script's run made."""
    early_config.stash[_HOST_BEFORE] = set_host(refuse)
    from pytest_reqord.plugin.preparation import put_dummies

    put_dummies(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Check every setting of the run, and register the marker."""
    settings = ", ".join(f"{one.name}=..." for one in OPTIONS.values() if not one.is_run_wide)
    config.addinivalue_line(
        "markers",
        f"cassette(name=None, *, path=None, {settings}): record the test's HTTP traffic into a"
        " cassette, or play it from there; see: reqord docs settings",
    )
    from pytest_reqord.plugin.session import PytestSession  # late: needs the hooks declared

    session = config.stash[SESSION] = PytestSession(config)
    _sessions.append(session)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of what the run holds."""
    from pytest_reqord.plugin.preparation import take_dummies_away

    take_dummies_away()
    set_host(config.stash.get(_HOST_BEFORE, None))
    session = config.stash.get(SESSION, None)
    if session is not None:
        _sessions.remove(session)
        session.unconfigure()
    load_as_before()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what the run may record, where it is more than nothing."""
    return config.stash[SESSION].header()


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Pass a folder of cassettes by."""
    if path.name != FOLDER:
        return None
    from pytest_reqord.plugin.collection import pass_by  # late: for suites that have one

    return pass_by(path, parent)


@pytest.hookimpl(tryfirst=True)  # before -k and others deselect
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remember which tests there are."""
    config.stash[SESSION].remember(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Watch for traffic outside of cassettes, where the run records."""
    session.config.stash[SESSION].start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have the cassette of a marked test opened before its first function-scoped fixture."""
    item.config.stash[SESSION].put_first(item)


@pytest.hookimpl(trylast=True)  # after xdist has seen its last worker off
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save what waits for the end of the run; fail it if something could not be saved."""
    session.config.stash[SESSION].finish(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was recorded, and what a user should look at."""
    terminalreporter.config.stash[SESSION].summarise(terminalreporter)


@pytest.fixture(scope="session")  # made once: asked for by every test with a cassette
def cassette_config() -> CassetteOptions:
    """Settings for the cassettes of a test; override it at any scope, it wins over ini keys."""
    from pytest_reqord.plugin.config_sources import NO_CONFIG  # late: for tests with a cassette

    return NO_CONFIG


@pytest.fixture
def cassette() -> Iterator[Cassette]:
    """The test's cassette: its HTTP traffic is recorded there, or played from there."""
    # not found by ``request``, of which pytest makes a new definition, of 15 us, for each fixture
    # that takes it and for each test that has such a fixture
    session = _sessions[-1]
    item = session.current_item
    opening = session.open_test(item)
    try:
        yield opening.cassette
    finally:
        session.close_test(item, opening)


@pytest.fixture(scope="session")
def cassette_factory(pytestconfig: pytest.Config) -> CassetteFactory:
    """What opens cassettes in fixtures of a wider scope: call it with a name, as `use_cassette`."""
    return pytestconfig.stash[SESSION].cassette_factory
