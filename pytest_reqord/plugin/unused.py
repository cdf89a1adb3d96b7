"""Which tests there are, to tell recordings of tests that are gone from those not run today."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_reqord.base.real import Path, os
from pytest_reqord.cassette_file.cache import Head
from pytest_reqord.errors import ReqordError
from pytest_reqord.plugin.placing import place_if_known
from pytest_reqord.settings.options import FOLDER
from pytest_reqord.storage import read, remove_with_bodies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_reqord.base.notes import Notes

__all__ = ["Collected", "Unused", "delete", "settle"]


class Collected:
    """What pytest collected, deselected tests included.

    :param items: every test that was collected.
    :param selected: those of them that are this run's.
    :param cassette_dir: the folder that ``reqord_cassette_dir`` names, empty where none is.
    """

    def __init__(
        self, items: Sequence[pytest.Item], selected: Iterable[pytest.Item], cassette_dir: str
    ) -> None:
        self._owners: defaultdict[Path, set[str]] = defaultdict(set)
        self._selected: defaultdict[Path, set[str]] = defaultdict(set)
        run = set(selected)
        self._modules: dict[tuple[Path, str], Any] = {}
        self._is_whole = bool(items) and _collects_whole_files(items[0].config)
        for item in items:
            place = place_if_known(item, cassette_dir)
            if place is None:  # what it recorded may look as if nobody had
                self._is_whole = False
                continue
            self._owners[place.path.parent].add(place.owner)
            if item in run:
                self._selected[place.path.parent].add(place.owner)
            file, _, _ = place.owner.partition("::")
            self._modules[place.path.parent, file] = getattr(item, "module", None)

    def is_in_run(self, cassette: Path, owner: str) -> bool:
        """Whether a test that recorded into a cassette is one of this run's, run or not.

        :param cassette: the cassette.
        :param owner: the test as its recordings name it.
        """
        return owner in self._selected[cassette.parent]

    def is_gone(self, cassette: Path, owner: str) -> bool:
        """Whether a test that recorded into a cassette exists no more; False where in doubt.

        :param cassette: the cassette.
        :param owner: the test as its recordings name it.
        """
        file, _, rest = owner.partition("::")
        module = self._modules.get((cassette.parent, file))
        owners = self._owners[cassette.parent]
        if module is None or not rest or owner in owners:
            return False
        function, bracket, _ = rest.partition("[")
        found = module
        for name in function.split("::"):
            found = getattr(found, name, None)
        if found is None:
            return True
        # the function is there; was it collected, so that its parameters are all known?
        prefix = f"{file}::{function}{bracket}"
        return self._is_whole and any(each.startswith(prefix) for each in owners)


def _collects_whole_files(config: pytest.Config) -> bool:
    """Whether nothing on the command line leaves tests out while a file is collected."""
    is_last_failed = config.getoption("lf", default=False)  # leaves them out even from collection
    return not is_last_failed and not any("::" in str(argument) for argument in config.args)


# ``--unused-cassettes``: the files that no test has any more.
#
# Where in doubt a file counts as used: somebody may delete what is listed.


_SUFFIXES = (".yaml", ".yml", ".json")
_SKIPPED = (".", "node_modules", "__pycache__", "venv")


class Found(NamedTuple):
    """A cassette that no collected test uses.

    :param path: the file.
    :param is_certain: whether its name is that of a test; else a test that didn't run may have
        opened it by its path.
    """

    path: str
    is_certain: bool


class Unused:
    """Registered where the option is given, in each process that collects tests.

    :param config: pytest's configuration.
    :param cassette_dir: the folder that ``reqord_cassette_dir`` names, empty where none is.
    """

    def __init__(self, config: pytest.Config, cassette_dir: str) -> None:
        self._config = config
        self._cassette_dir = cassette_dir
        self._modules: set[Path] = set()
        self._items: list[pytest.Item] = []
        self._names: defaultdict[Path, set[str]] = defaultdict(set)
        self._parametrized: defaultdict[Path, set[str]] = defaultdict(set)
        self._used: set[str] = set()
        self._partial: set[Path] = set()
        self._remaining: Sequence[pytest.Item] = ()

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note which test modules were collected in full."""
        file, _, rest = report.nodeid.partition("::")
        path = self._config.rootpath / file
        if file.endswith(".py") and not rest:
            (self._modules.add if report.passed else self._partial.add)(path)

    @pytest.hookimpl(tryfirst=True)  # before -k and others deselect
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note which tests there are, and the cassettes that they name."""
        self._items = list(items)
        for item in items:
            owner = getattr(item, "cls", None)
            name = getattr(item, "originalname", None) or item.name
            full = f"{owner.__name__}.{name}" if owner else name
            self._names[item.path].update({name, full})
            if "[" in item.name:
                self._parametrized[item.path].add(full)
            self._used.update(_named(item, self._cassette_dir))

    @pytest.hookimpl
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which tests are to run."""
        self._remaining = session.items

    def found(self) -> Iterator[Found]:
        """The cassettes that no test has, as far as this process can tell."""
        if not self._items:  # xdist's controller, whose workers know more
            return
        for argument in self._config.args:
            path, is_part, _ = argument.partition("::")
            if is_part:
                self._partial.add(Path(os.path.abspath(self._config.invocation_params.dir / path)))
        kept = set(map(id, self._remaining))
        deselected = {item.path for item in self._items if id(item) not in kept}
        for folder, module in self._folders():
            yield from self._in_folder(folder, module, is_whole=module not in deselected)
        if not deselected and not self._partial and self._collects_all():
            yield from self._of_factories()

    def _collects_all(self) -> bool:
        """Whether the run is of the whole suite: a fixture of any part of it may open a file."""
        given = [self._config.invocation_params.dir / each for each in self._config.args]
        root = self._config.rootpath
        return root in given or self._config.args_source.name != "ARGS"

    def _of_factories(self) -> Iterator[Found]:
        """What lies where `cassette_factory` has its cassettes, and nobody names."""
        sources = [
            read(file).decode("utf-8", "replace")
            for _, files in _walk(self._config.rootpath)
            for file in files  # also of tests that this run doesn't collect
            if file.suffix == ".py"
        ]
        folder = self._config.rootpath / (self._cassette_dir or FOLDER)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            path = folder / name
            stem = name[: -len(path.suffix)]
            function = stem.partition("[")[0].rpartition(".")[2]
            if path.suffix not in _SUFFIXES or os.fspath(path) in self._used:
                continue
            if not any(_mentions(source, each) for source in sources for each in (stem, function)):
                yield Found(os.fspath(path), False)

    def _folders(self) -> Iterator[tuple[Path, Path]]:
        """Each folder of a test module's cassettes, and the module, there or not."""
        if self._cassette_dir:
            root = self._config.rootpath / self._cassette_dir
            for folder, _ in _walk(root):
                module = self._config.rootpath / folder.relative_to(root)
                yield folder, module.with_name(f"{module.name}.py")
            return
        whole: set[Path] = set()
        for argument in self._config.args:
            path = self._config.invocation_params.dir / argument
            if os.path.isdir(path):
                whole.update(folder for folder, _ in _walk(path) if folder.name == FOLDER)
        for root in sorted(whole | {item.path.parent / FOLDER for item in self._items}):
            for folder in _folders_in(root):
                module = root.parent / f"{folder.name}.py"
                if root in whole or os.path.exists(module):
                    yield folder, module

    def _in_folder(self, folder: Path, module: Path, *, is_whole: bool) -> Iterator[Found]:
        if module in self._partial:
            return
        exists = os.path.exists(module)
        if exists and module not in self._modules:
            return  # not part of this run
        if not exists and not self._is_test_module(module):
            return  # a folder for something else
        names, source = _functions(module) if exists else (set(), "")
        names |= self._names.get(module, set())
        for path in _cassettes(folder):
            name = path.name[: -len(path.suffix)]
            is_certain = not exists or self._is_test(name)
            if os.fspath(path) in self._used or not (is_certain or is_whole):
                continue
            if self._is_left_parameter(name, module):
                # in doubt as long as the test runs: its parameters may depend on the machine
                if is_whole:
                    yield Found(os.fspath(path), False)
                continue
            if _belongs(name, names) or _mentions(source, name):
                continue
            yield Found(os.fspath(path), is_certain)

    def _is_left_parameter(self, name: str, module: Path) -> bool:
        """Whether a cassette has the name of a test that was collected with other parameters."""
        function, has_parameters, rest = name.partition("[")
        return (
            bool(has_parameters)
            and "..." not in rest  # cut: which parameters those are can't be told
            and function in self._parametrized[module]
            and _collects_whole_files(self._config)
        )

    def _is_test_module(self, module: Path) -> bool:
        patterns: list[str] = self._config.getini("python_files")
        return any(fnmatch.fnmatch(module.name, pattern) for pattern in patterns)

    def _is_test(self, name: str) -> bool:
        """Whether a cassette has the name of a test function, whose own it then is."""
        patterns: list[str] = self._config.getini("python_functions")
        function = name.partition("[")[0].rpartition(".")[2]
        return any(
            function.startswith(pattern) or fnmatch.fnmatch(function, pattern)
            for pattern in patterns
        )


