"""requests."""

from __future__ import annotations

import functools
import io
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import cachecontrol
import requests
import requests_toolbelt
from contract.face import Face, Place, outcome, visible
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth
from urllib3.util import Retry

if TYPE_CHECKING:
    from contract.scenarios import Call, Scenario


def run(scenario: Scenario, place: Place) -> object:
    with requests.Session() as session, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session.verify = place.ca if scenario.verify else False
        session.proxies = {"http": place.proxy, "https": place.proxy} if place.proxy else {}
        one = functools.partial(call, session, place)
        if scenario.is_parallel:
            with ThreadPoolExecutor(len(scenario.calls)) as pool:
                return list(pool.map(one, scenario.calls))
        seen = [one(each) for each in scenario.calls]
        return [seen, [str(each.message) for each in caught]]


def call(session: requests.Session, place: Place, given: Call) -> object:
    if given.retries:
        retry = Retry(given.retries, status_forcelist=[503], backoff_factor=0)
        session.mount(place.url, HTTPAdapter(max_retries=retry))
    return outcome(lambda: send(session, place, given))


def send(session: requests.Session, place: Place, given: Call) -> object:
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


def read(response: requests.Response, given: Call, place: Place) -> object:
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


def gated(response: requests.Response, place: Place) -> list[bytes]:
    pieces = []
    for piece in response.iter_content(None):
        pieces.append(piece)
        place.server.open_gate("g")
    return pieces


def everything(response: requests.Response, *, is_read: bool) -> dict[str, object]:
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
        "raise": outcome(response.raise_for_status),
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


def cookies(jar: requests.cookies.RequestsCookieJar) -> list[str]:
    return sorted(repr(cookie) for cookie in jar)


def own_toolbelt(place: Place) -> object:
    """A multipart upload that is streamed from a file, with its progress watched."""
    told = []
    fields = {"name": "value", "file": ("all.bin", io.BytesIO(bytes(range(256)) * 400), "x/y")}
    encoder = requests_toolbelt.MultipartEncoder(fields)
    watched = requests_toolbelt.MultipartEncoderMonitor(
        encoder, lambda monitor: told.append(monitor.bytes_read)
    )
    headers = {"Content-Type": watched.content_type}
    response = requests.post(f"{place.url}/echo", data=watched, headers=headers, timeout=5)
    return [everything(response, is_read=True), told]


def own_cache(place: Place) -> object:
    """CacheControl: the second answer comes from the cache, and revalidates on a 304."""
    with cachecontrol.CacheControl(requests.Session()) as session:
        responses = [session.get(f"{place.url}{path}", timeout=5) for path in ("/json",) * 2]
        return [[each.from_cache, everything(each, is_read=True)] for each in responses]


def own_hooks(place: Place) -> object:
    """Hooks and adapters of the user are called, with what they are called with live."""
    called = []

    class Adapter(HTTPAdapter):
        def send(self, request, **options):
            called.append(["adapter", request.url, options["stream"], options["timeout"]])
            return super().send(request, **options)

        def build_response(self, request, raw):
            called.append(["built", raw.status, raw.reason, type(raw).__name__])
            return super().build_response(request, raw)

    with requests.Session() as session:
        session.mount("http://", Adapter())
        session.hooks["response"].append(lambda given, **_: called.append(["hook", given.url]))
        session.auth = lambda request: called.append(["auth", request.url]) or request
        session.get(f"{place.url}/redirect/2", timeout=5)
    return called


def own_raw(place: Place) -> object:
    """The raw response as a file: copied, read into, decoded and not."""
    with requests.Session() as session:
        first = session.get(f"{place.url}/encoded/gzip?times=50", stream=True, timeout=5)
        first.raw.decode_content = True
        copied = io.BytesIO()
        shutil.copyfileobj(first.raw, copied, 100)
        second = session.get(f"{place.url}/binary/70000", stream=True, timeout=5)
        buffer = bytearray(40000)
        read = [second.raw.readinto(buffer), second.raw.read(10), len(second.raw.read())]
        return [copied.getvalue(), bytes(buffer), read, second.raw.closed]


FACES = (
    Face(
        "requests",
        "http_client",
        run,
        lacks=frozenset({"pieces until the close"}),
        own={"toolbelt": own_toolbelt, "cache": own_cache, "hooks": own_hooks, "raw": own_raw},
        masks=(
            (r"[0-9a-f]{32}", "BOUNDARY"),
            (r'cnonce="\w+"|response="\w+"', "DIGEST"),
            (r"expires=\d{6,}", "expires=LATER"),
        ),
    ),
)
