"""What differs between a request that was sent and one that was recorded, as lines of text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pytest_reqord.matching import body_key, normalise_uri, operation, split_uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_reqord.models import Request

__all__ = ["differences", "nearest"]

_MOST_LINES = 12
_MOST_TEXT = 120
_NO_DIFFERENCE = "no difference: it was played before, or a matcher refused it"


def differences(live: Request, recorded: Request) -> list[str]:
    """What differs between two requests, field by field, as lines of text; empty if nothing.

    :param live: the request that was sent.
    :param recorded: the one it is compared with.
    """
    lines = []
    if live.method.upper() != recorded.method.upper():
        lines.append(f"method: sent {live.method}, recorded {recorded.method}")
    lines += _uri_differences(live.uri, recorded.uri)
    if operation(live) != operation(recorded):
        lines.append(f"operation: sent {operation(live)}, recorded {operation(recorded)}")
    if body_key(live) != body_key(recorded):
        lines += _body_differences(live, recorded)
    return lines


def _uri_differences(live: str, recorded: str) -> list[str]:
    if normalise_uri(live) == normalise_uri(recorded):
        return []
    lines = []
    sent, kept = split_uri(normalise_uri(live)), split_uri(normalise_uri(recorded))
    lines += [
        f"{name}: sent {ours}, recorded {theirs}"
        for name, ours, theirs in (
            ("scheme", sent.scheme, kept.scheme),
            ("host", sent.netloc, kept.netloc),
            ("path", sent.path, kept.path),
        )
        if ours != theirs
    ]
    ours, theirs = _parameters(sent.query), _parameters(kept.query)
    lines += [
        f"query {name}: sent {ours.get(name)}, recorded {theirs.get(name)}"
        for name in dict.fromkeys([*ours, *theirs])
        if ours.get(name) != theirs.get(name)
    ]
    return lines


def _parameters(query: str) -> dict[str, list[str]]:
    parameters: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters.setdefault(name, []).append(value)
    return parameters


def _body_differences(live: Request, recorded: Request) -> list[str]:
    try:
        ours, theirs = live.json(), recorded.json()
    except ValueError:
        return [f"body: sent {_short(live.text)}, recorded {_short(recorded.text)}"]
    return [f"body{line}" for line in _value_differences(ours, theirs, "")][:_MOST_LINES]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 3]}..."


def _value_differences(ours: Any, theirs: Any, place: str) -> list[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [
            line
            for name in dict.fromkeys([*theirs, *ours])
            for line in _member_differences(ours, theirs, name, f"{place}.{name}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            line
            for number, pair in enumerate(zip(ours, theirs, strict=True))
            for line in _value_differences(*pair, f"{place}[{number}]")
        ]
    return [] if ours == theirs else [f"{place}: sent {_short(ours)}, recorded {_short(theirs)}"]


def _member_differences(ours: Any, theirs: Any, name: str, place: str) -> list[str]:
    if name not in ours:
        return [f"{place}: not sent, recorded {_short(theirs[name])}"]
    if name not in theirs:
        return [f"{place}: sent {_short(ours[name])}, not recorded"]
    return _value_differences(ours[name], theirs[name], place)


def nearest(live: Request, recorded: Sequence[Request], most: int = 3) -> list[str]:
    """The recorded requests that are most like one that was sent, and what differs.

    :param live: the request that was sent.
    :param recorded: those to choose from.
    :param most: how many to name.
    :returns: a line a request, its differences indented below it; equal ones are named once.
    """
    compared = [(differences(live, other), other) for other in recorded]
    compared.sort(key=lambda pair: (_distance(live, pair[1]), len(pair[0])))
    blocks = Counter((f"{other.method} {other.uri}", *found) for found, other in compared)
    lines = []
    for (name, *found), count in list(blocks.items())[:most]:
        lines.append(f"nearest: {name}" + (f" ({count} times)" if count > 1 else ""))
        lines += [f"  {line}" for line in found or [_NO_DIFFERENCE]]
    return lines


def _distance(live: Request, other: Request) -> int:
    """How unlike two requests are, the parts that a user looks at first counting most."""
    ours, theirs = split_uri(live.uri), split_uri(other.uri)
    unlike = (ours.netloc != theirs.netloc, ours.path != theirs.path, live.method != other.method)
    return sum(weight * part for weight, part in zip((4, 2, 1), unlike, strict=True))
