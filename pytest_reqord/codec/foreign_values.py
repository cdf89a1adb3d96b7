"""What other tools wrote about an interaction, made into an `Interaction`."""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from pytest_reqord import content
from pytest_reqord.clock import parse_time
from pytest_reqord.codec import safe
from pytest_reqord.codec.values import status_of
from pytest_reqord.models import Headers, Interaction, Request, Response
from pytest_reqord.real import json

__all__ = ["interaction", "on_the_wire", "packed", "response"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_BODILESS = (204, 304)
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_ZSTD_START = b"\x28\xb5\x2f\xfd"


def interaction(item: Any, position: int) -> Interaction:
    """Make an interaction.

    :param position: its place in the file, from which a time is made up where there is none.
    """
    message = _mapping(item, "response")
    request = _request(
        _mapping(item, "request"), is_vcrs=isinstance(message.get("status"), Mapping)
    )
    answer = response(message, request.method)
    try:
        recorded_at = parse_time(item["recorded_at"])
    except (KeyError, ValueError, AttributeError):
        recorded_at = _EPOCH + timedelta(microseconds=position)
    return Interaction(request, answer, recorded_at)


def _request(request: Mapping[str, Any], *, is_vcrs: bool) -> Request:
    method, uri = request.get("method"), request.get("uri", request.get("url"))
    if not isinstance(method, str) or not isinstance(uri, str):
        raise ValueError("the request has no method or no uri")  # noqa: TRY004 -- a bad file
    body = request.get("body")
    data = _json(body) if is_vcrs and _is_value(body) else _body(request)
    return Request(str(method), str(uri), Headers(_pairs(request.get("headers"))), data)


def response(message: Mapping[str, Any], method: str) -> Response:
    """Make a response of what a file says of one.

    :param method: the request's method.
    :raises ValueError: if it isn't one.
    """
    status: Any = message.get("status", message.get("status_code"))
    reason: Any = ""
    if isinstance(status, Mapping):
        status, reason = status.get("code"), status.get("message") or ""
    if status is None:
        raise ValueError("the response has no status")
    status = status_of(status, "the response's status")
    has_body = method.upper() != "HEAD" and status not in _BODILESS
    headers, body = Headers(_pairs(message.get("headers"))), _body(message)
    if has_body:
        headers, body = on_the_wire(headers, body)
    chunks = None
    if has_body and "chunked" in headers.get("transfer-encoding", "").lower():
        chunks = (len(body),) if body else ()
    version = str(message.get("http_version") or "1.1").upper().removeprefix("HTTP/")
    return Response(status, str(reason), headers, body, version, chunks=chunks)


def on_the_wire(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Undo what VCR.py's stubs leave open: under ``Content-Encoding`` the body may be plain.

    With urllib3 2 they don't decode on replay and store plain bodies under the header of the
    packed one; with httpx they do and store what was on the wire. A client of ours always
    decodes, so what isn't packed is packed here (gzip, deflate), or loses the header (br, zstd).
    ``Content-Length`` follows, for it would end the body early or never.
    """
    coding = headers.get("content-encoding", "").strip().lower()
    pairs = headers.pairs
    if coding and body and content.decode(body, coding) is None:
        if coding in _WINDOWS:
            body = packed(body, coding)
        elif _is_text(body) and not body.startswith(_ZSTD_START):
            pairs = tuple(pair for pair in pairs if pair[0].lower() != "content-encoding")
    length = str(len(body))
    pairs = tuple(
        (name, length if name.lower() == "content-length" else value) for name, value in pairs
    )
    return (headers if pairs == headers.pairs else Headers(pairs)), body


def packed(body: bytes, coding: str) -> bytes:
    """Pack a body that stands plain in its file, always to the same bytes."""
    packer = zlib.compressobj(wbits=_WINDOWS[coding])
    return packer.compress(body) + packer.flush()


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_value(body: Any) -> bool:
    """Whether a body is the value that a client was called with and has sent as JSON, as aiohttp's.

    A list may also be of the pieces that an iterator has given.
    """
    if isinstance(body, list):
        return not all(isinstance(one, bytes) or type(one) is str for one in body)
    return isinstance(body, Mapping) and not any(body.keys() <= keys for keys in _BODY_KEYS)


_BODY_KEYS = {"string", "encoding", "base64_string"}, {"type", "content"}
"""What a mapping has that is about a body; what other tools write has these, too."""


def _body(message: Mapping[str, Any]) -> bytes:
    if message.get("parsed_body") is not None:
        return _json(message["parsed_body"])
    body = message.get("body", message.get("content"))
    if isinstance(body, Mapping):
        if "base64_string" in body:
            return binascii.a2b_base64(_bytes(body["base64_string"]))
        if "content" in body or "type" in body:
            return _typed_body(str(body.get("type", "text")), body.get("content"))
        body = body.get("string", body.get("text"))
    return _bytes(body)


def _typed_body(kind: str, value: Any) -> bytes:
    """A body of cassetter."""
    if kind == "json":
        return _json(value)
    if kind in ("base64", "binary", "bytes") and isinstance(value, str):
        return binascii.a2b_base64(value)
    return _bytes(value)


def _json(value: Any) -> bytes:

    return json.dumps(safe.typed(value)).encode()


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):  # an iterator that was read
        return b"".join(map(_bytes, value))
    if isinstance(value, Mapping):
        raise ValueError("a body is neither text nor bytes")  # noqa: TRY004 -- a bad file
    return str(value).encode("utf-8", "surrogatepass")


def _pairs(headers: Any) -> Iterator[tuple[str, str]]:
    named = list(headers.items()) if isinstance(headers, Mapping) else headers or []
    if not isinstance(named, list) or not all(map(_is_pair, named)):
        raise ValueError("headers are neither a mapping nor a list of pairs")
    for name, values in named:
        for value in values if isinstance(values, list) else (values,):
            if isinstance(value, (list, Mapping)):
                raise ValueError(f"the header {name} is not text")  # noqa: TRY004 -- a bad file
            yield (
                str(name),
                _bytes(value).decode("latin-1")
                if isinstance(value, bytes)
                else ("" if value is None else str(value)),
            )


def _is_pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2  # noqa: PLR2004 -- name and value


def _mapping(item: Any, key: str) -> Mapping[str, Any]:
    value = item.get(key) if isinstance(item, Mapping) else None
    if not isinstance(value, Mapping):
        raise ValueError(f"the interaction has no {key}")  # noqa: TRY004 -- a bad file
    return value
