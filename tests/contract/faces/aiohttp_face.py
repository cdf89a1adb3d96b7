"""aiohttp, in a session with traces, a middleware and a cookie jar that takes every cookie."""

from __future__ import annotations

import asyncio
import base64
import functools
import io
import re
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
from contract.face import Face, Place, visible
from contract.proxied import from_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from contract.scenarios import Call, Scenario

IS_OLD = aiohttp.__version__.startswith("3.9.")
CLOSES_LATE = aiohttp.__version__.startswith(("3.9.", "3.10.", "3.11."))
HAS_MIDDLEWARES = hasattr(aiohttp, "DigestAuthMiddleware")  # since 3.12

TRACED = (
    "request_start",
    "request_headers_sent",
    *([] if IS_OLD else ["request_chunk_sent"]),  # how many there are is chance in the oldest
    "request_redirect",
    "request_end",
    "request_exception",
    "response_chunk_received",
    "connection_create_start",
    "connection_create_end",
    "connection_reuseconn",
    "connection_queued_start",
    "connection_queued_end",
)
"""What a trace can see, but for name look-ups: a replay makes none."""

MASKS = (
    (r"boundary=[0-9a-f]{32}", "boundary=B"),
    (r"--[0-9a-f]{32}", "--B"),
    (r'(cnonce|response)="[0-9a-f]+"', r'\1="H"'),
)


EXPECTED = (aiohttp.ClientError, asyncio.TimeoutError, ValueError, LookupError, RuntimeError)
"""What may be seen in place of a value; any other error is one of this file's own."""


async def attempt(action: Callable[[], Awaitable[Any]]) -> Any:
    """As `contract.face.outcome`, for what has to be awaited."""
    try:
        return await action()
    except EXPECTED as error:
        return visible(error)


def traced(events: list[object]) -> aiohttp.TraceConfig:
    """Traces that list what they are called with."""
    config = aiohttp.TraceConfig()
    for name in TRACED:

        async def note(_: Any, __: Any, params: Any, name: str = name) -> None:
            seen = {key: getattr(params, key, None) for key in ("method", "chunk", "exception")}
            seen["url"] = str(getattr(params, "url", ""))
            seen["headers"] = list(getattr(params, "headers", {}).items())
            if response := getattr(params, "response", None):
                seen["response"] = (response.status, list(response.raw_headers))
            events.append((name, visible(seen)))

        getattr(config, f"on_{name}").append(note)
    return config


def create_session(place: Place, events: list[object], **options: Any) -> aiohttp.ClientSession:
    async def middleware(request: Any, handler: Any) -> Any:
        events.append(("middleware", request.method, str(request.url)))
        response = await handler(request)
        events.append(("middleware", response.status))
        return response

    if HAS_MIDDLEWARES:
        options.setdefault("middlewares", (middleware,))
    return aiohttp.ClientSession(
        trace_configs=[traced(events)], cookie_jar=aiohttp.CookieJar(unsafe=True), **options
    )


def body_of(call: Call) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if call.body is not None:
        options["data"] = call.body
    if call.stream is not None:
        options["data"] = pieces_of(call.stream)
    if call.form is not None:
        options["data"] = dict(call.form)
    if call.files is not None:
        form = aiohttp.FormData()
        for field, name, data in call.files:
            form.add_field(field, io.BytesIO(data), filename=name)
        options["data"] = form
    return options


async def pieces_of(stream: Any) -> AsyncIterator[Any]:
    for piece in stream:
        yield piece


def options_of(call: Call, scenario: Scenario, place: Place) -> dict[str, Any]:
    options = body_of(call)
    options["headers"] = list(call.headers)
    if call.auth == "basic":
        token = base64.b64encode(b"ada:engine").decode()
        options["headers"].append(("Authorization", f"Basic {token}"))
    if call.auth == "digest":
        options["middlewares"] = (aiohttp.DigestAuthMiddleware("ada", "engine"),)
    if place.proxy:
        options["proxy"] = place.proxy
    verified = ssl.create_default_context(cafile=place.ca) if scenario.verify else False
    return {
        **options,
        "ssl": verified,
        "allow_redirects": call.redirects,
        "auto_decompress": call.read != "raw",
        "timeout": aiohttp.ClientTimeout(total=call.timeout),
    }


async def make(session: Any, call: Call, scenario: Scenario, place: Place) -> object:
    options = options_of(call, scenario, place)
    async with session.request(call.method, place.to(call), **options) as response:
        unread = seen_of(response, is_settled=False)
        body = await attempt(functools.partial(read, call, response, place))
        after = seen_of(response)
        history = [seen_of(one) for one in response.history]
    return [unread, body, after, seen_of(response), history]


