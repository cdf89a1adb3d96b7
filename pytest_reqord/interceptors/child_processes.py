"""Takes the places where a child process is started, so that something can be given to it.

Forks need nothing: the child has its parent's memory. A ``subprocess`` gets environment variables,
and a process of ``multiprocessing`` that is spawned an object that acts when it is unpickled:
before the module of its target is imported, and with no variable that its own children would
inherit.

And the place where a process of ``multiprocessing`` ends: it may do so by ``os._exit``, and
``atexit`` isn't asked.
"""

from __future__ import annotations

import atexit
import functools
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.real import os
from pytest_reqord.interceptors import imports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["check", "install", "uninstall"]

_ENV = 10  # the position of ``env`` among the arguments of Popen


class _Seam(NamedTuple):
    """A method that is taken over.

    :param owner: the class that has it.
    :param original: the class's own.
    :param ours: what stands in its place.
    """

    owner: Any
    name: str
    original: Any
    ours: Any


def _nothing(_: Mapping[str, str]) -> dict[str, str]:
    return {}


def _nobody() -> None:
    """Carry nothing."""


_variables: Callable[[Mapping[str, str]], Mapping[str, str]] = _nothing
_carried: Callable[[], object | None] = _nobody
_ended: Callable[[], object] = _nobody
_seams: list[_Seam] = []


def install(
    variables: Callable[[Mapping[str, str]], Mapping[str, str]],
    carried: Callable[[], object | None],
    ended: Callable[[], object],
) -> None:
    """Give something to the children that are started from now on.

    :param variables: what to set in the environment of a ``subprocess``, given that environment.
    :param carried: what to pickle with a process of ``multiprocessing``; None for nothing.
    :param ended: called at the end of a process of ``multiprocessing``, in that process.
    """
    global _variables, _carried, _ended
    _variables, _carried, _ended = variables, carried, ended
    imports.unwatch(_LATE)
    imports.watch(_LATE)


def check() -> None:
    """Take the seams again that another tool's teardown has put back; leave a mock alone."""
    for seam in _seams:
        if vars(seam.owner).get(seam.name) is seam.original:
            setattr(seam.owner, seam.name, seam.ours)


def uninstall() -> None:
    """Put the originals back."""
    global _variables, _carried, _ended
    imports.unwatch(_LATE)
    for seam in _seams:
        if vars(seam.owner).get(seam.name) is seam.ours:
            setattr(seam.owner, seam.name, seam.original)
    _seams.clear()
    _variables, _carried, _ended = _nothing, _nobody, _nobody


def _take(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    if not any(seam.owner is owner and seam.name == name for seam in _seams):
        original = vars(owner)[name]
        _seams.append(_Seam(owner, name, original, wrap(original)))
    check()


def _take_subprocess() -> None:
    _take(sys.modules["subprocess"].Popen, "__init__", _with_variables)


def _take_multiprocessing() -> None:
    process = sys.modules["multiprocessing.process"].BaseProcess
    _take(process, "start", _with_carried)
    _take(process, "_bootstrap", _with_end)


_LATE = {"subprocess": _take_subprocess, "multiprocessing.process": _take_multiprocessing}


def _with_variables(original: Callable[..., None]) -> Any:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **options: Any) -> None:  # noqa: N807 -- it takes its place
        is_positional = len(args) > _ENV
        given = args[_ENV] if is_positional else options.get("env")
        environment = {
            os.fsdecode(k): v for k, v in (os.environ if given is None else given).items()
        }
        more = _variables(environment)
        if more and is_positional:
            args = (*args[:_ENV], {**environment, **more}, *args[_ENV + 1 :])
        elif more:
            options["env"] = {**environment, **more}
        original(self, *args, **options)

    return __init__


def _with_carried(original: Callable[[Any], None]) -> Any:
    @functools.wraps(original)
    def start(self: Any) -> None:
        carried = _carried()
        # a process takes over its parent's configuration, and what was carried to the parent
        if carried is None:
            self._config.pop("reqord", None)
        else:
            self._config["reqord"] = carried
        original(self)

    return start


def _with_end(original: Callable[..., int]) -> Any:
    @functools.wraps(original)
    def _bootstrap(self: Any, *args: Any, **options: Any) -> int:
        ended = _ended
        # since Python 3.13 what is registered there is forgotten by a fork and runs after this
        atexit.register(ended)
        try:
            return original(self, *args, **options)
        finally:
            ended()

    return _bootstrap
