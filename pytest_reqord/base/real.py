"""The system as it is, whatever a test has put in its place.

Tests replace what must not be touched: pyfakefs puts another ``os``, ``io``, ``fcntl`` and ``Path``
into every module that has one, and other functions where they were imported by name; mock sets an
attribute, such as ``os.replace`` or ``time.sleep``; freezegun changes what is left of ``time``. Our
files, our clock and our thread are not the test's. So all of this package takes these modules from
here. They are copies that nobody else can find, and their functions call each other.

A library that we have write files is imported anew, for us alone, with the same modules.

A client's sockets and threads, which tests may well replace, are not our own: interceptors take
those where the test sees them.
"""

from __future__ import annotations

import io
import json
import os
import pathlib
import sys
import threading
import time
from _thread import RLock, start_new_thread
from importlib import import_module
from queue import Empty, SimpleQueue  # where gevent, if it came before us, has put its own, too
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Empty",
    "Path",
    "SimpleQueue",
    "fcntl",
    "io",
    "json",
    "os",
    "private",
    "start_new_thread",
    "threading",
    "time",
]


def _copied(module: ModuleType, *homes: str, **others: Any) -> Any:
    """A module of the same content whose functions find in it what they call.

    :param homes: the modules that its functions are written in.
    :param others: what it has in place of another module.
    """
    copy = ModuleType(f"{__name__}.{module.__name__}")
    space = vars(copy)
    for name, value in vars(module).items():
        is_its_own = isinstance(value, FunctionType) and value.__module__ in homes
        space.setdefault(name, _moved(value, space) if is_its_own else value)
    space.update(others)
    return copy


def _moved(function: FunctionType, space: dict[str, Any]) -> FunctionType:
    """The same function, with other globals."""
    moved = FunctionType(
        function.__code__, space, function.__name__, function.__defaults__, function.__closure__
    )
    moved.__kwdefaults__ = function.__kwdefaults__
    return moved


def _copied_class(kind: type, **others: Any) -> type:
    """A subclass that has all methods of a class, with other modules in their globals."""
    methods = {}
    spaces: dict[str, dict[str, Any]] = {}
    for ancestor in reversed(kind.__mro__):
        for name, value in vars(ancestor).items():
            if isinstance(value, FunctionType):
                space = spaces.setdefault(value.__module__, {**value.__globals__, **others})
                methods[name] = _moved(value, space)
    return type(kind.__name__, (kind,), methods)


def private(name: str) -> Any:
    """A library of our own, imported anew: no test patches it, and its files are the real ones.

    Whoever else imports it, before or after, has another copy.

    :param name: a package without files of its own but modules.
    """
    _import(name)  # as ever, and with it what it imports, which is not for us alone
    others = _taken_out(name)
    # in their places: the interpreter clears modules in the reverse order at its end, and what
    # closes a socket then needs `io`
    originals = {each: sys.modules[each] for each in _STAND_INS}
    sys.modules.update(_STAND_INS)
    try:
        return import_module(name)
    finally:
        sys.modules.update(originals)
        _kept.append(_taken_out(name))
        sys.modules.update(others)


def _taken_out(name: str) -> dict[str, ModuleType]:
    parts = [each for each in list(sys.modules) if each.partition(".")[0] == name]
    return {each: sys.modules.pop(each) for each in parts}


def _import(name: str) -> None:
    """Import a library, also while the interpreter ends.

    ``concurrent.futures``, which filelock wants for its async locks, refuses that then, for it has
    its threads joined at the end of the main one. There won't be any.
    """
    try:
        import_module(name)
    except RuntimeError:
        all_threads: Any = sys.modules["threading"]
        register = all_threads._register_atexit  # noqa: SLF001 -- what refuses
        all_threads._register_atexit = lambda *_: None  # noqa: SLF001 -- as above
        try:
            import_module(name)
        finally:
            all_threads._register_atexit = register  # noqa: SLF001 -- as above


_STAND_INS: dict[str, ModuleType] = {}  # what such a library gets where it imports these
_kept: list[dict[str, ModuleType]] = []  # modules that nobody else holds


if not TYPE_CHECKING:
    _path_name = os.path.__name__  # posixpath or ntpath
    _path = _copied(os.path, _path_name, "genericpath")
    _path.os = os = _copied(os, "os", path=_path)
    io, json, time = map(_copied, (io, json, time))
    if sys.platform != "win32":
        fcntl = _copied(fcntl)
        _STAND_INS["fcntl"] = fcntl
    # of C: threading's own function makes one of what gevent has put into threading
    threading = _copied(threading, RLock=RLock)
    threading.Condition = _copied_class(threading.Condition, **vars(threading))

    # by a function: a fake file system replaces each class of pathlib that is called Path. And of
    # the class that is meant: Path itself asks `os.name`, which a fake one may say otherwise
    _concrete_path = type(pathlib.Path())

    def Path(*parts: Any) -> Any:  # noqa: N802 -- it stands for the class
        """Make a path. What it is called is its own to say; for its file ask `os`."""
        return _concrete_path(*parts)

    # libraries use more of it
    _own_path = _copied_class(_concrete_path, os=os, io=io)
    _own_pathlib = _copied(pathlib, Path=_own_path, **{_concrete_path.__name__: _own_path})
    _STAND_INS.update(io=io, os=os, pathlib=_own_pathlib, threading=threading, time=time)
    _STAND_INS.update({"os.path": os.path, _path_name: os.path})
