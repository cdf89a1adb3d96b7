"""What is peculiar to aiohttp."""

from __future__ import annotations

import asyncio
import gc
import inspect
import io
import socket
import ssl
from contextlib import asynccontextmanager
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp import web
from aioresponses import aioresponses
from contract.face import visible
from contract.tape import Tape, offline
from yarl import URL

from pytest_reqord.base.models import Arrival
from pytest_reqord.errors import CassetteMissError, UnsupportedClient
from pytest_reqord.interceptors import active, aiohttp as aiohttp_interceptor, unsupported

VERSION = tuple(map(int, aiohttp.__version__.split(".")[:2]))
RETRIES = pytest.mark.skipif(VERSION < (3, 10), reason="it retries nothing")


@pytest.fixture(autouse=True)
def interceptor():
    aiohttp_interceptor.install()
    yield
    aiohttp_interceptor.uninstall()


@pytest.fixture
def place(place_of):
    return place_of("plain")


def run(main):
    """Run a coroutine function, and fail for whatever its loop or the collector complains of."""
    complaints = []

    async def watched():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        return await main()

    result = asyncio.run(watched())
    gc.collect()
    assert complaints == []
    return result


async def fetch(url, method="GET", **options):
    async with aiohttp.ClientSession() as session, session.request(method, url, **options) as got:
        return await got.read()


# -- the seam ----------------------------------------------------------------------------------


def test_put_back():
    """Uninstalling gives each class its own method back."""
    seam = aiohttp.BaseConnector.connect, aiohttp.StreamReader._wait

    aiohttp_interceptor.uninstall()

    own = aiohttp.BaseConnector.connect, aiohttp.StreamReader._wait
    assert all(ours is not theirs for ours, theirs in zip(seam, own, strict=True))
    assert [one.__module__ for one in own] == ["aiohttp.connector", "aiohttp.streams"]


def test_installed_twice():
    """Installing again changes nothing."""
    ours = aiohttp.BaseConnector.connect

    aiohttp_interceptor.install()

    assert aiohttp.BaseConnector.connect is ours


def test_undone_by_another_tool():
    """A seam that another tool's teardown undid is put back."""
    ours = aiohttp.BaseConnector.connect
    aiohttp.BaseConnector.connect = ours.__wrapped__

    aiohttp_interceptor.check()

    assert aiohttp.BaseConnector.connect is ours


def test_mocked_seam(monkeypatch):
    """What a mock has put in our place stays, also through check and uninstall."""

    async def mock(*_):
        raise aiohttp.ClientConnectionError("mocked")

    monkeypatch.setattr(aiohttp.BaseConnector, "connect", mock)

    aiohttp_interceptor.check()
    aiohttp_interceptor.uninstall()

    assert aiohttp.BaseConnector.connect is mock


def test_put_back_by_another_tool(place):
    """A tool that puts ours back after we have left does no harm, now or when we come again."""
    ours = aiohttp.BaseConnector.connect
    aiohttp_interceptor.uninstall()
    own = aiohttp.BaseConnector.connect
    aiohttp.BaseConnector.connect = ours
    tape = Tape()

    assert run(lambda: fetch(f"{place.url}/body/left")) == b"left"
    aiohttp_interceptor.install()
    with tape.recording():
        run(lambda: fetch(f"{place.url}/body/again"))
    assert len(tape.interactions) == 1
    aiohttp_interceptor.uninstall()
    assert aiohttp.BaseConnector.connect is own


@pytest.mark.parametrize("name", ["connect", "_create_connection"])
def test_unknown_version(monkeypatch, name):
    """A version without the seam is refused by name at its first request, and nothing is patched."""
    aiohttp_interceptor.uninstall()
    own = aiohttp.StreamReader._wait
    monkeypatch.delattr(aiohttp.BaseConnector, name)

    assert not aiohttp_interceptor.install()
    try:
        refused(rf"^aiohttp 3\..*BaseConnector.{name}")
        assert aiohttp.StreamReader._wait is own
    finally:
        unsupported.uninstall()


def test_changed_seam(monkeypatch):
    """A seam with other arguments isn't taken."""
    aiohttp_interceptor.uninstall()

    async def connect(self, request):
        """As of a release to come: without traces and timeout."""

    connect.__module__ = "aiohttp.connector"
    monkeypatch.setattr(aiohttp.BaseConnector, "connect", connect)

    assert not aiohttp_interceptor.install()
    try:
        refused(r"BaseConnector\.connect\(req, traces, timeout\)")
    finally:
        unsupported.uninstall()


