"""What is peculiar to tornado's simple client."""

from __future__ import annotations

import asyncio
import gc
import socket
import time

import pytest
import tornado
from contract.face import visible
from contract.tape import Tape, offline
from tornado import simple_httpclient
from tornado.httpclient import AsyncHTTPClient, HTTPClient, HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

from pytest_reqord.base.models import Arrival
from pytest_reqord.errors import CassetteMissError, UnsupportedClient
from pytest_reqord.interceptors import active, tornado as tornado_interceptor, unsupported

AWAITS_CALLBACKS = pytest.mark.skipif(
    tornado.version_info < (6, 5), reason="tornado awaits a streaming_callback from 6.5 on"
)


@pytest.fixture(autouse=True)
def interceptor():
    tornado_interceptor.install()
    yield
    tornado_interceptor.uninstall()


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


async def fetch(url, **options):
    client = AsyncHTTPClient(force_instance=True)
    try:
        response = await client.fetch(HTTPRequest(url, request_timeout=5, **options))
    finally:
        client.close()
    return response.body


# -- the seam ----------------------------------------------------------------------------------


def test_put_back():
    """Uninstalling gives the class its own method back; installing twice changes nothing."""
    ours = simple_httpclient._HTTPConnection.run

    tornado_interceptor.install()
    assert simple_httpclient._HTTPConnection.run is ours
    tornado_interceptor.uninstall()

    assert simple_httpclient._HTTPConnection.run is ours.__wrapped__


def test_undone_by_another_tool():
    """A seam that another tool's teardown undid is put back."""
    ours = simple_httpclient._HTTPConnection.run
    simple_httpclient._HTTPConnection.run = ours.__wrapped__

    tornado_interceptor.check()

    assert simple_httpclient._HTTPConnection.run is ours


@pytest.mark.parametrize("name", ["run", "_create_connection"])
def test_unknown_version(monkeypatch, name):
    """A version without the seam is refused by name at its first request under a cassette."""
    tornado_interceptor.uninstall()
    monkeypatch.delattr(simple_httpclient._HTTPConnection, name)

    assert not tornado_interceptor.install()
    try:
        for opened in (Tape().playing, Tape().recording):
            with (
                opened(),
                pytest.raises(UnsupportedClient, match=rf"^tornado 6\..*_HTTPConnection\.{name}"),
            ):
                run(lambda: fetch("http://api.test/"))
    finally:
        unsupported.uninstall()


def test_hidden_by_another_tool(monkeypatch, place):
    """A stranger in our place that sends what it is given is an error, also while recording."""
    tornado_interceptor.uninstall()
    original = simple_httpclient._HTTPConnection.run

    async def stranger(self):
        await original(self)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(simple_httpclient._HTTPConnection, "run", stranger)
            assert not tornado_interceptor.install()
            for opened in (Tape().playing, Tape().recording):
                with opened(), pytest.raises(UnsupportedClient, match="run was replaced"):
                    run(lambda: fetch(f"{place.url}/body/a"))
            assert run(lambda: fetch(f"{place.url}/body/free")) == b"free"
        assert tornado_interceptor.install()
    finally:
        unsupported.uninstall()
    assert [request.path for request in place.server.seen] == ["/body/free"]


# -- misses ------------------------------------------------------------------------------------


async def produce(write):
    await write(b"one")
    await write(b"two")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "POST", "body": b"body"},
        {"method": "POST", "body_producer": produce},
        {"method": "POST", "body": b"body", "expect_100_continue": True},
    ],
    ids=["get", "body", "producer", "expect"],
)
def test_miss(options):
    """A miss reaches whoever awaits the fetch, as itself, once, and leaves nothing behind."""

    async def main():
        try:
            await fetch("http://api.test/", **options)
        except Exception as error:
            return error

    with Tape().playing() as cassette, offline() as tried:
        with pytest.raises(CassetteMissError, match=r" http://api\.test/"):
            run(main)
        assert len(cassette.misses) == 1
    assert tried == []


def test_miss_after_a_redirect(place):
    """A miss behind a redirect reaches whoever awaits the first fetch."""
    tape = Tape()
    with tape.recording():
        run(lambda: fetch(f"{place.url}/redirect/1"))
    tape.interactions = tape.interactions[:1]

    with tape.playing(), offline(), pytest.raises(CassetteMissError, match="/echo/redirected"):
        run(lambda: fetch(f"{place.url}/redirect/1"))


def test_sync_client(place):
    """The client that blocks is recorded, played and refused as the other is."""
    tape = Tape()

    def get(path):
        client = HTTPClient()
        try:
            return client.fetch(f"{place.url}/body/{path}").body
        finally:
            client.close()

    with tape.recording():
        recorded = get("there")
    with tape.playing(), offline():
        assert get("there") == recorded == b"there"
        with pytest.raises(CassetteMissError):
            get("nowhere")


