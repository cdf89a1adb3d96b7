"""What is peculiar to httpx and httpx2."""

from __future__ import annotations

import asyncio
import functools
import re
import ssl
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from unittest import mock

import httpx
import httpx2
import pytest
import respx
import trio
from contract.faces.httpx_clients import ASYNCIO, SYNC, TRIO, seen_of, start
from contract.tape import Tape, offline

from pytest_reqord.base.models import Arrival, Failure
from pytest_reqord.errors import CassetteMissError, UnsupportedClient
from pytest_reqord.interceptors import active, httpx as httpx_interceptor
from pytest_reqord.interceptors.httpx import httpcore_pool
from pytest_reqord.interceptors.httpx.streams import rebuild

LIBRARIES = pytest.mark.parametrize(
    "library", [httpx, httpx2], ids=lambda library: library.__name__
)


UPGRADE = {"Connection": "upgrade", "Upgrade": "websocket"}


@pytest.fixture(autouse=True)
def interceptor():
    httpx_interceptor.install()
    yield
    httpx_interceptor.uninstall()


@pytest.fixture
def place(place_of):
    return place_of("plain")


# -- the seam ----------------------------------------------------------------------------------


@LIBRARIES
def test_put_back(library):
    """Uninstalling gives each class its own method back."""
    ours = library.HTTPTransport.handle_request

    httpx_interceptor.uninstall()

    assert library.HTTPTransport.handle_request is ours.__wrapped__
    assert (
        library.HTTPTransport.handle_request.__module__ == f"{library.__name__}._transports.default"
    )


def test_installed_twice():
    """Installing again changes nothing."""
    ours = httpx.HTTPTransport.handle_request

    httpx_interceptor.install()

    assert httpx.HTTPTransport.handle_request is ours


def test_undone_by_another_tool():
    """A seam that another tool's teardown undid is put back."""
    ours = httpx.HTTPTransport.handle_request
    httpx.HTTPTransport.handle_request = ours.__wrapped__

    httpx_interceptor.check()

    assert httpx.HTTPTransport.handle_request.__wrapped__ is ours.__wrapped__
    assert httpx.HTTPTransport.handle_request is not ours.__wrapped__


def test_mocked_seam(monkeypatch):
    """What a mock has put in our place stays, also through check and uninstall."""

    def mock(_, __):
        return httpx.Response(200, text="mocked")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", mock)
    tape = Tape()

    httpx_interceptor.check()
    with tape.recording():
        text = httpx.get("http://api.test/").text

    assert (text, tape.interactions) == ("mocked", [])
    httpx_interceptor.uninstall()
    assert httpx.HTTPTransport.handle_request is mock


@pytest.mark.parametrize("is_recording", [False, True], ids=["playing", "recording"])
def test_unknown_version(monkeypatch, place, is_recording):
    """A version without the seam is refused by name at its first request under a cassette."""
    httpx_interceptor.uninstall()
    tape = Tape()
    mode = tape.recording if is_recording else tape.playing

    with monkeypatch.context() as patch, httpx2.Client() as client:
        patch.delattr(httpx2, "HTTPTransport")
        assert not httpx_interceptor.install()
        assert client.get(f"{place.url}/body/free").text == "free"
        with mode() as cassette, pytest.raises(UnsupportedClient) as refused:
            client.get(f"{place.url}/body/refused")
        assert cassette.take_refusals() == [refused.value]
        assert re.match(
            r"httpx2 \S+: it wanted 127.0.0.1, .*has no HTTPTransport.handle_request",
            str(refused.value),
        )
        assert len(place.server.seen) == 1

    assert httpx_interceptor.install()
    with tape.recording():
        assert httpx2.get(f"{place.url}/body/later").text == "later"
    assert len(tape.interactions) == 1


def test_mock_before_us(monkeypatch, place):
    """A seam that was left to a mock is patched once that is gone."""
    httpx_interceptor.uninstall()
    with monkeypatch.context() as patch:
        patch.setattr(httpx.HTTPTransport, "handle_request", mock.Mock())
        patch.setattr(httpx2, "HTTPTransport", mock.MagicMock())
        assert not httpx_interceptor.install()

    assert httpx_interceptor.install()
    for library in (httpx, httpx2):
        tape = Tape()
        with tape.recording():
            library.get(f"{place.url}/body/a")
        assert len(tape.interactions) == 1


