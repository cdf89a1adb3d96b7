"""pytest-recording's and pytest-vcr's markers, fixtures and options. No logic: each asks and returns.

pytest loads this module in every run where the package is installed, so it imports nothing but
pytest; the rest comes with the first test that is marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base.real import os

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.vcr_compat.cassette import VcrCassette
    from pytest_reqord.vcr_compat.vcr import VCR

__all__ = [
    "allowed_hosts",
    "block_network",
    "default_cassette_name",
    "disable_recording",
    "record_mode",
    "vcr",
    "vcr_cassette",
    "vcr_cassette_dir",
    "vcr_cassette_name",
    "vcr_config",
    "vcr_markers",
]

_VCR = """
    vcr(*paths, record_mode=..., match_on=..., filter_headers=..., filter_query_parameters=...,
    filter_post_data_parameters=..., before_record_request=..., before_record_response=...,
    ignore_hosts=..., ignore_localhost=..., allow_playback_repeats=..., serializer=..., ...):
    for suites of pytest-recording: record or play with VCR.py's options, and play from paths as well;
    see: reqord docs vcr
"""
_MARKERS = (
    " ".join(_VCR.split()),
    "default_cassette(name): for suites of pytest-recording: the cassette's name of a test with vcr",
    "block_network(allowed_hosts=None): refuse the network, but for a cassette that records",
    "allowed_hosts: hosts that the network guard lets through; give them to block_network",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    group = parser.getgroup("reqord")
    group.addoption(
        "--block-network",
        action="store_true",
        default=False,
        help="refuse the network, but for cassettes that record",
    )
    group.addoption(
        "--allowed-hosts",
        default=None,
        metavar="REGEX,...",
        help="hosts that --block-network lets through",
    )
    parser.addini("reqord_block_network", "as --block-network", type="bool", default=False)
    parser.addini(
        "reqord_allowed_hosts", "as --allowed-hosts, one a line", type="linelist", default=[]
    )
    group.addoption(
        "--vcr-record",
        "--vcr-record-mode",
        choices=("once", "new_episodes", "none", "all"),
        default=None,
        help="pytest-vcr's name of --record-mode; new cassettes lie where pytest-vcr has them",
    )
    group.addoption(
        "--disable-recording",
        "--disable-vcr",
        action="store_true",
        default=False,
        help="leave the tests of @pytest.mark.vcr alone, and let them use the network",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and check what the run blocks and lets through.

    :raises pytest.UsageError: if that is no list of regular expressions.
    """
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    try:
        _blocks(config)
    except (ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"reqord_block_network in {config.inipath}: {error}") from error
    places = "--allowed-hosts on the command line", f"reqord_allowed_hosts in {config.inipath}"
    for hosts, place in zip(_given_hosts(config), places, strict=True):
        if hosts:
            _check_hosts(hosts, place)


def _check_hosts(hosts: str | list[str], place: str) -> None:
    from pytest_reqord.errors import UsageError  # late: few runs have it
    from pytest_reqord.network_guard import guard

    try:
        guard.make(hosts, "")
    except UsageError as error:
        raise pytest.UsageError(f"{error} ({place})") from error


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say so where hosts are allowed and nothing is blocked."""
    if _blocks(config) or not any(_given_hosts(config)):
        return []
    line = "reqord: without --block-network, allowed hosts count only in tests marked block_network"
    return [line]


def _blocks(config: pytest.Config) -> bool:
    """Whether the run as a whole has the network guard."""
    return bool(config.option.block_network or config.getini("reqord_block_network"))


def _given_hosts(config: pytest.Config) -> tuple[str | None, list[str]]:
    """The hosts that the command line lets through, and those of the ini file."""
    return config.option.allowed_hosts, config.getini("reqord_allowed_hosts")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have the guard in place and the cassette open before a test's first function fixture."""
    # once for all of them: to walk up a test's nodes takes 4 us
    marks = {mark.name for mark in item.iter_markers()}
    fixtures = getattr(item, "fixturenames", None)  # None: an item that can't have any
    is_marked = "vcr" in marks
    is_adopted = False
    if fixtures is not None and (
        is_marked or "vcr" in fixtures or ("request" in fixtures and _is_named(item))
    ):
        from pytest_reqord.vcr_compat.pytest_vcr import adopt  # late: for tests that have it

        is_adopted = adopt(item, is_marked=is_marked)
    if not is_marked and not is_adopted and ("cassette" in marks or _is_ours(item, "cassette")):
        _refuse_vcrs(item, marks)
    names = []
    if _blocks(item.config) or "block_network" in marks:
        names.append("block_network")
    if is_marked:
        names.append("vcr_cassette" if is_adopted else "vcr")
    if names and fixtures is not None:
        from pytest_reqord.plugin.session import put_first  # late: for tests that have it

        put_first(item, *names)


def _is_ours(item: Any, fixture: str) -> bool:
    """Whether a test asks for a fixture of this package, and not for its suite's own of that name."""
    if fixture not in getattr(item, "fixturenames", ()):
        return False
    definitions = item._fixtureinfo.name2fixturedefs.get(fixture)  # noqa: SLF001 -- they are nowhere else
    return bool(definitions) and definitions[-1].func.__module__.startswith("pytest_reqord.")


