"""The names of secrets by default; ``*`` stands for any characters, see `Rules` for the rest."""

from __future__ import annotations

import re
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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

HEADERS = (
    "authorization",
    "*-authorization",
    "x-ms-authorization-auxiliary",
    "x-forwarded-access-token",
    "cookie",
    "set-cookie",
    "set-cookie2",
    "apikey",
    "x-apikey",
    "api-key",
    "x-auth-key",
    "x-functions-key",
    "x-honeycomb-team",
    "x-rapidapi-key",
    "x-mashape-key",
    "fastly-key",
    "token",
    "secret",
    "password",
    "authentication",
    "*-authentication",
    "dd-application-key",
    "*-api-key",
    "*-api-token",
    "*-access-key",
    "*-secret-key",
    "*-subscription-key",
    "*-app-key",
    "*-client-secret",
    "*-secret",
    "*-password",
    "*-token",
)

FIELDS = (
    "*password",
    "*passwd",
    "*passphrase",
    "*passcode",
    "pwd",
    "*secret",
    "secretstring",
    "secretbinary",
    "*api_key",
    "*api_token",
    "*app_key",
    "*secret_key",
    "*private_key",
    "*signing_key",
    "*master_key",
    "*encryption_key",
    "*subscription_key",
    "*secret_access_key",
    "*access_key_id",
    "*access_token",
    "*refresh_token",
    "*auth_token",
    "*authentication_token",
    "*authenticity_token",
    "*bearer_token",
    "*session_token",
    "*security_token",
    "*csrf_token",
    "*xsrf_token",
    "csrfmiddlewaretoken",
    "*oauth_token",
    "*identity_token",
    "*user_token",
    "*bot_token",
    "*app_token",
    "*service_token",
    "*deploy_token",
    "*private_token",
    "*personal_token",
    "*admin_token",
    "*webhook_token",
    "*verification_token",
    "*github_token",
    "*gitlab_token",
    "*slack_token",
    "*sas_token",
    "*vault_token",
    "*jwt_token",
    "*reset_token",
    "id_token",
    "id_token_hint",
    "jwt",
    "secret_token",
    "device_code",
    "subject_token",
    "actor_token",
    "federated_token",
    "code_verifier",
    "client_assertion",
    "saml_response",
    "saml_assertion",
    "otp",
    "totp",
    "*cvc",
    "*cvv",
    "card_number",
    "authorization",
    "proxy_authorization",
    "cookie",
    "set_cookie",
)
"""Names of fields in JSON, forms, multipart and XML, and of query parameters."""

GUARDED_FIELDS = (
    "token",
    "auth",
    "assertion",
    "credential",
    "credentials",
    "session",
    "*access_key",
)
"""Names that are words of their own too: only where the value looks like a secret."""

QUERY = (
    "sig",
    "signature",
    "*_signature",
    "x-amz-credential",
    "x-goog-credential",
    "aws_access_key_id",
    "google_access_id",
    "hapikey",
    "phpsessid",
    "jsessionid",
    "oauth_consumer_key",
    "oauth_verifier",
)
"""Names of parameters in URLs and forms, besides those of fields."""

GUARDED_QUERY = ("key", "code", "appid", "sid", "session_id", "ticket")

COOKIES = (
    "*sess*",
    "*token*",
    "*auth*",
    "*jwt*",
    "*csrf*",
    "*xsrf*",
    "*secret*",
    "*login*",
    "*passw*",
    "*credential*",
    "*remember*",
    "*api_key*",
    "*sid",
    "sid*",
    "*user*",
    "*key",
)
"""Names of cookies whose value is secret even where it is a plain word."""

INNOCENT = (
    "*next_token",
    "*page_token",
    "*continuation_token",
    "*sync_token",
    "*cursor_token",
    "*client_token",
    "*client_request_token",
    "*public_key",
)
"""Names that are never secret, whatever they end in: code sends them back, or anyone may know."""


# Is this the name of a secret? Answered once for each name, then looked up.


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


# What is secret: the default names, and what the user adds to them and takes from them.


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_reqord.base.models import Interaction

    Custom = Callable[[Interaction], Interaction | None] | Mapping[str, Any]


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
