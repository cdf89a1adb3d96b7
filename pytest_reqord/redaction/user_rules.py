"""The rules that users set themselves, checked when they are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_plus

from pytest_reqord.base.models import LEAVE_OUT, Headers, Interaction, Request, Response
from pytest_reqord.base.printable import meant, see
from pytest_reqord.base.real import json
from pytest_reqord.errors import RedactorError, UsageError
from pytest_reqord.redaction.bodies import Unpacked, with_body
from pytest_reqord.redaction.rules import NAMELESS, Rules, Secrecy, Vocabulary
from pytest_reqord.redaction.values import from_latin, to_latin

if TYPE_CHECKING:
    from pytest_reqord.redaction.rules import Custom
    from pytest_reqord.redaction.text_edits import Edit

__all__ = ["PARTS", "apply", "check_kept", "chosen_redactors", "compiled_patterns"]


def compiled_patterns(raw: Any, shown: str) -> tuple[str, ...]:
    """Regular expressions, one or a list of them.

    :param shown: key, value and place, for the error.
    :raises UsageError: if one isn't a regular expression, or is found everywhere.
    """
    patterns = (raw,) if isinstance(raw, str) else raw
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise UsageError(f"{shown}: it has to be a list of regular expressions")
    for pattern in patterns:
        try:
            is_everywhere = re.search(pattern, "") is not None
        except re.error as error:
            raise UsageError(
                f"{shown}: {pattern!r} is not a regular expression: {error}"
            ) from error
        if is_everywhere:
            raise UsageError(f"{shown}: {pattern!r} is found in an empty text, so everywhere")
    return tuple(patterns)


def check_kept(names: tuple[str, ...], shown: str) -> None:
    """See that each of the names switches a default off.

    :raises UsageError: if one doesn't.
    """
    for name in names:
        if not _is_default(name):
            raise UsageError(
                f"{shown}: {name!r} is not redacted by default:"
                f" {meant(name, _defaults())}{see('redaction')}"
            )


@lru_cache(maxsize=256)
def _is_default(name: str) -> bool:
    names = Vocabulary(Rules(keep=()))
    kinds = (names.headers, names.fields, names.parameters, names.cookies)
    return (
        name in NAMELESS
        or any(kind[name] is not Secrecy.NO for kind in kinds)
        or ("*" in name and any(fnmatchcase(default, name) for default in _defaults()))
    )


@lru_cache(maxsize=1)
def _defaults() -> frozenset[str]:
    rules = Rules()
    names = rules.headers + rules.fields + rules.query + rules.cookies
    return frozenset(names + rules.guarded_fields + rules.guarded_query + NAMELESS)


def chosen_redactors(raw: Any, shown: str, named: Mapping[str, Custom]) -> tuple[Custom, ...]:
    """Redactors: names of such, functions of an interaction, and mappings by part.

    :param named: those that have names.
    :raises UsageError: if there is no redactor of a name, or a mapping has another part.
    """
    given = raw.split() if isinstance(raw, str) else raw
    if callable(given) or isinstance(given, Mapping):
        given = (given,)
    if not isinstance(given, (list, tuple)):
        raise UsageError(f"{shown}: it has to be a list of redactors")
    return tuple([_redactor(each, shown, named) for each in given])


def _redactor(given: Any, shown: str, named: Mapping[str, Custom]) -> Custom:
    found: Any = named.get(given) if isinstance(given, str) else given
    if isinstance(found, Mapping):
        unknown = sorted(set(map(str, found)) - PARTS)
        if unknown:
            parts = ", ".join(sorted(PARTS))
            raise UsageError(f"{shown}: there is no part {unknown[0]!r}; there are {parts}")
    elif not callable(found):
        known = "".join(f"{name}, " for name in sorted(named))
        raise UsageError(
            f"{shown}: {given!r} is not a redactor; there are {known}functions and mappings."
            " The hook pytest_reqord_redactors gives them names"
        )
    return found  # type: ignore[no-any-return]


# The user's own redactors: functions of an interaction, and Reqord's mappings by part.
#
# A mapping has any of the keys ``request_headers``, ``response_headers``, ``url``,
# ``request_body_json``, ``request_body_raw``, ``response_body_json`` and ``response_body_raw``.
# Each value is a function that takes the part and gives the new one (headers as a dictionary, URLs as
# text, JSON as a document, raw bodies as bytes), or a mapping from names of headers or fields, for
# URLs and raw bodies from pieces of text, to replacements or to functions of the value. None in place
# of a value takes the header, the field, the parameter of that name or the piece of text away.


PARTS = frozenset(
    {
        "request_headers",
        "response_headers",
        "url",
        "request_body_json",
        "request_body_raw",
        "response_body_json",
        "response_body_raw",
    }
)
_Message = TypeVar("_Message", Request, Response)


def apply(custom: Custom, interaction: Interaction) -> Interaction | None:
    """Let one of the user's redactors have the interaction.

    :returns: what it is then; None where it is to be left out.
    :raises RedactorError: if the redactor returns something else.
    """
    if isinstance(custom, Mapping):
        return _by_part(custom, interaction)
    found = custom(interaction)
    if found is LEAVE_OUT:
        return None
    wrong = _wrong(found)
    if wrong:
        raise RedactorError(getattr(custom, "__qualname__", repr(custom)), wrong)
    return found


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "request": Request,
    "response": (Response, type(None)),
    "request.method": str,
    "request.uri": str,
    "request.headers": Headers,
    "request.body": bytes,
    "response.status": int,
    "response.reason": str,
    "response.headers": Headers,
    "response.body": bytes,
}


def _wrong(found: Any) -> str:
    """What is wrong with what a redactor returned, without a value of it; empty if nothing is."""
    if not isinstance(found, Interaction):
        returned = "None" if found is None else f"what is a {type(found).__name__}"
        return (
            f"returned {returned}: it has to return the interaction, changed or as it is, or"
            " pytest_reqord.LEAVE_OUT to keep it out of the cassette"
        )
    for place, kind in _KINDS.items():
        part, _, name = place.partition(".")
        message = getattr(found, part)
        value = getattr(message, name) if name and message is not None else message
        if message is not None and not isinstance(value, kind):
            wanted = kind if isinstance(kind, type) else kind[0]
            return f"gave {place} a {type(value).__name__}: it has to be of {wanted.__name__}"
    return ""


def _by_part(custom: Mapping[str, Any], interaction: Interaction) -> Interaction:
    request = _message(interaction.request, custom, "request")
    if "url" in custom:
        request = request._replace(uri=_url(custom["url"], request.uri))
    response = interaction.response
    if response is not None:
        response = _message(response, custom, "response")
    return interaction._replace(request=request, response=response)


def _message(message: _Message, parts: Mapping[str, Any], kind: str) -> _Message:
    if f"{kind}_headers" in parts:
        message = message._replace(
            headers=_headers(parts[f"{kind}_headers"], f"{kind}_headers", message.headers)
        )
    if message.body:
        for part, change in ((f"{kind}_body_json", _json), (f"{kind}_body_raw", _raw)):
            if part in parts:
                message = _with_text(message, partial(change, parts[part], part))
    return message


def _with_text(message: _Message, change: Callable[[str], Iterable[Edit]]) -> _Message:
    unpacked = Unpacked.of(message.body, message.headers.get("content-encoding"))
    unpacked.text.replace(change(unpacked.text.text))
    return with_body(message, unpacked) if unpacked.text.is_changed else message


def _given(rule: Any, part: str, value: Any, kind: type) -> Any:
    """What a function made of a part.

    :raises RedactorError: if it is of another kind.
    """
    found = rule(value)
    if found is None or not isinstance(found, kind):
        name = getattr(rule, "__qualname__", repr(rule))
        wanted = "a JSON value" if kind is object else kind.__name__
        reason = f"returned {type(found).__name__} for {part}: it has to return {wanted}"
        raise RedactorError(name, reason)
    return found


def _url(rule: Any, uri: str) -> str:
    if not isinstance(rule, Mapping):
        return str(_given(rule, "url", uri, str))
    for old, new in rule.items():
        value = new(old) if callable(new) else new
        uri = _without(old, uri) if value is None else uri.replace(old, _piece(value, "url"))
    return uri


def _without(parameter: str, uri: str) -> str:
    """A URL without a parameter; the others stay as they are."""
    base, mark, query = uri.partition("?")
    query, hash_, fragment = query.partition("#")
    parts = [part for part in query.split("&") if unquote_plus(part.partition("=")[0]) != parameter]
    query = "&".join(parts)
    return f"{base}{mark if query else ''}{query}{hash_}{fragment}"


def _piece(value: Any, part: str) -> str:
    if not isinstance(value, str):
        raise RedactorError(
            f"of {part}", f"gives a {type(value).__name__}: it has to give text or None"
        )
    return value


def _raw(rule: Any, part: str, latin: str) -> list[Edit]:
    if not isinstance(rule, Mapping):
        body = bytes(_given(rule, part, latin.encode("latin-1"), bytes))
        return [(0, len(latin), body.decode("latin-1"))]
    text = from_latin(latin)
    for old, new in rule.items():
        value = new(old) if callable(new) else new
        text = text.replace(old, "" if value is None else _piece(value, part))
    return [(0, len(latin), to_latin(text))]


def _headers(rule: Any, part: str, headers: Headers) -> Headers:
    """Lines whose value didn't change stay as they are, repeats included."""
    old = {name: headers[name] for name in headers}
    if isinstance(rule, Mapping):
        changed = _named(rule, old)
    else:
        changed = dict(_given(rule, part, dict(old), Mapping))
    new = {**old, **changed} if isinstance(rule, Mapping) else changed
    new = {name: value for name, value in new.items() if value is not None}
    pairs: list[tuple[str, str]] = []
    written: set[str] = set()
    for name, value in headers.pairs:
        key = next((known for known in old if known.lower() == name.lower()), name)
        if key not in new:
            continue
        if new[key] == old[key]:
            pairs.append((name, value))
        elif key not in written:
            pairs.append((name, new[key]))
        written.add(key)
    pairs += ((name, value) for name, value in new.items() if name not in old)
    try:
        return Headers(pairs)
    except TypeError as error:
        raise RedactorError(f"of {part}", f"is wrong: {error}") from error