def _refuse_vcrs(item: pytest.Item, marks: set[str]) -> None:
    """Refuse a test with our cassette that asks for what only ``@pytest.mark.vcr`` gives.

    :raises UsageError: if it does.
    """
    from_vcr = {
        "the fixture vcr": _is_ours(item, "vcr"),
        "@pytest.mark.default_cassette": "default_cassette" in marks,
    }
    for what, is_there in from_vcr.items():
        if is_there:
            from pytest_reqord.errors import UsageError  # late: most runs raise none

            instead = (
                "take the fixture cassette instead"
                if "fixture" in what
                else "name it instead: @pytest.mark.cassette('name')"
            )
            raise UsageError(
                f"{item.nodeid}: {what} belongs to @pytest.mark.vcr, and this test has"
                f" reqord's own cassette: {instead}, or mark the test with vcr; see: reqord docs vcr"
            )


def _is_named(item: Any) -> bool:
    """Whether some fixture of a test may ask for ``vcr`` by ``request.getfixturevalue``."""
    return any(
        "request" in each.argnames
        and "vcr" in getattr(getattr(each.func, "__code__", None), "co_consts", ())
        for of_one_name in item._fixtureinfo.name2fixturedefs.values()  # noqa: SLF001 -- they are nowhere else
        for each in of_one_name
    )


@pytest.fixture(scope="session")
def record_mode(request: pytest.FixtureRequest) -> str:
    """For suites of pytest-recording: the record mode of the run; a mark and ``vcr_config`` win over it."""
    from pytest_reqord.plugin import SESSION  # late: for tests that have it

    return request.config.stash[SESSION].settings.record_mode


@pytest.fixture(scope="session")
def disable_recording(request: pytest.FixtureRequest) -> bool:
    """For suites of pytest-recording: whether tests marked with ``vcr`` are left alone."""
    return bool(request.config.option.disable_recording)


@pytest.fixture(scope="module")
def vcr_config() -> dict[str, Any]:
    """For suites of pytest-recording: VCR.py's options; override it at any scope."""
    return {}


@pytest.fixture
def vcr_markers(request: pytest.FixtureRequest) -> list[pytest.Mark]:
    """For suites of pytest-recording: the ``vcr`` marks of the test, from the nearest out."""
    return list(request.node.iter_markers("vcr"))


@pytest.fixture(scope="module")
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    """For suites of pytest-recording: the folder of a test file's cassettes."""
    path = request.path
    return os.fspath(path.parent / "cassettes" / path.stem)


@pytest.fixture
def default_cassette_name(request: pytest.FixtureRequest) -> str:
    """For suites of pytest-recording: the name of the test's cassette."""
    from pytest_reqord.vcr_compat.placing import default_name  # late: for tests that have it

    return default_name(request.node)


@pytest.fixture
def vcr(request: pytest.FixtureRequest) -> Iterator[VcrCassette | None]:
    """For suites of pytest-recording: the cassette of a test marked with ``vcr``, else None."""
    if not request.getfixturevalue("vcr_markers") or request.getfixturevalue("disable_recording"):
        yield None
        return
    from pytest_reqord.vcr_compat.session import test_cassette  # late: for tests that have it

    with test_cassette(request) as cassette:
        yield cassette


# pytest-vcr's: its `vcr` is a module's, and the test's cassette is `vcr_cassette`


@pytest.fixture(scope="module")
def _module_vcr(
    request: pytest.FixtureRequest, vcr_config: dict[str, Any], vcr_cassette_dir: str
) -> VCR:
    from pytest_reqord.vcr_compat.pytest_vcr import make_vcr  # late: for suites that have it

    return make_vcr(request.node, vcr_config, vcr_cassette_dir)


@pytest.fixture(scope="module")
def _flat_cassette_dir(request: pytest.FixtureRequest) -> str:
    return os.fspath(request.path.parent / "cassettes")


@pytest.fixture
def vcr_cassette_name(request: pytest.FixtureRequest) -> str:
    """For suites of pytest-vcr: the name of the test's cassette."""
    from pytest_reqord.vcr_compat.pytest_vcr import flat_name  # late: for suites that have it

    return flat_name(request.node)


@pytest.fixture
def vcr_cassette(
    request: pytest.FixtureRequest,
    vcr: Any,
    vcr_cassette_name: str,
) -> Iterator[Any]:
    """For suites of pytest-vcr: the cassette of a test; an empty one with ``--disable-vcr``."""
    from pytest_reqord.vcr_compat.session import cassette_of_module  # late: for suites that have it

    with cassette_of_module(request, vcr, vcr_cassette_name) as cassette:
        yield cassette


@pytest.fixture
def allowed_hosts(request: pytest.FixtureRequest) -> list[str] | None:
    """The hosts that the network guard lets through, as regular expressions; from pytest-recording."""
    mark = request.node.get_closest_marker("block_network")
    on_command_line, in_file = _given_hosts(request.config)
    hosts = (
        (mark.kwargs.get("allowed_hosts") if mark else None)
        or on_command_line
        or request.getfixturevalue("vcr_config").get("allowed_hosts")
        or in_file
        or None
    )
    return hosts.split(",") if isinstance(hosts, str) else hosts


@pytest.fixture
def block_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Refuse the network, where the command line or a mark says so and nothing is recorded."""
    from pytest_reqord.vcr_compat.session import guarded  # late: for tests that have it

    with guarded(request, is_run_wide=_blocks(request.config)):
        yield
