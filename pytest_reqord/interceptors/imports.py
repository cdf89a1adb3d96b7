"""Calls back when a module is imported, now or later, without importing it.

A client is taken once the code under test has imported it. Until then a finder stands in
``sys.meta_path``; for the watched names, and for no other, it asks the finders behind it and puts
its own loader around theirs for as long as the module's code runs. Nothing of it stays: the
imported module has the spec and the loader that it would have had.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.loading import put_in_front

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec

__all__ = ["check", "has_run", "unwatch", "watch"]

_watched: dict[str, list[Callable[[], None]]] = {}
_seen: dict[str, ModuleType] = {}
"""The module of each watched name whose callbacks have been called. Tests delete modules and import
them again: another object under the name is another module."""
_finding: set[tuple[int, str]] = set()  # (thread, name): other finders may ask us for what we ask


def watch(modules: Mapping[str, Callable[[], None]]) -> None:
    """Have each callback called as soon as the code of its module has run.

    At once where the module is imported already; else in the thread that imports it, before the
    ``import`` statement gives the module to anyone; again after a reload, or where it is deleted
    from ``sys.modules`` and imported anew. It may be called more than once. An exception from a
    callback fails the import, and the next `check` asks the callback again.

    What a test has put in a module's place isn't the module: it calls nothing back.

    :param modules: module name -> callback.
    """
    for name, callback in modules.items():
        _watched.setdefault(name, []).append(callback)
    put_in_front(_FINDER)
    for name, callback in modules.items():
        if _is_imported(name):
            _call_back(name, (callback,))


def check() -> None:
    """Make up for what other tools did: for a finder taken out, and for modules that came past it."""
    if _watched:
        put_in_front(_FINDER)
    imported, seen = sys.modules.get, _seen.get
    for name in tuple(_watched):  # 2 us for all of them
        module = imported(name)
        if module is not None and module is not seen(name) and _is_imported(name):
            _call_back(name, _watched.get(name, ()))


def has_run(name: str) -> bool:
    """Return True if a module is imported and its code has run to the end.

    True in the callbacks for that module, too, while Python still counts it as being imported.
    """
    module = sys.modules.get(name)
    if module is None or _spec_of(module) is None:
        return False
    return _seen.get(name) is module or not _is_initializing(module)


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
    for name in _seen.keys() - _watched.keys():
        del _seen[name]
    if not _watched and _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)


def _is_imported(name: str) -> bool:
    """Return True if the module's code has run.

    Wait for a module that another thread is importing; watch a lazily imported one until it is
    used.
    """
    module = sys.modules.get(name)
    spec = _spec_of(module)
    if spec is None:
        return False
    if type(module).__name__ == "_LazyModule":
        if not isinstance(spec.loader, _Loader):
            spec.loader = _Loader(spec.loader)
        return False
    if _is_initializing(module):
        try:
            import_module(name)
        except Exception:  # noqa: BLE001 -- it is reported to whoever imports it
            return False
    # where this very thread is importing it, it isn't whole yet
    return has_run(name)


def _spec_of(module: object) -> Any:
    """Return the spec of a module; None for whatever else a test has put into ``sys.modules``."""
    if not issubclass(type(module), ModuleType):  # a mock says that its class is another
        return None
    # past a lazy module's own ways to get an attribute, which would import it
    return object.__getattribute__(module, "__dict__").get("__spec__")


def _is_initializing(module: object) -> bool:
    return bool(getattr(_spec_of(module), "_initializing", False))


def _call_back(name: str, callbacks: Sequence[Callable[[], None]]) -> None:
    _seen[name] = sys.modules[name]  # first: a callback may ask `has_run`
    try:
        for callback in tuple(callbacks):
            callback()
    except BaseException:
        _seen.pop(name, None)
        raise


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
        # a loader may be a class, or serve many modules, so it is wrapped and not changed
        if hasattr(spec.loader, "exec_module"):  # a namespace package runs no code
            spec.loader = _Loader(spec.loader)
        elif hasattr(spec.loader, "load_module"):
            spec.loader = _OldLoader(spec, spec.loader)
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
            _call_back(spec.name, _watched.get(spec.name, ()))


class _OldLoader:
    """Stands in for a loader of the kind before Python 3.4, which makes the module, too.

    :param spec: the module's spec.
    :param loader: the loader that the other finders gave.
    """

    def __init__(self, spec: ModuleSpec, loader: Any) -> None:
        self._spec = spec
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_module(self, name: str) -> ModuleType:
        """Have its own loader make the module and run its code, then call back."""
        self._spec.loader = self._loader
        module: ModuleType = self._loader.load_module(name)
        _call_back(name, _watched.get(name, ()))
        return module