def test_wrapped_by_another_tool(monkeypatch, place):
    """Another tool's wrapper around ours doesn't make us record a request twice."""
    ours = httpx.HTTPTransport.handle_request

    @functools.wraps(ours)
    def traced(self, request):
        return ours(self, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", traced)
    httpx_interceptor.install()
    httpx_interceptor.check()
    tape = Tape()
    with tape.recording():
        httpx.get(f"{place.url}/body/a")
    assert len(tape.interactions) == 1


@pytest.mark.parametrize("is_async", [False, True])
def test_hidden_by_another_tool(monkeypatch, place, is_async):
    """A stranger in our place that sends what it is given is an error, also while recording."""
    httpx_interceptor.uninstall()
    httpcore_pool.install()
    owner = httpx.AsyncHTTPTransport if is_async else httpx.HTTPTransport
    name = "handle_async_request" if is_async else "handle_request"
    original = getattr(owner, name)

    def stranger(self, request):
        return original(self, request)

    monkeypatch.setattr(owner, name, stranger)
    httpx_interceptor.install()

    async def get():
        async with httpx.AsyncClient() as client:
            await client.get(f"{place.url}/body/a")

    tape = Tape()
    try:
        with (
            tape.recording(),
            pytest.raises(UnsupportedClient, match=r"^httpx \d.*was replaced, before"),
        ):
            asyncio.run(get()) if is_async else httpx.get(f"{place.url}/body/a")
    finally:
        httpcore_pool.uninstall()
    assert (tape.interactions, place.server.seen) == ([], [])


# -- what isn't ours ---------------------------------------------------------------------------


def test_respx():
    """What respx answers below us is neither recorded nor refused."""
    tape = Tape()

    with respx.mock, tape.recording(), offline():
        respx.get("http://api.test/").respond(text="mocked")
        recorded = httpx.get("http://api.test/").text
    with respx.mock, tape.playing() as cassette:
        respx.get("http://api.test/").respond(text="mocked again")
        played = httpx.get("http://api.test/").text

    assert (recorded, played) == ("mocked", "mocked again")
    assert (tape.interactions, cassette.misses) == ([], ())


@LIBRARIES
def test_transports_that_answer(library):
    """Mock, ASGI and WSGI transports are left alone."""

    def application(_, start):
        start("200 OK", [])
        return [b"wsgi"]

    mock = library.MockTransport(lambda _: library.Response(200, text="mock"))

    with Tape().playing():
        texts = [
            library.Client(transport=transport).get("http://api.test/").text
            for transport in (mock, library.WSGITransport(application))
        ]

    assert texts == ["mock", "wsgi"]


@LIBRARIES
@pytest.mark.parametrize("url", ["ftp://api.test/", "/path"])
def test_unsupported_protocol(library, url):
    """A URL that the client can't ask for is its own error, not a miss."""
    with Tape().playing() as cassette, pytest.raises(library.UnsupportedProtocol):
        library.get(url)

    assert cassette.misses == ()


@pytest.mark.parametrize("play", [False, True])
@LIBRARIES
def test_websocket_while_recording(library, play, place):
    """A WebSocket's handshake goes live where recording is allowed, and the user is told."""
    tape, told = Tape(), []
    active.observe_unsupported(lambda client, _: told.append(client))
    try:
        with tape.recording(play=play):
            response = library.get(f"{place.url}/interim/101", headers=UPGRADE)
    finally:
        active.observe_unsupported(None)

    assert response.status_code == 101
    assert (tape.interactions, told) == ([], [f"{library.__name__}'s WebSocket"])


@LIBRARIES
def test_websocket_on_replay(library, place):
    """A WebSocket is refused where the network must not be touched."""
    with Tape().playing(), offline() as tried, pytest.raises(UnsupportedClient, match="WebSocket"):
        library.get(f"{place.url}/interim/101", headers=UPGRADE)

    assert tried == []


# -- transports on top -------------------------------------------------------------------------


class Outer(httpx.HTTPTransport):
    def handle_request(self, request):
        request.headers["X-Outer"] = "yes"
        return super().handle_request(request)


class Around(httpx.BaseTransport):
    def __init__(self):
        self.inner = Outer()

    def handle_request(self, request):
        return self.inner.handle_request(request)

    def close(self):
        self.inner.close()


@pytest.mark.parametrize("transport", [Outer, Around])
def test_transport_on_top(transport, place):
    """A transport built on the real one is recorded once, with what it changes."""

    def ask():
        with httpx.Client(transport=transport()) as client:
            return client.get(f"{place.url}/echo").json()

    tape = Tape()
    with tape.recording():
        live = ask()
    with tape.playing(), offline():
        assert ask() == live
    assert [one.request.headers["x-outer"] for one in tape.interactions] == ["yes"]


def test_mounted_transport(place):
    """A mounted transport is taken as any other."""

    def ask():
        with httpx.Client(mounts={"all://": httpx.HTTPTransport()}) as client:
            return seen_of(client.get(f"{place.url}/json"))

    tape = Tape()
    with tape.recording():
        live = ask()
    with tape.playing(), offline():
        assert ask() == live


def test_called_directly(place):
    """A transport that is called without a client gives the same pieces."""

    def ask():
        with httpx.HTTPTransport() as transport:
            response = transport.handle_request(httpx.Request("GET", f"{place.url}/chunked/3,4"))
            return response.status_code, response.headers.raw, list(response.stream)

    tape = Tape()
    with tape.recording():
        live = ask()
    with tape.playing(), offline():
        assert ask() == live == (200, live[1], [b"abc", b"bcde"])


def test_own_request(place):
    """The caller's own request is the same object after a body was teed, its stream included."""
    with Tape().recording(), httpx.Client() as client:
        request = client.build_request("POST", f"{place.url}/echo", content=iter([b"a", b"b"]))
        stream = request.stream
        response = client.send(request)

    assert response.request is request
    assert request.stream is stream


# -- late decisions ----------------------------------------------------------------------------


@LIBRARIES
def test_new_episodes(library, place):
    """What isn't recorded goes live with the same bytes, what is recorded is played."""

    def ask(path):
        return library.post(f"{place.url}/echo/{path}", content=iter([b"one", b"two"])).json()

    tape = Tape()
    bare = ask("first")
    with tape.recording():
        ask("first")
    place.server.reset()
    with tape.recording(play=True):
        played, live = ask("first"), ask("second")

    assert played == bare
    assert live | {"target": ""} == bare | {"target": ""}
    assert [(seen.target, seen.chunks) for seen in place.server.seen] == [("/echo/second", (3, 3))]
    assert [one.request.body for one in tape.interactions] == [b"onetwo"] * 2


@LIBRARIES
def test_new_episodes_async(library, place):
    """The same for an async client."""

    async def pieces():
        yield b"one"
        yield b"two"

    async def ask(path):
        async with library.AsyncClient() as client:
            return (await client.post(f"{place.url}/echo/{path}", content=pieces())).json()

    tape = Tape()
    with tape.recording(play=True):
        live = asyncio.run(ask("first"))
    with tape.recording(play=True), offline():
        played = asyncio.run(ask("first"))

    assert played == live
    assert place.server.seen[-1].chunks == (3, 3)


# -- streams -----------------------------------------------------------------------------------


def test_event_before_the_next(place):
    """While recording, an event is here before the server has sent the next one."""
    seen = []

    with (
        Tape().recording(),
        httpx.stream("GET", f"{place.url}/sse/3?gate=live", timeout=5) as response,
    ):
        for event in response.iter_bytes():
            seen.append(event)
            place.server.open_gate("live")

    assert len(seen) == 3


def test_read_further_than_recorded(place):
    """A body that was left early plays what was read, then says where the recording ends."""
    tape = Tape()
    url = f"{place.url}/chunked/3,4,5?pause=0.05"

    with tape.recording(), httpx.stream("GET", url) as response:
        live = next(response.iter_raw())
    with tape.playing(), httpx.stream("GET", url) as response:
        played = response.iter_raw()
        assert next(played) == live
        with pytest.raises(httpx.RemoteProtocolError, match="recording ends here") as caught:
            next(played)

    assert caught.value.request.url == url


def test_never_closed(place):
    """A response that is still open when its cassette closes is kept as far as it was read."""
    tape = Tape()

    with httpx.Client() as client, tape.recording():
        request = client.build_request("GET", f"{place.url}/endless")
        response = client.send(request, stream=True)
        first = next(response.iter_raw())

    [interaction] = tape.interactions
    assert (interaction.response.body, interaction.response.complete) == (first, False)


def test_read_to_the_length(place):
    """A body whose length is known is complete when all of it was read, its end unasked for."""
    tape = Tape()

    with tape.recording(), httpx.stream("GET", f"{place.url}/json") as response:
        next(response.iter_raw())

    assert [one.response.complete for one in tape.interactions] == [True]


def test_arrivals(place):
    """A recording says when parts of a body came that were long apart."""
    tape = Tape()

    with tape.recording():
        httpx.get(f"{place.url}/slow/0.05?body=0.1")

    [arrival] = tape.interactions[0].response.arrivals
    assert arrival == Arrival(5, pytest.approx(0.15, abs=0.1))


def test_large_pieces(place):
    """A large body is played in the reads that a client makes at most, to the last byte."""
    tape = Tape()
    url = f"{place.url}/binary/200000"

    with tape.recording():
        live = httpx.get(url).content
    with tape.playing(), httpx.stream("GET", url) as response:
        pieces = list(response.iter_raw())

    assert [len(piece) for piece in pieces] == [65536, 65536, 65536, 3392]
    assert b"".join(pieces) == live


def test_left_early_under_trio(place):
    """A body that is left early is forgotten only where httpx2 itself forgets it."""

    async def read():
        async with (
            httpx2.AsyncClient() as client,
            client.stream("GET", f"{place.url}/chunked/3,4,5?pause=0.05") as response,
            aclosing(response.aiter_raw()) as pieces,
        ):
            await anext(pieces)

    ours = r"pytest_reqord\.interceptors\.httpx\.streams\.(Teed|Played)\."
    own = "httpx2._transports.default.AsyncResponseStream."

    def forgotten():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trio.run(read)
        messages = [str(warning.message) for warning in caught]
        return {re.sub(ours, own, message) for message in messages}

    tape = Tape()
    bare = set().union(*(forgotten() for _ in range(10)))  # the oldest forgets more, or not
    with tape.recording():
        assert forgotten() <= bare
    with tape.playing():
        assert forgotten() <= bare


# -- at once -----------------------------------------------------------------------------------


def test_other_tasks_run(place):
    """A replayed request lets other tasks run, as one on a network does."""

    async def ask(client, ran, number):
        await client.get(f"{place.url}/json")
        ran.append(number)

    async def both():
        ran = []
        async with httpx.AsyncClient() as client:
            asked = asyncio.create_task(ask(client, ran, 0))
            asyncio.get_running_loop().call_soon(ran.append, "between")
            await asked
        return ran

    tape = Tape()
    with tape.recording():
        asyncio.run(both())
    with tape.playing():
        assert asyncio.run(both()) == ["between", 0]


def test_threads(place):
    """Fifty threads with one client record fifty interactions and get their own answers back."""

    def ask_all():
        with httpx.Client() as client, ThreadPoolExecutor(50) as pool:
            return list(
                pool.map(
                    lambda n: client.post(f"{place.url}/shuffle", content=b"%d" % n).content,
                    range(50),
                )
            )

    tape = Tape()
    with tape.recording():
        live = ask_all()
    with tape.playing(), offline():
        assert ask_all() == live == [b"%d" % n for n in range(50)]
    assert len(tape.interactions) == 50


# -- errors ------------------------------------------------------------------------------------

BROKEN = {
    "close": "/flaky/x/close",
    "reset": "/flaky/x/reset",
    "status": "/broken/status",
    "headers": "/broken/headers",
    "read-timeout": "/slow/2",
}


def chain(error):
    """An error and those that it came from, down to a loop's own cancellations and groups."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    numbers = [getattr(error, name, None) for name in ("errno", "verify_code", "reason")]
    shown = [kind, str(error), len(error.args), numbers]
    below = error.__cause__ or error.__context__
    if not isinstance(below, Exception) or hasattr(below, "exceptions"):
        return [shown]
    links = error.__cause__ is None, error.__context__ is below, error.__suppress_context__
    return [shown, links, *chain(below)]


@LIBRARIES
@pytest.mark.parametrize("kind", [SYNC, ASYNCIO, TRIO])
@pytest.mark.parametrize(
    "path", [*BROKEN.values(), "refused", "tls"], ids=[*BROKEN, "refused", "tls"]
)
def test_errors(library, kind, path, place_of):
    """A recorded error is the client's own again, with all that it came from."""
    url = place_of("tls").url if path == "tls" else place_of("plain").url + path
    if path == "refused":
        url = "http://127.0.0.1:1/"
    timeout = library.Timeout(5, read=0.2)

    async def ask_async():
        async with library.AsyncClient(timeout=timeout) as client:
            await client.get(url)

    def ask():
        return start(kind, ask_async) if kind != SYNC else library.get(url, timeout=timeout)

    def fail():
        with pytest.raises(library.TransportError) as caught:
            ask()
        return chain(caught.value), caught.value.args, caught.value.request.url

    tape = Tape(record_errors=True)
    with tape.recording():
        live = fail()
    with tape.playing(), offline() as tried:
        assert fail() == live
    assert tried == []


def test_errors_unrecorded(place):
    """Without record_errors an error leaves nothing behind."""
    tape = Tape()

    with tape.recording(), pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{place.url}/flaky/x/close")

    assert tape.interactions == []


def test_own_exception_in_upload(place):
    """An exception of the test's own generator is no error of the network."""

    def pieces():
        yield b"one"
        raise KeyError("two")

    tape = Tape(record_errors=True)
    with tape.recording(), pytest.raises(KeyError):
        httpx.post(f"{place.url}/echo", content=pieces())

    assert tape.interactions == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("httpx.ConnectTimeout", "ConnectTimeout"),
        ("requests.exceptions.ReadTimeout", "ReadTimeout"),
        ("aiohttp.client_exceptions.ClientOSError", "ConnectError"),
        ("httpx.Client", "ConnectError"),
    ],
)
@LIBRARIES
def test_errors_of_others(library, kind, error):
    """A failure that another client recorded is the nearest error that this one has."""
    details = {"cause": "no.such.Module", "cause.context": "OSError"}
    assert type(rebuild(Failure(kind, "text", details), library)) is getattr(library, error)


