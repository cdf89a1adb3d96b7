"""Edits of text: what secrets are found by in it, and what is put in their place.

Everything here works on Latin-1 text, in which each character is one byte of the message: what
isn't edited stays as it was, whatever its charset, and offsets in the text are offsets in the body.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.real import json
from pytest_reqord.redaction.kinds import digits, jwk_member, number_of_mark, with_mark
from pytest_reqord.redaction.rules import Secrecy
from pytest_reqord.redaction.table import names_in
from pytest_reqord.redaction.values import (
    JWT,
    authorization,
    changes_each_time,
    from_latin,
    has_marker,
    is_dummy_jwt,
    is_innocent,
    is_secret,
    is_spoken,
    kept_jwt,
    mark_of,
    to_latin,
    unmarked,
    value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_reqord.redaction.rules import Names
    from pytest_reqord.redaction.values import Found

__all__ = [
    "Edit",
    "EditedText",
    "argument_edits",
    "assignment_edits",
    "block_edits",
    "command_edits",
    "credentials_edits",
    "field_edits",
    "has_secret_fields",
    "inline_edits",
    "jwk_edits",
    "jwt_edits",
    "pair_edits",
    "private_key_edits",
]

Edit = tuple[int, int, str]
"""Start, end and what comes in between."""


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


# JSON Web Tokens: wherever they stand, they are found by their shape.


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
        mark = mark_of(token) if is_dummy else found(token)
        new = kept_jwt(token, mark, marker) if parseable else None
        yield match.start(), match.end(), new or with_mark(marker, mark)


# Fields of JSON: string values replaced in the text, everything else left byte for byte.
#
# The text is never parsed, so that one pass takes JSON, NDJSON, server-sent events, JSON in a string
# of JSON (``\"password\": \"...\"``), a document that was cut off, and what is nearly JSON.


_DIGIT = Pattern(r"\d")
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
        secrecy = names[name]
        if not secrecy.is_sure:
            secrecy = inside.secrecy(match) or secrecy
        if number:
            if secrecy.is_sure:
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
        return _inner(name, self._secrecy)

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
    new = digits(len(number.lstrip("-"))) if parseable else "0"
    if number == new:
        return new
    mark = found(number.lstrip("-"))
    return new if parseable else number_of_mark(mark)


# Pairs of a name and a value: ``{"name": "DB_PASSWORD", "value": "..."}``, in either order.


_KIND = "|".join(names_in("kind"))
_FLAG = "|".join(name.replace("_", "_?") for name in names_in("flag"))
_PAIR_NAME = Pattern(
    r'"(?:(?:(?:(?:env_var|parameter|variable|secret|env|header|option)[._]?)?(?:name|key)|label|id|k|n|field|title)'
    rf'(\\*)"{_BLANK}:{_BLANK}\\*"([^"\\]{{1,256}})\\*"|type(\\*)"{_BLANK}:{_BLANK}\\*"(?:{_KIND})\\*"'
    rf'|(?:{_FLAG})(\\*)"{_BLANK}:{_BLANK}true\b)',
    re.IGNORECASE | re.ASCII,
)
_PAIR_VALUE = Pattern(
    r'"(?:(?:(?:env_var|parameter|variable|secret|env|header|option|default)[._]?)?(?:value|val)|v|text|content|data|secret)(\\*)"'
    rf'{_BLANK}:{_BLANK}(\\*)"',
    re.IGNORECASE | re.ASCII,
)
_WIDEST_PAIR = 400


def pair_edits(text: str, names: Names, found: Found, *, parseable: bool) -> Iterator[Edit]:
    """Replace the value beside the name of a secret, or its kind, in one object of JSON."""
    last = 0
    for match in _PAIR_NAME.finditer(text):
        name, slashes = match[2] or "", match[1] or match[3] or match[4] or ""
        secrecy = _secrecy_of(name, names) if name else Secrecy.YES
        if secrecy is Secrecy.NO or (not name and not names["secret"]):
            continue
        place = _beside(text, match.start(), match.end())
        if place is None or place.end() <= last or place[1] != slashes:
            continue
        depth = len(slashes)
        end = _end(text, place.end(), depth)
        decoded = _decoded(text[place.end() : end], depth)
        if is_secret(secrecy, name, decoded, parseable=parseable) and decoded != name:
            yield place.end(), end, _new(name, decoded, found, parseable)
            last = end


def _secrecy_of(name: str, names: Names) -> Secrecy:
    if "/secrets/" in name:
        return Secrecy.YES
    return names[name] or (names[name.rpartition("/")[2]] if name.startswith("/") else Secrecy.NO)


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


_BLOCK = Pattern(
    r"""^([ \t]*)(?:-[ \t]+)?(["']?)([A-Za-z_][\w.-]{0,63})\2:[ \t]*([|>][+-]?)?[ \t]*(?:#[^\n]*)?\r?\n""",
    re.MULTILINE | re.ASCII,
)
_ITEM = Pattern(
    r"""([ \t]*)(-[ \t]+)?(?:(["']?)([A-Za-z_][\w.-]{0,63})\3:[ \t]+)?(["']?)([^\r\n]*?)\5[ \t]*(?:\r?\n|\Z)""",
    re.ASCII,
)
_LONGEST_BLOCK = 8192


def block_edits(
    text: str, names: Names, holders: frozenset[str], found: Found, *, parseable: bool
) -> Iterator[Edit]:
    """Replace what stands indented under a secret name in YAML: a list, a text, an object's values."""
    at = 0
    while match := _BLOCK.search(text, at):
        at = match.end()
        name = match[3]
        is_all = _plain_name(name) in holders
        secrecy = Secrecy.YES if is_all else names[name]
        if secrecy is Secrecy.NO and name[-1] in "sS":
            secrecy = names[name[:-1]]
        if secrecy is Secrecy.NO:
            continue
        last = min(len(text), at + _LONGEST_BLOCK)
        while at < last and (item := _ITEM.match(text, at)) and item.end() > at:
            is_list = item[2] is not None and item[4] is None
            if item[6] and len(item[1]) < len(match[1]) + (not is_list):
                break
            at = item.end()
            key, raw = item[4], item[6]
            if not raw or (key is None) != (is_list or bool(match[4])) or raw[0] in "{[|>&*#":
                continue
            level = Secrecy.YES if is_all else _inner(key, secrecy) if key else secrecy
            if level and not (key and names[key]) and _is_assigned(level, name, raw):
                yield item.start(6), item.end(6), _new(name, raw, found, parseable)


def _inner(key: str, secrecy: Secrecy) -> Secrecy:
    """What an object with a secret name makes of one of its fields."""
    if _plain_name(key) in _SAYS_VALUE:
        return secrecy
    return Secrecy.NO if _SAYS_OTHER.fullmatch(key) else Secrecy.GUARDED


_COMMAND = Pattern(
    r"""(?<![\w-])--?(?P<flag>[A-Za-z][\w-]{1,40})(?:[ \t]+|=)["']?(?P<value>[^\s"'<>$|;&(){}\[\]\\-][^\s"'|;&\\]{0,255})"""
    r"""|(?<![\w-])(?:-u|--user)[ \t=]*["']?[\w.@+-]{1,64}:(?P<user>[^\s"'\\<>$]{1,256})"""
    r"""|\b(?:login|user|username)\s+\S{1,64}\s+password\s+(?P<netrc>[^\s"'\\]{1,256})"""
    r"""|\b(?:identified\s(?:with\s\w{1,40}\s)?by|password)\s+'(?P<sql>[^'\r\n\\]{1,256})'""",
    re.IGNORECASE | re.ASCII,
)


def command_edits(text: str, names: Names, found: Found, *, parseable: bool) -> Iterator[Edit]:
    """Replace what commands name: ``--token ...``, ``-u ada:...``, a line of netrc, ``IDENTIFIED BY``."""
    for match in _COMMAND.finditer(text):
        kind = match.lastgroup or ""
        name, raw = (match["flag"], match["value"]) if match["flag"] else ("password", match[kind])
        if names[name].is_sure and _is_assigned(names[name], name, raw):
            if match["flag"] and not _DIGIT.search(raw):  # a word of a text about the option
                continue
            yield match.start(kind), match.end(kind), _new(name, raw, found, parseable)


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
    if not raw or has_marker(raw) or raw.startswith("-----BEGIN"):
        return False
    if len(raw) <= 3 and raw.isdigit() and secrecy is not Secrecy.NAMED:  # noqa: PLR2004 -- a count
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


_OBJECT = Pattern(r"\{[^{}]{0,8192}\}")
_KEY_TYPE = Pattern(r'"kty"\s*:\s*"(RSA|EC)"')
_CURVE = Pattern(r'"crv"\s*:\s*"P-256"')
_MEMBER = Pattern(r'"([a-z]{1,2})"\s*:\s*"([A-Za-z0-9_-]{1,2048})"')


def jwk_edits(text: str, found: Found) -> Iterator[Edit]:
    """Replace the members of private JSON Web Keys in an answer by those of one that can be loaded.

    Of its public half, too, where it has to fit.
    """
    for key in _OBJECT.finditer(text):
        kind = _KEY_TYPE.search(key[0])
        if kind is None or '"d"' not in key[0] or (kind[1] == "EC" and not _CURVE.search(key[0])):
            continue
        for member in _MEMBER.finditer(key[0]):
            name, raw = member.groups()
            marker = jwk_member(kind[1], name)
            if marker is None or name == "e":
                continue
            if name not in {"n", "x", "y"}:
                found(raw)
            yield key.start() + member.start(2), key.start() + member.end(2), marker


def argument_edits(text: str, names: Names, found: Found) -> Iterator[Edit]:
    """The same for arguments in GraphQL, whose names have no quotes: ``login(password: "...")``."""
    at = 0
    while match := _ARGUMENT.search(text, at):
        at = match.end()
        name, slashes = match.groups()
        if names[name].is_sure:
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
    if changes_each_time(name):
        found = unmarked(found)
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
        return not parseable or not is_spoken(decoded)
    if not is_secret(secrecy, name, decoded, parseable=parseable):
        return False
    if secrecy.is_sure:
        return True
    before = text[max(0, place[0] - _NEARBY) : place[0]].rpartition("{")[2]
    after = text[place[1] : place[1] + _NEARBY].partition("}")[0]
    return not _WORD_OF_A_TEXT.search(before) and not _WORD_OF_A_TEXT.search(after)
