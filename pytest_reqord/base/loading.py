"""Import the modules of this package as Python does, and each of them once.

pytest has each module of an installed plugin read by a loader of its own, which takes 0.25 ms more
a module, and ours have no asserts: with it a replay's first test would wait twice as long for them.

pyfakefs forgets every module that was first imported while its file system was in force. Imported
again, ours would know nothing of the cassette that is open, nor of what they have patched.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["load_as_before", "load_as_usual", "put_in_front"]

_OURS = "pytest_reqord."


class _Finder:
    """Stands before pytest's; 0.1 us for every module that isn't ours."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Say how to import a module of ours; None for every other."""
        if not name.startswith(_OURS):
            return None
        parent, _, own = name.rpartition(".")
        module = getattr(sys.modules.get(parent), own, None)  # the import system leaves it there
        if target is None and isinstance(module, ModuleType) and module.__name__ == name:
            return ModuleSpec(name, _Again(module))
        return PathFinder.find_spec(name, path, target)


class _Again(Loader):
    """Loads a module that was loaded before: it is what it was.

    :param module: the module.
    """

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, _spec: ModuleSpec) -> ModuleType:
        """Give the import system the module that there is."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it is, where the import system has changed it, too."""
        module.__spec__ = self._spec


_FINDER = _Finder()


def put_in_front(finder: Any) -> None:
    """Have a finder asked before all others, unless it is there already.

    But for pyfakefs's, which takes out the first one at the end, whichever that is.
    """
    if finder not in sys.meta_path:
        kinds = [type(each).__module__.partition(".")[0] for each in sys.meta_path]
        at = next((at for at, kind in enumerate(kinds) if kind != "pyfakefs"), len(kinds))
        sys.meta_path.insert(at, finder)


def load_as_usual() -> None:
    """Import our modules by this finder from now on."""
    put_in_front(_FINDER)


def load_as_before() -> None:
    """Leave imports as they were."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
