"""One value: whether it is secret, what comes in its place, and what matches that place.

Everything here works on Latin-1 text, in which each character is one byte of the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.real import json
from pytest_reqord.redaction.kinds import (
    KINDED,
    MARK,
    MARKED,
    has_kind,
    jwt_marker,
    mark_in,
    marker_of,
    signature_with,
    with_mark,
)
from pytest_reqord.redaction.rules import Secrecy
from pytest_reqord.redaction.table import names_in

__all__ = [
    "DUMMY_JWT",
    "JWT",
    "MARKERS",
    "REDACTED",
    "REDACTED_IN_URL",
    "Found",
    "authorization",
    "changes_each_time",
    "credential_scope",
    "dummy_jwt",
    "from_latin",
    "has_marker",
    "is_dummy_jwt",
    "is_innocent",
    "is_marker",
    "is_redacted",
    "is_secret",
    "is_spoken",
    "kept_jwt",
    "lasting_claims",
    "looks_like_a_path",
    "looks_opaque",
    "looks_secret",
    "mark_of",
    "matches",
    "to_latin",
    "unmarked",
    "value",
]

REDACTED = "[REDACTED]"
REDACTED_IN_URL = "%5BREDACTED%5D"
"""The same where brackets may not stand: in URLs and in forms."""

MARKERS = (REDACTED, REDACTED_IN_URL)

Found = Callable[[str], "str | None"]
"""Told each secret that was replaced, so that its echoes can be; says its mark, if it has one."""


def is_marker(text: str) -> bool:
    """Whether a text is a marker and nothing else, with a mark or without."""
    return text in MARKERS or (len(text) <= _LONGEST_MARKER and _MARKER.fullmatch(text) is not None)


def has_marker(text: str) -> bool:
    """Whether there is a marker in a text."""
    return "REDACTED" in text and _MARKER.search(text) is not None


_MARKER = Pattern(rf"\[REDACTED(?:-{MARK})?\]|%5[Bb]REDACTED(?:-{MARK})?%5[Dd]")
_LONGEST_MARKER = len("%5BREDACTED-00000000%5D")


def to_latin(text: str) -> str:
    """Text as its UTF-8 bytes, one character each."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError:  # half a pair that JSON had escaped
        return text.encode("utf-8", "surrogatepass").decode("latin-1")


def from_latin(latin: str) -> str:
    """What `to_latin` was given; bytes that are no UTF-8 become lone surrogates."""
    if latin.isascii():
        return latin
    return latin.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


# JSON Web Tokens: found by their shape, replaced by tokens that still can be parsed.


