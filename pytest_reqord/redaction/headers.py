"""Header lines without their secrets."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.redaction import urls, values
from pytest_reqord.redaction.rules import Secrecy, Vocabulary
from pytest_reqord.redaction.values import REDACTED, EditedText, jwt_edits

if TYPE_CHECKING:
    import re

    from pytest_reqord.redaction.values import Found

__all__ = ["URL_HEADERS", "HeaderRules"]

Pairs = tuple[tuple[str, str], ...]
_Handler = Callable[[str, "Found", bool], str]

URL_HEADERS = frozenset({"location", "content-location", "referer"})
"""Headers whose value is one URL."""

_TEXTS_WITH_URLS = frozenset({"link", "refresh"})
_PLAIN_WORD = Pattern(r"[A-Za-z]{1,12}|[A-Za-z]{1,8}[-_][A-Za-z]{1,6}|[0-9.]{0,6}")
_COOKIE = Pattern(r"(\s*)([^=;]*)=([^;]*)")
_NEXT_COOKIE = Pattern(r",\s*(?=[^\s;,=]+=)")  # a comma in a date has no name after it


class HeaderRules(dict[str, "_Handler | None"]):
    """What to do with a header, by its name: a look-up for each header of each message."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        # clients send the same keys and cookies with every request
        self._new = lru_cache(maxsize=1024)(self._redacted)
        self._known: dict[str, _Handler] = {
            "cookie": self._cookie,
            "set-cookie": self._set_cookie,
            "set-cookie2": self._set_cookie,
        }

    def __missing__(self, name: str) -> _Handler | None:
        handler: _Handler | None = None
        if self._vocabulary.headers[name] is not Secrecy.NO:
            is_authorization = name.lower().endswith("authorization")
            usual = _authorization if is_authorization else _value
            handler = self._known.get(name.lower(), usual)
        elif name.lower() in URL_HEADERS:
            handler = self._uri
        elif name.lower() in _TEXTS_WITH_URLS:
            handler = self._urls
        if len(self) < 4096:  # noqa: PLR2004 -- names come from strangers: not without end
            self[name] = handler
        return handler

    def redact(self, pairs: Pairs, found: Found, *, parseable: bool) -> Pairs:
        """Replace the values that are secret.

        :param parseable: whether a JSON Web Token stays one, as in a response.
        :returns: the same object if there were none.
        """
        redacted: list[tuple[str, str]] | None = None
        for at, (name, text) in enumerate(pairs):
            if self[name] is None and "eyJ" not in text:
                continue
            new, secrets = self._new(name, text, parseable)
            for secret in secrets:
                found(secret)
            if new != text:
                redacted = list(pairs) if redacted is None else redacted
                redacted[at] = (name, new)
        return pairs if redacted is None else tuple(redacted)

    def _redacted(self, name: str, text: str, parseable: bool) -> tuple[str, tuple[str, ...]]:
        """A value without its secrets, and what they were."""
        secrets: list[str] = []
        handler = self[name]
        new = handler(text, secrets.append, parseable) if handler else text
        if "eyJ" in new and self._vocabulary.has("jwt"):
            edited = EditedText(new)
            edited.replace(jwt_edits(new, secrets.append, REDACTED, parseable=parseable))
            new = edited.text
        return new, tuple(secrets)

    def _uri(self, text: str, found: Found, parseable: bool) -> str:
        return urls.redact_uri(text, self._vocabulary, found, parseable=parseable)

    def _urls(self, text: str, found: Found, parseable: bool) -> str:  # noqa: ARG002 -- a handler
        edited = EditedText(text)
        edited.replace(urls.url_edits(text, self._vocabulary, found))
        return edited.text

    def _cookie(self, text: str, found: Found, parseable: bool) -> str:
        def redacted(match: re.Match[str]) -> str:
            blank, name, cookie = match.groups()
            return f"{blank}{name}={self._cookie_value(name, cookie, found, parseable)}"

        if "=" not in text:
            return values.value(text, found, parseable=parseable)
        return _COOKIE.sub(redacted, text)

    def _set_cookie(self, text: str, found: Found, parseable: bool) -> str:
        parts = []
        at = 0
        for match in (*_NEXT_COOKIE.finditer(text), None):  # several in one line, as some keep them
            cookie, semicolon, attributes = text[at : match.start() if match else None].partition(
                ";"
            )
            parts += [self._cookie(cookie, found, parseable), semicolon, attributes]
            if match:
                parts.append(match[0])
                at = match.end()
        return "".join(parts)

    def _cookie_value(self, name: str, text: str, found: Found, parseable: bool) -> str:
        """A plain word under a name that promises no secret stays: ``theme=dark``."""
        if _PLAIN_WORD.fullmatch(text) and not self._vocabulary.cookies[name.strip()]:
            return text
        quote = '"' if len(text) > 1 and text[0] == text[-1] == '"' else ""
        new = values.value(text.strip('"'), found, parseable=parseable)
        return f"{quote}{new}{quote}"


def _authorization(text: str, found: Found, parseable: bool) -> str:
    return values.authorization(text, found, parseable=parseable)


def _value(text: str, found: Found, parseable: bool) -> str:
    return values.value(text, found, parseable=parseable)
