"""Suites of pytest-vcr: which tests are theirs, and where their fixtures differ.

pytest-recording has a fixture ``vcr`` too, with another scope and another meaning, so that a test
gets the one that its suite was written for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base.real import os
from pytest_reqord.vcr_compat.placing import default_name
from pytest_reqord.vcr_compat.vcr import VCR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["adopt", "check_config", "flat_name", "is_adopted", "make_vcr", "options_of"]

_CASSETTE = "vcr_cassette"
_ADOPTED: pytest.StashKey[bool] = pytest.StashKey()
_IN_PLACE_OF = {"vcr": "_module_vcr", "vcr_cassette_dir": "_flat_cassette_dir"}


def adopt(item: Any, *, is_marked: bool) -> bool:
    """Give a test of pytest-vcr the fixtures that it expects; say whether it is one.

    :param item: a test that has fixtures.
    :param is_marked: whether it has the mark ``vcr``.
    """
    definitions = item._fixtureinfo.name2fixturedefs  # noqa: SLF001 -- the scopes are nowhere else
    find = item.session._fixturemanager.getfixturedefs  # noqa: SLF001 -- as above
    asks = _asks_for_module_vcr([*definitions.values(), find("vcr", item)])
    if not asks and not _asks_for_cassette(definitions.get(_CASSETTE, ())):
        if not is_marked:
            return False
        has_own_name = len(find("vcr_cassette_name", item)) > 1
        if not _is_flat(item, is_likely=has_own_name or bool(item.config.option.vcr_record)):
            return False
    for name, other in _IN_PLACE_OF.items():
        # ours is the first of a name, and those of the suite come after it
        definitions[name] = (*find(other, item), *find(name, item)[1:])
    item.stash[_ADOPTED] = True
    return True


def is_adopted(request: pytest.FixtureRequest) -> bool:
    """Whether the test that runs has a cassette by pytest-vcr's rules."""
    return bool(request.node.stash.get(_ADOPTED, False))


def _asks_for_cassette(definitions: Sequence[pytest.FixtureDef[Any]]) -> bool:
    """Whether a test asks for ``vcr_cassette``, and not for its suite's own of that name."""
    return bool(definitions) and (len(definitions) == 1 or _CASSETTE in definitions[-1].argnames)


def _asks_for_module_vcr(definitions: Sequence[Sequence[pytest.FixtureDef[Any]]]) -> bool:
    """Whether a fixture of a wider scope asks for ``vcr``, which only pytest-vcr's can give it."""
    return any(
        "vcr" in each.argnames and each.scope != "function"
        for of_one_name in definitions
        for each in of_one_name
    )


def _is_flat(item: Any, *, is_likely: bool) -> bool:
    """Whether a marked test's cassette lies in pytest-vcr's place, or would.

    :param is_likely: what holds where there is none yet.
    """
    # pytest-recording's words: pytest-vcr has none of them
    if item.get_closest_marker("default_cassette") or any(
        mark.args for mark in item.iter_markers("vcr")
    ):
        return False
    folder = item.path.parent / "cassettes"
    if os.path.lexists(folder / item.path.stem / f"{default_name(item)}.yaml"):
        return False
    return is_likely or os.path.lexists(folder / f"{flat_name(item)}.yaml")


def flat_name(item: Any) -> str:
    """The name of a test's cassette, by pytest-vcr's rule."""
    return f"{item.cls.__name__}.{item.name}" if item.cls else str(item.name)


def make_vcr(node: pytest.Item | pytest.Collector, values: Any, folder: str) -> VCR:
    """Make what the fixture ``vcr`` of a module is.

    :param node: the module.
    :param values: what ``vcr_config`` says.
    :param folder: the folder of the cassettes.
    :raises pytest.UsageError: if ``vcr_config`` says no dictionary.
    """
    check_config(node, values)
    vcr = VCR(VCR.ensure_suffix(".yaml"), folder)
    vars(vcr).update({**values, **_nearest_options(node)})
    return vcr


def check_config(node: pytest.Item | pytest.Collector, values: Any) -> None:
    """Have ``vcr_config`` be a dictionary.

    :raises pytest.UsageError: if it is none.
    """
    if not isinstance(values, dict):
        raise pytest.UsageError(
            f"{node.nodeid}: the fixture vcr_config has to return a dictionary of VCR.py's"
            f" options, not {values!r}"
        )


def _nearest_options(node: pytest.Item | pytest.Collector) -> Mapping[str, Any]:
    """The options of the nearest mark: pytest-vcr hears no other."""
    mark = node.get_closest_marker("vcr")
    return mark.kwargs if mark else {}


def options_of(vcr: Any, item: pytest.Item) -> dict[str, Any]:
    """What holds for a test: what its suite has made of the module's ``vcr``, then its mark.

    :raises pytest.UsageError: if ``vcr`` is another object.
    """
    if not isinstance(vcr, VCR):
        raise pytest.UsageError(
            f"{item.nodeid}: the fixture vcr has to return the object that it gets by asking for"
            f" vcr, not {vcr!r}"
        )
    set_there = {name: value for name, value in vars(vcr).items() if value is not None}
    return {**set_there, **_nearest_options(item)}