def settle(notes: Notes, *, is_complete: bool) -> None:
    """Leave of what all processes found what none of them opened.

    :param notes: of the whole run.
    :param is_complete: whether every test that was to run did.
    """
    opened = set(notes.opened)
    unused = {
        path: is_certain
        for path, is_certain in notes.unused
        if path not in opened and (is_certain or is_complete)
    }
    notes.unused = sorted(unused.items())


def delete(notes: Notes, *, has_skipped: bool) -> None:
    """Delete the cassettes that nobody uses, but for locked ones, and note each.

    :param has_skipped: whether a test was skipped, which may be the one that opens a cassette.
    """
    for path, is_certain in notes.unused[:]:
        try:
            if (is_certain or not has_skipped) and not Head.of(path).is_locked:
                remove_with_bodies(path)
                notes.deleted.append(path)
                notes.unused.remove((path, is_certain))
        except (OSError, ReqordError) as error:
            notes.problems.append(f"{path}: {error}")


def _named(item: pytest.Item, cassette_dir: str) -> Iterable[str]:
    """The cassettes that a test opens for certain, and those that its marks name."""
    found = place_if_known(item, cassette_dir)
    if found is None:
        return
    place = found.path
    yield os.fspath(place)
    for mark in (*item.iter_markers("vcr"), *item.iter_markers("default_cassette")):
        for name in mark.args:
            path = os.path.join(place.parent, str(name))
            yield path
            yield f"{path}.yaml"