async def read(call: Call, response: Any, place: Place) -> object:
    content = response.content
    if call.read in ("none", "partial"):
        # until all that comes at once is here: whether the connection stays depends on it
        await asyncio.sleep(0.05)
        pieces = [await content.readchunk()] if call.read == "partial" else []
        response.close()
        return [*pieces, await attempt(content.readany)]
    if call.read == "twice":
        return [await response.read(), await response.read(), await attempt(content.read)]
    if call.read == "whole":
        return [await response.read(), await attempt(response.text), await attempt(response.json)]
    if call.read == "lines":
        return [line async for line in content]
    pieces = []
    async for piece in content.iter_chunked(7) if call.read == "sized" else content.iter_chunks():
        if piece != (b"", True):  # comes or not, by the timing of the end alone
            pieces.append(piece)
        if call.read == "gated":
            place.server.open_gate(re.search(r"gate=(\w+)", call.path)[1])
    # pieces of a size are cut short where no more had come yet
    return b"".join(pieces) if call.read == "sized" and not response.content_length else pieces


def seen_of(response: Any, *, is_settled: bool = True) -> object:
    """Everything that a response shows.

    :param is_settled: whether all of it that will be read has been read; before, the end of a body
        in chunks may have come with its head, or not.
    """
    is_settled = is_settled or response.content_length is not None
    plain = [
        "method",
        "status",
        "reason",
        "version",
        "ok",
        *(["closed"] if is_settled else []),
        "url",
        "real_url",
        "host",
        "content_type",
        "charset",
        "content_length",
        "content_disposition",
        "raw_headers",
        "cookies",
        "links",
    ]
    seen = {name: show(response, name) for name in plain}
    seen["headers"] = list(response.headers.items())
    seen["encoding"] = show(response, "get_encoding", lambda method: method())
    seen["repr"] = repr(response)
    seen["body"] = response._body
    if is_settled:
        # over TLS the oldest versions give it back at the end of the body or later, as it happens
        seen["connection"] = None if IS_OLD else connection_of(response)
        if response.closed:
            seen["raised"] = show(response, "raise_for_status", lambda method: method())
        seen["content"] = [
            type(response.content).__name__,
            response.content.is_eof(),
            visible(response.content.exception()),
        ]
    info = response.request_info
    seen["request"] = [
        info.method, str(info.url), str(info.real_url), list(info.headers.items())
    ]  # fmt: skip
    return visible(seen)


def connection_of(response: Any) -> object:
    connection = response.connection
    if connection is None:
        return None
    transport = connection.transport
    if transport is None:  # the connection broke
        return connection.closed
    return [
        isinstance(transport, asyncio.Transport),
        transport.is_closing(),
        connection.closed,
        str(connection._key.host),
        transport.get_extra_info("peername")[1],
        transport.get_extra_info("nonsense", "nothing"),
    ]


def show(thing: Any, name: str, what: Callable[[Any], Any] = lambda value: value) -> object:
    try:
        return visible(what(getattr(thing, name)))
    except EXPECTED as error:
        return visible(error)


def jar(session: Any) -> list[object]:
    return sorted((cookie.key, cookie.value, cookie["path"]) for cookie in session.cookie_jar)


async def run_async(scenario: Scenario, place: Place) -> object:
    events: list[object] = []
    async with create_session(place, events) as session:
        calls = [
            functools.partial(attempt, functools.partial(make, session, call, scenario, place))
            for call in scenario.calls
        ]
        if scenario.is_parallel:
            results = await asyncio.gather(*(call() for call in calls))
            events = sorted(map(repr, events))
        else:
            results = [await call() for call in calls]
        return [results, events, jar(session)]


async def settled(action: Awaitable[object]) -> object:
    result = await action
    if CLOSES_LATE:  # its TLS connections close some time after their session
        await asyncio.sleep(0.1)
    return result


def run(scenario: Scenario, place: Place) -> object:
    return asyncio.run(settled(run_async(scenario, place)))


# what only this client can do: each opens sessions of its own

Own = "Callable[[aiohttp.ClientSession, Place], Awaitable[object]]"


