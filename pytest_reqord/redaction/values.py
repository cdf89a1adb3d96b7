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
from pytest_reqord.redaction.rules import Secrecy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.redaction.rules import Names

__all__ = [
    "DUMMY_JWT",
    "JWT",
    "MARKERS",
    "REDACTED",
    "REDACTED_IN_URL",
    "Edit",
    "EditedText",
    "Found",
    "argument_edits",
    "authorization",
    "credential_scope",
    "dummy_jwt",
    "field_edits",
    "from_latin",
    "has_secret_fields",
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


# Fields of JSON: string values replaced in the text, everything else left byte for byte.
#
# The text is never parsed, so that one pass takes JSON, NDJSON, server-sent events, JSON in a string
# of JSON (``\"password\": \"...\"``), a document that was cut off, and what is nearly JSON.


_NAME = r"[A-Za-z0-9_.$:@-]{2,64}"
_BLANK = r"(?:\s|\\+[nrt])*"  # line ends are \n in JSON in a string of JSON
_FIELD = Pattern(rf'"({_NAME})(\\*)"{_BLANK}:{_BLANK}(\[{_BLANK})?(\\*)"', re.ASCII)
_ANY_NAME = Pattern(rf'"({_NAME})\\*"\s*:', re.ASCII)
_ARGUMENT = Pattern(r'\b([A-Za-z_][A-Za-z0-9_]{1,63})\s*:\s*(\\*)"', re.ASCII)
_NEXT = Pattern(rf'{_BLANK},{_BLANK}(\\*)"')
_AUTHORIZATION = Pattern(r"(?:proxy[-_]?)?authorization", re.IGNORECASE)
_REMARK = Pattern(r"[A-Za-z][a-z']*(?: [A-Za-z0-9'(),:-]+)+[.!]?")
_WORD_OF_A_TEXT = Pattern(r"log_?prob|\"bytes|start_?offset|token_?id", re.IGNORECASE)
_NEARBY = 160


def has_secret_fields(text: str, names: Names) -> bool:
    """Whether there is anything to do for `field_edits`: one quick pass."""
    return any(map(names.__getitem__, _ANY_NAME.findall(text)))


def field_edits(text: str, names: Names, found: Found, *, parseable: bool) -> Iterator[Edit]:
    """Replace the string values of fields with secret names, in lists of strings too.

    :param parseable: whether a JSON Web Token stays one.
    """
    at = 0
    while match := _FIELD.search(text, at):
        at = match.end()
        name, slashes, in_list, value_slashes = match.groups()
        secrecy = names[name]
        if secrecy is Secrecy.NO or slashes != value_slashes:
            continue
        depth = len(slashes)
        while True:
            end = _end(text, at, depth)
            is_secret = secrecy is Secrecy.YES or _is_secret(text, match.start(), at, end, depth)
            if is_secret and not (in_list and _is_remark(name, text[at:end])):
                yield at, end, _new(name, _decoded(text[at:end], depth), found, parseable)
            at = end + depth + 1
            following = _NEXT.match(text, at) if in_list else None
            if following is None or following[1] != slashes:
                break
            at = following.end()


def argument_edits(text: str, names: Names, found: Found) -> Iterator[Edit]:
    """The same for arguments in GraphQL, whose names have no quotes: ``login(password: "...")``."""
    at = 0
    while match := _ARGUMENT.search(text, at):
        at = match.end()
        name, slashes = match.groups()
        if names[name] is Secrecy.YES:
            quotes = f'{slashes}"' * 2  # two more make it a block string
            if text.startswith(quotes, at):
                at += len(quotes)
                end = text.find(f'{quotes}{slashes}"', at)
                end = len(text) if end < 0 else end
            else:
                end = _end(text, at, len(slashes))
            yield at, end, _new(name, _decoded(text[at:end], len(slashes)), found, parseable=False)
            at = end


def _end(text: str, start: int, depth: int) -> int:
    """Where a string ends whose quotes have ``depth`` backslashes before them: 0, 1, 3, 7 ..."""
    at = start
    while (at := text.find('"', at)) >= 0:
        before = at
        while before > start and text[before - 1] == "\\":
            before -= 1
        slashes = at - before
        if slashes < depth or slashes % (2 * depth + 2) == depth:
            return at - min(slashes, depth)
        at += 1
    return len(text)


def _decoded(raw: str, depth: int) -> str:
    """The value that a string stands for."""
    if "\\" not in raw:
        return raw

    text = from_latin(raw)
    try:
        for _ in range((depth + 1).bit_length()):
            text = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return raw
    return to_latin(text)


def _new(name: str, text: str, found: Found, parseable: bool) -> str:
    if _AUTHORIZATION.fullmatch(name):
        return authorization(text, found, parseable=parseable)
    return value(text, found, parseable=parseable)


def _is_remark(name: str, raw: str) -> bool:
    """Whether it is what validators say of a field: ``"password": ["can't be blank"]``."""
    return _REMARK.fullmatch(raw) is not None and not _AUTHORIZATION.fullmatch(name)


def _is_secret(text: str, name_at: int, start: int, end: int, depth: int) -> bool:
    """Whether a ``token`` is a credential, and not a piece of text of a language model."""
    if not looks_secret(_decoded(text[start:end], depth)):
        return False
    before = text[max(0, name_at - _NEARBY) : name_at].rpartition("{")[2]
    after = text[end : end + _NEARBY].partition("}")[0]
    return not _WORD_OF_A_TEXT.search(before) and not _WORD_OF_A_TEXT.search(after)
