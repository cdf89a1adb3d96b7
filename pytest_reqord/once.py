"""What is made when it is first needed, by one thread only."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pytest_reqord.real import os, threading

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["once"]

_T = TypeVar("_T")


class once(Generic[_T]):  # noqa: N801 -- used as the decorators of the language are
    """A property that is computed on its first use and kept.

    Two threads that are first at once get the same value. The standard library's
    ``cached_property`` computes it twice since Python 3.12: two writers, two counts of what was
    played.

    :param make: computes it.
    """

    def __init__(self, make: Callable[[Any], _T]) -> None:
        self._make = make
        self._name = ""
        self._lock = threading.RLock()
        self.__doc__ = make.__doc__
        _all.add(self)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> _T:
        # from the second use on Python finds the value in the instance and doesn't ask here
        kept = instance.__dict__
        with self._lock:
            if self._name not in kept:
                kept[self._name] = self._make(instance)
            value: _T = kept[self._name]
            return value


_all: weakref.WeakSet[once[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    """Give the child locks of its own: the copies may be held by threads it doesn't have."""
    for each in _all:
        each._lock = threading.RLock()  # noqa: SLF001 -- nobody else may do this


os.register_at_fork(after_in_child=_after_fork)
