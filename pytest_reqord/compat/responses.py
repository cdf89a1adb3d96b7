"""Responses in the shape that VCR.py gives to hooks and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord import content
from pytest_reqord.compat.messages import (
    as_bytes,
    as_text,
    client_of,
    merged,
    values_by_name,
)
from pytest_reqord.models import Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VcrResponse", "response_from_vcr", "response_to_vcr"]

VcrResponse = dict[str, Any]
"""``{"status": {"code", "message"}, "headers": {name: [value]}, "body": {"string": bytes}}``."""


def response_to_vcr(response: Response, request: Request) -> VcrResponse:
    """A response of ours in VCR.py's shape, to a request of ours."""
    headers = values_by_name(response.headers)
    if client_of(request.headers) == "httpx":
        headers = {name.lower(): values for name, values in headers.items()}
    return {
        "status": {"code": response.status, "message": response.reason},
        "headers": headers,
        "body": {"string": _shown_body(response, request)},
    }


def _shown_body(response: Response, request: Request) -> bytes:
    """The body as VCR.py's stubs have it: unpacked where the client does so below them."""
    sent = request.headers.sent
    unpacks = sent.client.unpacks if sent else client_of(request.headers) != "httpx"
    coding = response.headers.get("content-encoding", "").strip().lower()
    unpacked = content.decode(response.body, coding) if unpacks and coding else None
    return response.body if unpacked is None else unpacked


def response_from_vcr(changed: Mapping[str, Any], response: Response, request: Request) -> Response:
    """What became of a response: what a hook left alone stays as it came.

    What depends on the body follows it, where the hook didn't see to that: clients would end it
    early or wait for the rest, or unpack what isn't packed.
    """
    status = changed["status"]
    code, reason = int(status["code"]), status.get("message") or ""
    if (code, reason) != (response.status, response.reason):
        response = response._replace(status=code, reason=str(reason))
    before = values_by_name(response.headers)
    after = {name: _values(values) for name, values in changed["headers"].items()}
    pairs = merged(response.headers, before, after)
    body = as_bytes(changed["body"].get("string"))
    is_as_shown = body == _shown_body(response, request)
    keeps_coding = Headers(pairs).get("content-encoding") == response.headers.get(
        "content-encoding"
    )
    if body != response.body and not (is_as_shown and keeps_coding):
        pairs = _following(pairs, body)
        chunks = None if response.chunks is None else ((len(body),) if body else ())
        response = response._replace(body=body, chunks=chunks, arrivals=())
    if pairs != response.headers.pairs:
        response = response._replace(headers=Headers(pairs))
    return response


def _following(pairs: tuple[tuple[str, str], ...], body: bytes) -> tuple[tuple[str, str], ...]:
    coding = Headers(pairs).get("content-encoding", "")
    if coding and content.decode(body, coding.strip().lower()) is None:
        pairs = tuple(pair for pair in pairs if pair[0].lower() != "content-encoding")
    length = str(len(body))
    return tuple(
        (name, length if name.lower() == "content-length" else value) for name, value in pairs
    )


def _values(values: Any) -> list[str]:
    many = values if isinstance(values, (list, tuple)) else [values]
    return [as_text(value) for value in many]