JWT = Pattern(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*")

_DUMMY_SIGNATURE = "W1JFREFDVEVE"  # [REDACTED in base64url
DUMMY_JWT = Pattern(
    rf"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.{_DUMMY_SIGNATURE}(?:XQ|L[A-Za-z0-9_-]{{3,14}})"
)
"""A token of ours: the signature says so."""

_OPEN_CLAIMS = frozenset(names_in("claim"))


def is_dummy_jwt(value: str) -> bool:
    """Whether the value is a token that `dummy_jwt` made."""
    return f".{_DUMMY_SIGNATURE}" in value and DUMMY_JWT.fullmatch(value) is not None


def _of_jwt(part: str) -> dict[str, Any]:
    """What a part of a token says.

    :raises ValueError: if it says nothing, or a TypeError or a RecursionError.
    """
    import base64  # late, as json: few messages have a token in them

    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return dict(claims)  # what is no object raises here


def lasting_claims(token: str) -> str:
    """Whose a token is: all that it says but times and numbers of its own; empty if it says nothing."""
    try:
        claims = _of_jwt(token.split(".")[1])
    except (ValueError, TypeError, RecursionError, IndexError):
        return ""
    passing = _PASSING_CLAIMS if "sub" in claims else _TIMES
    lasting = {name: value for name, value in claims.items() if name not in passing}
    return json.dumps(lasting, sort_keys=True) if lasting else ""


_TIMES = frozenset({"iat", "exp", "nbf", "auth_time"})
_PASSING_CLAIMS = _TIMES | {"jti", "nonce", "at_hash", "c_hash", "sid", "rat", "uti", "aio"}


def dummy_jwt(token: str, mark: str | None = None) -> str | None:
    """The token without its signature, and without those of its claims that look like secrets.

    :param mark: its mark, if it has one.
    :returns: None if it isn't a token that can be parsed.
    """
    import base64

    def packed(claims: dict[str, Any]) -> str:
        text = json.dumps(_without_values(claims), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    try:
        header, payload, _ = token.split(".")
        return ".".join(
            (
                packed(_of_jwt(header)),
                packed(_of_jwt(payload)),
                signature_with(mark),
            )
        )
    except (ValueError, TypeError, RecursionError):
        return None


def kept_jwt(token: str, mark: str | None, marker: str) -> str | None:
    """What a cassette has of a token in an answer: its claims; in a URL it stays a token.

    :param marker: what comes in the place of any other secret there.
    :returns: None if it isn't a token that can be parsed.
    """
    dummy = dummy_jwt(token, mark)
    return (dummy and marker == REDACTED and jwt_marker(dummy, mark)) or dummy


def _without_values(claims: Any) -> Any:
    if isinstance(claims, dict):
        return {
            name: value if name in _OPEN_CLAIMS else _without_values(value)
            for name, value in claims.items()
        }
    if isinstance(claims, list):
        return [_without_values(value) for value in claims]
    return REDACTED if isinstance(claims, str) and looks_secret(claims) else claims


def mark_of(text: str) -> str:
    """The mark of the first thing of ours in a text that has one; empty where there is none."""
    found = MARKED.search(text) if "REDACTED-" in text or "." in text else None
    return mark_in(found) if found else ""


# One secret value: what comes in its place, and whether it is one at all.


_OPAQUE = Pattern(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])\S{16,}")  # with a digit and a letter
_FILE_NAME = Pattern(r"\.[A-Za-z]\w{0,4}\Z")
_UUID = Pattern(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SCHEMES = frozenset(names_in("scheme"))
_WITHOUT_PARAMETERS = frozenset({"basic", "bearer", "negotiate", "ntlm", "dpop"})
_SCHEME = Pattern(r"([A-Za-z][A-Za-z0-9_-]{0,40})([ \t]+)(?=\S)")
_SCHEME_WORDS = Pattern(r"key|token|auth|jwt|hmac|signature|api", re.IGNORECASE)
_PARAMETER = Pattern(r"""([A-Za-z][\w*-]{0,31})(\s*=\s*)("(?:[^"\\]|\\.)*"|[^\s,"]+)""")
_OPEN = frozenset(names_in("auth-parameter"))
_UNQUOTED = _OPEN | {
    *("credential", "signature", "token", "username", "response", "cnonce"),
    *("sentry_key", "sentry_secret"),
}
"""Parameters that may stand without quotes; of any other text it may be part of a secret."""


def is_secret(secrecy: Secrecy, name: str, text: str, *, parseable: bool) -> bool:
    """Whether a value is secret, by what its name says and by what it is itself.

    :param parseable: whether it is in an answer. What a request has under the name of a secret is
        one always: two runs with two keys, of which one may be a placeholder, must match.
    """
    if secrecy is Secrecy.NAMED:
        return True
    if secrecy is Secrecy.YES:
        return not parseable or not is_innocent(text, name) or bool(_PHRASES.search(name))
    if secrecy is Secrecy.NO:
        return False
    if _NO_LETTER.sub("", name.lower()).endswith(_UUIDS) and _UUID.fullmatch(text):
        return False
    if _KEY.search(name):
        return looks_opaque(text) and not looks_like_a_path(text) and looks_secret(text)
    return looks_secret(text)


def is_innocent(text: str, name: str = "") -> bool:
    """Whether a value is none that anybody keeps secret, whatever its name says.

    A word of a known set, a sentence, a URL, a path, a reference, a mask, a placeholder.
    """
    if len(text) > _LONGEST_INNOCENT:
        return False
    if text.lower() in _WORDS:
        return True
    if any(pattern.fullmatch(text) for pattern in _INNOCENT):
        return True
    if any(pattern.fullmatch(text) for pattern in _PATHS):
        return len(_SWITCHES.findall(text)) <= _MOST_SWITCHES
    return _is_label(text, name) or _is_sentence(text)


_LONGEST_INNOCENT = 2048
_NO_LETTER = Pattern(r"[^a-z]")
_UUIDS = tuple(name.strip("*").replace("_", "") for name in names_in("uuid"))
_KEY = Pattern(r"key\d*\Z", re.IGNORECASE)
_PHRASES = Pattern(r"mnemonic|phrase|seed", re.IGNORECASE)
_WORDS = frozenset(names_in("value"))
_SEGMENT = r"(?:[a-z0-9._{}:@-]{1,40}|[A-Z][a-z]{1,30}|[A-Z_]{2,40})"
_CODE_WORD = r"(?:[a-z_]{2,}|[A-Z_]{2,}|[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)+|[A-Z][a-z]+)"
_INNOCENT = (
    Pattern(r"(?i:your|insert|enter|replace|put|add|change)(?:[-_ ][A-Za-z]+)+[-_]?\d?"),
    Pattern(r"(?:sk|pk|rk)?[-_]?(?:live|test)?[-_]?(?i:your|my)(?:[-_][A-Za-z]+)+"),
    Pattern(
        r"<[^<>]{1,80}>|\[[A-Za-z _-]{1,60}\]|\{\{[^{}\"]{1,80}\}\}|\{[\w ._-]{1,60}\}|%[(\w).]{1,60}%?s?"
    ),
    Pattern(r"\$\{?\{?[\w .:/-]{1,80}\}{0,2}|\$\([^()]{1,80}\)"),
    Pattern(
        r"[\w.-]{0,16}(?:[*.\u2022\u2026]|\xe2\x80[\xa2\xa6]|x(?=x)|X(?=X)){3,}[\w.-]{0,10}|[xX]{4,}"
    ),
    Pattern(
        r"(?:https?|wss?|ftp|mailto|vault|op|awssm|gs|s3|ref|arn|urn|otpauth):[^\s@]*",
        re.IGNORECASE,
    ),
    Pattern(r"[A-Za-z]:\\[\w\\ .-]+|[\w-]{1,60}\.(?:pem|key|json|txt|ya?ml|p12|pfx|crt|env)"),
    Pattern(r"[A-Z]{2,}(?:_[A-Z]+)+\d?"),  # the name of a variable, or of a kind
    Pattern(r"0x[0-9a-fA-F]{40}"),  # an address of a contract; a private key has 64
    Pattern(rf"{_CODE_WORD}(?:(?:\.|::|->){_CODE_WORD})+(?:\(\))?|[a-z]+(?:_[a-z]+)+"),
    Pattern(r"#/[\w./-]+|[A-Za-z]+\d{1,2},\d"),  # of a schema; a model of a phone
    Pattern(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?"),
    Pattern(r"[A-Z]{2,6}[-/_:][A-Z]{2,6}"),  # a pair of currencies
)
_PATHS = (
    Pattern(rf"(?:~|\.{{1,2}})?/(?:{_SEGMENT}/)*{_SEGMENT}/?(?:\?[^\s]*)?"),
    Pattern(rf"[a-z][a-z0-9._-]{{0,40}}(?:/{_SEGMENT})+"),
)
_SWITCHES = Pattern(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])")
_MOST_SWITCHES = 4
"""So many times letters and digits take turns in a path; in a random token with a slash they do more often."""
_LETTERS = Pattern(r"[A-Za-z\x80-\xff]+")  # what is no ASCII is UTF-8 here
_PLAIN_WORDS = Pattern(
    r"""[("'\u00ab\u00bf\u00a1]{0,2}[^\W\d_](?:[^\W\d_]|['\u2019/-])*[,;:.!?\u2026)"'\u00bb]{0,3}"""
    r"""|\d{1,4}[.,)]?|-|&|\{\{?[\w. ]+\}?\}|%[sd]"""
)
_FUNCTION_WORDS = frozenset(names_in("sentence"))
_LABELS = ("pass", "secr", "toke", "kenn", "cont", "wach", "senh", "clav", "chia", "code", "pin")


def _is_label(text: str, name: str) -> bool:
    """What a form calls a field: ``Passwort``, in any language, or the name itself in words."""
    if not _LETTERS.fullmatch(text) or len(text) > 30:  # noqa: PLR2004 -- a word
        return False
    if not text.isascii():
        return from_latin(text).isalpha() and len(text) <= 24  # noqa: PLR2004 -- 12 of Cyrillic
    capital = text[0].isupper() and text[1:].islower()
    if capital and _CODES.search(name):
        return True
    return capital and text.lower().startswith((*_LABELS, name.lower()[:4] or "\0"))


_CODES = Pattern(r"(?:code|otp|pin|cvc)s?\Z", re.IGNORECASE)


def _is_sentence(text: str) -> bool:
    """Words, of which one is what only sentences have, or that begin and end as sentences do."""
    text = from_latin(text)
    words = text.split(" ")
    if len(words) < 2 or not all(map(_PLAIN_WORDS.fullmatch, words)):  # noqa: PLR2004 -- a sentence
        return False
    if words[0].lower() in _AUTH_WORDS and len(words) == 2:  # noqa: PLR2004 -- Bearer abc
        return False
    spoken = {word.strip("(),;:.!?\"'").lower() for word in words}
    return (
        words[0][:1].isupper()
        or text[-1] in ".!?"
        or not text.isascii()
        or not _FUNCTION_WORDS.isdisjoint(spoken)
    )


def is_spoken(text: str) -> bool:
    """Whether a value is a word of a known set, or a sentence."""
    return text.lower() in _WORDS or _is_sentence(text)


_AUTH_WORDS = frozenset({"bearer", "basic", "token", "digest", "apikey", "bot", "negotiate"})
_SPOKEN = Pattern(
    r"[a-z]+(?:[-_.:/][a-z]+)*|[A-Z][a-z]+(?:[-_][A-Z]?[a-z]+)*|[A-Z]+(?:[-_:/][A-Z0-9]{1,6})*"
    r"|(?:[A-Za-z]{2,}|\d{1,4})(?:[-_.:/](?:[A-Za-z]{2,}|\d{1,8}))+|v?\d+(?:[.,:-]\d+)*|[A-Za-z]+\d{1,4}"
)
_LETTER = Pattern(r"[A-Za-z]")
_DIGIT = Pattern(r"\d")
_CREDENTIALS = Pattern(r"(bearer|basic|token|apikey|digest|bot)[ \t]+(\S{4,})", re.IGNORECASE)
_SHORTEST_MIXED = 6
_SURE_LENGTH = 16


def looks_secret(text: str) -> bool:
    """Whether a value of a doubtful name is a secret: no word, and nothing that is put into words.

    From 16 characters on, shorter ones with letters and digits; ``Bearer`` or ``Basic`` may stand
    before it.
    """
    credentials = _CREDENTIALS.fullmatch(text)
    if credentials:
        text = credentials[2]
        return not (is_innocent(text) or _PLAIN_CASE.fullmatch(text))
    if any(map(str.isspace, text)):
        return False
    if is_innocent(text):
        return False
    if _SPOKEN.fullmatch(text) and not _DIGITS.fullmatch(text):
        return False
    has_letter, has_digit = _LETTER.search(text) is not None, _DIGIT.search(text) is not None
    if len(text) >= _SURE_LENGTH:
        return has_letter or has_digit
    return has_letter and has_digit and len(text) >= _SHORTEST_MIXED


_DIGITS = Pattern(r"\d{16,}")
_PLAIN_CASE = Pattern(r"[A-Za-z]?[a-z-]{0,20}")


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
    if not text or is_marker(text):
        return text and with_mark(marker, mark_of(text))
    if has_kind(text) and KINDED.search(text):
        return text if parseable else with_mark(marker, mark_of(text))
    if " " in text and (credentials := _CREDENTIALS.fullmatch(text)) and marker == REDACTED:
        scheme = text[: credentials.start(2)]
        return scheme + value(credentials[2], found, parseable=parseable)
    if text.startswith("eyJ"):
        if is_dummy_jwt(text):
            return text if parseable else with_mark(marker, mark_of(text))
        if parseable and dummy_jwt(text):
            return kept_jwt(text, found(text), marker) or marker
    mark = found(text)
    return with_mark(marker_of(text) if parseable and marker == REDACTED else marker, mark)


def changes_each_time(name: str) -> bool:
    """Whether a value of this name is made anew for each request: it tells nobody apart."""
    return _CHANGES.search(name) is not None


_CHANGES = Pattern(
    r"signature|(?:^|[_-])(?:sig|mac|hmac|nonce|cnonce|otp|totp)(?:$|[_-])|^response$|csrf|xsrf|nonce$"
    r"|authenticity|requestverification",
    re.IGNORECASE,
)


def unmarked(found: Found) -> Found:
    """Tell secrets, and give them no marks."""

    def told(secret: str) -> None:
        found(secret)

    return told


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
        told = unmarked(found) if changes_each_time(name) else found
        return f"{name}{equals}{quote}{replace(inner, told)}{quote}"

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


# A redacted place in a recording matches whatever stands there in a live request.


_KINDED = rf"\[REDACTED(?:-{MARK})? [^\[\]\s\"\\<>]+(?: [^\[\]\s\"\\<>]+){{0,2}}\]"
_PLACE = Pattern(
    f"{_MARKER.pattern}|{_KINDED}|{DUMMY_JWT.pattern}",
    re.IGNORECASE,
)
_ANYTHING = Pattern(r'(?:[^"&<\n\\]|\\.)*')  # one value: not beyond its string, field or line


def is_redacted(text: str | bytes) -> bool:
    """Whether something was taken out of the text."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return _PLACE.search(text) is not None


def matches(recorded: str | bytes, live: str | bytes) -> bool:
    """Whether the two are equal but for the redacted places of the recording.

    :param recorded: a URI, a header's value or a body, as recorded.
    :param live: the same of the live request, redacted or not.
    """
    if recorded == live:
        return True
    recorded = recorded.decode("latin-1") if isinstance(recorded, bytes) else recorded
    live = live.decode("latin-1") if isinstance(live, bytes) else live
    first, *rest = _PLACE.split(recorded)
    if not rest or not live.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1]:  # the nearest place is the best: it leaves the most for those to come
        found = live.find(part, at)
        if found < 0 or not _ANYTHING.fullmatch(live, at, found):
            return False
        at = found + len(part)
    end = len(live) - len(rest[-1])
    return at <= end and live.endswith(rest[-1]) and bool(_ANYTHING.fullmatch(live, at, end))
