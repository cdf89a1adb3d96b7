"""A test that is marked with ``vcr`` on one side, a `Run` on the other."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord import network_guard
from pytest_reqord.errors import UsageError
from pytest_reqord.plugin import SESSION
from pytest_reqord.plugin.config_sources import MARK, marks_of
from pytest_reqord.run import children
from pytest_reqord.settings.options import Layer
from pytest_reqord.vcr_compat import pytest_vcr
from pytest_reqord.vcr_compat.case import DEFAULTS, Case
from pytest_reqord.vcr_compat.options import mode_name, settings_of
from pytest_reqord.vcr_compat.placing import extra_paths, suffix_of
from pytest_reqord.vcr_compat.vcr import VCR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.settings.resolve import Settings
    from pytest_reqord.vcr_compat.cassette import VcrCassette

__all__ = ["cassette_of_module", "guarded", "test_cassette"]


@contextmanager
def test_cassette(request: pytest.FixtureRequest) -> Iterator[VcrCassette]:
    """Open the cassette of a test that is marked, or asks for ``vcr_cassette``, and close it.

    :raises pytest.UsageError: if a mark or ``vcr_config`` can't be followed.
    :raises UsageError: if the test has another cassette.
    """
    case, session = _case(request), request.config.stash[SESSION]
    opening = session.open_as_test(request.node, lambda: case.open(session.run))
    try:
        yield opening.view
    finally:
        session.close_test(request.node, opening)


@contextmanager
def _empty_cassette(request: pytest.FixtureRequest) -> Iterator[VcrCassette]:
    """Give a test a cassette that has nothing and is asked nothing.

    :raises pytest.UsageError: as `test_cassette`.
    """
    run = request.config.stash[SESSION].run
    opening = _case(request).left_alone().open(run)
    try:
        yield opening.view
    finally:
        run.close(opening, None)


@contextmanager
def cassette_of_module(request: pytest.FixtureRequest, vcr: Any, name: str) -> Iterator[Any]:
    """Open what the fixture ``vcr_cassette`` of pytest-vcr is.

    :param vcr: the module's.
    :param name: the cassette's.
    """
    if not isinstance(vcr, VCR) and callable(getattr(vcr, "use_cassette", None)):
        with vcr.use_cassette(name, **pytest_vcr.vcrpy_options(request)) as cassette:
            yield cassette
        return
    is_left_alone = request.getfixturevalue("disable_recording")
    with (_empty_cassette if is_left_alone else test_cassette)(request) as cassette:
        yield cassette


def _case(request: pytest.FixtureRequest) -> Case:
    values = _merged(request)
    folder: str = request.getfixturevalue("vcr_cassette_dir")
    if pytest_vcr.is_adopted(request):
        vcr, marks = request.getfixturevalue("vcr"), []
        name = request.getfixturevalue("vcr_cassette_name")
    else:
        vcr, marks = VCR(VCR.ensure_suffix(suffix_of(values)), folder), _marks(request)
        request.config.hook.pytest_recording_configure(config=request.config, vcr=vcr)
        name = request.getfixturevalue("default_cassette_name")
    try:
        extra = extra_paths(marks, folder)
        return Case.of(name, values, vcr, lambda: _settings(request, values, vcr), extra)
    except UsageError as error:
        raise pytest.UsageError(f"{request.node.nodeid}: {error}") from None


def _marks(request: pytest.FixtureRequest) -> list[pytest.Mark]:
    """The test's marks, as its suite may have changed them."""
    marks: list[pytest.Mark] = request.getfixturevalue("vcr_markers")
    return marks


def _merged(request: pytest.FixtureRequest) -> dict[str, Any]:
    """``vcr_config``, then the marks from the widest to the nearest: the last word counts."""
    if pytest_vcr.is_adopted(request):
        return pytest_vcr.options_of(request.getfixturevalue("vcr"), request.node)
    values: dict[str, Any] = copy.deepcopy(request.getfixturevalue("vcr_config"))
    pytest_vcr.check_config(request.node, values)
    for mark in reversed(_marks(request)):
        values.update(mark.kwargs)
    return values


def _settings(request: pytest.FixtureRequest, values: dict[str, Any], vcr: VCR | None) -> Settings:
    """What holds, the command line first.

    ``CI`` doesn't change what a mark says: these suites have said it there all along.
    """
    layers = [Layer("@pytest.mark.vcr and vcr_config", settings_of(values), is_explicit=True)]
    if vcr is not None:
        layers.append(Layer("pytest_recording_configure", settings_of(vars(vcr)), is_explicit=True))
    mode = mode_name(request.getfixturevalue("record_mode"))
    layers.append(Layer("the fixture record_mode", {"record_mode": mode}, is_explicit=True))
    return request.config.stash[SESSION].run.resolve(layers, [DEFAULTS])


# the network guard


@contextmanager
def guarded(request: pytest.FixtureRequest, *, is_run_wide: bool) -> Iterator[None]:
    """Refuse the network during a test, where that is wanted and no cassette records.

    :param is_run_wide: whether the run wants it, and not only a mark.
    :raises pytest.UsageError: if the mark has arguments that it doesn't take.
    """
    mark = request.node.get_closest_marker("block_network")
    if mark is not None and (mark.args or set(mark.kwargs) - {"allowed_hosts"}):
        raise pytest.UsageError(
            f"@pytest.mark.block_network of {request.node.nodeid} takes allowed_hosts=[...]"
            f" and nothing else, not {mark.args!r} {mark.kwargs!r}"
        )
    if (mark is None and not is_run_wide) or _records(request):
        yield
        return
    allowed = request.getfixturevalue("allowed_hosts")
    with network_guard.blocking(allowed, owner=request.node.nodeid), children.guarded():
        yield


def _records(request: pytest.FixtureRequest) -> bool:
    """Whether the test has a cassette that may record."""
    session = request.config.stash[SESSION]
    found = []
    try:
        if pytest_vcr.is_adopted(request) or _marks(request):
            found.append(_settings(request, _merged(request), None))
        if "cassette" in request.fixturenames or request.node.get_closest_marker(MARK):
            found.append(session.test_settings(request.node, marks_of(request.node)))
    except UsageError as error:
        raise pytest.UsageError(f"{request.node.nodeid}: {error}") from None
    return any(settings.record_mode != "none" or settings.rerecord for settings in found)