def test_hidden_by_another_tool(monkeypatch, place):
    """A stranger in our place that connects is an error, also while recording; then we are back."""
    aiohttp_interceptor.uninstall()
    original = aiohttp.BaseConnector.connect

    async def stranger(self, req, traces, timeout):
        return await original(self, req, traces, timeout)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(aiohttp.BaseConnector, "connect", stranger)
            assert not aiohttp_interceptor.install()
            assert run(lambda: fetch(f"{place.url}/body/free")) == b"free"
            refused(r"^aiohttp 3\..*BaseConnector.connect was replaced", f"{place.url}/body/a")
        assert aiohttp_interceptor.install()
    finally:
        unsupported.uninstall()
    tape = Tape()
    with tape.recording():
        run(lambda: fetch(f"{place.url}/body/b"))
    assert len(tape.interactions) == 1


def refused(pattern, url="http://api.test/"):
    for opened in (Tape().playing, Tape().recording):
        with opened() as cassette, pytest.raises(UnsupportedClient, match=pattern) as caught:
            run(lambda: fetch(url))
        assert cassette.take_refusals() == [caught.value]


class Mocked(aiohttp.ClientResponse):
    """What aioresponses 0.7.9 makes lacks an argument that aiohttp 3.14 asks for."""

    def __init__(self, *args, **options):
        if "stream_writer" in inspect.signature(aiohttp.ClientResponse).parameters:
            options["stream_writer"] = Mock(output_size=0)
        super().__init__(*args, **options)


def test_aioresponses():
    """What aioresponses answers above us is neither recorded nor refused."""
    tape = Tape()

    with aioresponses() as mock, tape.recording(), offline():
        mock.get("http://api.test/", body="mocked", response_class=Mocked)
        recorded = run(lambda: fetch("http://api.test/"))
    with aioresponses() as mock, tape.playing() as cassette:
        mock.get("http://api.test/", body="mocked again", response_class=Mocked)
        played = run(lambda: fetch("http://api.test/"))

    assert (recorded, played) == (b"mocked", b"mocked again")
    assert (tape.interactions, cassette.misses) == ([], ())


# -- misses ------------------------------------------------------------------------------------


async def generated():
    yield b"one"
    await asyncio.sleep(0)
    yield b"two"


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("GET", {}),
        ("GET", {"timeout": aiohttp.ClientTimeout(total=5, sock_read=5)}),
        ("POST", {"data": b"body"}),
        ("POST", {"data": generated}),
        ("POST", {"data": b"body", "expect100": True}),
    ],
    ids=["get", "timeouts", "body", "generator", "expect"],
)
def test_miss(method, options):
    """A miss reaches whoever awaits the response, as itself, once, and leaves nothing behind."""
    if callable(options.get("data")):
        options = {**options, "data": options["data"]()}

    async def main():
        try:
            await fetch("http://api.test/", method, **options)
        except Exception as error:
            return error

    with Tape().playing() as cassette, offline() as tried:
        with pytest.raises(CassetteMissError, match=rf"{method} http://api.test/"):
            run(main)
        assert len(cassette.misses) == 1
    assert tried == []


def test_miss_among_tasks(place):
    """A miss in one of several tasks leaves the others their answers."""
    tape = Tape()
    with tape.recording():
        run(lambda: fetch(f"{place.url}/body/there"))

    async def main():
        tasks = [fetch(f"{place.url}/body/{name}") for name in ("there", "nowhere")]
        return await asyncio.gather(*tasks, return_exceptions=True)

    with tape.playing():
        there, nowhere = run(main)

    assert there == b"there"
    assert isinstance(nowhere, CassetteMissError)


# -- sessions and connections ------------------------------------------------------------------


def test_session_before_the_cassette(place):
    """A session whose connection is warm is recorded over it, played without it, and keeps it."""
    tape = Tape()

    async def main():
        async with aiohttp.ClientSession() as session:

            async def get():
                async with session.get(f"{place.url}/connection/keep") as response:
                    return await response.text()

            before = await get()
            with tape.recording():
                recorded = await get()
            with tape.playing():
                played = await get()
            return [before, recorded, played, await get()]

    assert run(main) == ["0", "0", "0", "0"]
    assert [seen.connection for seen in place.server.seen] == [0, 0, 0]