def test_miss(place):
    """A miss goes through the client as it is."""
    with Tape().playing(), pytest.raises(CassetteMissError, match="GET http"):
        httpx.get(f"{place.url}/json")


@LIBRARIES
@pytest.mark.parametrize("kind", [SYNC, ASYNCIO, TRIO])
@pytest.mark.parametrize("where", ["plain", "tls"])
def test_network_stream(library, kind, where, place_of, certificates):
    """The network stream knows host, port and TLS as it does live, and nothing is to be read."""
    url = f"{place_of(where).url}/json"
    context = ssl.create_default_context(cafile=certificates)

    def seen(response):
        info = response.extensions["network_stream"].get_extra_info
        tls = info("ssl_object")
        return [
            info("server_addr")[:2],
            info("client_addr")[0],
            info("socket").getpeername()[:2],
            info("is_readable"),
            info("nonsense"),
            tls and [tls.version(), type(tls.cipher()), tls.selected_alpn_protocol()],
        ]

    async def ask():
        if kind == SYNC:
            with library.Client(verify=context) as client:
                return seen(client.get(url))
        async with library.AsyncClient(verify=context) as client:
            return seen(await client.get(url))

    bare = start(kind, ask)
    tape = Tape()
    with tape.recording():
        assert start(kind, ask) == bare
    with tape.playing(), offline():
        assert start(kind, ask) == bare


