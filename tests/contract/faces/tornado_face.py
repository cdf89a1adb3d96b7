"""tornado's simple client: fetches, streaming callbacks, body producers."""

from __future__ import annotations

import asyncio
import functools
import re
import urllib.parse
from typing import TYPE_CHECKING, Any

import tornado
from contract.face import Face, Place, visible
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from contract.scenarios import Call, Scenario

EXPECTED = (HTTPClientError, StreamClosedError, OSError, ValueError, LookupError)
"""What may be seen in place of a response; any other error is one of this file's own."""


def request_of(call: Call, scenario: Scenario, place: Place, seen: list[object]) -> HTTPRequest:
    body, kind = call.body, None
    if call.form is not None:
        body, kind = urllib.parse.urlencode(call.form).encode(), "application/x-www-form-urlencoded"
    if call.files is not None:
        body, kind = multipart(call.files), "multipart/form-data; boundary=between"
    headers = [*call.headers, *([("Content-Type", kind)] if kind else [])]
    gate = re.search(r"gate=(\w+)", call.path)

    def take(piece: bytes) -> None:
        seen.append(piece)
        if call.read == "gated":
            place.server.open_gate(gate[1])

    async def produce(write: Callable[[bytes], Awaitable[None]]) -> None:
        for piece in call.stream or ():
            await write(piece)

    return HTTPRequest(
        place.to(call),
        method=call.method,
        headers=dict(headers),
        body=body,
        body_producer=produce if call.stream is not None else None,
        auth_username="ada" if call.auth else None,
        auth_password="engine" if call.auth else None,
        follow_redirects=call.redirects,
        decompress_response=call.read != "raw",
        streaming_callback=None if call.read == "whole" else take,
        request_timeout=call.timeout,
        allow_nonstandard_methods=True,
        validate_cert=scenario.verify,
        ca_certs=place.ca if scenario.verify else None,
    )


def multipart(files: Any) -> bytes:
    parts = [
        b'--between\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n%b\r\n'
        % (field.encode(), name.encode(), data)
        for field, name, data in files
    ]
    return b"".join([*parts, b"--between--\r\n"])


async def fetch(client: Any, call: Call, scenario: Scenario, place: Place) -> object:
    pieces: list[object] = []
    request = request_of(call, scenario, place, pieces)
    try:
        response = await client.fetch(request)
    except HTTPClientError as error:
        return [visible(error), error.code, error.response and seen_of(error.response), pieces]
    except EXPECTED as error:
        return [visible(error), pieces]
    # chunks are passed on as they come, several at once or not
    return [seen_of(response), pieces if "/sse" in call.path else b"".join(pieces)]


def seen_of(response: Any) -> object:
    """Everything that a response shows."""
    request = response.request
    return visible(
        {
            "code": response.code,
            "reason": response.reason,
            "headers": list(response.headers.get_all()),
            "body": response.body,
            "url": response.effective_url,
            "error": response.error,
            "timed": sorted(response.time_info),
            "took": response.request_time >= 0,
            "request": [request.method, request.url, list(request.headers.get_all())],
        }
    )


async def run_async(scenario: Scenario, place: Place) -> object:
    client = SimpleAsyncHTTPClient(force_instance=True)
    try:
        fetches = [
            functools.partial(fetch, client, call, scenario, place) for call in scenario.calls
        ]
        if scenario.is_parallel:
            return await asyncio.gather(*(one() for one in fetches))
        return [await one() for one in fetches]
    finally:
        client.close()


def run(scenario: Scenario, place: Place) -> object:
    return asyncio.run(run_async(scenario, place))


async def own_expect(place: Place) -> object:
    """A body that is sent when it is asked for, and one that isn't."""
    client = SimpleAsyncHTTPClient(force_instance=True)
    seen = []
    for path in ("/echo/expect", "/echo/refused"):
        options = {"method": "POST", "body": b"a body", "expect_100_continue": True}
        response = await client.fetch(
            f"{place.url}{path}", **options, request_timeout=5, raise_error=False
        )
        seen.append(seen_of(response))
    client.close()
    return seen


LACKS = {
    "bare status lines",
    "chunk extensions",
    "cookies",
    "digest",
    "lenient",
    "proxy",
    "read:lines",
    "read:none",
    "read:partial",
    "read:sized",
    "read:twice",
    "retries",
}

if tornado.version_info < (6, 6):
    LACKS.add("pieces until the close")

FACES = (
    Face(
        "tornado",
        "tornado",
        run,
        lacks=frozenset(LACKS),
        own={"expect": lambda place: asyncio.run(own_expect(place))},
    ),
)
