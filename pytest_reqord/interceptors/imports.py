"""Calls back when a module is imported, now or later, without importing it.

A client is taken once the code under test has imported it. Until then a finder stands first in
``sys.meta_path``; for the watched names, and for no other, it asks the finders behind it and puts
its own loader around theirs for as long as the module's code runs. Nothing of it stays: the
imported module has the spec and the loader that it would have had.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["check", "unwatch", "watch"]

_watched: dict[str, list[Callable[[], None]]] = {}
_seen: set[str] = set()  # the watched names whose callbacks have been called
_finding: set[tuple[int, str]] = set()  # (thread, name): other finders may ask us for what we ask


def watch(modules: Mapping[str, Callable[[], None]]) -> None:
    """Have each callback called as soon as the code of its module has run.

    At once where the module is imported already; else in the thread that imports it, before the
    ``import`` statement gives the module to anyone; again after a reload. It may be called more
    than once. An exception from a callback fails the import: a client that could not be taken
    must not go on unseen.

    :param modules: module name -> callback.
    """
    for name, callback in modules.items():
        _watched.setdefault(name, []).append(callback)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    for name, callback in modules.items():
        if _is_imported(name):
            _seen.add(name)
            callback()


def check() -> None:
    """Make up for what other tools did: for a finder taken out, and for modules that came past it."""
    if _watched and _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    unseen = _watched.keys() - _seen
    if sys.modules.keys().isdisjoint(unseen):  # mostly; 1 us for all of them
        return
    for name in unseen & sys.modules.keys():
        if _is_imported(name):
            _call_back(name)


def unwatch(modules: Mapping[str, Callable[[], None]] | None = None) -> None:
    """Forget callbacks, and take the finder out when none is left.

    :param modules: what was given to `watch`; None for all.
    """
    if modules is None:
        _watched.clear()
    else:
        for name, callback in modules.items():
            callbacks = _watched.get(name, [])
            if callback in callbacks:
                callbacks.remove(callback)
            if not callbacks:
                _watched.pop(name, None)
    _seen.intersection_update(_watched)
    if not _watched and _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)


def _is_imported(name: str) -> bool:
    """Whether a module's code has run.

    One that another thread is importing is waited for; one that was imported lazily is watched
    until it is used.
    """
    module = sys.modules.get(name)
    if module is None:
        return False
    spec: Any = object.__getattribute__(module, "__dict__").get("__spec__")
    if type(module).__name__ == "_LazyModule":
        if not isinstance(spec.loader, _Loader):
            spec.loader = _Loader(spec.loader)
        return False
    if getattr(spec, "_initializing", False):
        try:
            import_module(name)
        except Exception:  # noqa: BLE001 -- it is reported to whoever imports it
            return False
    return name in sys.modules


def _call_back(name: str) -> None:
    _seen.add(name)
    for callback in tuple(_watched.get(name, ())):
        callback()


class _Finder:
    """Finds watched modules where the other finders find them."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Say how to import a module; None, in 0.1 us, for every one that isn't watched."""
        if name not in _watched:
            return None
        asked = (get_ident(), name)
        if asked in _finding:
            return None
        _finding.add(asked)
        try:
            return _find_behind(self, name, path, target)
        finally:
            _finding.discard(asked)


_FINDER = _Finder()


def _find_behind(
    ours: _Finder, name: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    for finder in tuple(sys.meta_path):
        find_spec = getattr(finder, "find_spec", None)
        spec: Any = find_spec(name, path, target) if find_spec else None
        if finder is ours or spec is None:
            continue
        if hasattr(spec.loader, "exec_module"):  # a namespace package runs no code
            # a loader may be a class, or serve many modules, so it is wrapped and not changed
            spec.loader = _Loader(spec.loader)
        found: ModuleSpec = spec
        return found
    return None


class _Loader:
    """Stands in for a module's loader until its code has run.

    :param loader: the loader that the other finders gave.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code under its own loader, then call back."""
        loader, spec = self._loader, module.__dict__.get("__spec__")
        if spec is not None and spec.loader is self:
            spec.loader = loader
        if module.__dict__.get("__loader__") is self:
            module.__loader__ = loader
        loader.exec_module(module)
        if spec is not None:
            _call_back(spec.name)
