"""What is secret: the names and values that are replaced by default, and the user's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_reqord.models import Interaction

    Custom = Callable[[Interaction], Interaction | None] | Mapping[str, Any]

__all__ = ["HEADERS_ONLY", "Rules"]

HEADERS = (
    "authorization",
    "proxy-authorization",
    "x-amz-security-token",
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


@dataclass(frozen=True)
class Rules:
    """What is redacted.

    Names are compared without case, those of fields, parameters and cookies also without ``_``
    and ``-``; ``*`` stands for any characters.

    :param headers: names of headers.
    :param query: names of parameters in URLs and forms, besides ``fields``.
    :param fields: names of fields in JSON, forms, multipart and XML.
    :param guarded_query: parameters that are secret only where the value looks like one.
    :param guarded_fields: fields that are secret only where the value looks like one.
    :param cookies: names of cookies whose value is secret even where it is a plain word.
    :param keep: names that are not secret; stronger than all others. ``user_info``, ``jwt``,
        ``paths`` and ``echo`` stand for the rules that have no names.
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
    custom: tuple[Custom, ...] = field(default=(), hash=False)  # may be mappings
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
        return replace(
            self,
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