@RETRIES
def test_stale_connection(place):
    """A kept connection that the server has closed is retried by the client, recorded once."""
    tape = Tape()

    async def main():
        async with aiohttp.ClientSession() as session:
            url = f"{place.url}/connection/drop"
            bodies = []
            for _ in range(3):
                async with session.get(url) as response:
                    bodies.append(await response.text())
            return bodies

    with tape.recording():
        recorded = run(main)
    with tape.playing(), offline():
        played = run(main)

    assert recorded == played == ["0", "1", "2"]
    assert len(tape.interactions) == 3


@RETRIES
def test_retried_by_the_client(place):
    """A request that the client repeats by itself is one interaction."""
    tape = Tape()
    url = f"{place.url}/flaky/stale/close,200"

    with tape.recording():
        recorded = run(lambda: fetch(url))
    with tape.playing(), offline():
        played = run(lambda: fetch(url))

    assert recorded == played == b"turn 1"
    assert len(tape.interactions) == 1


def test_limit(place):
    """A connector's limit holds on replay, too."""
    tape = Tape()

    async def main():
        events = []
        trace = aiohttp.TraceConfig()

        async def note(_, __, params):
            events.append(type(params).__name__)

        trace.on_connection_queued_end.append(note)
        trace.on_connection_create_end.append(note)
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as session:

            async def get(name):
                async with session.get(f"{place.url}/body/{name}") as response:
                    return await response.text()

            return await asyncio.gather(*map(get, "abc")), events

    bare = run(main)
    with tape.recording():
        recorded = run(main)
    with tape.playing(), offline():
        played = run(main)

    assert recorded == played == bare
    assert bare[1].count("TraceConnectionQueuedEndParams") == 2


@pytest.mark.parametrize("turns", range(5))
def test_cancelled(place, turns):
    """A request that is cancelled, however far it got, leaves nothing behind."""
    tape = Tape()
    with tape.recording():
        run(lambda: fetch(f"{place.url}/body/there"))

    async def main():
        async with aiohttp.ClientSession() as session:
            task = asyncio.ensure_future(session.get(f"{place.url}/body/there"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return task.cancelled()

    with tape.playing(), offline():
        assert run(main) or turns > 1
    with Tape().recording() as cassette:
        run(main)
    assert cassette.recorded_count <= (turns > 1)


# -- streams -----------------------------------------------------------------------------------


def test_recording_does_not_wait(place):
    """An event reaches the reader before the server sends the next."""
    tape = Tape()

    async def main():
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{place.url}/sse/3?gate=g") as response,
        ):
            lines = []
            async for line in response.content:
                lines.append(line)
                if not line.strip():
                    place.server.open_gate("g")
            return lines

    with tape.recording():
        recorded = run(main)
    with tape.playing(), offline():
        played = run(main)

    assert recorded == played
    assert len(recorded) == 9


def make_slow(tape):
    """Have what arrived late have come minutes later."""
    tape.interactions = [
        one._replace(
            response=one.response._replace(
                arrivals=tuple(
                    Arrival(each.offset, each.time * 1000) for each in one.response.arrivals
                ),
            ),
        )
        for one in tape.interactions
    ]


def test_arrivals(place):
    """What arrived in pieces is read in these pieces by a reader that is slow, and at once by one
    that waits."""
    tape = Tape()

    async def main(delay):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{place.url}/sse/3?pause=0.1&close") as response,
        ):
            pieces = []
            async for piece in response.content.iter_any():
                await asyncio.sleep(delay)
                pieces.append(piece)
            return pieces

    with tape.recording():
        recorded = run(lambda: main(0))
    make_slow(tape)
    with tape.playing(), offline():
        played = run(lambda: asyncio.wait_for(main(0.02), 20))

    assert recorded == played
    assert len(recorded) == 3


def test_polled_stream(place):
    """A reader that never waits gets what arrived no later than it came live."""
    tape = Tape()

    async def main():
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{place.url}/sse/2?pause=0.1&close") as response,
        ):
            pieces = []
            while not response.content.at_eof():
                pieces.append(response.content.read_nowait())
                await asyncio.sleep(0.01)
            return b"".join(pieces)

    with tape.recording():
        recorded = run(main)
    with tape.playing(), offline():
        played = run(main)

    assert recorded == played
    assert played.count(b"data") == 2


