"""httplib2."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import httplib2
from contract.face import Face, Place, outcome, visible
from contract.faces.stdlib import gated

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator

    from contract.scenarios import Call, Scenario


def run(scenario: Scenario, place: Place) -> object:
    if scenario.is_parallel:
        with ThreadPoolExecutor(len(scenario.calls)) as pool:
            return list(pool.map(functools.partial(alone, scenario, place), scenario.calls))
    client = client_of(scenario, place)
    seen = [call(client, place, given) for given in scenario.calls]
    client.close()
    return seen


def alone(scenario: Scenario, place: Place, given: Call) -> object:
    client = client_of(scenario, place)
    seen = call(client, place, given)
    client.close()
    return seen


def client_of(scenario: Scenario, place: Place) -> httplib2.Http:
    proxy = None
    if place.proxy:
        parts = urlsplit(place.proxy)
        proxy = httplib2.ProxyInfo(httplib2.socks.PROXY_TYPE_HTTP, parts.hostname, parts.port)
    return httplib2.Http(
        timeout=scenario.calls[0].timeout,
        proxy_info=proxy,
        ca_certs=place.ca,
        disable_ssl_certificate_validation=not scenario.verify,
    )


def call(client: httplib2.Http, place: Place, given: Call) -> object:
    def send() -> object:
        headers = dict(given.headers)
        body = given.body
        if given.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(given.form).encode()
        if given.auth:
            client.add_credentials("ada", "engine")
        client.follow_redirects = given.redirects
        with reading(given, place) as connection_type:
            response, content = client.request(
                place.to(given), given.method, body, headers, connection_type=connection_type
            )
        return everything(response, content)

    return outcome(send)


@contextmanager
def reading(given: Call, place: Place) -> Iterator[type[GatedConnection] | None]:
    """What the client makes its connections of; of one that it has it makes no other."""
    GatedConnection.place = place if given.read == "gated" else None
    yield GatedConnection if given.read == "gated" else None
    GatedConnection.place = None


class GatedConnection(httplib2.HTTPConnectionWithTimeout):
    """Reads a body piece by piece, as the client doesn't, and opens the server's gate after each."""

    place: Place | None = None

    def getresponse(self) -> http.client.HTTPResponse:
        response = super().getresponse()
        if self.place is not None:
            whole = functools.partial(gated, response, self.place)
            response.read = lambda: b"".join(whole())  # type: ignore[method-assign]
        return response


def everything(response: httplib2.Response, content: bytes) -> dict[str, object]:
    return {
        "content": content,
        "items": visible(dict(response)),
        "status": response.status,
        "reason": response.reason,
        "version": response.version,
        "from cache": response.fromcache,
        "previous": visible(response.previous and dict(response.previous)),
    }


FACES = (
    Face(
        "httplib2",
        "http_client",
        run,
        lacks=frozenset(
            {"retries", "multipart", "cookies", "generator", "proxy"}
            | {f"read:{read}" for read in ("pieces", "lines", "raw", "sized", "partial")}
            | {"read:none", "read:twice"}
        ),
        masks=((r'(c?nonce|response)="\w+"', "DIGEST"),),
    ),
)
