"""Suites of pytest-vcr: which tests are theirs, and where their fixtures differ.

pytest-recording has a fixture ``vcr`` too, with another scope and another meaning, so that a test
gets the one that its suite was written for.
"""

from __future__ import annotations

import inspect
from types import CodeType
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base.real import os
from pytest_reqord.vcr_compat.placing import default_name
from pytest_reqord.vcr_compat.vcr import VCR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_reqord.vcr_compat.module_vcr import ModuleVcr

__all__ = [
    "adopt",
    "check_config",
    "flat_name",
    "is_adopted",
    "make_vcr",
    "options_of",
    "vcrpy_options",
]

_CASSETTE = "vcr_cassette"
_ADOPTED: pytest.StashKey[bool] = pytest.StashKey()
_METHODS = frozenset(
    ("use_cassette", "register_matcher", "register_persister", "register_serializer")
)
"""Of pytest-vcr's ``vcr``; pytest-recording's is a cassette or None, and has none of these."""
_SUFFIXES = (".yaml", ".yml", ".json", "")
_IN_PLACE_OF = {"vcr": "_module_vcr", "vcr_cassette_dir": "_flat_cassette_dir"}


def adopt(item: Any, *, is_marked: bool) -> bool:
    """Give a test of pytest-vcr the fixtures that it expects; say whether it is one.

    :param item: a test that has fixtures.
    :param is_marked: whether it has the mark ``vcr``.
    """
    definitions = item._fixtureinfo.name2fixturedefs  # noqa: SLF001 -- the scopes are nowhere else
    find = item.session._fixturemanager.getfixturedefs  # noqa: SLF001 -- as above
    asks = _has_vcr_of_its_own(find("vcr", item)) or _asks_for_module_vcr(item, is_marked=is_marked)
    if not asks and not _asks_for_cassette(definitions.get(_CASSETTE, ())):
        if not is_marked:
            return False
        has_own_name = len(find("vcr_cassette_name", item)) > 1
        if not _is_flat(item, is_likely=has_own_name or bool(item.config.option.vcr_record)):
            return False
    for name, other in _IN_PLACE_OF.items():
        # ours is the first of a name, and those of the suite come after it
        chosen = (*find(other, item), *find(name, item)[1:])
        # the request of an item has a copy before pytest 9.1
        definitions[name] = item._request._arg2fixturedefs[name] = chosen  # noqa: SLF001 -- as above
    item.stash[_ADOPTED] = True
    return True


def is_adopted(request: pytest.FixtureRequest) -> bool:
    """Whether the test that runs has a cassette by pytest-vcr's rules."""
    return bool(request.node.stash.get(_ADOPTED, False))


def _asks_for_cassette(definitions: Sequence[pytest.FixtureDef[Any]]) -> bool:
    """Whether a test asks for ``vcr_cassette``, and not for its suite's own of that name."""
    return bool(definitions) and (len(definitions) == 1 or _CASSETTE in definitions[-1].argnames)


def _has_vcr_of_its_own(definitions: Sequence[pytest.FixtureDef[Any]]) -> bool:
    """Whether the suite overrides ``vcr`` for more than a test."""
    return definitions[-1].scope != "function"


def _asks_for_module_vcr(item: Any, *, is_marked: bool) -> bool:
    """Whether something asks for a ``vcr`` that only pytest-vcr has.

    That is one for more than a test; and where no mark makes one of pytest-recording's, one with
    methods that open cassettes.
    """
    if not is_marked and "vcr" in item.fixturenames and _calls_its_methods(item.obj):
        return True
    return any(
        _asks_for_vcr(each)
        and (each.scope != "function" or (not is_marked and _calls_its_methods(each.func)))
        for of_one_name in item._fixtureinfo.name2fixturedefs.values()  # noqa: SLF001 -- as above
        for each in of_one_name
    )


def _asks_for_vcr(definition: pytest.FixtureDef[Any]) -> bool:
    if "vcr" in definition.argnames:
        return True
    code = _code(definition.func)
    return code is not None and "vcr" in code.co_consts and "getfixturevalue" in code.co_names


def _calls_its_methods(function: Any) -> bool:
    code = _code(function)
    return code is not None and not _METHODS.isdisjoint(_names(code))


def _names(code: CodeType) -> Iterator[str]:
    """The attributes and globals that a function names, and those that functions in it do."""
    yield from code.co_names
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _names(value)


def _code(function: Any) -> CodeType | None:
    code: CodeType | None = getattr(inspect.unwrap(function), "__code__", None)
    return code


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
    if is_likely or any(os.path.lexists(folder / (flat_name(item) + end)) for end in _SUFFIXES):
        return True
    return (
        _builds_on_the_folder(item)
        and os.path.isdir(folder)
        and not os.path.isdir(folder / item.path.stem)
    )


def _builds_on_the_folder(item: Any) -> bool:
    """Whether the suite has a ``vcr_cassette_dir`` that starts from the plugin's."""
    _, *own = item.session._fixturemanager.getfixturedefs("vcr_cassette_dir", item)  # noqa: SLF001 -- as above
    return any("vcr_cassette_dir" in each.argnames for each in own)


def flat_name(item: Any) -> str:
    """The name of a test's cassette, by pytest-vcr's rule."""
    return f"{item.cls.__name__}.{item.name}" if item.cls else str(item.name)


def make_vcr(node: pytest.Item | pytest.Collector, values: Any, folder: str) -> ModuleVcr:
    """Make what the fixture ``vcr`` of a module is.

    :param node: the module.
    :param values: what ``vcr_config`` says.
    :param folder: the folder of the cassettes.
    :raises pytest.UsageError: if ``vcr_config`` says no dictionary.
    """
    from pytest_reqord.vcr_compat.module_vcr import ModuleVcr  # late: a test needs no methods

    check_config(node, values)
    vcr = ModuleVcr(VCR.ensure_suffix(".yaml"), folder)
    vcr.is_left_alone = node.config.option.disable_recording
    vars(vcr).update({**values, **_nearest_options(node)})
    return vcr


def vcrpy_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What pytest-vcr tells a ``vcr.VCR`` that the suite has made itself."""
    options = {**_nearest_options(request.node)}
    if request.config.option.vcr_record:
        options["record_mode"] = request.config.option.vcr_record
    if request.config.option.disable_recording:
        options |= {"record_mode": "new_episodes", "before_record_response": lambda *_, **__: None}
    return options


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
    return {**vcr.options, **_nearest_options(item)}
