"""Whose cassette a test that misses has, and which one it had before it was moved or renamed."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_reqord.errors import ReqordError
from pytest_reqord.library import read_document
from pytest_reqord.paths import is_default_of
from pytest_reqord.real import os
from pytest_reqord.storage import read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["former_cassette", "namesake"]

_SUFFIXES = (".yaml", ".yml", ".json")
_MOST_FILES = 500
_SIMILAR = 0.6


def former_cassette(path: Path) -> Path | None:
    """A cassette whose own test is gone, and that has the name of a missing one or a similar one.

    :param path: the cassette that isn't there, ``cassettes/<test module>/<test>.yaml``.
    """
    found = {one: _likeness(one, path) for one in _neighbours(path)}
    ranked = sorted(found, key=lambda one: (-found[one], one))
    likely = (one for one in ranked if found[one] >= _SIMILAR and _is_left(one))
    return next(likely, None)


def namesake(path: Path, owner: str) -> str:
    """Another test with the same default cassette, where only such tests have recorded into it.

    What a file system refuses in a name becomes ``-``, and of classes in classes the inner one
    counts, so that two tests may come to have one name.

    :param path: the cassette.
    :param owner: the test that misses, as its recordings name it.
    """
    if not is_default_of(path, owner):  # it is shared because somebody wants it so
        return ""
    try:
        owners = {entry.recorded_by for entry in read_document(path).entries}
    except (OSError, ReqordError):
        return ""
    others = sorted(one for one in owners - {""} if is_default_of(path, one))
    return others[0] if others and owner not in owners else ""


def _likeness(one: Path, path: Path) -> float:
    """How alike two names are; in another folder only the same name counts."""
    if one.parent != path.parent:
        return float(one.name == path.name)
    return difflib.SequenceMatcher(None, one.stem, path.stem).ratio()


def _neighbours(path: Path) -> Iterator[Path]:
    """The cassettes in the same folder, and those of the same name in the ones beside it."""
    with suppress(OSError):  # a new module: the cassettes are in the old one's folder
        yield from [one for one in _in(path.parent) if one.suffix in _SUFFIXES][:_MOST_FILES]
    try:
        folders = _in(path.parent.parent)[:_MOST_FILES]
    except OSError:
        return
    yield from (
        each / path.name
        for each in folders
        if each != path.parent and os.path.isfile(each / path.name)
    )


def _in(folder: Path) -> list[Path]:
    return [folder / name for name in os.listdir(folder)]


def _is_left(cassette: Path) -> bool:
    """Whether the test of a cassette is gone from its module; of one that names none, by its name."""
    holder = cassette.parent.parent.parent
    try:
        owner = next((each.recorded_by for each in read_document(cassette).entries), "")
    except (OSError, ReqordError):
        return False
    file, _, test = owner.partition("::")
    if not test:
        file, test = (
            f"{cassette.parent.name}.py",
            cassette.stem.partition("[")[0].rpartition(".")[2],
        )
    function = test.partition("[")[0].rpartition("::")[2]
    try:
        source = read(holder / file).decode()
    except (OSError, ValueError):
        return True
    return re.search(rf"\bdef\s+{re.escape(function)}\b", source) is None
