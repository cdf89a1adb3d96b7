"""The rules that users set themselves, checked when they are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_reqord.errors import UsageError
from pytest_reqord.redaction.custom import PARTS
from pytest_reqord.redaction.names import Secrecy, Vocabulary
from pytest_reqord.redaction.rules import NAMELESS, Rules

if TYPE_CHECKING:
    from pytest_reqord.redaction.rules import Custom

__all__ = ["check_kept", "chosen_redactors", "compiled_patterns"]


def compiled_patterns(raw: Any, shown: str) -> tuple[str, ...]:
    """Regular expressions, one or a list of them.

    :param shown: key, value and place, for the error.
    :raises UsageError: if one isn't a regular expression, or is found everywhere.
    """
    patterns = (raw,) if isinstance(raw, str) else raw
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise UsageError(f"{shown}: it has to be a list of regular expressions")
    for pattern in patterns:
        try:
            is_everywhere = re.search(pattern, "") is not None
        except re.error as error:
            raise UsageError(
                f"{shown}: {pattern!r} is not a regular expression: {error}"
            ) from error
        if is_everywhere:
            raise UsageError(f"{shown}: {pattern!r} is found in an empty text, so everywhere")
    return tuple(patterns)


def check_kept(names: tuple[str, ...], shown: str) -> None:
    """See that each of the names switches a default off.

    :raises UsageError: if one doesn't; it lists those that do.
    """
    for name in names:
        if not _is_default(name):
            raise UsageError(
                f"{shown}: {name!r} is not redacted by default; there are"
                f" {', '.join(sorted(_defaults()))}, and names that these stand for"
            )


@lru_cache(maxsize=256)
def _is_default(name: str) -> bool:
    names = Vocabulary(Rules(keep=()))
    kinds = (names.headers, names.fields, names.parameters, names.cookies)
    return (
        name in NAMELESS
        or any(kind[name] is not Secrecy.NO for kind in kinds)
        or ("*" in name and any(fnmatchcase(default, name) for default in _defaults()))
    )


@lru_cache(maxsize=1)
def _defaults() -> frozenset[str]:
    rules = Rules()
    names = rules.headers + rules.fields + rules.query + rules.cookies
    return frozenset(names + rules.guarded_fields + rules.guarded_query + NAMELESS)


def chosen_redactors(raw: Any, shown: str, named: Mapping[str, Custom]) -> tuple[Custom, ...]:
    """Redactors: names of such, functions of an interaction, and mappings by part.

    :param named: those that have names.
    :raises UsageError: if there is no redactor of a name, or a mapping has another part.
    """
    given = raw.split() if isinstance(raw, str) else raw
    if callable(given) or isinstance(given, Mapping):
        given = (given,)
    if not isinstance(given, (list, tuple)):
        raise UsageError(f"{shown}: it has to be a list of redactors")
    return tuple([_redactor(each, shown, named) for each in given])


def _redactor(given: Any, shown: str, named: Mapping[str, Custom]) -> Custom:
    found: Any = named.get(given) if isinstance(given, str) else given
    if isinstance(found, Mapping):
        unknown = sorted(set(map(str, found)) - PARTS)
        if unknown:
            parts = ", ".join(sorted(PARTS))
            raise UsageError(f"{shown}: there is no part {unknown[0]!r}; there are {parts}")
    elif not callable(found):
        known = "".join(f"{name}, " for name in sorted(named))
        raise UsageError(
            f"{shown}: {given!r} is not a redactor; there are {known}functions and mappings."
            " The hook pytest_reqord_redactors gives them names"
        )
    return found  # type: ignore[no-any-return]