def own(use: Own, untold: str = "", **options: Any) -> Callable[[Place], object]:
    """A scenario: what ``use`` sees with a session, what its traces saw, and its cookies.

    :param untold: the name of a trace that doesn't count.
    """

    async def scenario(place: Place) -> object:
        events: list[object] = []
        async with create_session(place, events, **options) as session:
            result = await attempt(functools.partial(use, session, place))
            told = [event for event in events if event[0] != untold]
            return [visible(result), told, jar(session)]

    return lambda place: asyncio.run(settled(scenario(place)))


async def seen_whole(response: Any) -> object:
    async with response:
        return [await response.read(), seen_of(response)]


async def form_data(session: Any, place: Place) -> object:
    form = aiohttp.FormData()
    form.add_field("text", "é\n")
    form.add_field("json", "{}", content_type="application/json")
    form.add_field("file", io.BytesIO(bytes(range(256)) * 300), filename="ü.bin")
    form.add_field("plain", io.StringIO("text"), filename="a.txt")
    return await seen_whole(await session.post(f"{place.url}/echo", data=form))


async def multipart_writer(session: Any, place: Place) -> object:
    with aiohttp.MultipartWriter("mixed", boundary="between") as writer:
        writer.append("first")
        writer.append_json({"second": 2})
        writer.append(b"third" * 1000, {"Content-Encoding": "gzip"})
    return await seen_whole(await session.post(f"{place.url}/echo", data=writer))


async def session_defaults(session: Any, place: Place) -> object:
    response = await session.get(f"{place.url}/echo?c=3", params={"a": "1"}, headers={"X-B": "2"})
    return [await seen_whole(response), dict(session.headers)]


class Lines:
    """What aiohttp feeds with what comes after an upgrade: parser and payload in one."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[bytes] = asyncio.Queue()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.said.put_nowait(bytes(data))
        return False, b""

    def feed_eof(self) -> None:
        self.said.put_nowait(b"")

    def set_exception(self, error: BaseException, *_: object) -> None:
        pass

    def exception(self) -> None:
        return None

    async def next(self) -> bytes:
        return await asyncio.wait_for(self.said.get(), 5)


async def switched(session: Any, place: Place, *, ends: bool = True) -> object:
    """What follows a 101, as a client of docker's takes it: by a parser of its own."""
    headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
    async with session.post(f"{place.url}/switch", data=b"{}", headers=headers) as response:
        seen = [response.status, list(response.raw_headers), response.closed]
        lines = Lines()
        response.connection.protocol.set_parser(lines, lines)
        seen.append(await lines.next())
        for line in (b"one\n", b"two\n"):
            response.connection.transport.write(line)
            seen.append(await lines.next())
        if ends:
            response.connection.transport.write(b"bye\n")
            seen.append(b"")
            while piece := await lines.next():
                seen[-1] += piece
        response.close()
        return visible(seen)


async def every_verb(session: Any, place: Place) -> object:
    url = f"{place.url}/echo"
    verbs = ("get", "options", "head", "post", "put", "patch", "delete")
    return [await seen_whole(await getattr(session, verb)(url)) for verb in verbs]


async def uploads(session: Any, place: Place) -> object:
    url = f"{place.url}/echo"
    body = io.BytesIO(b"file" * 50_000)
    results = []
    for data, options in (
        (body, {}),
        ("text é", {}),
        (bytearray(b"array"), {"chunked": True}),
        (b"squeezed" * 500, {"compress": "gzip"}),
        (b"squeezed" * 500, {"compress": True, "chunked": True}),
        (b"expected", {"expect100": True}),
        (None, {"json": {"key": ["é", 10**20]}}),
        (None, {"expect100": True}),
    ):
        results.append(await seen_whole(await session.post(url, data=data, **options)))
        # before 3.12 the task that writes may end after the answer: only then is the connection
        # given back, and not opened anew
        await asyncio.sleep(0.02)
    return results


async def expect_refused(session: Any, place: Place) -> object:
    """A final answer in place of the 100, so that the body stays here."""
    url = f"{place.url}/echo/refused"
    return await seen_whole(await session.post(url, data=b"unwanted", expect100=True))


async def readers(session: Any, place: Place) -> object:
    url = f"{place.url}/lines/40"
    results: list[object] = []
    for name, arguments in (
        ("read", ()),
        ("read", (5,)),
        ("readany", ()),
        ("readline", ()),
        ("readexactly", (9,)),
        ("readexactly", (10_000,)),
        ("readuntil", (b"3",)),
        ("readchunk", ()),
        ("wait_eof", ()),
    ):
        async with session.get(url) as response:
            content = response.content
            first = await attempt(functools.partial(getattr(content, name), *arguments))
            results.append([name, visible(first), await attempt(content.read), content.at_eof()])
    for name, arguments in (("iter_any", ()), ("iter_chunked", (50,)), ("iter_chunks", ())):
        async with session.get(url, read_bufsize=32) as response:
            iterator = getattr(response.content, name)(*arguments)
            results.append([name, [piece async for piece in iterator]])
    async with session.get(url) as response:
        nowait = response.content.read_nowait(7), response.content.read_nowait()
        results.append([nowait, response.content.total_bytes])
    return results