def test_partly_read(place):
    """What was read of an endless stream is played; for more there is an error that says so."""
    tape = Tape()

    async def main(events):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{place.url}/endless") as response,
        ):
            seen = [await response.content.readuntil(b"\n\n") for _ in range(events)]
            response.close()
            return seen

    with tape.recording():
        recorded = run(lambda: main(2))
    with tape.playing(), offline():
        assert run(lambda: main(2)) == recorded
    ends = pytest.raises(aiohttp.ClientPayloadError, match="the recording ends here")
    with tape.playing(), offline(), ends:
        run(lambda: main(50))
    assert not tape.interactions[0].response.complete


def test_cassette_closes_first(place):
    """What came of a body by the time the cassette closes is recorded; the reader reads on."""
    tape = Tape()

    async def main():
        async with aiohttp.ClientSession() as session:
            with tape.recording():
                response = await session.get(f"{place.url}/sse/2?gate=g")
                first = await response.content.readuntil(b"\n\n")
            place.server.open_gate("g")
            rest = await response.read()
            return first, rest

    _, rest = run(main)

    assert b"1" in rest
    assert tape.interactions[0].response.body.count(b"data") == 1


def test_transport(place):
    """The transport of a response looks like one, and says where it leads."""
    tape = Tape()

    async def main():
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{place.url}/endless") as response,
        ):
            transport = response.connection.transport
            response.close()
            return (
                isinstance(transport, asyncio.Transport),
                transport.get_extra_info("peername"),
                transport.is_closing(),
            )

    bare = run(main)
    with tape.recording():
        recorded = run(main)
    with tape.playing(), offline():
        played = run(main)

    assert recorded == played == bare


# -- play or live ------------------------------------------------------------------------------


def either(tape, main):
    with tape.recording(play=True) as cassette:
        return run(main), cassette


def test_new_episodes(place):
    """What is recorded is played, what isn't goes live, over connections that are kept."""
    tape = Tape()
    with tape.recording():
        run(lambda: fetch(f"{place.url}/connection/keep?1"))
    place.server.reset()

    async def main():
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            bodies = []
            for number in (1, 2, 3):
                async with session.get(f"{place.url}/connection/keep?{number}") as response:
                    bodies.append(await response.text())
            return bodies

    bodies, cassette = either(tape, main)

    assert bodies == ["0", "0", "0"]
    assert (cassette.play_count, len(tape.interactions)) == (1, 3)
    assert [(seen.target, seen.connection) for seen in place.server.seen] == [
        ("/connection/keep?2", 0),
        ("/connection/keep?3", 0),
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"data": lambda: io.BytesIO(b"x" * 3_000_000)},
        {"data": generated},
        {"data": b"body", "expect100": True},
        {"json": {"a": 1}, "compress": True},
        {"data": {"a": "1"}, "headers": {"Connection": "close"}},
    ],
    ids=["large", "generator", "expect", "compressed", "close"],
)
def test_late_uploads(place, options):
    """A request that was held back reaches the server as it would have without us."""

    def given():
        data = options.get("data")
        return {**options, "data": data()} if callable(data) else options

    async def main():
        return await fetch(f"{place.url}/echo", "POST", **given())

    def raw():
        return [seen.raw for seen in place.server.seen]

    bare = run(main)
    sent = raw()
    place.server.reset()
    late, _ = either(Tape(), main)

    assert late == bare
    assert raw() == sent


def test_late_stream(place):
    """A stream that goes live late is read as it comes, recorded, and played."""
    tape = Tape()

    async def main():
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{place.url}/sse/3?gate=g") as response,
        ):
            pieces = []
            async for piece in response.content.iter_any():
                pieces.append(piece)
                place.server.open_gate("g")
            return b"".join(pieces)

    live, _ = either(tape, main)
    with tape.playing(), offline():
        assert run(main) == live
    assert len(tape.interactions[0].response.arrivals) >= 2


def test_late_early_close(place):
    """A late connection whose response isn't read to its end isn't kept."""

    async def main():
        async with aiohttp.ClientSession() as session:
            response = await session.get(f"{place.url}/endless")
            await response.content.readany()
            response.release()
            async with session.get(f"{place.url}/connection/keep") as response:
                return await response.text()

    tape = Tape()
    body, _ = either(tape, main)

    assert body == "1"
    assert [one.response.complete for one in tape.interactions] == [False, True]


