"""niquests on urllib3-future: installed alone, for that puts itself in the place of urllib3."""

from __future__ import annotations

import functools
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import niquests
from contract.face import Face, Place, outcome, visible
from niquests.adapters import HTTPAdapter
from niquests.auth import HTTPDigestAuth

if TYPE_CHECKING:
    from contract.scenarios import Call, Scenario


def run(scenario: Scenario, place: Place) -> object:
    with niquests.Session() as session, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session.verify = place.ca if scenario.verify else False
        session.proxies = {"http": place.proxy, "https": place.proxy} if place.proxy else {}
        one = functools.partial(call, session, place)
        if scenario.is_parallel:
            with ThreadPoolExecutor(len(scenario.calls)) as pool:
                return list(pool.map(one, scenario.calls))
        seen = [one(each) for each in scenario.calls]
        return [seen, [str(each.message) for each in caught]]


def call(session: niquests.Session, place: Place, given: Call) -> object:
    if given.retries:
        retry = niquests.RetryConfiguration(given.retries, status_forcelist=[503], backoff_factor=0)
        session.mount(place.url, HTTPAdapter(max_retries=retry))
    return outcome(lambda: send(session, place, given))


def send(session: niquests.Session, place: Place, given: Call) -> object:
    auth = {"": None, "basic": ("ada", "engine"), "digest": HTTPDigestAuth("ada", "engine")}
    response = session.request(
        given.method,
        place.to(given),
        headers={name: value.encode("latin-1") for name, value in given.headers},
        data=iter(given.stream) if given.stream is not None else given.form or given.body,
        files=[(field, (name, data)) for field, name, data in given.files or ()] or None,
        auth=auth[given.auth],
        allow_redirects=given.redirects,
        timeout=given.timeout,
        stream=given.read != "whole",
    )
    with response:
        return {
            "body": outcome(lambda: read(response, given, place)),
            "session cookies": cookies(session.cookies),
            **everything(response, is_read=given.read == "whole"),
        }


def read(response: niquests.Response, given: Call, place: Place) -> object:
    return {
        "whole": lambda: response.content,
        "pieces": lambda: list(response.iter_content(None)),
        "gated": lambda: gated(response, place),
        "sized": lambda: list(response.iter_content(7)),
        "lines": lambda: list(response.iter_lines()),
        "raw": lambda: response.raw.read(decode_content=False),
        "partial": lambda: next(response.iter_content(5), None),
        "none": response.close,
        "twice": lambda: [response.content, outcome(lambda: list(response.iter_content(9)))],
    }[given.read]()


def gated(response: niquests.Response, place: Place) -> list[bytes]:
    pieces = []
    for piece in response.iter_content(None):
        pieces.append(piece)
        place.server.open_gate("g")
    return pieces


def everything(response: niquests.Response, *, is_read: bool) -> dict[str, object]:
    raw = response.raw
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
        "text": response.text if is_read and response.encoding != "nonsense" else None,
        "json": outcome(response.json) if is_read else None,
        "raise": outcome(lambda: response.raise_for_status() and None),
        "history": [everything(each, is_read=True) for each in response.history],
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
            outcome(raw.read),
        ],
    }


def cookies(jar: niquests.cookies.RequestsCookieJar) -> list[str]:
    return sorted(repr(cookie) for cookie in jar)


_NOT_YET = {
    f"scenario:{name}"
    for name in (
        "chunked-trailers",
        "endless",
        "broken-length",
        "broken-chunk",
        "broken-chunks",
        "broken-pieces-length",
        "broken-pieces-chunk",
    )
}

FACES = (
    Face(
        "niquests",
        "urllib3_future",
        run,
        # trailers, and how a body that broke off ends, aren't replayed as they were yet
        lacks=frozenset({"pieces until the close", "lenient"} | _NOT_YET),
        masks=(
            (r"[0-9a-f]{32}", "BOUNDARY"),
            (r'cnonce="\w+"|response="\w+"', "DIGEST"),
            (r"expires=\d{6,}", "expires=LATER"),
        ),
    ),
)
