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
from pytest_reqord.redaction.kinds import KINDED, marker_of
from pytest_reqord.redaction.rules import Secrecy
from pytest_reqord.redaction.table import names_in

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
    "assignment_edits",
    "authorization",
    "credential_scope",
    "credentials_edits",
    "dummy_jwt",
    "field_edits",
    "from_latin",
    "has_secret_fields",
    "inline_edits",
    "is_dummy_jwt",
    "is_innocent",
    "is_redacted",
    "is_secret",
    "jwt_edits",
    "looks_like_a_path",
    "looks_opaque",
    "looks_secret",
    "matches",
    "pair_edits",
    "private_key_edits",
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

    __slots__ = ("_rounds", "is_fixed", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.is_fixed = False  # whether what comes in must be as long as what it replaces
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
        if self.is_fixed:
            edits = [
                (start, end, new[: end - start].ljust(end - start, "*"))
                for start, end, new in edits
            ]
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

_OPEN_CLAIMS = frozenset(names_in("claim"))


def is_dummy_jwt(value: str) -> bool:
    """Whether the value is a token that `dummy_jwt` made."""
    return value.endswith(_DUMMY_SIGNATURE) and DUMMY_JWT.fullmatch(value) is not None


def dummy_jwt(token: str) -> str | None:
    """The token without its signature, and without those of its claims that look like secrets.

    :returns: None if it isn't a token that can be parsed.
    """
    import base64  # late, as json: few messages have a token in them

    def part(text: str) -> dict[str, Any]:
        claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return dict(claims)  # what is no object raises here

    def packed(claims: dict[str, Any]) -> str:
        text = json.dumps(_without_values(claims), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    try:
        header, payload, _ = token.split(".")
        return ".".join(
            (
                packed(part(header)),
                packed(part(payload)),
                _DUMMY_SIGNATURE,
            )
        )
    except (ValueError, TypeError, RecursionError):
        return None


def _without_values(claims: Any) -> Any:
    if isinstance(claims, dict):
        return {
            name: value if name in _OPEN_CLAIMS else _without_values(value)
            for name, value in claims.items()
        }
    if isinstance(claims, list):
        return [_without_values(value) for value in claims]
    return REDACTED if isinstance(claims, str) and looks_secret(claims) else claims


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


def is_secret(secrecy: Secrecy, name: str, text: str, *, parseable: bool) -> bool:
    """Whether a value is secret, by what its name says and by what it is itself.

    :param parseable: whether it is in an answer. What a request has under the name of a secret is
        one always: two runs with two keys, of which one may be a placeholder, must match.
    """
    if secrecy is Secrecy.YES:
        return not parseable or not is_innocent(text, name) or bool(_PHRASES.search(name))
    if secrecy is Secrecy.NO:
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
    if not text or text in MARKERS:
        return text and marker
    if "[REDACTED " in text and KINDED.search(text):
        return text if parseable else marker
    if " " in text and (credentials := _CREDENTIALS.fullmatch(text)) and marker == REDACTED:
        scheme = text[: credentials.start(2)]
        return scheme + value(credentials[2], found, parseable=parseable)
    if text.startswith("eyJ"):
        if is_dummy_jwt(text):
            return text if parseable else marker
        if parseable and (dummy := dummy_jwt(text)):
            found(text)
            return dummy
    found(text)
    return marker_of(text) if parseable and marker == REDACTED else marker


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


_KINDED = r"\[REDACTED [^\[\]\s\"\\<>]+(?: [^\[\]\s\"\\<>]+){0,2}\]"
_PLACE = Pattern(
    "|".join((re.escape(REDACTED), re.escape(REDACTED_IN_URL), _KINDED, DUMMY_JWT.pattern)),
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


# Fields of JSON: string values replaced in the text, everything else left byte for byte.
#
# The text is never parsed, so that one pass takes JSON, NDJSON, server-sent events, JSON in a string
# of JSON (``\"password\": \"...\"``), a document that was cut off, and what is nearly JSON.


_NAME = r"[A-Za-z0-9_.$:@/\[\]-]{1,64}"
_BLANK = r"(?:\s|\\+[nrt])*"  # line ends are \n in JSON in a string of JSON
_FIELD = Pattern(
    rf'"({_NAME})(\\*)"{_BLANK}:{_BLANK}'
    rf'(?:(\[{_BLANK})?(\\*)"|(\[{_BLANK})?(\{{)|(-?\d{{3,19}})(?![\d.eE]))',
    re.ASCII,
)
_ANY_NAME = Pattern(rf'"({_NAME})\\*"\s*:', re.ASCII)
_ARGUMENT = Pattern(r'\b([A-Za-z_][A-Za-z0-9_]{1,63})\s*:\s*(\\*)"', re.ASCII)
_NEXT = Pattern(rf'{_BLANK},{_BLANK}(\\*)"')
_AUTHORIZATION = Pattern(r"(?:proxy[-_]?)?authorization", re.IGNORECASE)
_REMARK = Pattern(r"[A-Za-z][a-z']*(?: [A-Za-z0-9'(),:-]+)+[.!]?")
_WORD_OF_A_TEXT = Pattern(r"log_?prob|\"bytes|start_?offset|token_?id", re.IGNORECASE)
_NEARBY = 160
_BRACE = Pattern(r"[{}]")
_LARGEST_OBJECT = 8192
_SAYS_VALUE = frozenset(names_in("inside"))
"""The names that a secret has in an object whose own name says what it is."""
_SAYS_OTHER = Pattern(
    r"(?:.*_)?(?:id|name|type|url|uri|href|link|hash|fingerprint|etag|version|kid|alg\w*|kind|format"
    r"|description|title|pattern|at|on|date|time|expir\w*|created|updated|format|ref|checksum\w*)"
    r"|n|e|x|y|x5\w+|.*(?:Id|Name|Type|Url|Uri|At|Date|Time|Version)",
)


def has_secret_fields(text: str, names: Names, holders: frozenset[str] = frozenset()) -> bool:
    """Whether there is anything to do for `field_edits`: one quick pass."""
    found = set(_ANY_NAME.findall(text))
    return (
        any(map(names.__getitem__, found))
        or any(names[name[:-1]] for name in found if name[-1] in "sS")
        or not holders.isdisjoint(map(_plain_name, found))
    )


def _plain_name(name: str) -> str:
    return name.lower() if name.islower() else re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def field_edits(
    text: str,
    names: Names,
    found: Found,
    *,
    parseable: bool,
    holders: frozenset[str] = frozenset(),
) -> Iterator[Edit]:
    """Replace the string values of fields with secret names, in lists and objects too, and numbers.

    :param parseable: whether a JSON Web Token stays one.
    :param holders: names of objects all of whose texts are secret.
    """
    at = 0
    inside = _Inside(text, names, holders)
    while match := _FIELD.search(text, at):
        at = match.end()
        name, slashes, _, value_slashes, _, brace, number = match.groups()
        if brace:
            inside.enter(match)
            continue
        secrecy = names[name] or inside.secrecy(match)
        if number:
            if secrecy is Secrecy.YES:
                yield match.start(7), at, _number(number, found, parseable=parseable)
        elif secrecy is not Secrecy.NO and slashes == value_slashes:
            for start, end in _strings(text, match):
                decoded = _decoded(text[start:end], len(slashes))
                # what validators say of a field is a list, in a request, too
                answers = parseable or (
                    match[3] is not None and _REMARK.fullmatch(decoded) is not None
                )
                place = (match.start(), end)
                if _is_secret(secrecy, name, decoded, text, place, parseable=answers):
                    yield start, end, _new(name, decoded, found, parseable)
                at = end + len(slashes) + 1


def _strings(text: str, field: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The value of a field, or all those of its list."""
    at = field.end()
    slashes = field[2]
    while True:
        end = _end(text, at, len(slashes))
        yield at, end
        following = _NEXT.match(text, end + len(slashes) + 1) if field[3] else None
        if following is None or following[1] != slashes:
            return
        at = following.end()


class _Inside:
    """Which object with a secret name a field is in: ``"client_secret": {"value": ...}``."""

    def __init__(self, text: str, names: Names, holders: frozenset[str]) -> None:
        self._text = text
        self._names = names
        self._holders = holders
        self._end = 0
        self._secrecy = Secrecy.NO
        self._is_all = False

    def enter(self, field: re.Match[str]) -> None:
        """Begin with the object of this field, unless it is in another one."""
        if field.start() < self._end:
            return
        name = field[1]
        secrecy = self._names[name] or self._singular(name)
        if secrecy or _plain_name(name) in self._holders:
            self._secrecy, self._is_all = secrecy, not secrecy
            self._end = _object_end(self._text, field.end() - 1, in_list=field[5] is not None)

    def secrecy(self, field: re.Match[str]) -> Secrecy:
        """What the place of a field says whose own name says nothing."""
        name = field[1]
        if field.start() >= self._end:
            in_list = field[3] is not None
            return Secrecy.GUARDED if in_list and self._singular(name) else Secrecy.NO
        if self._is_all:
            return Secrecy.YES
        if _plain_name(name) in _SAYS_VALUE:
            return self._secrecy
        return Secrecy.NO if _SAYS_OTHER.fullmatch(name) else Secrecy.GUARDED

    def _singular(self, name: str) -> Secrecy:
        return self._names[name[:-1]] if name[-1] in "sS" else Secrecy.NO


def _object_end(text: str, start: int, *, in_list: bool) -> int:
    """Where an object ends, or a list of objects; strings with braces make it a little longer."""
    depth = 0
    last = min(len(text), start + _LARGEST_OBJECT)
    for match in _BRACE.finditer(text, start, last):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            if in_list and _MORE_OBJECTS.match(text, match.end()):
                continue
            return match.end()
    return last


_MORE_OBJECTS = Pattern(rf"{_BLANK},{_BLANK}\{{")


def _number(number: str, found: Found, *, parseable: bool) -> str:
    """A number in the place of one; in an answer as long as it."""
    new = "1".ljust(len(number.lstrip("-")), "0") if parseable else "0"
    if number != new:
        found(number.lstrip("-"))
    return new


# Pairs of a name and a value: ``{"name": "DB_PASSWORD", "value": "..."}``, in either order.


_PAIR_NAME = Pattern(
    r'"((?:parameter_?|variable_?|secret_?|env_?|header_?|option_?)?(?:name|key)|label|id|k|n|field|title)(\\*)"'
    rf'{_BLANK}:{_BLANK}\\*"([^"\\]{{1,256}})\\*"',
    re.IGNORECASE | re.ASCII,
)
_PAIR_VALUE = Pattern(
    r'"((?:parameter_?|variable_?|secret_?|env_?|header_?|option_?)?(?:value|val)|v|text|content|data|secret|default_?value)(\\*)"'
    rf'{_BLANK}:{_BLANK}(\\*)"',
    re.IGNORECASE | re.ASCII,
)
_WIDEST_PAIR = 400


def pair_edits(text: str, names: Names, found: Found, *, parseable: bool) -> Iterator[Edit]:
    """Replace the value beside the name of a secret, in one object of JSON."""
    last = 0
    for match in _PAIR_NAME.finditer(text):
        name = match[3]
        secrecy = Secrecy.YES if "/secrets/" in name else names[name]
        if secrecy is Secrecy.NO and name.startswith("/"):
            secrecy = names[name.rpartition("/")[2]]
        if secrecy is Secrecy.NO:
            continue
        place = _beside(text, match.start(), match.end())
        if place is None or place.end() <= last or len(place[2]) != len(match[2]):
            continue
        depth = len(place[2])
        end = _end(text, place.end(), depth)
        decoded = _decoded(text[place.end() : end], depth)
        if is_secret(secrecy, name, decoded, parseable=parseable) and decoded != name:
            yield place.end(), end, _new(name, decoded, found, parseable)
        last = end


def _beside(text: str, start: int, end: int) -> re.Match[str] | None:
    """The value that is in the same object as a name, the one after it first."""
    after = text[end : end + _WIDEST_PAIR]
    stop = re.search(r"[{}]", after)
    found = _PAIR_VALUE.search(text, end, end + (stop.start() if stop else len(after)))
    if found:
        return found
    before = max(
        text.rfind("{", max(0, start - _WIDEST_PAIR), start),
        text.rfind("}", max(0, start - _WIDEST_PAIR), start),
    )
    return _PAIR_VALUE.search(text, before + 1, start) if before >= 0 else None


# Assignments: settings files, log lines, code.


_LINE = Pattern(
    r"^[ \t]*(?:(?:export|set|ENV|ARG|-|>|<|\*|const|let|var|#)[ \t]+)*"
    r"""(["']?)([A-Za-z_][\w.\[\]-]{0,63})\1[ \t]*(=>|:=|[:=])[ \t]*([^\s{\[(|>&<][^\n\r]*)""",
    re.MULTILINE | re.ASCII,
)
_INLINE = Pattern(
    r"""(?:(?<=\\[nrt])|(?<![\w.$@%\\-]))(['"]?)([A-Za-z_][\w.-]{1,63})\1(\s?)(=>|:=|[:=])([ \t]*)""",
    re.ASCII,
)
_ASSIGNED = Pattern(
    r"""(\\*["'`])([^"'`\\\n]+)(?=\\*["'`])|([^\s"',;&<>{}()\[\]|`\\]+)""",
    re.ASCII,
)
_COMMENT = Pattern(r"(?<![ \t])[ \t]+(?:[#;]|//).*\Z|(?<![,; \t])[,; \t]+\Z")
_QUOTED = Pattern(r"""(["'`])(.*?)\1[ \t]*[,;]?[ \t]*(?:(?:#|//).*)?""")
_CODE = Pattern(
    r"[A-Za-z_][\w.]*\(.*|.*(?:process\.env|os\.environ|getenv|await |new |function).*|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|[A-Za-z_]\w*\[.*"
)


def assignment_edits(text: str, names: Names, found: Found, *, parseable: bool) -> Iterator[Edit]:
    """Replace what is assigned to secret names in lines: ``DB_PASSWORD=...``, ``password: ...``."""
    for match in _LINE.finditer(text):
        secrecy = names[match[2]]
        if secrecy is Secrecy.NO or (match[1] == '"' and match[3] == ":"):
            continue
        start, value_text = match.start(4), match[4]
        quoted = _QUOTED.fullmatch(value_text.rstrip())
        if quoted:
            start, value_text = start + quoted.start(2), quoted[2]
        else:
            comment = _COMMENT.search(value_text)
            value_text = value_text[: comment.start()] if comment else value_text
            if _CODE.fullmatch(value_text) or value_text[:1] in "\"'`":
                continue
        if _is_assigned(secrecy, match[2], value_text):
            new = _new(match[2], value_text, found, parseable)
            yield start, start + len(value_text), new


def inline_edits(text: str, names: Names, found: Found, *, parseable: bool) -> Iterator[Edit]:
    """Replace what is assigned to secret names within lines: in logs, code and text."""
    at = 0
    while match := _INLINE.search(text, at):
        at = match.end()
        quote, name, *blanks, operator, more_blanks = match.groups()
        secrecy = names[name]
        if secrecy is Secrecy.NO or (quote == '"' and operator == ":"):
            continue
        assigned = _ASSIGNED.match(text, at)
        if assigned is None:
            continue
        start, at = assigned.start(2 if assigned[1] else 3), assigned.end()
        raw = assigned[2] or assigned[3].rstrip(".:!?")
        if not assigned[1] and not _is_said("".join((*blanks, more_blanks)), operator, raw):
            continue
        if _is_assigned(secrecy, name, raw):
            yield start, start + len(raw), _new(name, raw, found, parseable)


def _is_said(blanks: str, operator: str, raw: str) -> bool:
    """Whether a word without quotes may be a value, and no part of a text or of code."""
    if _CODE.fullmatch(raw):
        return False
    if blanks or operator == ":":
        return _DIGIT.search(raw) is not None and len(raw) > 3  # noqa: PLR2004 -- a year, a page
    return True


def _is_assigned(secrecy: Secrecy, name: str, raw: str) -> bool:
    if not raw or any(marker in raw for marker in MARKERS) or raw.startswith("-----BEGIN"):
        return False
    if len(raw) <= 3 and raw.isdigit():  # noqa: PLR2004 -- a count
        return False
    return is_secret(secrecy, name, raw, parseable=True)


_SENT = Pattern(
    r"\b(?:bearer|basic)(?:[ \t]+|\+|%20)([A-Za-z0-9._~+/-]{12,}={0,2})|authorization[\"'\\]*[ \t]*[:=][ \t]*[\"'\\]*"
    r"(?:bearer|basic|token|bot|apikey|digest)[ \t]+([A-Za-z0-9._~+/-]{3,}={0,2})",
    re.IGNORECASE | re.ASCII,
)
_PRIVATE_KEY = Pattern(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_PRIVATE_KEY_END = Pattern(r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")


def credentials_edits(text: str, found: Found, *, parseable: bool) -> Iterator[Edit]:
    """Replace what follows ``Bearer`` and ``Basic``, wherever it stands."""
    for match in _SENT.finditer(text):
        group = match.lastindex or 1
        secret = match[group]
        if is_innocent(secret) or (group == 1 and not _DIGIT.search(secret)) or JWT.match(secret):
            continue
        yield match.start(group), match.end(group), value(secret, found, parseable=parseable)


def private_key_edits(text: str, found: Found, *, parseable: bool) -> Iterator[Edit]:
    """Replace private keys in PEM."""
    at = 0
    while match := _PRIVATE_KEY.search(text, at):
        end = _PRIVATE_KEY_END.search(text, match.end())
        at = end.end() if end else len(text)
        yield match.start(), at, value(text[match.start() : at], found, parseable=parseable)


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


def _is_secret(
    secrecy: Secrecy,
    name: str,
    decoded: str,
    text: str,
    place: tuple[int, int],
    *,
    parseable: bool,
) -> bool:
    """Whether a field is secret; a ``token`` may be a piece of text of a language model."""
    if _AUTHORIZATION.fullmatch(name):
        return not parseable or (decoded.lower() not in _WORDS and not _is_sentence(decoded))
    if not is_secret(secrecy, name, decoded, parseable=parseable):
        return False
    if secrecy is Secrecy.YES:
        return True
    before = text[max(0, place[0] - _NEARBY) : place[0]].rpartition("{")[2]
    after = text[place[1] : place[1] + _NEARBY].partition("}")[0]
    return not _WORD_OF_A_TEXT.search(before) and not _WORD_OF_A_TEXT.search(after)