def test_late_refusal():
    """A late connection that fails raises what the connector raises."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    main = failing(lambda: fetch(url))

    bare = run(main)
    late, _ = either(Tape(), main)

    assert late == bare
    assert "ClientConnectorError" in late["raised"]


def test_late_cancelled(place):
    """A request that is cancelled while it goes live late leaves nothing behind."""
    tape = Tape()

    async def main():
        async with aiohttp.ClientSession() as session:
            with pytest.raises(asyncio.TimeoutError):
                await session.get(f"{place.url}/slow/1", timeout=aiohttp.ClientTimeout(total=0.05))

    either(tape, main)

    assert tape.interactions == []


# -- errors ------------------------------------------------------------------------------------


def failing(action):
    async def main():
        try:
            await action()
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            return visible(error)

    return main


def errors_of(main):
    """What is raised without us, while recording, and on replay."""
    tape = Tape(record_errors=True)
    bare = run(main)
    with tape.recording():
        recorded = run(main)
    with tape.playing() as cassette, offline():
        played = run(main)
        assert (cassette.misses, cassette.unplayed) == ((), ())
    return bare, recorded, played


@pytest.mark.parametrize(
    "path",
    ["/broken/nothing", "/broken/status", "/flaky/f/reset", "/broken/headers", "/broken/reset"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_errors(place, path, method):
    """A connection that breaks, or isn't HTTP, is the client's own error again."""
    bare, recorded, played = errors_of(failing(lambda: fetch(place.url + path, method)))

    assert recorded == played == bare
    assert "raised" in bare


@pytest.mark.parametrize(
    "timeout",
    [{"total": 0.1}, {"sock_read": 0.1}],
    ids=["total", "read"],
)
def test_timeouts(place, timeout):
    """A timeout is the same timeout again, without the wait."""
    options = {"timeout": aiohttp.ClientTimeout(**timeout)}

    bare, recorded, played = errors_of(
        failing(lambda: fetch(f"{place.url}/slow/1", **options)),
    )

    assert recorded == bare
    assert played["raised"] == bare["raised"]
    assert played["text"] == bare["text"]


def test_refused():
    """A refused connection is refused again."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"

    bare, recorded, played = errors_of(failing(lambda: fetch(url, "POST", data=b"body")))

    assert recorded == played == bare
    assert bare["raised"].endswith("ClientConnectorError")


def test_untrusted(place_of):
    """A certificate that nobody vouches for is the same error again."""
    url = place_of("tls").url

    bare, recorded, played = errors_of(failing(lambda: fetch(url)))

    assert recorded == bare
    assert (played["raised"], played["text"]) == (bare["raised"], bare["text"])
    assert bare["raised"].endswith("ClientConnectorCertificateError")


@pytest.mark.parametrize(
    "url",
    ["https://refused.example.test/", "https://closed.example.test/", "http://any/", ""],
    ids=["refused", "closed", "down", "down-tls"],
)
def test_proxy(place_of, url):
    """A proxy that refuses a tunnel, closes, or isn't there does so again."""
    proxy = place_of("proxy").proxy if url.startswith("https") else "http://127.0.0.1:1"

    async def main():
        try:
            await fetch(url or "https://any/", proxy=proxy)
        except aiohttp.ClientError as error:
            headers = list((getattr(error, "headers", None) or {}).items())
            return visible(error), headers, getattr(error, "host", "")

    bare, recorded, played = errors_of(main)

    assert recorded == played == bare
    assert bare is not None


def test_fingerprint(place_of):
    """A certificate that isn't the one whose fingerprint is known is the same error again."""
    url = f"{place_of('tls').url}/json"
    fingerprint = aiohttp.Fingerprint(bytes(range(200, 232)))

    async def main():
        seen = await failing(lambda: fetch(url, ssl=fingerprint))()
        await asyncio.sleep(0.1)  # its connection over TLS closes some time after
        return seen

    bare, recorded, played = errors_of(main)

    assert recorded == played == bare
    assert bare["raised"] == "aiohttp.client_exceptions.ServerFingerprintMismatch"


def test_hostile_failure(monkeypatch):
    """What can't be made of a failure is raised where the response is awaited, and hangs nothing."""
    tape = Tape(record_errors=True)
    with tape.recording():
        run(failing(lambda: fetch("http://127.0.0.1:1/")))
    monkeypatch.setattr("pytest_reqord.interceptors.aiohttp.errors.play", lambda *_: 1 / 0)

    with tape.playing(), pytest.raises(ZeroDivisionError):
        asyncio.run(asyncio.wait_for(fetch("http://127.0.0.1:1/"), 5))


