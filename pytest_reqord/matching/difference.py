"""What differs between a request that was sent and one that was recorded, as lines of text."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pytest_reqord.base.documents import documents
from pytest_reqord.matching.matchers import (
    OPERATIONS,
    RANGES,
    body_key,
    changing_with_signature,
    normalise_uri,
    place_pattern,
    split_uri,
    unsigned_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from pytest_reqord.base.documents import Document, Documents
    from pytest_reqord.base.models import Headers, Interaction, Request, Response
    from pytest_reqord.matching.matchers import Matching

__all__ = [
    "STREAM_DEFAULTS",
    "STREAM_FIELDS",
    "changes",
    "differences",
    "nearest",
    "volatile_place",
]

_MOST_LINES = 12
_MOST_TEXT = 120
_PARTS_OF_BODIES = ("raw_body", "json_body", "form_body")


def differences(live: Request, recorded: Request, matching: Matching | None = None) -> list[str]:
    """Return what differs between two requests, field by field, as lines of text.

    :param live: the request that was sent.
    :param recorded: the one it is compared with.
    :param matching: what has to be equal and what doesn't count; what differs only where it asks
        for it, such as headers, is named then.
    """
    if matching is not None:
        live, recorded = matching.pair(live, recorded)
    names = frozenset() if matching is None else matching.names
    lines = []
    if live.method.upper() != recorded.method.upper():
        lines.append(f"method: sent {live.method}, recorded {recorded.method}")
    lines += _uri_differences(live.uri, recorded.uri)
    headers = dict.fromkeys((*OPERATIONS, *RANGES))
    if "headers" in names:
        left_out = changing_with_signature(live.headers)
        all_names = (name.lower() for name in (*recorded.headers, *live.headers))
        headers.update(dict.fromkeys(name for name in all_names if name not in left_out))
    for name in headers:
        lines += _header_difference(live, recorded, name)
    if body_key(live) != body_key(recorded):
        lines += _body_differences(live, recorded)
    elif live.body != recorded.body and names.intersection(_PARTS_OF_BODIES):
        lines.append(
            f"bytes of the body: sent {_short(live.body)}, recorded {_short(recorded.body)}"
        )
    if matching is not None:
        lines += _refusals(live, recorded, matching, has_lines=bool(lines))
    return lines


def _refusals(
    live: Request, recorded: Request, matching: Matching, *, has_lines: bool
) -> Iterator[str]:
    """Name the matchers that say no; of ours it is told field by field, if it can be."""
    for name, reason in matching.refusals(live, recorded):
        if not (has_lines and name in matching.names):
            said = reason.partition("\n")[0]  # pytest adds lines to what an assertion says
            said = said if len(said) <= _MOST_TEXT else f"{said[: _MOST_TEXT - 3]}..."
            yield f"matcher {name}: it says no" + (f", {said}" if said else "")


def _header_difference(live: Request, recorded: Request, name: str) -> list[str]:
    ours, theirs = live.headers.get_all(name), recorded.headers.get_all(name)
    if [*map(unsigned_value, ours)] == [*map(unsigned_value, theirs)]:
        return []
    sent, kept = (", ".join(map(_short, values)) for values in (ours, theirs))
    if not ours:
        return [f"header {name}: not sent, recorded {kept}"]
    return [f"header {name}: sent {sent}, " + (f"recorded {kept}" if theirs else "not recorded")]


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


def nearest(
    live: Request, recorded: Sequence[Request], matching: Matching, most: int = 3
) -> list[str]:
    """Return the recorded requests that are most like one that was sent, and what differs.

    :param live: the request that was sent, and got no answer.
    :param recorded: those to choose from.
    :param matching: what has to be equal.
    :param most: how many to name.
    :returns: a line a request, its differences indented below it; equal ones are named once.
    """
    view = matching.view(live)
    played: list[Request] = []
    compared: list[tuple[list[str], Request]] = []
    for other in recorded:
        if matching.matches(view, matching.view(other)):
            played.append(other)
        else:
            compared.append((differences(live, other, matching), other))
    compared.sort(key=lambda pair: (_distance(live, pair[1]), len(pair[0])))
    blocks: Counter[tuple[str, ...]] = Counter()
    if played:
        blocks[_name(played[0]), _played(len(played))] = len(played)
    blocks.update((_name(other), *found) for found, other in compared)
    lines = []
    for (name, *found), count in list(blocks.items())[:most]:
        lines.append(f"nearest: {name}" + (f" ({count} times)" if count > 1 else ""))
        lines += [f"  {line}" for line in found]
    return lines


def _played(count: int) -> str:
    """Say of requests that match that they have answered others."""
    times = {1: "once, and played", 2: "2 times, both played"}
    often = times.get(count, f"{count} times, all played")
    return f"recorded {often}: this was request {count + 1} (allow_playback_repeats repeats it)"


def _name(request: Request) -> str:
    return f"{request.method} {request.uri}"


def _distance(live: Request, other: Request) -> int:
    """How unlike two requests are, the parts that a user looks at first counting most."""
    ours, theirs = split_uri(live.uri), split_uri(other.uri)
    unlike = (ours.netloc != theirs.netloc, ours.path != theirs.path, live.method != other.method)
    return sum(weight * part for weight, part in zip((4, 2, 1), unlike, strict=True))


# What the API answers today against what was recorded, for the record mode ``verify``.


_FOLLOWS_THE_BODY = frozenset({"content-length", "transfer-encoding"})
_MOST_OF_A_CHANGE = 80


def changes(
    recorded: Interaction,
    live: Interaction,
    *,
    by_shape: bool,
    volatile: Collection[str],
    ignored: Sequence[str],
    fields: Sequence[str] = (),
) -> list[str]:
    """What changed between a recorded interaction and a live one, a line each; empty if nothing.

    :param by_shape: whether JSON is compared by its shape (names and types) instead of by values.
    :param volatile: header names that may differ, in lower case.
    :param ignored: places in JSON, in each document of a stream, that may differ with all below
        them, such as ``data[*].id``; ``*`` stands for any characters.
    :param fields: volatile fields, which may differ, too; see `volatile_place`.
    """
    if recorded.response is None or live.response is None:
        before, now = (_ending(one) for one in (recorded, live))
        return [] if before == now else [f"recorded {before}, now {now}"]
    old, new = recorded.response, live.response
    lines = []
    if old.status != new.status:
        lines.append(f"status: recorded {old.status}, now {new.status}")
    lines += _header_changes(old.headers, new.headers, {*volatile, *_FOLLOWS_THE_BODY}, by_shape)
    lines += _body_changes(old, new, by_shape, ignored, fields)
    return lines


def _ending(interaction: Interaction) -> str:
    return "a response" if interaction.response else "a network error"


def _values(values: Sequence[str]) -> str:
    return ", ".join(map(_cut, values))


def _header_changes(
    old: Headers, new: Headers, ignored: Collection[str], by_shape: bool
) -> Iterator[str]:
    names = dict.fromkeys(name.lower() for name in (*old, *new))
    for name in names:
        before, now = old.get_all(name), new.get_all(name)
        if name in ignored or before == now or (by_shape and bool(before) == bool(now)):
            continue
        was = f"recorded {_values(before)}" if before else "not recorded"
        yield f"header {name}: {was}, now {_values(now) if now else 'missing'}"


def _body_changes(
    old: Response, new: Response, by_shape: bool, ignored: Sequence[str], fields: Sequence[str]
) -> Iterator[str]:
    if old.content == new.content:
        return
    before, now = _documents(old), _documents(new)
    if not before.all or not now.all or before.is_stream != now.is_stream:
        if not by_shape:
            yield f"body: recorded {_cut(old.text)}, now {_cut(new.text)}"
        return
    may_differ = (
        place_pattern(ignored).fullmatch if ignored else None,
        volatile_place(tuple(fields), is_stream=now.is_stream),
    )
    pairs = _pairs_of_shapes(before, now) if by_shape else zip(before.all, now.all)  # noqa: B905 -- the number is told
    for number, (one, other) in enumerate(pairs):
        where = f" (document {number})" if now.is_stream else ""
        for place, line in _value_changes(one.value(), other.value(), "", by_shape):
            if not any(may and may(place) for may in may_differ):
                yield f"body {place or '.'}: {line}{where}"
    if len(before.all) != len(now.all) and not by_shape:
        yield f"body: recorded {len(before.all)} documents, now {len(now.all)}"


def _documents(response: Response) -> Documents:
    kind = response.headers.get("content-type", "")
    return documents(response.content.decode("utf-8", "replace"), kind)


def _pairs_of_shapes(before: Documents, now: Documents) -> Iterator[tuple[Document, Document]]:
    """Each document whose shape none of the recorded ones has, with the one in its place.

    How many pieces an answer comes in says nothing.
    """
    if not now.is_stream:
        yield before.all[0], now.all[0]
        return
    shapes = {_shape(document.value()) for document in before.all}
    for number, document in enumerate(now.all):
        if _shape(document.value()) not in shapes:
            yield before.all[min(number, len(before.all) - 1)], document


def _shape(value: Any) -> Any:
    """The names and kinds in a value; of a list those that its elements have."""
    if isinstance(value, dict):
        return frozenset((name, _shape(member)) for name, member in value.items())
    if isinstance(value, list):
        return ("list", frozenset(map(_shape, value)))
    return _kind(value)


def _value_changes(before: Any, now: Any, place: str, by_shape: bool) -> Iterator[tuple[str, str]]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*before, *now]):
            inner = f"{place}.{name}" if place else str(name)
            if name not in now:
                yield inner, f"recorded {_cut(before[name])}, now missing"
            elif name not in before:
                yield inner, f"not recorded, now {_cut(now[name])}"
            else:
                yield from _value_changes(before[name], now[name], inner, by_shape)
    elif isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now) and not by_shape:
            yield place, f"recorded {len(before)} elements, now {len(now)}"
        for number, pair in enumerate(zip(before, now)):  # noqa: B905 -- the length was told
            yield from _value_changes(*pair, f"{place}[{number}]", by_shape)
    elif _kind(before) != _kind(now) or (not by_shape and before != now):
        yield place, f"recorded {_cut(before)}, now {_cut(now)}"


def _kind(value: Any) -> str:
    """The JSON type of a value; whole numbers and fractions are one."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_OF_A_CHANGE else f"{text[: _MOST_OF_A_CHANGE - 3]}..."