async def gated(session: Any, place: Place) -> object:
    pieces = []
    async with session.get(f"{place.url}/sse/4?gate=g&close", read_bufsize=16) as response:
        async for piece in response.content.iter_any():
            pieces.append(piece)
            place.server.open_gate("g")
    return b"".join(pieces)


async def undecoded(session: Any, place: Place) -> object:
    return [
        await seen_whole(await session.get(f"{place.url}/encoded/{coding}"))
        for coding in ("gzip", "deflate", "br", "zstd", "gzip,br")
    ]


async def raised(session: Any, place: Place) -> object:
    url = f"{place.url}/status"
    return [
        await seen_whole(await session.get(f"{url}/200/Fine")),
        await attempt(functools.partial(session.get, f"{url}/404/Gone%20Missing")),
        await seen_whole(await session.get(f"{url}/500", raise_for_status=False)),
    ]


async def read_text(session: Any, place: Place) -> object:
    async with session.get(f"{place.url}/charset/shift-jis?undeclared") as response:
        decoded = await attempt(functools.partial(response.text, "shift-jis"))
    async with session.get(f"{place.url}/json") as response:
        return [decoded, await response.json(), await response.json(loads=str), response.ok]


async def too_many_redirects(session: Any, place: Place) -> object:
    url = f"{place.url}/redirect/3?kind=loop"
    try:
        await session.get(url, max_redirects=3)
    except aiohttp.TooManyRedirects as error:
        return [error.status, [seen_of(one) for one in error.history]]


async def retrying(session: Any, place: Place) -> object:
    async def again(request: Any, handler: Any) -> Any:
        for _ in range(3):
            response = await handler(request)
            if response.status != 503:
                break
        return response

    url = f"{place.url}/flaky/m/503,503,200"
    return await seen_whole(await session.get(url, middlewares=(again,)))


async def two_at_a_time(session: Any, place: Place) -> object:
    responses = [await session.get(f"{place.url}/connection/keep?{n}") for n in range(3)]
    return [await seen_whole(response) for response in responses]


async def environment(session: Any, place: Place) -> object:
    verified = ssl.create_default_context(cafile=place.ca)
    with from_environment(place) as urls:
        return [await seen_whole(await session.get(url, ssl=verified)) for url in urls]


async def detached(session: Any, place: Place) -> object:
    async with aiohttp.request("POST", f"{place.url}/echo", data=b"alone") as response:
        return [await response.read(), seen_of(response)]


OWN: Mapping[str, Callable[[Place], object]] = {
    "form-data": own(form_data),
    "multipart-writer": own(multipart_writer),
    "session-defaults": own(
        session_defaults, headers={"X-A": "1", "User-Agent": "mine"}, cookies={"default": "yes"}
    ),
    "skipped-headers": own(session_defaults, skip_auto_headers=["User-Agent", "Accept"]),
    "http-1.0": own(session_defaults, version=aiohttp.HttpVersion10),
    "every-verb": own(every_verb),
    "expect-refused": own(expect_refused, untold="request_chunk_sent"),
    "switch": own(switched),
    "switch-stay": own(functools.partial(switched, ends=False)),
    "uploads": own(uploads),
    "readers": own(readers),
    "gated-any": own(gated),
    "undecoded": own(undecoded, auto_decompress=False),
    "raise-for-status": own(raised, raise_for_status=True),
    "text-and-json": own(read_text),
    "too-many-redirects": own(too_many_redirects),
    "two-at-a-time": own(two_at_a_time),
    "request-function": own(detached),
    "environment": own(environment, trust_env=True),
    **({"retrying-middleware": own(retrying)} if HAS_MIDDLEWARES else {}),
}

FACES = (
    Face(
        "aiohttp",
        "aiohttp",
        run,
        lacks=frozenset({"lenient", "retries"} | (set() if HAS_MIDDLEWARES else {"digest"})),
        own=OWN,
        own_places={"environment": "proxy"},
        masks=MASKS,
    ),
)
