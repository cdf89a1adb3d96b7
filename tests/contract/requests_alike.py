"""requests, and niquests, which has the same face: sync, and async too."""

from __future__ import annotations

import asyncio
import functools
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from contract.awaiting import attempt, drive, pieces_of, settle
from contract.face import Place, outcome, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from contract.scenarios import Call, Scenario

__all__ = ["MASKS", "everything", "run", "run_async"]

MASKS = (
    (r"[0-9a-f]{32}", "BOUNDARY"),
    (r'cnonce="\w+"|response="\w+"', "DIGEST"),
    (r"expires=\d{6,}", "expires=LATER"),
)


def run(library: Any, retry: Callable[..., Any], scenario: Scenario, place: Place) -> object:
    """Make the calls of a scenario with a ``Session``.

    :param retry: makes the retries that an adapter takes.
    """
    one = functools.partial(call, library, retry, place)
    with library.Session() as session, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        prepare(session, scenario, place)
        if scenario.is_parallel:
            with ThreadPoolExecutor(len(scenario.calls)) as pool:
                return list(pool.map(lambda each: drive(one(session, each)), scenario.calls))
        seen = [drive(one(session, each)) for each in scenario.calls]
        return [seen, [str(each.message) for each in caught]]


def run_async(library: Any, retry: Callable[..., Any], scenario: Scenario, place: Place) -> object:
    """The same with an ``AsyncSession``."""
    one = functools.partial(call, library, retry, place)

    async def run_all() -> object:
        async with library.AsyncSession() as session:
            prepare(session, scenario, place)
            if scenario.is_parallel:
                return await asyncio.gather(*[one(session, each) for each in scenario.calls])
            return [await one(session, each) for each in scenario.calls]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        seen = asyncio.run(run_all())
    told = [str(each.message) for each in caught if each.category is not ResourceWarning]
    return [seen, [] if scenario.is_parallel else told]  # connections that it leaves to the loop


def prepare(session: Any, scenario: Scenario, place: Place) -> None:
    session.verify = place.ca if scenario.verify else False
    session.proxies = {"http": place.proxy, "https": place.proxy} if place.proxy else {}


async def call(
    library: Any, retry: Callable[..., Any], place: Place, session: Any, given: Call
) -> object:
    if given.retries:
        adapter = type(session.get_adapter(place.url))
        retries = retry(given.retries, status_forcelist=[503], backoff_factor=0)
        session.mount(place.url, adapter(max_retries=retries))
    return await attempt(functools.partial(send, library, place, session, given))


async def send(library: Any, place: Place, session: Any, given: Call) -> object:
    is_async = type(session).__name__.startswith("Async")
    digests = library.auth.AsyncHTTPDigestAuth if is_async else library.auth.HTTPDigestAuth
    response = await settle(
        session.request(
            given.method,
            place.to(given),
            headers={name: value.encode("latin-1") for name, value in given.headers},
            data=iter(given.stream) if given.stream is not None else given.form or given.body,
            files=[(field, (name, data)) for field, name, data in given.files or ()] or None,
            auth={"": None, "basic": ("ada", "engine"), "digest": digests("ada", "engine")}[
                given.auth
            ],
            allow_redirects=given.redirects,
            timeout=given.timeout,
            stream=given.read != "whole",
        )
    )
    try:
        return {
            "body": await attempt(functools.partial(read, response, given, place)),
            "session cookies": cookies(session.cookies),
            **await everything(response, is_read=given.read == "whole"),
        }
    finally:
        await settle(response.close())


async def read(response: Any, given: Call, place: Place) -> object:
    how = {
        "whole": lambda: response.content,
        "raw": lambda: response.raw.read(decode_content=False),
        "none": response.close,
        "lines": lambda: collect(response.iter_lines),
        "sized": lambda: collect(response.iter_content, 7),
        "partial": lambda: first(response),
        "twice": lambda: twice(response),
        "pieces": lambda: collect(response.iter_content, as_they_come(response)),
        "gated": lambda: gated(response, place),
    }
    return await settle(how[given.read]())


async def first(response: Any) -> object:
    pieces = pieces_of(await settle(response.iter_content(5)))
    piece = await anext(pieces, None)
    return [piece, await settle(response.close())]


async def twice(response: Any) -> object:
    whole = await settle(response.content)
    return [whole, await attempt(functools.partial(collect, response.iter_content, 9))]


async def gated(response: Any, place: Place) -> list[bytes]:
    pieces = []
    async for piece in pieces_of(await settle(response.iter_content(as_they_come(response)))):
        pieces.append(piece)
        place.server.open_gate("g")
    return pieces


def as_they_come(response: Any) -> int | None:
    """The size for which pieces are given as they come: for None an async response gives all."""
    return -1 if hasattr(response, "__aiter__") else None


async def collect(pieces: Callable[..., Any], *args: int | None) -> list[Any]:
    return [piece async for piece in pieces_of(await settle(pieces(*args)))]


async def everything(response: Any, *, is_read: bool) -> dict[str, object]:
    """Everything that a response shows."""
    raw = response.raw
    has_text = is_read and response.encoding != "nonsense"
    return {
        "status": response.status_code,
        "reason": response.reason,
        "ok": response.ok,
        "headers": list(response.headers.items()),
        "url": response.url,
        "encoding": response.encoding,
        "cookies": cookies(response.cookies),
        "links": response.links,
        "redirect": [response.is_redirect, response.is_permanent_redirect],
        "elapsed": response.elapsed.total_seconds() >= 0,
        "text": await settle(response.text) if has_text else None,
        "json": await attempt(lambda: later(response.json)) if is_read else None,
        "raise": outcome(lambda: response.raise_for_status() and None),
        "history": [await everything(each, is_read=True) for each in response.history],
        "request": [
            response.request.method,
            response.request.url,
            visible(response.request.headers),
            visible(response.request.body),
        ],
        "raw": [
            type(raw).__qualname__,
            raw.status,
            raw.version,
            raw.reason,
            list(raw.headers.items()),
            raw.closed,
            raw.tell(),
            raw.length_remaining,
            getattr(raw, "chunked", None),
            visible(getattr(raw, "trailers", None)),
            getattr(raw, "retries", None) and visible(raw.retries.history),
            await attempt(lambda: later(raw.read)),
        ],
    }


async def later(action: Callable[[], Any]) -> object:
    return await settle(action())


def cookies(jar: Any) -> list[str]:
    return sorted(repr(cookie) for cookie in jar)
