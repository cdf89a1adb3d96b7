"""Text that is edited in place, and what secrets are replaced by.

Everything here works on Latin-1 text, in which each character is one byte of the message: what
isn't edited stays as it was, whatever its charset, and offsets in the text are offsets in the body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.real import json

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "DUMMY_JWT",
    "JWT",
    "MARKERS",
    "REDACTED",
    "REDACTED_IN_URL",
    "Edit",
    "EditedText",
    "Found",
    "authorization",
    "credential_scope",
    "dummy_jwt",
    "from_latin",
    "is_dummy_jwt",
    "is_redacted",
    "jwt_edits",
    "looks_like_a_path",
    "looks_opaque",
    "looks_secret",
    "matches",
    "to_latin",
    "value",
]

REDACTED = "[REDACTED]"
REDACTED_IN_URL = "%5BREDACTED%5D"
"""The same where brackets may not stand: in URLs and in forms."""

MARKERS = (REDACTED, REDACTED_IN_URL)

Edit = tuple[int, int, str]
"""Start, end and what comes in between."""

Found = Callable[[str], None]
"""Told each secret that was replaced, so that its echoes can be."""


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


class EditedText:
    """Text and what was done to it, so that offsets into the old text can follow.

    :param text: the text to be edited; holds the edited one from then on.
    """

    __slots__ = ("_rounds", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._rounds: list[list[Edit]] = []

    @property
    def is_changed(self) -> bool:
        """Whether anything was replaced by something else."""
        return bool(self._rounds)

    def replace(self, edits: Iterable[Edit]) -> None:
        """Make one round of edits.

        :param edits: in the order of the text, without overlaps.
        """
        text = self.text
        changes = [edit for edit in edits if text[edit[0] : edit[1]] != edit[2]]
        if not changes:
            return
        parts: list[str] = []
        at = 0
        for start, end, new in changes:
            parts += (text[at:start], new)
            at = end
        self.text = "".join((*parts, text[at:]))
        self._rounds.append(changes)

    def moved(self, offsets: Sequence[int]) -> list[int]:
        """Where offsets of the old text, ascending, are now.

        One that lay inside of what was replaced comes behind the replacement.
        """
        moved = list(offsets)
        for edits in self._rounds:
            moved = _shifted(moved, edits)
        return moved


def _shifted(offsets: list[int], edits: list[Edit]) -> list[int]:
    shifted = []
    at = shift = 0
    for offset in offsets:
        while at < len(edits) and edits[at][1] <= offset:
            start, end, new = edits[at]
            shift += len(new) - (end - start)
            at += 1
        if at < len(edits) and edits[at][0] < offset:
            start, _, new = edits[at]
            shifted.append(start + shift + len(new))
        else:
            shifted.append(offset + shift)
    return shifted


# JSON Web Tokens: found by their shape, replaced by tokens that still can be parsed.


JWT = Pattern(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*")

_DUMMY_SIGNATURE = "W1JFREFDVEVEXQ"  # REDACTED in base64url
DUMMY_JWT = Pattern(rf"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.{_DUMMY_SIGNATURE}")
"""A token of ours: the signature says so."""

_TIME_CLAIMS = frozenset({"exp", "iat", "nbf", "auth_time"})
_HEADER_CLAIMS = frozenset({"alg", "typ", "cty"})


def is_dummy_jwt(value: str) -> bool:
    """Whether the value is a token that `dummy_jwt` made."""
    return value.endswith(_DUMMY_SIGNATURE) and DUMMY_JWT.fullmatch(value) is not None


def dummy_jwt(token: str) -> str | None:
    """The token with its algorithm, its time claims and the names of the others.

    :returns: None if it isn't a token that can be parsed.
    """
    import base64  # late, as json: few messages have a token in them

    def part(text: str) -> dict[str, Any]:
        claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return dict(claims)  # what is no object raises here

    def packed(claims: dict[str, Any], kept: frozenset[str]) -> str:
        text = json.dumps(_without_values(claims, kept), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    try:
        header, payload, _ = token.split(".")
        return ".".join(
            (
                packed(part(header), _HEADER_CLAIMS),
                packed(part(payload), _TIME_CLAIMS),
                _DUMMY_SIGNATURE,
            )
        )
    except (ValueError, TypeError, RecursionError):
        return None


def _without_values(claims: Any, kept: frozenset[str]) -> Any:
    if isinstance(claims, dict):
        return {
            name: value if name in kept else _without_values(value, kept)
            for name, value in claims.items()
        }
    if isinstance(claims, list):
        return [_without_values(value, kept) for value in claims]
    if isinstance(claims, str):
        return REDACTED
    return 0 if type(claims) in (int, float) else claims


def jwt_edits(text: str, found: Found, marker: str, *, parseable: bool) -> Iterator[Edit]:
    """Replace tokens wherever they stand.

    :param marker: what comes in their place where they need not be parsed, or can't be.
    :param parseable: whether tokens stay tokens: in a response, which a client reads. In a request
        a marker is better, for it is the same for every token.
    """
    for match in JWT.finditer(text):
        token = match[0]
        is_dummy = is_dummy_jwt(token)
        if is_dummy and parseable:
            continue
        if not is_dummy:
            found(token)
        yield match.start(), match.end(), (dummy_jwt(token) if parseable else None) or marker


# One secret value: what comes in its place, and whether it is one at all.


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


# A redacted place in a recording matches whatever stands there in a live request.


_PLACE = Pattern(
    "|".join((re.escape(REDACTED), re.escape(REDACTED_IN_URL), DUMMY_JWT.pattern)), re.IGNORECASE
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