# -- HTTP/2 ------------------------------------------------------------------------------------


@LIBRARIES
@pytest.mark.parametrize("path", ["/empty", "/pieces"])
def test_http2(library, path, http2, certificates):
    """HTTP/2 replays as HTTP/2: no reason, lower-case names, the frames as they came."""
    context = ssl.create_default_context(cafile=certificates)

    def ask():
        with library.Client(http2=True, verify=context) as client:
            return [one(client), one(client)]

    def one(client):
        with client.stream("POST", http2 + path, content=b"body") as response:
            return list(response.iter_raw()), seen_of(response)

    bare = ask()
    tape = Tape()
    with tape.recording():
        assert ask() == bare
    with tape.playing(), offline():
        assert ask() == bare
    assert [dict(seen["extensions"])["stream_id"] for _, seen in bare] == [1, 3]
    assert [(each.response.http_version, each.response.reason) for each in tape.interactions] == [
        ("2", "")
    ] * 2


@LIBRARIES
def test_http2_async(library, http2, certificates):
    """The same for an async client, with many streams on one connection."""
    context = ssl.create_default_context(cafile=certificates)

    async def ask():
        async with library.AsyncClient(http2=True, verify=context) as client:
            answers = await asyncio.gather(
                *(client.post(f"{http2}/pieces?{n}", content=b"%d" % n) for n in range(10))
            )
        ids = {answer.extensions["stream_id"] for answer in answers}
        return ids, [
            (answer.content, answer.headers.raw, answer.http_version) for answer in answers
        ]

    tape = Tape()
    with tape.recording():
        live = asyncio.run(ask())
    with tape.playing(), offline():
        assert asyncio.run(ask()) == live
    assert live[0] == set(range(1, 20, 2))
