"""Rules: which names are secret by default, and what the user adds to them and takes from them."""

from __future__ import annotations

import re
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_plus

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.redaction.table import TABLE, names_in

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "COOKIES",
    "FIELDS",
    "GUARDED_FIELDS",
    "GUARDED_QUERY",
    "HEADERS",
    "HEADERS_ONLY",
    "INNOCENT",
    "NAMELESS",
    "QUERY",
    "Names",
    "Rules",
    "Secrecy",
    "Vocabulary",
]

HEADERS = names_in("header")

FIELDS = names_in("field")
"""Names of fields in JSON, forms, multipart, XML and settings files, and of query parameters."""

GUARDED_FIELDS = names_in("guarded")
"""Names that are words of their own too: only where the value looks like a secret."""

QUERY = names_in("parameter")
"""Names of parameters in URLs and forms, besides those of fields."""

GUARDED_QUERY = names_in("guarded-parameter")

COOKIES = names_in("cookie")
"""Names of cookies whose value is secret even where it is a plain word."""

INNOCENT = names_in("innocent")
"""Names that are never secret, whatever they end in: code sends them back, or anyone may know."""


# Is this the name of a secret? Answered once for each name, then looked up.


_REMEMBERED = 4096  # names may come from data: the answers must not grow without end


class Secrecy(IntEnum):
    """What a name says of its value."""

    NO = 0
    YES = 1
    GUARDED = 2
    """Secret where the value looks like a secret."""
    NAMED = 3
    """Secret whatever the value is: the user has named it."""

    @property
    def is_sure(self) -> bool:
        """Whether the name alone makes the value secret."""
        return self in (Secrecy.YES, Secrecy.NAMED)


