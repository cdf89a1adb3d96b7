"""What is secret: the default names, and what the user adds to them and takes from them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.redaction.defaults import (
    COOKIES,
    FIELDS,
    GUARDED_FIELDS,
    GUARDED_QUERY,
    HEADERS,
    INNOCENT,
    QUERY,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_reqord.models import Interaction

    Custom = Callable[[Interaction], Interaction | None] | Mapping[str, Any]

__all__ = ["HEADERS_ONLY", "NAMELESS", "Rules"]

NAMELESS = ("user_info", "jwt", "paths", "echo")
"""What ``keep`` calls the rules that have no names."""


class Rules(NamedTuple):  # a dataclass takes 0.8 ms more to make
    """What is redacted.

    Names are compared without case, those of fields, parameters and cookies also without ``_``
    and ``-``; ``*`` stands for any characters.

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