# Fields of answers that differ each time.


STREAM_DEFAULTS = "stream-defaults"
"""The word of ``volatile_fields`` that stands for the usual fields of streams."""

STREAM_FIELDS = (
    "id",
    "item_id",
    "call_id",
    "message_id",
    "messageId",
    "response_id",
    "responseId",
    "generation_id",
    "created",
    "created_at",
    "createdAt",
    "createTime",
    "completed_at",
    "timestamp",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
    "total_duration",
    "obfuscation",
)
"""Names of those fields: each counts at any depth, in streams only."""


@lru_cache(maxsize=16)
def volatile_place(words: Sequence[str], *, is_stream: bool) -> Callable[[str], bool] | None:
    """Return what says whether a place in an answer is volatile; None where none is.

    :param words: places as ``volatile_fields`` has them, a tuple.
    :param is_stream: whether the answer is a stream of documents.
    """
    places = [word for word in words if word != STREAM_DEFAULTS]
    if is_stream and STREAM_DEFAULTS in words:
        places += [place for name in STREAM_FIELDS for place in (name, f"*.{name}")]
    if not places:
        return None
    pattern = place_pattern(places)

    @lru_cache(maxsize=1024)  # the documents of a stream have the same places
    def is_volatile(place: str) -> bool:
        return pattern.fullmatch(place) is not None

    return is_volatile
