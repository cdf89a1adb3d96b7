"""Regular expressions that are compiled when they are first used.

There are some sixty of them for all the forms of a message and of a file, to compile one takes 0.1
to 0.8 ms, and a test run meets a few.
"""

from __future__ import annotations

import re
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any, AnyStr, Generic, TypeVar

from pytest_reqord.base.platform import at_fork
from pytest_reqord.base.real import threading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Pattern", "once"]


class Pattern(Generic[AnyStr]):
    """What `re.compile` gives, later; once used, its methods cost what the originals do.

    :param pattern: the regular expression.
    :param flags: as for `re.compile`.
    """

    def __init__(self, pattern: AnyStr, flags: int = 0) -> None:
        self.pattern: AnyStr = pattern
        self._flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[AnyStr]:
        """The compiled one."""
        return re.compile(self.pattern, self._flags)

    @cached_property
    def search(self) -> Callable[..., re.Match[AnyStr] | None]:
        """See `re.Pattern.search`, as of all the others."""
        return self.compiled.search

    @cached_property
    def match(self) -> Callable[..., re.Match[AnyStr] | None]:
        """At the start, or at a place."""
        return self.compiled.match

    @cached_property
    def fullmatch(self) -> Callable[..., re.Match[AnyStr] | None]:
        """All of the text."""
        return self.compiled.fullmatch

    @cached_property
    def finditer(self) -> Callable[..., Iterator[re.Match[AnyStr]]]:
        """All matches."""
        return self.compiled.finditer

    @cached_property
    def findall(self) -> Callable[..., list[Any]]:
        """The texts of all matches, or of their group."""
        return self.compiled.findall

    @cached_property
    def sub(self) -> Callable[..., AnyStr]:
        """The text with its matches replaced."""
        return self.compiled.sub

    @cached_property
    def split(self) -> Callable[[AnyStr], list[AnyStr | Any]]:
        """What is between the matches."""
        return self.compiled.split


# What is made when it is first needed, by one thread only.


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
                # not set: it may have been made in the middle of this, by the garbage collector
                kept.setdefault(self._name, self._make(instance))
            value: _T = kept[self._name]
            return value


_all: weakref.WeakSet[once[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    """Give the child locks of its own: the copies may be held by threads it doesn't have."""
    for each in _all:
        each._lock = threading.RLock()  # noqa: SLF001 -- nobody else may do this


at_fork(after_in_child=_after_fork)
