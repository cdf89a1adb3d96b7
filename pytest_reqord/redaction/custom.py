"""The user's own redactors: functions of an interaction, and Reqord's mappings by part.

A mapping has any of the keys ``request_headers``, ``response_headers``, ``url``,
``request_body_json``, ``request_body_raw``, ``response_body_json`` and ``response_body_raw``.
Each value is a function that takes the part and gives the new one (headers as a dictionary, URLs as
text, JSON as a document, raw bodies as bytes), or a mapping from names of headers or fields, for
URLs and raw bodies from pieces of text, to replacements or to functions of the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_reqord.models import Headers, Request, Response
from pytest_reqord.real import json
from pytest_reqord.redaction.packing import Unpacked, with_body
from pytest_reqord.redaction.text import from_latin, to_latin

if TYPE_CHECKING:
    from pytest_reqord.models import Interaction
    from pytest_reqord.redaction.rules import Custom

__all__ = ["PARTS", "apply"]

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


def apply(custom: Custom, interaction: Interaction) -> Interaction:
    """Let one of the user's redactors have the interaction.

    A function that gives nothing back leaves it as it is.
    """
    if not isinstance(custom, Mapping):
        return custom(interaction) or interaction
    request = _message(interaction.request, custom, "request")
    if "url" in custom:
        request = request._replace(uri=_text(custom["url"], request.uri))
    response = interaction.response
    if response is not None:
        response = _message(response, custom, "response")
    return interaction._replace(request=request, response=response)


def _message(message: _Message, parts: Mapping[str, Any], kind: str) -> _Message:
    if f"{kind}_headers" in parts:
        message = message._replace(headers=_headers(parts[f"{kind}_headers"], message.headers))
    if message.body:
        for part, change in ((f"{kind}_body_json", _json), (f"{kind}_body_raw", _raw)):
            if part in parts:
                message = _with_text(message, parts[part], change)
    return message


def _with_text(message: _Message, rule: Any, change: Callable[[Any, str], str]) -> _Message:
    unpacked = Unpacked.of(message.body, message.headers.get("content-encoding"))
    latin = unpacked.text.text
    unpacked.text.replace([(0, len(latin), change(rule, latin))])
    return with_body(message, unpacked) if unpacked.text.is_changed else message


def _text(rule: Any, text: str) -> str:
    if isinstance(rule, Mapping):
        for old, new in rule.items():
            text = text.replace(old, new(old) if callable(new) else new)
        return text
    return str(rule(text))


def _raw(rule: Any, latin: str) -> str:
    if isinstance(rule, Mapping):
        return to_latin(_text(rule, from_latin(latin)))
    return bytes(rule(latin.encode("latin-1"))).decode("latin-1")


def _headers(rule: Any, headers: Headers) -> Headers:
    """Lines whose value didn't change stay as they are, repeats included."""
    old = {name: headers[name] for name in headers}
    new = {**old, **_named(rule, old)} if isinstance(rule, Mapping) else dict(rule(dict(old)))
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
    return Headers(pairs)


def _named(rule: Mapping[str, Any], old: dict[str, str]) -> dict[str, str]:
    replacements = {name.lower(): new for name, new in rule.items()}
    return {
        name: _new(replacements[name.lower()], value)
        for name, value in old.items()
        if name.lower() in replacements
    }


def _new(replacement: Any, value: Any) -> Any:
    return replacement(value) if callable(replacement) else replacement


def _json(rule: Any, latin: str) -> str:
    """The document after the rule; the very same text where it changed nothing."""
    text = from_latin(latin)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return latin
    changed = _walk(rule, document) if isinstance(rule, Mapping) else rule(json.loads(text))
    if changed == document:
        return latin
    separators = (", ", ": ") if '": ' in text else (",", ":")
    return to_latin(json.dumps(changed, separators=separators, ensure_ascii=text.isascii()))


def _walk(rule: Mapping[str, Any], document: Any) -> Any:
    if isinstance(document, dict):
        return {
            name: _new(rule[name], value) if name in rule else _walk(rule, value)
            for name, value in document.items()
        }
    if isinstance(document, list):
        return [_walk(rule, value) for value in document]
    return document