def _functions(module: Path) -> tuple[set[str], str]:
    """The names of all functions of a module, and its source."""
    try:
        source = read(module).decode()
        tree = ast.parse(source)
    except (OSError, ValueError, SyntaxError):
        return set(), ""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}, source


def _belongs(name: str, functions: set[str]) -> bool:
    """Whether a cassette has the name of a function; a class may have inherited it."""
    name, is_cut, _ = name.partition("[")[0].partition("...")
    owner, _, function = name.rpartition(".")
    if is_cut:
        return any(each.rpartition(".")[2].startswith(function) for each in functions)
    if not owner or name in functions:
        return name in functions
    return function in functions


def _mentions(source: str, name: str) -> bool:
    """Whether a module has a name in its text, as it has one that it opens by a path."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", source) is not None


def _cassettes(folder: Path) -> Iterator[Path]:
    for _, files in _walk(folder):
        yield from (file for file in files if file.suffix in _SUFFIXES)


def _folders_in(root: Path) -> list[Path]:
    names = sorted(os.listdir(root)) if os.path.isdir(root) else ()
    return [root / name for name in names if os.path.isdir(root / name)]


def _walk(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Folders below one, it included, and the files in them; without those for bodies."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(_SKIPPED) and not name.endswith(".bodies")
        )
        yield Path(folder), [Path(folder, name) for name in sorted(files)]
