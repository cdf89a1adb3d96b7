"""Where a test's cassette lies and what the test is called in it."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_reqord.errors import UsageError
from pytest_reqord.options import FOLDER
from pytest_reqord.paths import cassette_name, file_name, join_within, recorded_by
from pytest_reqord.plugin.layers import MARK

__all__ = ["Place", "place_of"]


class Place(NamedTuple):
    """Where a test's cassette lies.

    :param path: the file.
    :param owner: what the test is called in it.
    """

    path: Path
    owner: str


_PLACE: pytest.StashKey[Place] = pytest.StashKey()


def place_of(item: pytest.Item, cassette_dir: str) -> Place:
    """Where the markers of a test, or else its name, put its cassette.

    Kept with the test, which asks twice; paths are slow, so that a place takes 20 us, or 10 in
    the same file as the test before.

    :param item: the test.
    :param cassette_dir: the folder that ``reqord_cassette_dir`` names, empty where none is.
    :raises UsageError: if a marker names a place that can't be.
    """
    place = item.stash.get(_PLACE, None)
    if place is None:
        place = item.stash[_PLACE] = _as_users_want(item, _place(item, cassette_dir))
    return place


def _as_users_want(item: pytest.Item, place: Place) -> Place:
    """The place after the hook `pytest_reqord_cassette_path`."""
    if not item.config.hook.pytest_reqord_cassette_path.get_hookimpls():
        return place  # which is quicker than to look for the hooks of the test's folder
    path = item.ihook.pytest_reqord_cassette_path(item=item, path=place.path)
    if path is None:
        return place
    path = Path(os.path.abspath(item.config.rootpath / path))  # noqa: PTH100 -- keeps symlinks
    return Place(path, recorded_by(item.nodeid, item.path, path.parent))


def _place(item: pytest.Item, cassette_dir: str) -> Place:
    name, path = _marked(item)
    if path is not None:
        path = Path(os.path.abspath(item.path.parent / path))  # noqa: PTH100 -- keeps symlinks
        return Place(path, recorded_by(item.nodeid, item.path, path.parent))
    root, folder = _folders(str(item.path), str(item.config.rootpath), cassette_dir)
    owner = recorded_by(item.nodeid, item.path, root.parent)
    if name is not None:
        return Place(join_within(folder, name), owner)
    owner_class = getattr(item, "cls", None)
    name = cassette_name(owner_class.__name__ if owner_class else None, item.name)
    return Place(folder / file_name(name), owner)


@lru_cache(maxsize=16)  # tests come file by file; a Path would take longer to look up
def _folders(of_test: str, of_run: str, cassette_dir: str) -> tuple[Path, Path]:
    """The root of the cassettes, and the folder of the test's module in it.

    Under a common root that lies at the place of the test file.
    """
    test_file, rootpath = Path(of_test), Path(of_run)
    if not cassette_dir:
        root = test_file.parent / FOLDER
        return root, root / test_file.stem
    root = rootpath / cassette_dir
    try:
        below = test_file.parent.relative_to(rootpath)
    except ValueError:  # a test file outside of the rootdir
        below = Path()
    return root, root / below / test_file.stem


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