class Names(dict[str, Secrecy]):
    """Secrecy by name.

    :param always: names of secrets, with ``*`` for any characters.
    :param guarded: names of what is secret if it looks so.
    :param keep: names that are not secret after all.
    :param headers: names of headers, which are secret here where they begin with ``X-``.
    :param named: those of ``always`` that the user gave.
    """

    def __init__(
        self,
        always: Iterable[str],
        guarded: Iterable[str],
        keep: Iterable[str],
        headers: Names | None = None,
        named: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self._headers = headers
        keep = tuple(keep)
        own = (name for name in keep if name not in INNOCENT)
        self._levels = (
            (_Globs(_spellings(name)[0] for name in own), Secrecy.NO),
            (_Globs(_spellings(name)[0] for name in named), Secrecy.NAMED),
            (_Globs(_spellings(name)[0] for name in keep), Secrecy.NO),
            (_Globs(_spellings(name)[0] for name in always), Secrecy.YES),
            (_Globs(_spellings(name)[0] for name in guarded), Secrecy.GUARDED),
        )

    def __missing__(self, name: str) -> Secrecy:
        answer = self._answer(name)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[name] = answer
        return answer

    def _answer(self, name: str) -> Secrecy:
        if self._headers is not None and name[:2] in _HEADER_STARTS and self._headers[name]:
            return self._headers[name]
        spellings = _spellings(name)
        for globs, secrecy in self._levels:
            if any(map(globs.match, spellings)):
                return secrecy
        return Secrecy.NO


_HEADER_STARTS = frozenset({"X-", "x-"})


class _Globs:
    """Names with ``*``; most are whole names or endings, which need no pattern."""

    def __init__(self, globs: Iterable[str]) -> None:
        globs = tuple(globs)
        self._exact = frozenset(glob for glob in globs if "*" not in glob)
        starred = [glob for glob in globs if "*" in glob]
        self._endings = tuple(glob[1:] for glob in starred if glob.rfind("*") == 0) + tuple(
            glob for glob in globs if glob.startswith("~")
        )
        self._others = tuple(glob for glob in starred if glob.rfind("*") > 0)

    def match(self, name: str) -> bool:
        return (
            name in self._exact
            or name.endswith(self._endings)
            or any(fnmatchcase(name, glob) for glob in self._others)
        )


_BETWEEN_WORDS = Pattern(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9*~]+")
_NO_LETTER = Pattern(r"[^a-z0-9*]")
_PARTS = Pattern(r"[\[\].:/$]+")


def _spellings(name: str) -> tuple[str, ...]:
    """The name without what separates its words, its words, and the last part of ``user[pin][0]``.

    Of ``key1`` and ``password_2`` the number is left out, too.
    """
    if name.startswith("~"):
        return (name.replace("_", "~"),)
    name = unquote_plus(name)
    parts = [part for part in _PARTS.split(name) if part and not part.isdigit()][-1:]
    last = parts[0] if parts else name
    joined = [_NO_LETTER.sub("", text.lower()) for text in (name, last)]
    words = "~" + _BETWEEN_WORDS.sub("~", last).lower().strip("~")
    found = (*joined, joined[-1].rstrip("0123456789"), words, words.rstrip("0123456789~"))
    if name.endswith("]"):  # of a list: ``api_keys[]``
        found += (joined[-1].removesuffix("s"),)
    return tuple(dict.fromkeys(found))


class Vocabulary:
    """The names of a set of rules, ready to be asked. Shared by all who have the same rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._beside: dict[tuple[str, ...], tuple[Names, Names]] = {}
        added = _added(rules.headers, HEADERS)
        self.headers = Names(rules.headers, (), rules.keep, named=added)

    @cached_property
    def fields(self) -> Names:
        """Of JSON, multipart and XML."""
        return self.beside("")[0]

    @cached_property
    def parameters(self) -> Names:
        """Of URLs and forms."""
        return self.beside("")[1]

    def parameters_of(self, uri: str) -> Names:
        """The names of parameters in a URL: some are secret beside others only, such as `p` by `u`."""
        for word in _IN_URLS:
            if word in uri:
                return self.beside(uri)[1]
        return self.parameters

    def beside(self, text: str) -> tuple[Names, Names]:
        """The names of fields and of parameters in a text: some are secret beside others only."""
        words = tuple(word for word in _NEIGHBOURS if word in text) if self._rules.fields else ()
        names = self._beside.get(words)
        if names is None:
            names = self._beside[words] = self._names(words)
        return names

    def _names(self, words: tuple[str, ...]) -> tuple[Names, Names]:
        rules = self._rules
        more = tuple(name for word in words for name in _BESIDE.get(word, ()))
        keep = tuple(
            name
            for name in rules.keep
            if name not in INNOCENT or not any(fnmatchcase(one, name) for one in more)
        )
        keep += tuple(name for word in words for name in _INNOCENT_BESIDE.get(word, ()))
        always = rules.fields + more
        # a header's name may stand in a body or a URL, too: an echo, or a service that takes both
        headers = self.headers if rules.fields else None
        fields, query = _added(rules.fields, FIELDS), _added(rules.query, QUERY)
        guarded = rules.guarded_fields + rules.guarded_query
        return (
            Names(always, rules.guarded_fields, keep, headers, fields),
            Names(always + rules.query, guarded, keep, headers, fields + query),
        )

    def holders(self, text: str) -> frozenset[str]:
        """The objects of which every text is secret."""
        if not self._rules.fields:
            return frozenset()
        return frozenset(name for word, names in _HOLDERS.items() if word in text for name in names)

    @cached_property
    def cookies(self) -> Names:
        """Of cookies that are secret whatever their value."""
        return Names(self._rules.cookies, (), self._rules.keep)

    @property
    def has_fields(self) -> bool:
        """Whether names of fields are looked for at all."""
        return bool(self._rules.fields)

    def has(self, rule: str) -> bool:
        """Whether a rule without names is on."""
        return rule not in self._rules.keep


def _added(names: tuple[str, ...], defaults: tuple[str, ...]) -> tuple[str, ...]:
    """What the user has added to the defaults, where these are there."""
    return names[len(defaults) :] if names[: len(defaults)] == defaults else names


def _by_word(place: str) -> dict[str, tuple[str, ...]]:
    return {
        line.place.partition(":")[2].replace(r"\s", " "): line.names
        for line in TABLE
        if line.place.startswith(place + ":")
    }


_BESIDE = _by_word("beside")
_INNOCENT_BESIDE = _by_word("innocent-beside")
_NEIGHBOURS = (*_BESIDE, *_INNOCENT_BESIDE)
_IN_URLS = tuple(word for word in _BESIDE if word[0] in "?&")
_HOLDERS = _by_word("holder")


# What is secret: the default names, and what the user adds to them and takes from them.


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_reqord.base.models import Interaction, LeaveOut

    Custom = Callable[[Interaction], Interaction | LeaveOut] | Mapping[str, Any]


NAMELESS = ("user_info", "jwt", "paths", "echo")
"""What ``keep`` calls the rules that have no names."""


class Rules(NamedTuple):  # a dataclass takes 0.8 ms more to make
    """What is redacted.

    Names are compared without case, ``_`` and ``-``; ``*`` stands for any characters.

    :param headers: names of headers.
    :param query: names of parameters in URLs and forms, besides ``fields``.
    :param fields: names of fields in JSON, forms, multipart and XML.
    :param guarded_query: parameters that are secret only where the value looks like one.
    :param guarded_fields: fields that are secret only where the value looks like one.
    :param cookies: names of cookies whose value is secret even where it is a plain word.
    :param keep: names that are not secret, and any of `NAMELESS`; stronger than all others.
    :param patterns: what is secret wherever it stands; the first group, where there is one.
    :param custom: the user's own: functions of an interaction, or mappings by part (see `custom`).
    :param is_on: False where nothing is redacted at all.
    """

    headers: tuple[str, ...] = HEADERS
    query: tuple[str, ...] = QUERY
    fields: tuple[str, ...] = FIELDS
    guarded_query: tuple[str, ...] = GUARDED_QUERY
    guarded_fields: tuple[str, ...] = GUARDED_FIELDS
    cookies: tuple[str, ...] = COOKIES
    keep: tuple[str, ...] = INNOCENT
    patterns: tuple[re.Pattern[str], ...] = ()
    custom: tuple[Custom, ...] = ()
    is_on: bool = True

    def with_(
        self,
        *,
        headers: Iterable[str] = (),
        query: Iterable[str] = (),
        fields: Iterable[str] = (),
        keep: Iterable[str] = (),
        patterns: Iterable[str | re.Pattern[str]] = (),
        custom: Iterable[Custom] = (),
    ) -> Rules:
        """Add to them.

        A name that is added is redacted even where a default keeps it.

        :param keep: names of the defaults that are not to be redacted.
        :raises ValueError: if a pattern is no regular expression.
        """
        headers, query, fields = tuple(headers), tuple(query), tuple(fields)
        added = {*headers, *query, *fields}
        return self._replace(
            headers=self.headers + headers,
            query=self.query + query,
            fields=self.fields + fields,
            keep=tuple(name for name in self.keep if name not in added) + tuple(keep),
            patterns=self.patterns + tuple(_compiled(pattern) for pattern in patterns),
            custom=self.custom + tuple(custom),
        )


def _compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


HEADERS_ONLY = Rules(
    query=(),
    fields=(),
    guarded_query=(),
    guarded_fields=(),
    keep=(*INNOCENT, "user_info", "jwt", "paths"),
)
"""The default headers and nothing else, for suites that bring rules of their own."""
