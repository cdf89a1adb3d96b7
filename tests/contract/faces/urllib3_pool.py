"""urllib3, 1.26 and 2."""

from __future__ import annotations

import functools
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import urllib3
from contract.face import Face, Place, outcome, visible

if TYPE_CHECKING:
    from contract.scenarios import Call, Scenario

IS_OLD = urllib3.__version__.startswith("1.")
IS_FUTURE = hasattr(urllib3, "AsyncPoolManager")
"""Whether urllib3-future stands in its place, as it does unless told otherwise."""
INTERCEPTOR = "urllib3_future" if IS_FUTURE else "http_client"
LACKS = frozenset({"lenient", "transfer codings"} if IS_FUTURE else ())
"""What whatever is built on it lacks for its sake."""


def run(scenario: Scenario, place: Place) -> object:
    options = {"ca_certs": place.ca, "cert_reqs": "CERT_REQUIRED" if scenario.verify else "NONE"}
    if scenario.is_parallel:
        options["maxsize"] = len(scenario.calls)
    pools = (
        urllib3.ProxyManager(place.proxy, **options)
        if place.proxy
        else urllib3.PoolManager(**options)
    )
    with pools, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        one = functools.partial(call, pools, place)
        if scenario.is_parallel:
            with ThreadPoolExecutor(len(scenario.calls)) as pool:
                seen = list(pool.map(one, scenario.calls))
        else:
            seen = [one(each) for each in scenario.calls]
        keys = [] if IS_FUTURE else pools.pools.keys()
        counts = [[key.key_host, pools.pools.get(key).num_requests] for key in keys]
        return [seen, counts, [str(each.message) for each in caught]]


def call(pools: urllib3.PoolManager, place: Place, given: Call) -> object:
    return outcome(lambda: send(pools, place, given))


def send(pools: urllib3.PoolManager, place: Place, given: Call) -> object:
    headers = dict(given.headers)
    if given.auth:
        headers |= urllib3.make_headers(basic_auth="ada:engine")
    body: object = given.body
    options: dict[str, object] = {}
    if given.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(given.form)
    if given.stream is not None:
        body, options["chunked"] = iter(given.stream), True
    if given.files is not None:
        fields = [(field, (name, data)) for field, name, data in given.files]
        body, headers["Content-Type"] = urllib3.encode_multipart_formdata(fields, "limit")
    retries = urllib3.Retry(
        given.retries, status_forcelist=[503], redirect=5 if given.redirects else False
    )
    if given.retries == 0:
        retries = urllib3.Retry(0, redirect=5, read=0) if given.redirects else False
    response = pools.request(
        given.method,
        place.to(given),
        body=body,
        headers=headers,
        preload_content=given.read == "whole",
        timeout=given.timeout,
        retries=retries,
        **options,
    )
    seen = outcome(lambda: read(response, given, place))
    shown = everything(response)
    response.release_conn()
    return {"body": seen, **shown}


def everything(response: urllib3.HTTPResponse) -> dict[str, object]:
    return {
        "status": response.status,
        "reason": response.reason,
        "version": response.version,
        "headers": list(response.headers.items()),
        "raw headers": list(response.headers.iteritems()),
        "url": response.geturl(),
        "retries": visible(getattr(response.retries, "history", None)),
        "closed": response.closed,
        "told": response.tell(),
        "left": getattr(response, "length_remaining", None),
        "chunked": [response.chunked, response.supports_chunked_reads()],
        "original": type(response._original_response).__name__,
        "more": outcome(response.read),
        "json": outcome(response.json) if hasattr(response, "json") else None,
    }


def read(response: urllib3.HTTPResponse, given: Call, place: Place) -> object:
    return {
        "whole": lambda: response.data,
        "pieces": lambda: list(response.stream(1 << 16)),
        "gated": lambda: gated(response, place),
        "sized": lambda: list(response.stream(7)),
        "lines": lambda: lines(response),
        "raw": lambda: response.read(decode_content=False),
        "partial": lambda: [response.read(5), response.close()],
        "none": response.close,
        "twice": lambda: [response.data, response.data],
    }[given.read]()


def lines(response: urllib3.HTTPResponse) -> object:
    if IS_OLD:
        return list(io.BufferedReader(response))
    return list(response)


def gated(response: urllib3.HTTPResponse, place: Place) -> list[bytes]:
    pieces = []
    for piece in response.stream(1 << 16):
        pieces.append(piece)
        place.server.open_gate("g")
    return pieces


def own_drain(place: Place) -> object:
    """A pool that gets its connection back, whatever was left unread."""
    with urllib3.HTTPConnectionPool(*place.url[7:].split(":"), maxsize=1) as pool:
        first = pool.urlopen("GET", "/lines/9", preload_content=False)
        seen = [first.read(4), first.drain_conn()]
        seen.append(pool.urlopen("GET", "/connection/keep").data)
        seen.append(pool.num_connections)
        return seen


def own_shutdown(place: Place) -> object:
    """Iterating, readinto and read1 through io."""
    with urllib3.PoolManager() as pools:
        response = pools.request("GET", f"{place.url}/lines/20", preload_content=False)
        reader = io.BufferedReader(response, 16)
        return [reader.read(5), reader.readline(), reader.peek(3)[:3], reader.read(), reader.closed]


FACES = (
    Face(
        "urllib3",
        INTERCEPTOR,
        run,
        lacks=LACKS | {"cookies", "digest", "pieces until the close"},
        own={"drain": own_drain, "through-io": own_shutdown},
    ),
)