@pytest.fixture
def hanging(monkeypatch):
    """No connection comes about."""

    async def hang(*_, **__):
        await asyncio.sleep(10)

    monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", hang)


@pytest.mark.usefixtures("hanging")
def test_cancelled_connecting():
    """A request that is cancelled while it connects is so again."""

    async def main():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(fetch("http://api.test/"), 0.1)
        return "cancelled"

    bare, recorded, played = errors_of(main)

    assert recorded == played == bare


@pytest.mark.skipif(VERSION < (3, 10), reason="it looks like a cancellation there")
@pytest.mark.usefixtures("hanging")
def test_connect_timeout():
    """A connection that takes too long is the client's own timeout again."""
    options = {"timeout": aiohttp.ClientTimeout(connect=0.05)}

    bare, recorded, played = errors_of(failing(lambda: fetch("http://api.test/", **options)))

    assert recorded == bare
    assert (played["raised"], played["text"]) == (bare["raised"], bare["text"])


def test_raised_for_status(place):
    """A status that the test raises for is a response, even if its body is never read."""
    tape = Tape(record_errors=True)

    async def main():
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{place.url}/json?status=404") as response,
        ):
            response.raise_for_status()

    with tape.recording(), pytest.raises(aiohttp.ClientResponseError):
        run(main)

    assert tape.interactions[0].response.status == 404


def test_errors_not_recorded(place):
    """Without ``record_errors`` a request that fails is not in the cassette."""
    tape = Tape()

    with tape.recording():
        run(failing(lambda: fetch(f"{place.url}/broken/nothing", "POST")))

    assert tape.interactions == []


# -- websockets --------------------------------------------------------------------------------


@asynccontextmanager
async def echo_socket():
    async def echo(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(f"echo {message.data}")
        return ws

    application = web.Application()
    application.router.add_get("/", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def say_hello():
    async with echo_socket() as url, aiohttp.ClientSession() as session:
        ws = await session.ws_connect(url)
        await ws.send_str("hello")
        answer = await ws.receive_str()
        await ws.close()
        return answer


@pytest.mark.parametrize("play", [False, True])
def test_websocket_while_recording(play):
    """A WebSocket works where recording is allowed, isn't recorded, and the user is told."""
    tape, told = Tape(), []
    active.observe_unsupported(lambda client, _: told.append(client))

    try:
        with tape.recording(play=play):
            assert run(say_hello) == "echo hello"
    finally:
        active.observe_unsupported(None)

    assert tape.interactions == []
    assert told == ["aiohttp's WebSocket"]


def test_websocket_on_replay():
    """A WebSocket is refused where the network must not be touched, and so fails the test."""
    with Tape().playing() as cassette:
        with pytest.raises(UnsupportedClient, match="WebSocket"):
            run(say_hello)
        assert len(cassette.take_refusals()) == 1


def test_expectation_refused(place):
    """A server that wants no body is recorded as it answered, and answers so again."""
    tape = Tape()
    url = f"{place.url}/echo/refused"

    with tape.recording():
        recorded = run(lambda: fetch(url, "POST", data=b"body", expect100=True))
    with tape.playing(), offline():
        played = run(lambda: fetch(url, "POST", data=b"body", expect100=True))

    assert recorded == played == b"not that"
    assert tape.interactions[0].request.body == b""


def test_uri_without_a_path(place):
    """The recorded URI has the path that was sent."""
    tape = Tape()

    with tape.recording():
        run(lambda: fetch(place.url))

    assert tape.interactions[0].request.uri == f"{place.url}/"


# -- what stays as it was ----------------------------------------------------------------------


def test_outside(place):
    """Without a cassette requests go their own way."""
    assert run(lambda: fetch(f"{place.url}/body/live")) == b"live"


def test_tls_session(place_of):
    """A session over TLS is recorded, and played without the certificate's authority."""
    place = place_of("tls")
    tape = Tape()
    context = ssl.create_default_context(cafile=place.ca)

    async def main():
        body = await fetch(f"{place.url}/body/secret", ssl=context)
        await asyncio.sleep(0.1)  # before aiohttp 3.12 TLS connections close after their session
        return body

    with tape.recording():
        recorded = run(main)
    with tape.playing(), offline():
        played = run(lambda: fetch(f"{place.url}/body/secret"))

    assert recorded == played == b"secret"
    assert URL(tape.interactions[0].request.uri).scheme == "https"
