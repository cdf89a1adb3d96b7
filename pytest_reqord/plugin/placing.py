"""Where a test's cassette lies and what the test is called in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.errors import UsageError
from pytest_reqord.paths import cassette_name, file_name, join_within, recorded_by
from pytest_reqord.plugin.layers import MARK

if TYPE_CHECKING:
    import pytest

__all__ = ["Place", "place_of"]

_FOLDER = "cassettes"


class Place(NamedTuple):
    """Where a test's cassette lies.

    :param path: the file.
    :param owner: what the test is called in it.
    """

    path: Path
    owner: str


def place_of(item: pytest.Item, cassette_dir: str) -> Place:
    """Where the markers of a test, or else its name, put its cassette.

    :param item: the test.
    :param cassette_dir: the folder that ``reqord_cassette_dir`` names, empty where none is.
    :raises UsageError: if a marker names a place that can't be.
    """
    name, path = _marked(item)
    if path is not None:
        path = Path(os.path.abspath(item.path.parent / path))  # noqa: PTH100 -- keeps symlinks
        return Place(path, recorded_by(item.nodeid, item.path, path.parent))
    root = _root(item, cassette_dir)
    owner = recorded_by(item.nodeid, item.path, root.parent)
    folder = _folder(item, root, cassette_dir)
    if name is not None:
        return Place(join_within(folder, name), owner)
    owner_class = getattr(item, "cls", None)
    name = cassette_name(owner_class.__name__ if owner_class else None, item.name)
    return Place(folder / file_name(name), owner)


def _root(item: pytest.Item, cassette_dir: str) -> Path:
    return item.config.rootpath / cassette_dir if cassette_dir else item.path.parent / _FOLDER


def _folder(item: pytest.Item, root: Path, cassette_dir: str) -> Path:
    """The folder of the test's module; under a common root, at the place of the test file."""
    if not cassette_dir:
        return root / item.path.stem
    try:
        below = item.path.parent.relative_to(item.config.rootpath)
    except ValueError:  # a test file outside of the rootdir
        below = Path()
    return root / below / item.path.stem


def _marked(item: pytest.Item) -> tuple[str | None, str | os.PathLike[str] | None]:
    """The name or the path that the nearest marker with one gives."""
    for mark in item.iter_markers(MARK):
        named = [*mark.args, *(mark.kwargs[key] for key in ("name", "path") if key in mark.kwargs)]
        if not named:
            continue
        value = named[0]
        if len(named) > 1 or not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
            raise UsageError(
                f"@pytest.mark.{MARK} of {item.nodeid} takes one name, or one path=...,"
                f" not {named!r}"
            )
        return (None, value) if "path" in mark.kwargs else (os.fspath(value), None)
    return None, None
