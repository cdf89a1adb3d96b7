"""What the API answers today against what was recorded, for the record mode ``verify``."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pytest_reqord.models import Headers, Interaction, Response

__all__ = ["changes"]

_FOLLOWS_THE_BODY = frozenset({"content-length", "transfer-encoding"})
_MOST_TEXT = 80


def changes(
    recorded: Interaction,
    live: Interaction,
    *,
    by_shape: bool,
    volatile: Collection[str],
    ignored: Sequence[str],
) -> list[str]:
    """What changed between a recorded interaction and a live one, a line each; empty if nothing.

    :param by_shape: whether JSON is compared by its shape (names and types) instead of by values.
    :param volatile: header names that may differ, in lower case.
    :param ignored: places in JSON that may differ with all below them, such as ``data[*].id``;
        ``*`` stands for any characters.
    """
    if recorded.response is None or live.response is None:
        ended = recorded.response is None, live.response is None
        return [] if ended[0] == ended[1] else ["one of them ended in a network error"]
    old, new = recorded.response, live.response
    lines = []
    if old.status != new.status:
        lines.append(f"status: recorded {old.status}, now {new.status}")
    lines += _header_changes(old.headers, new.headers, {*volatile, *_FOLLOWS_THE_BODY}, by_shape)
    lines += _body_changes(old, new, by_shape, ignored)
    return lines


def _header_changes(
    old: Headers, new: Headers, ignored: Collection[str], by_shape: bool
) -> Iterator[str]:
    names = dict.fromkeys(name.lower() for name in (*old, *new))
    for name in names:
        before, now = old.get_all(name), new.get_all(name)
        if name in ignored or before == now or (by_shape and bool(before) == bool(now)):
            continue
        yield f"header {name}: recorded {_short(before)}, now {_short(now)}"


def _body_changes(
    old: Response, new: Response, by_shape: bool, ignored: Sequence[str]
) -> Iterator[str]:
    if old.content == new.content:
        return
    try:
        before, now = old.json(), new.json()
    except ValueError:
        if not by_shape:
            yield f"body: recorded {_short(old.text)}, now {_short(new.text)}"
        return
    for place, line in _value_changes(before, now, "", by_shape):
        if not any(_is_in(place, glob) for glob in ignored):
            yield f"body {place or '.'}: {line}"


def _is_in(place: str, glob: str) -> bool:
    """Whether a place is one that a pattern names, or is below it."""
    # brackets of a glob are sets of characters, those of a place are indexes
    glob = glob.replace("[", "[[]")
    return any(fnmatch.fnmatchcase(place, each) for each in (glob, f"{glob}.*", f"{glob}[[]*"))


def _value_changes(before: Any, now: Any, place: str, by_shape: bool) -> Iterator[tuple[str, str]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*before, *now]):
            inner = f"{place}.{name}" if place else str(name)
            if name not in now:
                yield inner, f"recorded {_short(before[name])}, now missing"
            elif name not in before:
                yield inner, f"not recorded, now {_short(now[name])}"
            else:
                yield from _value_changes(before[name], now[name], inner, by_shape)
    elif isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now) and not by_shape:
            yield place, f"recorded {len(before)} elements, now {len(now)}"
        for number, pair in enumerate(zip(before, now)):  # noqa: B905 -- the length was told
            yield from _value_changes(*pair, f"{place}[{number}]", by_shape)
    elif _kind(before) != _kind(now) or (not by_shape and before != now):
        yield place, f"recorded {_short(before)}, now {_short(now)}"


def _kind(value: Any) -> str:
    """The JSON type of a value; whole numbers and fractions are one."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 3]}..."
