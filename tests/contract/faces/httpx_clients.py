"""httpx and httpx2: sync, and async on asyncio and on trio."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import re
import ssl
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import trio
from contract.awaiting import attempt, drive, pieces_of, settle
from contract.face import Face, Place, visible
from contract.proxied import from_environment, socks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contract.scenarios import Call, Scenario

SYNC, ASYNCIO, TRIO = "sync", "async", "trio"

MASKS = (
    (r"boundary=[0-9a-f]{32}", "boundary=B"),
    (r"--[0-9a-f]{32}", "--B"),
    (r'(cnonce|response)="[0-9a-f]+"', r'\1="H"'),
)


class Session:
    """One client of one library, sync or async, and what its hooks were called with."""

    def __init__(self, library: Any, kind: str, scenario: Scenario, place: Place) -> None:
        self.library = library
        self.place = place
        self.is_sync = kind == SYNC
        self.hooked: list[object] = []
        context = ssl.create_default_context(cafile=place.ca) if scenario.verify else False
        client = library.Client if self.is_sync else library.AsyncClient
        options = {"proxy": place.proxy} if place.proxy else {}
        self.client = client(
            verify=context,
            event_hooks={"request": [self._hook], "response": [self._hook]},
            **options,
        )

    @property
    def _hook(self) -> Callable[[Any], Any]:
        def hook(message: Any) -> None:
            self.hooked.append((type(message).__name__, str(message.url), message.headers.raw))

        async def async_hook(message: Any) -> None:
            hook(message)

        return hook if self.is_sync else async_hook

    async def call(self, call: Call) -> object:
        return await attempt(functools.partial(self._call, call))

    async def _call(self, call: Call) -> object:
        request = self.client.build_request(
            call.method, self.place.to(call), timeout=call.timeout, **self._body(call)
        )
        auth = self.library.DigestAuth if call.auth == "digest" else self.library.BasicAuth
        response = await settle(
            self.client.send(
                request,
                stream=call.read != "whole",
                auth=auth("ada", "engine") if call.auth else None,
                follow_redirects=call.redirects,
            )
        )
        unread = seen_of(response)
        try:
            body = await attempt(functools.partial(self._read, call, response))
        finally:
            await settle(response.close() if self.is_sync else response.aclose())
        return [unread, body, seen_of(response), [seen_of(one) for one in response.history]]

    def _body(self, call: Call) -> dict[str, Any]:
        headers = [(name, value.encode("latin-1")) for name, value in call.headers]
        options: dict[str, Any] = {"headers": headers}
        if call.body is not None:
            options["content"] = call.body
        if call.stream is not None:
            options["content"] = iter(call.stream) if self.is_sync else pieces_of(call.stream)
        if call.form is not None:
            options["data"] = dict(call.form)
        if call.files is not None:
            options["files"] = [(field, (name, data)) for field, name, data in call.files]
        return options

    async def _read(self, call: Call, response: Any) -> object:
        prefix = "" if self.is_sync else "a"
        method = {
            "lines": "iter_lines",
            "raw": "iter_raw",
            "partial": "iter_raw",
            "sized": "iter_bytes",
        }.get(call.read, "iter_bytes")
        stream = functools.partial(
            getattr(response, prefix + method), *([7] if call.read == "sized" else [])
        )
        if call.read in ("whole", "none"):
            return None
        if call.read == "partial":
            async for piece in pieces_of(stream()):
                return piece
        if call.read == "twice":
            read = getattr(response, f"{prefix}read")
            return [
                await settle(read()),
                await settle(read()),
                [piece async for piece in pieces_of(stream())],
                await attempt(functools.partial(self._again, response, prefix)),
            ]
        read_pieces = []
        async for piece in pieces_of(stream()):
            read_pieces.append(piece)
            if call.read == "gated":
                self.place.server.open_gate(re.search(r"gate=(\w+)", call.path)[1])
        return read_pieces

    async def _again(self, response: Any, prefix: str) -> object:
        return [piece async for piece in pieces_of(getattr(response, f"{prefix}iter_raw")())]


def seen_of(response: Any) -> object:
    """Everything that a response shows."""
    request = response.request
    plain = [
        "status_code",
        "reason_phrase",
        "http_version",
        "encoding",
        "charset_encoding",
        "default_encoding",
        "url",
        "is_closed",
        "is_stream_consumed",
        "num_bytes_downloaded",
        "is_informational",
        "is_success",
        "is_redirect",
        "is_client_error",
        "is_server_error",
        "is_error",
        "has_redirect_location",
        "next_request",
        "links",
        "content",
        "text",
    ]
    seen = {name: show(response, name) for name in plain}
    seen["headers"] = response.headers.raw
    seen["items"] = response.headers.multi_items()
    seen["cookies"] = sorted(response.cookies.items())
    seen["repr"] = repr(response)
    seen["stream"] = type(response.stream).__name__
    seen["elapsed"] = show(response, "elapsed", type)
    seen["json"] = show(response, "json", lambda method: method())
    seen["raised"] = show(response, "raise_for_status", lambda method: method() and None)
    seen["extensions"] = [
        (key, value if key != "network_stream" else isinstance(value, network_streams(response)))
        for key, value in response.extensions.items()
    ]
    seen["request"] = [
        request.method,
        str(request.url),
        request.headers.raw,
        show(request, "content"),
        type(request.stream).__name__,
        sorted(request.extensions),
    ]
    return visible(seen)


def network_streams(response: Any) -> Any:
    name = type(response).__module__.partition(".")[0].replace("httpx", "httpcore")
    core = importlib.import_module(name)
    return core.NetworkStream, core.AsyncNetworkStream


def show(thing: Any, name: str, what: Callable[[Any], Any] = lambda value: value) -> object:
    try:
        return visible(what(getattr(thing, name)))
    except Exception as error:
        return visible(error)


def jar(client: Any) -> list[object]:
    return sorted(
        (cookie.name, cookie.value, cookie.domain, cookie.path, cookie.expires is None)
        for cookie in client.cookies.jar
    )


async def run(library: Any, kind: str, scenario: Scenario, place: Place) -> object:
    session = Session(library, kind, scenario, place)
    client = session.client
    try:
        if not scenario.is_parallel:
            results = [await session.call(call) for call in scenario.calls]
        elif kind == SYNC:
            with ThreadPoolExecutor(len(scenario.calls)) as pool:
                results = list(pool.map(lambda call: drive(session.call(call)), scenario.calls))
        elif kind == ASYNCIO:
            results = list(await asyncio.gather(*map(session.call, scenario.calls)))
        else:
            results = await in_nursery(session, scenario)
        hooked = session.hooked if not scenario.is_parallel else sorted(map(repr, session.hooked))
        return [results, hooked, jar(client)]
    finally:
        await settle(client.close() if session.is_sync else client.aclose())


async def in_nursery(session: Session, scenario: Scenario) -> list[object]:
    results: list[object] = [None] * len(scenario.calls)

    async def one(number: int, call: Call) -> None:
        results[number] = await session.call(call)

    async with trio.open_nursery() as nursery:
        for number, call in enumerate(scenario.calls):
            nursery.start_soon(one, number, call)
    return results


def client_of(library: Any, kind: str, place: Place, **options: Any) -> Any:
    context = ssl.create_default_context(cafile=place.ca)
    client = library.Client if kind == SYNC else library.AsyncClient
    return client(verify=context, timeout=5, **options)


async def gotten(client: Any, *urls: str) -> list[object]:
    try:
        return [seen_of(await settle(client.get(url))) for url in urls]
    finally:
        await settle(client.close() if hasattr(client, "close") else client.aclose())


async def own_switch(library: Any, kind: str, place: Place) -> object:
    """What follows a 101, over the response's network stream; the server ends it."""
    return await switched(library, kind, place, b"bye\n")


