"""One secret value: what comes in its place, and whether it is one at all."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_reqord.patterns import Pattern
from pytest_reqord.redaction.jwt import dummy_jwt, is_dummy_jwt
from pytest_reqord.redaction.text import MARKERS, REDACTED

if TYPE_CHECKING:
    from pytest_reqord.redaction.text import Found

__all__ = [
    "authorization",
    "credential_scope",
    "looks_like_a_path",
    "looks_opaque",
    "looks_secret",
    "value",
]

_OPAQUE = Pattern(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])\S{16,}")  # with a digit and a letter
_FILE_NAME = Pattern(r"\.[A-Za-z]\w{0,4}\Z")
_UUID = Pattern(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SCHEMES = frozenset(
    {"bot", "gwt", "hawk", "hoba", "mac", "sharedkeylite", "splunk", "ssws", "vapid"}
    | {"basic", "bearer", "digest", "dpop", "fernet", "negotiate", "ntlm", "oauth"}
)
_WITHOUT_PARAMETERS = frozenset({"basic", "bearer", "negotiate", "ntlm", "dpop"})
_SCHEME = Pattern(r"([A-Za-z][A-Za-z0-9_-]{0,40})([ \t]+)(?=\S)")
_SCHEME_WORDS = Pattern(r"key|token|auth|jwt|hmac|signature|api", re.IGNORECASE)
_PARAMETER = Pattern(r"""([A-Za-z][\w*-]{0,31})(\s*=\s*)("(?:[^"\\]|\\.)*"|[^\s,"]+)""")
_OPEN = frozenset(
    {"realm", "uri", "algorithm", "qop", "nc", "opaque", "nonce", "userhash", "charset"}
    | {"signedheaders", "headers", "ts", "oauth_signature_method", "oauth_timestamp"}
    | {"oauth_version", "oauth_nonce", "oauth_callback"}
)
_UNQUOTED = _OPEN | {"credential", "signature", "token", "username", "response", "cnonce"}
"""Parameters that may stand without quotes; of any other text it may be part of a secret."""


def looks_secret(text: str) -> bool:
    """Whether a field of a doubtful name holds a secret: 16 or more characters, no space."""
    return len(text) >= 16 and not any(map(str.isspace, text))  # noqa: PLR2004 -- said above


def looks_opaque(text: str) -> bool:
    """Whether a parameter of a doubtful name does: no word, no UUID."""
    return _OPAQUE.fullmatch(text) is not None and _UUID.fullmatch(text) is None


def looks_like_a_path(text: str) -> bool:
    """Whether a ``key`` is that of an object in a store: folders, or a file's name."""
    return "/" in text or _FILE_NAME.search(text, max(0, len(text) - 6)) is not None


def value(text: str, found: Found, *, parseable: bool, marker: str = REDACTED) -> str:
    """What comes in the place of a secret.

    :param text: the secret.
    :param found: told the secret.
    :param parseable: whether a JSON Web Token stays one.
    """
    if not text or text in MARKERS:
        return text and marker
    if text.startswith("eyJ"):
        if is_dummy_jwt(text):
            return text if parseable else marker
        if parseable and (dummy := dummy_jwt(text)):
            found(text)
            return dummy
    found(text)
    return marker


def credential_scope(text: str, found: Found, marker: str = REDACTED, slash: str = "/") -> str:
    """AWS's and Google's ``KEY/date/region/service/aws4_request``: without the key."""
    key, separator, scope = text.partition(slash)
    return value(key, found, parseable=False, marker=marker) + separator + scope


def authorization(text: str, found: Found, *, parseable: bool) -> str:
    """An ``Authorization`` value without its secrets; its scheme and its structure stay."""
    scheme = _SCHEME.match(text)
    if scheme is None or not _is_scheme(scheme[1]):
        return value(text, found, parseable=parseable)
    rest = text[scheme.end() :]
    if scheme[1].lower() == "basic":
        for secret in _user_info(rest):
            found(secret)
    elif scheme[1].lower() not in _WITHOUT_PARAMETERS:
        parameters = _parameters(rest, found)
        if parameters is not None:
            return scheme[0] + parameters
    return scheme[0] + value(rest, found, parseable=parseable)


def _is_scheme(word: str) -> bool:
    """Schemes are many; a password with a space in it must not be taken for one."""
    if word.lower() in _SCHEMES or word.upper().startswith(("AWS4-", "GOOG4-")):
        return True
    return _SCHEME_WORDS.search(word) is not None and not any(map(str.isdigit, word))


def _parameters(text: str, found: Found) -> str | None:
    """``name=value, ...`` without the values that are secret; None if the text isn't that."""
    parameters = list(_PARAMETER.finditer(text))
    between = _PARAMETER.sub("", text).strip(" ,\t")
    if between or not all(
        match[3].startswith('"') or match[1].lower() in _UNQUOTED for match in parameters
    ):
        return None

    def redacted(match: re.Match[str]) -> str:
        name, equals, quoted = match.groups()
        if name.lower() in _OPEN:
            return match[0]
        quote = '"' if quoted.startswith('"') else ""
        inner = quoted.strip('"')
        replace = credential_scope if name.lower() == "credential" else _plain
        return f"{name}{equals}{quote}{replace(inner, found)}{quote}"

    return _PARAMETER.sub(redacted, text)


def _plain(text: str, found: Found) -> str:
    return value(text, found, parseable=False)


@lru_cache(maxsize=256)  # clients send the same ones with every request
def _user_info(blob: str) -> tuple[str, ...]:
    """What is in ``Basic`` credentials: all of it, and the password."""
    import base64  # late: only Basic needs it

    try:
        user_info = base64.b64decode(blob.strip(), validate=True).decode("latin-1")
    except ValueError:
        return ()
    return user_info, user_info.partition(":")[2]
