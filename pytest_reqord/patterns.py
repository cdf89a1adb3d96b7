"""Regular expressions that are compiled when they are first used.

There are some sixty of them for all the forms of a message and of a file, to compile one takes 0.1
to 0.8 ms, and a test run meets a few.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, AnyStr, Generic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Pattern"]


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
