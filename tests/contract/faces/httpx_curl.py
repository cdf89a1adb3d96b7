"""httpx over libcurl, with the transports of httpx-curl-cffi: the same but for libcurl's handle."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import httpx
import httpx_curl_cffi
from contract.awaiting import settle
from contract.face import Face, Place
from contract.faces.httpx_clients import ASYNCIO, SYNC, seen_of, start

if TYPE_CHECKING:
    from collections.abc import Callable

PATHS = {"post": "/echo", "gzip": "/encoded/gzip", "chunked": "/chunked/3,4"}


def scenario(kind: str, path: str) -> Callable[[Place], object]:
    async def run(place: Place) -> object:
        is_sync = kind == SYNC
        client = (
            httpx.Client(transport=httpx_curl_cffi.CurlTransport())
            if is_sync
            else httpx.AsyncClient(transport=httpx_curl_cffi.AsyncCurlTransport())
        )
        try:
            seen = seen_of(await settle(client.post(place.url + path, content=b"body")))
        finally:
            await settle(client.close() if is_sync else client.aclose())
        seen["extensions"] = [pair for pair in seen["extensions"] if pair[0] != "curl"]
        return seen

    return lambda place: start(kind, functools.partial(run, place))


FACES = tuple(
    Face(
        f"httpx-curl-cffi-{kind}",
        "httpx",
        None,
        own={name: scenario(kind, path) for name, path in PATHS.items()},
    )
    for kind in (SYNC, ASYNCIO)
)
