r"""Fields of JSON: string values replaced in the text, everything else left byte for byte.

The text is never parsed, so that one pass takes JSON, NDJSON, server-sent events, JSON in a string
of JSON (``\"password\": \"...\"``), a document that was cut off, and what is nearly JSON.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.real import json
from pytest_reqord.redaction import values
from pytest_reqord.redaction.rules import Secrecy
from pytest_reqord.redaction.values import from_latin, to_latin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.redaction.rules import Names
    from pytest_reqord.redaction.values import Edit, Found

__all__ = ["argument_edits", "field_edits", "has_secret_fields"]

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
        return values.authorization(text, found, parseable=parseable)
    return values.value(text, found, parseable=parseable)


def _is_remark(name: str, raw: str) -> bool:
    """Whether it is what validators say of a field: ``"password": ["can't be blank"]``."""
    return _REMARK.fullmatch(raw) is not None and not _AUTHORIZATION.fullmatch(name)


def _is_secret(text: str, name_at: int, start: int, end: int, depth: int) -> bool:
    """Whether a ``token`` is a credential, and not a piece of text of a language model."""
    if not values.looks_secret(_decoded(text[start:end], depth)):
        return False
    before = text[max(0, name_at - _NEARBY) : name_at].rpartition("{")[2]
    after = text[end : end + _NEARBY].partition("}")[0]
    return not _WORD_OF_A_TEXT.search(before) and not _WORD_OF_A_TEXT.search(after)
