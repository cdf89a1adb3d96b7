"""Import the modules of this package as Python does, past pytest's rewriting of asserts.

pytest has each module of an installed plugin read by a loader of its own, which takes 0.25 ms more
a module, and ours have no asserts: with it a replay's first test would wait twice as long for them.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["load_as_pytest", "load_as_usual"]

_OURS = "pytest_reqord."


class _Finder:
    """Stands before pytest's; 0.1 us for every module that isn't ours."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Say how to import a module of ours; None for every other."""
        return PathFinder.find_spec(name, path, target) if name.startswith(_OURS) else None


_FINDER = _Finder()


def load_as_usual() -> None:
    """Import our modules without pytest's loader from now on."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def load_as_pytest() -> None:
    """Leave imports as they were."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
