"""Which test runs now."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_reqord.base.real import Path, os, threading
from pytest_reqord.errors import UsageError
from pytest_reqord.plugin.config_sources import MARK, marks_of
from pytest_reqord.settings.options import FOLDER
from pytest_reqord.settings.paths import cassette_name, file_name, join_within, recorded_by

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CurrentTest", "Place", "place_if_known", "place_of"]


class CurrentTest:
    """Which test runs, set before anything of it is set up; None between tests.

    Plugins may run several at once, each in a thread of its own.
    """

    def __init__(self) -> None:
        self._items: dict[int, pytest.Item] = {}  # by thread

    @property
    def own(self) -> pytest.Item | None:
        """The one of this thread."""
        return self._items.get(threading.get_ident())

    @property
    def item(self) -> pytest.Item | None:
        """The one of this thread; of a thread that has none, the only one that there is."""
        own = self.own
        if own is None:
            items = list(self._items.values())
            return items[0] if len(items) == 1 else None
        return own

    @item.setter
    def item(self, item: pytest.Item | None) -> None:
        if item is None:
            self._items.pop(threading.get_ident(), None)
        else:
            self._items[threading.get_ident()] = item


# Where a test's cassette lies and what the test is called in it.


class Place(NamedTuple):
    """Where a test's cassette lies.

    :param file: its path, as text: a Path takes 6 us more, and a test that only plays needs none.
    :param owner: what the test is called in it.
    """

    file: str
    owner: str

    @property
    def path(self) -> Path:
        """The path of the file."""
        return Path(self.file)


_PLACE: pytest.StashKey[Place] = pytest.StashKey()


def place_of(
    item: pytest.Item, cassette_dir: str, marks: Iterable[pytest.Mark] | None = None
) -> Place:
    """Where the markers of a test, or else its name, put its cassette.

    Kept with the test, which asks twice; paths are slow, so that a place takes 10 us, or 5 in
    the same file as the test before.

    :param item: the test.
    :param cassette_dir: the folder that ``reqord_cassette_dir`` names, empty where none is.
    :param marks: its ``cassette`` marks, if they are known already.
    :raises UsageError: if a marker names a place that can't be.
    """
    place = item.stash.get(_PLACE, None)
    if place is None:
        place = item.stash[_PLACE] = _as_users_want(
            item, _place(item, cassette_dir, marks_of(item) if marks is None else marks)
        )
    return place


def place_if_known(item: pytest.Item, cassette_dir: str) -> Place | None:
    """The same; None where its markers or a hook of the suite don't tell.

    Asked of tests that may not run; one that runs fails for it, and says why.
    """
    try:
        return place_of(item, cassette_dir)
    except Exception:  # noqa: BLE001 -- a hook of the suite's may raise anything
        return None


def _as_users_want(item: pytest.Item, place: Place) -> Place:
    """The place after the hook `pytest_reqord_cassette_path`."""
    if not item.config.hook.pytest_reqord_cassette_path.get_hookimpls():
        return place  # which is quicker than to look for the hooks of the test's folder
    path = item.ihook.pytest_reqord_cassette_path(item=item, path=place.path)
    if path is None:
        return place
    return _given(item, item.config.rootpath / path)


def _given(item: pytest.Item, path: Path) -> Place:
    file = os.path.abspath(path)
    return Place(file, recorded_by(item.nodeid, item.path, os.path.dirname(file)))


def _place(item: pytest.Item, cassette_dir: str, marks: Iterable[pytest.Mark]) -> Place:
    name, path = _marked(item, marks)
    if path is not None:
        return _given(item, item.path.parent / path)
    holder, folder = _folders(str(item.path), str(item.config.rootpath), cassette_dir)
    owner = recorded_by(item.nodeid, item.path, holder)
    if name is not None:
        return Place(str(join_within(Path(folder), name)), owner)
    owner_class = getattr(item, "cls", None)
    class_name = owner_class.__name__ if owner_class else None
    file = f"{folder}{os.sep}{file_name(cassette_name(class_name, item.name))}"
    once = _unrepeated(item)
    if once == item.name or os.path.exists(file):  # the latter from a time when it had its own
        return Place(file, owner)
    file = f"{folder}{os.sep}{file_name(cassette_name(class_name, once))}"
    return Place(file, f"{owner.removesuffix(item.name)}{once}")


def _unrepeated(item: pytest.Item) -> str:
    """Return the name of a test without the number that pytest-repeat gives each of its runs.

    They make the same requests, and one cassette serves them all, however many there are.
    """
    callspec = getattr(item, "callspec", None)
    step = callspec.params.get("__pytest_repeat_step_number") if callspec else None
    match = None if step is None else re.fullmatch(rf"(.*?)([\[-]){step + 1}-\d+\]", item.name)
    if match is None:
        return item.name
    return match[1] + ("]" if match[2] == "-" else "")


@lru_cache(maxsize=16)  # tests come file by file; a Path would take longer to look up
def _folders(of_test: str, of_run: str, cassette_dir: str) -> tuple[str, str]:
    """What holds the root of the cassettes, and the folder of the test's module in that root.

    Under a common root that lies at the place of the test file.
    """
    test_file, rootpath = Path(of_test), Path(of_run)
    if not cassette_dir:
        holder = test_file.parent
        return str(holder), str(holder / FOLDER / test_file.stem)
    root = rootpath / cassette_dir
    try:
        below = test_file.parent.relative_to(rootpath)
    except ValueError:  # a test file outside of the rootdir
        below = Path()
    return str(root.parent), str(root / below / test_file.stem)


def _marked(
    item: pytest.Item, marks: Iterable[pytest.Mark]
) -> tuple[str | None, str | os.PathLike[str] | None]:
    """The name or the path that the nearest mark with one gives."""
    for mark in marks:
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
