"""Take secrets out of a message's head: of its URL (user info, parameters, some famous paths) and
of its header lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_plus

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.redaction import values
from pytest_reqord.redaction.kinds import MARK, with_mark
from pytest_reqord.redaction.rules import Secrecy, Vocabulary
from pytest_reqord.redaction.text_edits import EditedText, field_edits, jwt_edits
from pytest_reqord.redaction.values import REDACTED, REDACTED_IN_URL, from_latin, to_latin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.redaction.rules import Names
    from pytest_reqord.redaction.text_edits import Edit
    from pytest_reqord.redaction.values import Found

__all__ = [
    "URL_HEADERS",
    "HeaderRules",
    "form_edits",
    "path_edits",
    "redact_uri",
    "url_edits",
    "user_info_edits",
]

_HINTS = ("?", "@", "#", ";", "/bot", "hook", "eyJ", "[REDACTED")
_PAIR = Pattern(r"(?:^|[?&#])([^=&?#]{1,128})=([^&#]*)")
_PARAMETER_NAME = Pattern(r"[?&#]([^=&?#]{1,128})=")
_PATH_PARAMETER = Pattern(r";([A-Za-z_]{1,64})=([^?#;/&]*)")  # ;jsessionid=...
_PAIR_IN_FORM = Pattern(r"(?:^|&)([^=&]{1,128})=([^&]*)")
_NAMED_IN_FORM = Pattern(
    r"(?:^|&)([^=&]{0,100}?)(?:\[|%5B)?(?:name|key)(?:\]|%5D)?=([^&]{1,128})"
    r"&\1(?:\[|%5B)?value(?:\]|%5D)?=([^&]*)",
    re.IGNORECASE,
)
_PAIR_IN_TEXT = Pattern(
    r"""(?:[?&;#]|\\u0026)([A-Za-z0-9_.$%\[\]-]{1,64})=([^&;\s"'<>\\#]*)""", re.ASCII
)
_USER_INFO = Pattern(r"""://([^/?#\s"'<>\\@]*)@""")
_PATHS = Pattern(
    r"/bot\d{6,12}(?::|%3A)([\w-]{30,})"  # Telegram
    r"|hooks\.slack\.com/(?:services|workflows|triggers)/([\w/-]+)"
    r"|/api/(?:v\d+/)?webhooks/\d+/([\w-]{40,})"  # Discord
    r"|webhook\.office\.com/webhookb2/([\w@/-]+)",
    re.ASCII,
)
_SCOPED = frozenset({"xamzcredential", "xgoogcredential"})
_DEEPEST = 3  # URLs in URLs in URLs


def redact_uri(
    uri: str, vocabulary: Vocabulary, found: Found, *, parseable: bool = False, depth: int = 0
) -> str:
    """A URI, whole or relative, without its secrets; still a valid one.

    :returns: the same object if there were none.
    """
    for hint in _HINTS:
        if hint in uri:
            break
    else:
        return uri
    edited = EditedText(uri)
    if "@" in uri and vocabulary.has("user_info"):
        edited.replace(user_info_edits(uri, found))
    if ("/bot" in uri or "hook" in uri) and vocabulary.has("paths"):
        edited.replace(path_edits(edited.text, found))
    if ";" in uri:
        edited.replace(_edits(_PATH_PARAMETER, edited.text, vocabulary, found, _DEEPEST))
    if "=" in uri and _may_have_secrets(uri, names := vocabulary.parameters_of(uri)):
        edited.replace(_edits(_PAIR, edited.text, vocabulary, found, depth, names))
    if "eyJ" in edited.text and vocabulary.has("jwt"):
        edited.replace(jwt_edits(edited.text, found, REDACTED_IN_URL, parseable=parseable))
    return in_url(edited.text)


def in_url(text: str) -> str:
    """A text in which markers are spelt as in URLs."""
    return _MARKER.sub(r"%5B\1%5D", text) if "[REDACTED" in text else text


def url_marker_edits(text: str) -> Iterator[Edit]:
    """Spell markers as in URLs."""
    for match in _MARKER.finditer(text):
        yield match.start(), match.end(), f"%5B{match[1]}%5D"


_MARKER = Pattern(rf"\[(REDACTED(?:-{MARK})?)\]")


def _may_have_secrets(uri: str, names: Names) -> bool:
    """Whether a parameter has a secret name, or a value in which there may be one that has."""
    query = uri.partition("?")[2] or uri
    return (
        "%" in query
        or "/" in query
        or "{" in query
        or any(map(names.__getitem__, _PARAMETER_NAME.findall(uri)))
    )


def user_info_edits(text: str, found: Found) -> Iterator[Edit]:
    """Replace user and password. A short user without a password is none: ``git@``."""
    for match in _USER_INFO.finditer(text):
        user, colon, password = match[1].partition(":")
        if not colon and not values.looks_secret(user):
            continue
        new = colon.join(
            values.value(part, found, parseable=False, marker=REDACTED_IN_URL)
            for part in ((user, password) if colon else (user,))
        )
        if unquote_plus(password) != password:
            found(to_latin(unquote_plus(password)))
        yield match.start(1), match.end(1), new


def path_edits(text: str, found: Found) -> Iterator[Edit]:
    """Replace what is secret in the paths of some services: whoever has the URL may post."""
    for match in _PATHS.finditer(text):
        group = match.lastindex or 0
        new = values.value(match[group], found, parseable=False, marker=REDACTED_IN_URL)
        yield match.start(group), match.end(group), new


def form_edits(text: str, vocabulary: Vocabulary, found: Found) -> Iterator[Edit]:
    """Replace values in a form: ``name=value&...``."""
    return _edits(_PAIR_IN_FORM, text, vocabulary, found, 0, vocabulary.beside(text)[1])


def form_pair_edits(text: str, vocabulary: Vocabulary, found: Found) -> Iterator[Edit]:
    """Replace the value beside the name of a secret: ``env[0][name]=PIN&env[0][value]=...``."""
    for match in _NAMED_IN_FORM.finditer(text):
        name = unquote_plus(match[2])
        if not vocabulary.fields[name]:
            continue
        text_of = to_latin(unquote_plus(match[3]))
        if text_of and not values.is_marker(text_of):
            new = values.value(text_of, found, parseable=False, marker=REDACTED_IN_URL)
            yield match.start(3), match.end(3), new


def url_edits(text: str, vocabulary: Vocabulary, found: Found) -> Iterator[Edit]:
    """Replace parameters in URLs that stand in other text."""
    return _edits(_PAIR_IN_TEXT, text, vocabulary, found, _DEEPEST)


def _edits(  # noqa: PLR0917 -- as `_parameter`
    pairs: Pattern[str],
    text: str,
    vocabulary: Vocabulary,
    found: Found,
    depth: int,
    names: Names | None = None,
) -> Iterator[Edit]:
    names = vocabulary.parameters if names is None else names
    for match in pairs.finditer(text):
        new = _parameter(match[1], match[2], vocabulary, found, depth, names)
        if new is not None:
            yield match.start(2), match.end(2), new


def _parameter(  # noqa: PLR0917 -- a pair, the rules, and where it is
    name: str, raw: str, vocabulary: Vocabulary, found: Found, depth: int, names: Names
) -> str | None:
    """What comes in the place of a parameter's value; None where it stays."""
    if not raw:
        return None
    secrecy = names[name]
    if secrecy is Secrecy.NO:
        return _within(raw, vocabulary, found, depth) if depth < _DEEPEST else None
    text = to_latin(unquote_plus(raw)) if "%" in raw or "+" in raw else raw
    if values.is_marker(text):
        return with_mark(REDACTED_IN_URL, values.mark_of(text))
    # in a text, for a person
    is_shown = depth == _DEEPEST and secrecy is not Secrecy.NAMED and values.is_innocent(text, name)
    if is_shown or (secrecy is Secrecy.GUARDED and not _is_secret(name, text)):
        return None
    if re.sub(r"[^a-z]", "", name.lower()) in _SCOPED:
        slash = "/" if "/" in raw else "%2F"
        return values.credential_scope(raw, found, REDACTED_IN_URL, slash)
    if values.changes_each_time(name):
        found = values.unmarked(found)
    return values.value(text, found, parseable=False, marker=REDACTED_IN_URL)


def _is_secret(name: str, text: str) -> bool:
    if name.lower().endswith("key") and values.looks_like_a_path(text):
        return False
    if name.lower().endswith("token"):
        return values.looks_secret(text)
    return values.looks_opaque(text) and not values.is_innocent(text)


def _within(raw: str, vocabulary: Vocabulary, found: Found, depth: int) -> str | None:
    """A value that is a URL or JSON itself, as ``redirect_uri`` and ``variables`` have them."""
    if "/" not in raw and "%" not in raw and "{" not in raw:
        return None
    text = to_latin(unquote_plus(raw))
    if text[:1] in "{[":
        edited = EditedText(text)
        edited.replace(field_edits(text, vocabulary.fields, found, parseable=False))
        new = edited.text
    elif "://" in text or text.startswith("/"):
        new = redact_uri(text, vocabulary, found, depth=depth + 1)
    else:
        return None
    if in_url(new) == in_url(text):
        return None  # what was redacted around it stays as it is
    is_encoded = text != raw
    return quote(from_latin(new).encode("utf-8", "surrogateescape"), "") if is_encoded else new


# Header lines without their secrets.


Pairs = tuple[tuple[str, str], ...]
_Handler = Callable[[str, "Found", bool], str]

URL_HEADERS = frozenset({"location", "content-location", "referer"})
"""Headers whose value is one URL."""

_TEXTS_WITH_URLS = frozenset({"link", "refresh"})
_PLAIN_WORD = Pattern(r"[A-Za-z]{1,12}|[A-Za-z]{1,8}[-_][A-Za-z]{1,6}|[0-9.]{0,6}")
_COOKIE = Pattern(r"(\s*)([^=;]*)=([^;]*)")
_NEXT_COOKIE = Pattern(r",\s*(?=[^\s;,=]+=)")  # a comma in a date has no name after it


_SENT = frozenset({"bearer", "basic "})
_CREDENTIALS = Pattern(r"(?:bearer|basic)[ \t]+[A-Za-z0-9._~+/-]+=*", re.IGNORECASE)


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
            is_authorization = name.lower().endswith(("authorization", "-auth"))
            usual = _authorization if is_authorization else _value
            handler = self._known.get(name.lower(), usual)
        elif name.lower() in URL_HEADERS:
            handler = self._uri
        elif name.lower() in _TEXTS_WITH_URLS:
            handler = self._urls
        if len(self) < 4096:  # noqa: PLR2004 -- names come from strangers: not without end
            self[name] = handler
        return handler

    def redact(
        self, pairs: Pairs, found: Found, *, parseable: bool, has_marks: bool = False
    ) -> Pairs:
        """Replace the values that are secret.

        :param has_marks: whether secrets have marks, which are another recording's in another one.
        :param parseable: whether a JSON Web Token stays one, as in a response.
        :returns: the same object if there were none.
        """
        redacted: list[tuple[str, str]] | None = None
        for at, (name, text) in enumerate(pairs):
            if self[name] is None and "eyJ" not in text and text[:6].lower() not in _SENT:
                continue
            if has_marks:
                new = self._replaced(name, text, found, parseable)
            else:
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
        return self._replaced(name, text, secrets.append, parseable), tuple(secrets)

    def _replaced(self, name: str, text: str, found: Found, parseable: bool) -> str:
        handler = self[name]
        if values.changes_each_time(name):
            found = values.unmarked(found)
        if handler is None and (sent := _CREDENTIALS.fullmatch(text)):
            handler = _authorization if values.looks_secret(sent[0]) else None
        elif parseable and handler is _value and values.is_innocent(text, name):
            is_named = self._vocabulary.headers[name] is Secrecy.NAMED
            handler = handler if is_named else None
        new = handler(text, found, parseable) if handler else text
        if "eyJ" in new and self._vocabulary.has("jwt"):
            edited = EditedText(new)
            edited.replace(jwt_edits(new, found, REDACTED, parseable=parseable))
            new = edited.text
        return new

    def _uri(self, text: str, found: Found, parseable: bool) -> str:
        return redact_uri(text, self._vocabulary, found, parseable=parseable)

    def _urls(self, text: str, found: Found, parseable: bool) -> str:  # noqa: ARG002 -- a handler
        edited = EditedText(text)
        edited.replace(url_edits(text, self._vocabulary, found))
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
