"""Is this the name of a secret? Answered once for each name, then looked up."""

from __future__ import annotations

import re
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_reqord.redaction.rules import Rules

__all__ = ["Names", "Secrecy", "Vocabulary"]

_REMEMBERED = 4096  # names may come from data: the answers must not grow without end


class Secrecy(IntEnum):
    """What a name says of its value."""

    NO = 0
    YES = 1
    GUARDED = 2
    """Secret where the value looks like a secret."""


class Names(dict[str, Secrecy]):
    """Secrecy by name.

    :param always: names of secrets, with ``*`` for any characters.
    :param guarded: names of what is secret if it looks so.
    :param keep: names that are not secret after all.
    :param spell: the spellings of a name to be compared, the whole one first.
    """

    def __init__(
        self,
        always: Iterable[str],
        guarded: Iterable[str],
        keep: Iterable[str],
        spell: Callable[[str], tuple[str, ...]],
    ) -> None:
        super().__init__()
        self._spell = spell
        self._levels = (
            (_Globs(spell(name)[0] for name in keep), Secrecy.NO),
            (_Globs(spell(name)[0] for name in always), Secrecy.YES),
            (_Globs(spell(name)[0] for name in guarded), Secrecy.GUARDED),
        )

    def __missing__(self, name: str) -> Secrecy:
        spellings = self._spell(name)
        answer = next(
            (
                secrecy
                for globs, secrecy in self._levels
                if any(globs.match(spelling) for spelling in spellings)
            ),
            Secrecy.NO,
        )
        if len(self) >= _REMEMBERED:
            self.clear()
        self[name] = answer
        return answer


class _Globs:
    """Names with ``*``; most are whole names or endings, which need no pattern."""

    def __init__(self, globs: Iterable[str]) -> None:
        globs = tuple(globs)
        self._exact = frozenset(glob for glob in globs if "*" not in glob)
        starred = [glob for glob in globs if "*" in glob]
        self._endings = tuple(glob[1:] for glob in starred if glob.rfind("*") == 0)
        self._others = tuple(glob for glob in starred if glob.rfind("*") > 0)

    def match(self, name: str) -> bool:
        return (
            name in self._exact
            or name.endswith(self._endings)
            or any(fnmatchcase(name, glob) for glob in self._others)
        )


def _header_spellings(name: str) -> tuple[str, ...]:
    return (name.lower(),)


def _field_spellings(name: str) -> tuple[str, ...]:
    """The name without what separates its words, and the last part of ``user[card.number]``."""
    name = unquote_plus(name).lower()
    whole = re.sub(r"[^a-z0-9*]", "", name)
    last = [part for part in re.split(r"[\[\].:/$]+", name) if part][-1:]
    return (whole, *(re.sub(r"[^a-z0-9*]", "", part) for part in last))


class Vocabulary:
    """The names of a set of rules, ready to be asked. Shared by all who have the same rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.headers = Names(rules.headers, (), _dashed(rules.keep), _header_spellings)

    @cached_property
    def fields(self) -> Names:
        """Of JSON, multipart and XML."""
        rules = self._rules
        return Names(rules.fields, rules.guarded_fields, rules.keep, _field_spellings)

    @cached_property
    def parameters(self) -> Names:
        """Of URLs and forms."""
        rules = self._rules
        always = rules.fields + rules.query
        guarded = rules.guarded_fields + rules.guarded_query
        return Names(always, guarded, rules.keep, _field_spellings)

    @cached_property
    def cookies(self) -> Names:
        """Of cookies that are secret whatever their value."""
        return Names(self._rules.cookies, (), self._rules.keep, _field_spellings)

    def has(self, rule: str) -> bool:
        """Whether a rule without names is on."""
        return rule not in self._rules.keep


def _dashed(names: tuple[str, ...]) -> tuple[str, ...]:
    return (*names, *(name.replace("_", "-") for name in names))