def _named(rule: Mapping[str, Any], old: dict[str, str]) -> dict[str, str]:
    replacements = {name.lower(): new for name, new in rule.items()}
    return {
        name: _new(replacements[name.lower()], value)
        for name, value in old.items()
        if name.lower() in replacements
    }


def _new(replacement: Any, value: Any) -> Any:
    return replacement(value) if callable(replacement) else replacement


def _json(rule: Any, part: str, latin: str) -> list[Edit]:
    """What the rule changes: in the document, or in each of those of a stream."""
    from pytest_reqord.base.documents import documents  # late: few suites have such a rule

    found = documents(latin).all
    if not found:  # a document that is a text or a number, or none
        return [(0, len(latin), _document(rule, part, latin))]
    return [each.edit(0, len(each.text), _document(rule, part, each.text)) for each in found]


def _document(rule: Any, part: str, latin: str) -> str:
    """The document after the rule; the very same text where it changed nothing."""
    text = from_latin(latin)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return latin
    if isinstance(rule, Mapping):
        changed = _walk(rule, document)
    else:
        changed = _given(rule, part, json.loads(text), object)
    if changed == document:
        return latin
    separators = (", ", ": ") if '": ' in text else (",", ":")
    return to_latin(json.dumps(changed, separators=separators, ensure_ascii=text.isascii()))


def _walk(rule: Mapping[str, Any], document: Any) -> Any:
    if isinstance(document, dict):
        walked = (
            (name, _new(rule[name], value) if name in rule else _walk(rule, value))
            for name, value in document.items()
        )
        return {name: value for name, value in walked if name not in rule or value is not None}
    if isinstance(document, list):
        return [_walk(rule, value) for value in document]
    return document
