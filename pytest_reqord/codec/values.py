"""What a YAML loader gives for an entry, made into an `Interaction`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_reqord.base.clock import parse_time
from pytest_reqord.base.models import Arrival, Failure, Headers, Interaction, Request, Response
from pytest_reqord.codec import bodies

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["interaction", "is_true", "status_of"]

_KEYS = {
    "request": {"method", "uri", "headers", "body"},
    "response": {
        "status", "reason", "http_version", "headers", "body", "chunks", "arrivals", "trailers",
        "interim", "complete", "error",
    },
    "body": {"json", "text", "base64", "file", "spaced", "compressed"},
    "error": {"kind", "message", "details"},
}  # fmt: skip
"""What version 1 has. A key that is added makes another version of it, for the files that use it: an
older reader has to refuse what it can't play.
"""
_NONE = Headers()
_MOST_STATUS = 999
_N = TypeVar("_N", int, float)
Files = Callable[[str], bytes]


def interaction(entry: Any, files: Files) -> Interaction:
    """Make an interaction of the plain data of an entry.

    Beside the request and the response there may be more, a user's notes; in them there may not,
    for what isn't known would be missing from what is played.

    :param entry: mappings, sequences and text; numbers and booleans may be text too.
    :param files: reads a body that lies beside the cassette.
    :raises ValueError: if something is missing or is of the wrong type; the text says what.
    """
    entry = _mapping(entry, "an interaction")
    response = failure = None
    if "response" in entry:
        response = _response(_known(entry["response"], "response"), files)
    elif "error" in entry:
        failure = _failure(entry["error"])
    else:
        raise ValueError("the interaction has no response")
    again = entry.get("rerecorded_at")
    return Interaction(
        _request(_known(_required(entry, "request", "interaction"), "request"), files),
        response,
        _time(_required_text(entry, "recorded_at", "interaction"), "recorded_at"),
        _text(entry.get("recorded_by", ""), "recorded_by"),
        _number(float, _required(entry, "elapsed", "interaction"), "elapsed"),
        failure,
        None if again is None else _time(_text(again, "rerecorded_at"), "rerecorded_at"),
    )


def _request(request: Mapping[str, Any], files: Files) -> Request:
    return Request(
        _required_text(request, "method", "request"),
        _required_text(request, "uri", "request"),
        _headers(request.get("headers")),
        _body(request, files),
    )


def _response(response: Mapping[str, Any], files: Files) -> Response:
    chunks = _numbers(response["chunks"], "chunks") if "chunks" in response else None
    return Response(
        status_of(_required(response, "status", "response"), "status"),
        _text(response.get("reason") or "", "reason"),
        _headers(response.get("headers")),
        _body(response, files),
        _text(response.get("http_version", "1.1"), "http_version"),
        _headers(response.get("trailers")),
        chunks,
        tuple(map(_arrival, _sequence(response.get("arrivals", ()), "arrivals"))),
        _numbers(response.get("interim", ()), "interim"),
        is_true(response.get("complete", True)),
        _failure(response["error"]) if "error" in response else None,
    )


def _failure(value: Any) -> Failure:
    failure = _known(value, "error")
    details = _mapping(failure.get("details", {}), "details")
    return Failure(
        _required_text(failure, "kind", "error"),
        _text(failure.get("message", ""), "message"),
        {str(key): _text(value, "details") for key, value in details.items()},
    )


def _body(message: Mapping[str, Any], files: Files) -> bytes:
    body = message.get("body")
    return b"" if body is None else bodies.read(_known(body, "body"), files)


def _headers(lines: Any) -> Headers:
    if isinstance(lines, str):
        return Headers.parse(lines)
    return Headers(_pairs(lines)) if lines else _NONE


def _pairs(headers: Any) -> Iterable[tuple[str, str]]:
    """The pairs of a mapping of names to a value or a list of values, as a hand may write them."""
    for name, values in _mapping(headers or {}, "headers").items():
        for value in (values,) if isinstance(values, (str, bytes)) else _sequence(values, name):
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            yield str(name), _text(text, "a header's value")


def _arrival(pair: Any) -> Arrival:
    if len(_sequence(pair, "an arrival")) != 2:  # noqa: PLR2004 -- a place and a time
        raise ValueError("an arrival is not a place and a time")
    offset, time = pair
    return Arrival(_size(offset, "arrivals"), _number(float, time, "arrivals"))


def _numbers(values: Any, what: str) -> tuple[int, ...]:
    return tuple([_size(value, what) for value in _sequence(values, what)])


def _size(value: Any, what: str) -> int:
    size = _number(int, value, what)
    if size < 0:
        raise ValueError(f"{what} has a negative number")
    return size


def _number(kind: Callable[[Any], _N], value: Any, what: str) -> _N:
    try:
        return kind(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{what} is not a number") from error


def _time(text: str, what: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError as error:
        raise ValueError(f"{what} is not a time: {text}") from error


def status_of(value: Any, what: str) -> int:
    """A status code as it may stand on the wire: no more than three digits.

    :raises ValueError: if it is none.
    """
    status = _number(int, value, what)
    if not 0 <= status <= _MOST_STATUS:
        raise ValueError(f"{what} is no number from 0 to {_MOST_STATUS}")
    return status


def _known(value: Any, what: str) -> Mapping[str, Any]:
    """A mapping that has no other keys than the format has."""
    mapping = _mapping(value, what)
    unknown = sorted(map(str, mapping.keys() - _KEYS[what]))
    if unknown:
        raise ValueError(
            f"{what} has no key {unknown[0]}; there are {', '.join(sorted(_KEYS[what]))}"
        )
    return mapping


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not a mapping")  # noqa: TRY004 -- one error for a bad file
    return value


def _sequence(value: Any, what: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{what} is not a list")  # noqa: TRY004 -- one error for a bad file
    return value


def _required(mapping: Mapping[str, Any], key: str, what: str) -> Any:
    value = mapping.get(key)
    if value is None:
        raise ValueError(f"the {what} has no {key}")
    return value


def _required_text(mapping: Mapping[str, Any], key: str, what: str) -> str:
    return _text(_required(mapping, key, what), key)


def _text(value: Any, what: str) -> str:
    """The value itself if it is text.

    :raises ValueError: if it isn't.
    """
    if isinstance(value, str):
        return value
    raise ValueError(f"{what} is not text")


def is_true(value: Any) -> bool:
    """A boolean of YAML 1.1 or 1.2, be it text or not."""
    return value is True or str(value).lower() in ("true", "yes", "on", "y")