async def own_switch_stay(library: Any, kind: str, place: Place) -> object:
    """The same where the client ends it."""
    return await switched(library, kind, place)


async def switched(library: Any, kind: str, place: Place, *last: bytes) -> object:
    is_sync = kind == SYNC
    client = library.Client() if is_sync else library.AsyncClient()
    headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
    url = f"{place.url}/switch"
    request = client.build_request("POST", url, headers=headers, content=b"{}", timeout=5)
    response = await settle(client.send(request, stream=True))
    stream = response.extensions["network_stream"]
    seen = [response.status_code, response.headers.raw, isinstance(stream, streams(response, kind))]
    seen.append(await settle(stream.read(100, timeout=5)))
    for line in (b"one\n", b"two\n"):
        await settle(stream.write(line, timeout=5))
        piece = await settle(stream.read(3, timeout=5))
        seen += [piece, await settle(stream.read(100, timeout=5))]
    for line in last:
        await settle(stream.write(line, timeout=5))
        seen.append(b"")
        while piece := await settle(stream.read(100, timeout=5)):
            seen[-1] += piece
    seen += [stream.get_extra_info("server_addr")[:1], stream.get_extra_info("nothing")]
    await settle(response.close() if is_sync else response.aclose())
    seen.append([response.is_closed, response.extensions["http_version"]])
    await settle(client.close() if is_sync else client.aclose())
    return visible(seen)


def streams(response: Any, kind: str) -> Any:
    return network_streams(response)[kind != SYNC]


async def own_environment(library: Any, kind: str, place: Place) -> object:
    """Proxies that the environment names, and what it says not to use them for."""
    with from_environment(place) as urls:
        return await gotten(client_of(library, kind, place), *urls)


async def own_socks(library: Any, kind: str, place: Place) -> object:
    """A SOCKS proxy, which looks names up, whatever it is called."""
    with socks(place) as urls:
        proxy = next(iter(urls))
        return await gotten(client_of(library, kind, place, proxy=proxy), *urls.values())


def start(kind: str, action: Callable[[], Any]) -> object:
    if kind == SYNC:
        return drive(action())
    if kind == ASYNCIO:
        return asyncio.run(action())
    with warnings.catch_warnings():
        # without us, too: these clients leave generators open where a body isn't read to its end
        warnings.simplefilter("ignore", ResourceWarning)
        return trio.run(action)


def face(library: Any, kind: str) -> Face:
    def run_scenario(scenario: Scenario, place: Place) -> object:
        return start(kind, functools.partial(run, library, kind, scenario, place))

    def own(action: Callable[..., Any]) -> Callable[[Place], object]:
        return lambda place: start(kind, functools.partial(action, library, kind, place))

    return Face(
        f"{library.__name__}-{kind}",
        "httpx",
        run_scenario,
        lacks=frozenset({"lenient", "retries", "transfer codings"}),
        own={
            "environment": own(own_environment),
            "socks": own(own_socks),
            "switch": own(own_switch),
            "switch-stay": own(own_switch_stay),
            "socks-tls": own(own_socks),
        },
        own_places={"environment": "proxy", "socks-tls": "tls"},
        masks=MASKS,
    )


def libraries() -> Iterator[Any]:
    yield httpx
    if importlib.util.find_spec("httpx2"):
        yield importlib.import_module("httpx2")


FACES = tuple(face(library, kind) for library in libraries() for kind in (SYNC, ASYNCIO, TRIO))