# -- streams -----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("is_async", [False, pytest.param(True, marks=AWAITS_CALLBACKS)])
def test_arrivals(place, is_async):
    """Events reach the callback as they came, without the wait, however slow it is."""
    tape = Tape()

    async def main(delay):
        pieces = []

        async def take(piece):
            await asyncio.sleep(delay)
            pieces.append(piece)

        def take_at_once(piece):
            time.sleep(delay)
            pieces.append(piece)

        callback = take if is_async else take_at_once
        await fetch(f"{place.url}/sse/3?pause=0.1", streaming_callback=callback)
        return pieces

    with tape.recording():
        recorded = run(lambda: main(0))
    make_slow(tape)
    with tape.playing(), offline():
        played = run(lambda: asyncio.wait_for(main(0.02), 20))

    assert recorded == played
    assert len(recorded) == 3


def test_credentials_in_the_url(place):
    """The recorded URI has no credentials; the header has."""
    tape = Tape()
    url = place.url.replace("://", "://ada:engine@") + "/basic"

    with tape.recording():
        recorded = run(lambda: fetch(url))
    with tape.playing(), offline():
        assert run(lambda: fetch(url)) == recorded == b"welcome"

    assert tape.interactions[0].request.uri == f"{place.url}/basic"
    assert "authorization" in tape.interactions[0].request.headers


# -- play or live ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "POST", "body": b"x" * 1_000_000},
        {"method": "POST", "body_producer": produce},
        {"method": "POST", "body": b"body", "expect_100_continue": True},
    ],
    ids=["get", "body", "producer", "expect"],
)
def test_late(place, options):
    """What isn't recorded goes out late as it would have without us; then it is played."""
    tape = Tape()

    def main():
        return fetch(f"{place.url}/echo", **options)

    bare = run(main)
    sent = [seen.raw for seen in place.server.seen]
    place.server.reset()
    with tape.recording(play=True):
        late = run(main)
    with tape.playing(), offline():
        played = run(main)

    assert late == played == bare
    assert [seen.raw for seen in place.server.seen] == sent


def test_late_stream(place):
    """A stream that goes live late is passed on as it comes."""
    tape = Tape()

    async def main():
        pieces = []

        def take(piece):
            pieces.append(piece)
            place.server.open_gate("g")

        await fetch(f"{place.url}/sse/3?gate=g", streaming_callback=take)
        return b"".join(pieces)

    with tape.recording(play=True):
        assert run(main).count(b"data") == 3
    assert tape.interactions[0].response.complete


# -- errors ------------------------------------------------------------------------------------


def failing(action):
    async def main():
        try:
            await action()
        except (HTTPClientError, OSError, simple_httpclient.HTTPStreamClosedError) as error:
            return visible(error)

    return main


@pytest.mark.parametrize("path", ["/broken/nothing", "/broken/status", "/broken/length"])
@pytest.mark.parametrize("play", [False, True], ids=["recording", "late"])
def test_errors(place, path, play):
    """A connection that breaks, or isn't HTTP, is the client's own error again."""
    tape = Tape(record_errors=True)
    main = failing(lambda: fetch(place.url + path))

    bare = run(main)
    with tape.recording(play=play):
        recorded = run(main)
    with tape.playing() as cassette, offline():
        played = run(main)
        assert (cassette.misses, cassette.unplayed) == ((), ())

    assert recorded == played == bare
    assert "raised" in bare


@pytest.mark.parametrize("play", [False, True], ids=["recording", "late"])
def test_refused(play):
    """A refused connection is refused again."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    tape = Tape(record_errors=True)
    main = failing(lambda: fetch(url, method="POST", body=b"body"))

    bare = run(main)
    with tape.recording(play=play):
        recorded = run(main)
    with tape.playing(), offline():
        played = run(main)

    assert recorded["raised"] == played["raised"] == bare["raised"]
    assert recorded["text"] == played["text"] == bare["text"]
    assert bare["raised"].endswith("ConnectionRefusedError")


def test_timeout(place):
    """A timeout is the same timeout again, without the wait."""
    tape = Tape(record_errors=True)

    async def get():
        client = AsyncHTTPClient(force_instance=True)
        await client.fetch(f"{place.url}/slow/1", request_timeout=0.2)

    bare = run(failing(get))
    with tape.recording():
        recorded = run(failing(get))
    with tape.playing(), offline():
        played = run(failing(get))

    assert recorded["text"] == played["text"] == bare["text"]
    assert bare["raised"] == played["raised"] == "tornado.simple_httpclient.HTTPTimeoutError"


# -- websockets --------------------------------------------------------------------------------


class Echo(WebSocketHandler):
    def on_message(self, message):
        self.write_message(f"echo {message}")


async def say_hello():
    sock, port = bind_unused_port()
    server = HTTPServer(Application([("/", Echo)]))
    server.add_sockets([sock])
    try:
        connection = await websocket_connect(f"ws://127.0.0.1:{port}/", connect_timeout=2)
        await connection.write_message("hello")
        answer = await connection.read_message()
        connection.close()
        await asyncio.sleep(0.05)
        return answer
    finally:
        server.stop()
        await server.close_all_connections()


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
    assert told == ["tornado's WebSocket"]


def test_websocket_on_replay():
    """A WebSocket is refused where the network must not be touched, and so fails the test."""
    with Tape().playing() as cassette:
        with pytest.raises(UnsupportedClient, match="WebSocket"):
            run(say_hello)
        assert len(cassette.take_refusals()) == 1
