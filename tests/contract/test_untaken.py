"""Clients that can't be recorded: refused where the cassette can't record, else told of."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpcore
import httpx
import pytest
from contract.tape import Tape

from pytest_reqord.errors import CassetteClosed, UnsupportedClient
from pytest_reqord.hosts import host_of
from pytest_reqord.interceptors import (
    active,
    gates,
    httpcore_pool,
    httpx_transport,
    stamps,
    untaken,
)

PATH = "/body/through"


@pytest.fixture(autouse=True)
def _in_place():
    stamps.install(active.current, active.is_open)
    untaken.install()
    httpcore_pool.install()
    yield
    httpcore_pool.uninstall()
    untaken.uninstall()
    stamps.uninstall()


@pytest.fixture
def told():
    """Which clients went live and where."""
    seen = []
    active.observe_untaken(lambda *what: seen.append(what))
    yield seen
    active.observe_untaken(None)


# -- servers -----------------------------------------------------------------------------------


@pytest.fixture
def http_server(servers):
    server = servers["plain"]
    server.reset()
    return server.url


@pytest.fixture
def grpc_server():
    grpc = pytest.importorskip("grpc")
    shapes = {
        "Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: b"through"),
        "Stream": grpc.unary_stream_rpc_method_handler(lambda request, _: iter([b"through"])),
        "Upload": grpc.stream_unary_rpc_method_handler(lambda requests, _: b"through"),
        "Both": grpc.stream_stream_rpc_method_handler(lambda requests, _: iter([b"through"])),
    }
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.S", shapes),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def websocket_server():
    serving = pytest.importorskip("websockets.sync.server")
    with serving.serve(lambda connection: connection.send("through"), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        server.shutdown()
        thread.join()


# -- clients: each is given where its server is, and gives what that says ------------------------


def pycurl(url):
    module = pytest.importorskip("pycurl")
    got, handle = [], module.Curl()
    handle.setopt(module.URL, url + PATH)
    handle.setopt(module.NOPROXY, "*")
    handle.setopt(module.WRITEFUNCTION, got.append)
    try:
        handle.perform()
    finally:
        handle.close()
    return b"".join(got)


def curl_cffi(url):
    module = pytest.importorskip("curl_cffi.requests")
    with module.Session(trust_env=False) as session:
        return session.get(url + PATH).content


def curl_cffi_stream(url):
    module = pytest.importorskip("curl_cffi.requests")
    with (
        module.Session(trust_env=False) as session,
        session.stream("GET", url + PATH) as response,
    ):
        return b"".join(response.iter_content())


def curl_cffi_async(url):
    module = pytest.importorskip("curl_cffi.requests")

    async def fetch():
        async with module.AsyncSession(trust_env=False) as session:
            return (await session.get(url + PATH)).content

    return asyncio.run(fetch())


def httpcore_alone(url):
    with httpcore.ConnectionPool() as pool:
        return pool.request("GET", url + PATH).content


def httpcore_async(url):
    async def fetch():
        async with httpcore.AsyncConnectionPool() as pool:
            return (await pool.request("GET", url + PATH)).content

    return asyncio.run(fetch())


class ForeignTransport(httpx.BaseTransport):
    """As of packages that bring httpx another pool."""

    def __init__(self):
        self._pool = httpcore.ConnectionPool()

    def handle_request(self, request):
        url = str(request.url)
        answer = self._pool.request(request.method, url, headers=request.headers.raw)
        return httpx.Response(answer.status, content=answer.content)

    def close(self):
        self._pool.close()


def httpx_foreign_transport(url):
    with httpx.Client(transport=ForeignTransport()) as client:
        return client.get(url + PATH).content


def grpc_unary(target):
    with pytest.importorskip("grpc").insecure_channel(target) as channel:
        return channel.unary_unary("/test.S/Unary")(b"", timeout=5)


def grpc_future(target):
    with pytest.importorskip("grpc").insecure_channel(target) as channel:
        return channel.unary_unary("/test.S/Unary").future(b"", timeout=5).result()


def grpc_stream(target):
    with pytest.importorskip("grpc").insecure_channel(target) as channel:
        return b"".join(channel.unary_stream("/test.S/Stream")(b"", timeout=5))


def grpc_upload(target):
    with pytest.importorskip("grpc").insecure_channel(target) as channel:
        return channel.stream_unary("/test.S/Upload")(iter([b""]), timeout=5)


def grpc_both(target):
    with pytest.importorskip("grpc").insecure_channel(target) as channel:
        return b"".join(channel.stream_stream("/test.S/Both")(iter([b""]), timeout=5))


def grpc_aio(target):
    aio = pytest.importorskip("grpc.aio")

    async def call():
        async with aio.insecure_channel(target) as channel:
            return await channel.unary_unary("/test.S/Unary")(b"", timeout=5)

    return asyncio.run(call())


def grpc_aio_stream(target):
    aio = pytest.importorskip("grpc.aio")

    async def call():
        async with aio.insecure_channel(target) as channel:
            answer = channel.unary_stream("/test.S/Stream")(b"", timeout=5)
            return b"".join([piece async for piece in answer])

    return asyncio.run(call())


def websockets_sync(url):
    with pytest.importorskip("websockets.sync.client").connect(url, proxy=None) as connection:
        return connection.recv(decode=False)


def websockets_async(url):
    module = pytest.importorskip("websockets.asyncio.client")

    async def talk():
        async with module.connect(url, proxy=None) as connection:
            return await connection.recv(decode=False)

    return asyncio.run(talk())


def websocket_client(url):
    connection = pytest.importorskip("websocket").create_connection(url, timeout=5)
    try:
        return connection.recv().encode()
    finally:
        connection.close()


CLIENTS = [
    *((call, "http_server") for call in (pycurl, curl_cffi, curl_cffi_stream, curl_cffi_async)),
    *((call, "http_server") for call in (httpcore_alone, httpcore_async, httpx_foreign_transport)),
    *((call, "grpc_server") for call in (grpc_unary, grpc_future, grpc_stream, grpc_upload)),
    *((call, "grpc_server") for call in (grpc_both, grpc_aio, grpc_aio_stream)),
    *((call, "websocket_server") for call in (websockets_sync, websockets_async)),
    (websocket_client, "websocket_server"),
]


@pytest.fixture(params=CLIENTS, ids=[call.__name__ for call, _ in CLIENTS])
def client(request):
    call, server = request.param
    place = request.getfixturevalue(server)
    return lambda: call(place)


def refusal(client):
    """How a client was refused: some wrap what is raised under them."""
    try:
        client()
    except Exception as caught:
        error = caught
        while error is not None and not isinstance(error, UnsupportedClient):
            error = error.__cause__ or error.__context__
        return error
    return None


def test_refused_where_nothing_can_be_recorded(client, told):
    """A client that isn't taken never goes live in ``none``, and the test's phase will fail."""
    with Tape().playing() as cassette:
        error = refusal(client)
        assert error is not None
        assert cassette.take_refusals() == [error]
    assert "it wanted 127.0.0.1, and can't be recorded or played" in str(error)
    assert told == []


def test_live_and_told_while_recording(client, told):
    """While recording it goes live, is not recorded, and the user is told."""
    tape = Tape()
    with tape.recording():
        assert client() == b"through"
    assert tape.interactions == []
    assert [host_of(uri) for _, uri in told] == ["127.0.0.1"]


def test_ignored_hosts_are_let_through(client, told):
    """A host that is ignored is open to every client."""
    with Tape(ignore_localhost=True).playing():
        assert client() == b"through"
    assert told == []


def test_nothing_without_a_cassette(client, told):
    """No cassette, no refusal."""
    assert client() == b"through"
    assert told == []


def test_channel_made_before(grpc_server):
    """A gRPC channel and a stub that are older than the cassette are refused with it."""
    untaken.uninstall()
    with pytest.importorskip("grpc").insecure_channel(grpc_server) as channel:
        call = channel.unary_unary("/test.S/Unary")
        untaken.install()
        with Tape().playing(), pytest.raises(UnsupportedClient, match=r"^grpc \d"):
            call(b"")


def test_refused_after_its_test(http_server):
    """A thread that outlives its test is told so, whatever client it uses."""
    pytest.importorskip("pycurl")
    going, caught = threading.Event(), []

    def late():
        going.wait(5)
        try:
            pycurl(http_server)
        except CassetteClosed as error:
            caught.append(error)

    with Tape().recording():
        thread = threading.Thread(target=late)
        thread.start()
    going.set()
    thread.join()
    assert len(caught) == 1


@pytest.mark.parametrize("transport", ["CurlTransport", "AsyncCurlTransport"])
def test_taken_on_top_of_one_that_is_not(transport, http_server, told):
    """What an httpx transport does through curl is recorded, so nobody is told that it isn't."""
    httpx = pytest.importorskip("httpx")
    module = pytest.importorskip("httpx_curl_cffi")

    async def fetch():
        async with httpx.AsyncClient(transport=module.AsyncCurlTransport()) as session:
            return (await session.get(http_server + PATH)).content

    def run():
        if transport == "AsyncCurlTransport":
            return asyncio.run(fetch())
        with httpx.Client(transport=module.CurlTransport()) as session:
            return session.get(http_server + PATH).content

    tape = Tape()
    httpx_transport.install()
    try:
        with tape.recording():
            assert run() == b"through"
        with tape.playing():
            assert run() == b"through"
    finally:
        httpx_transport.uninstall()
    assert (len(tape.interactions), told) == (1, [])


@pytest.mark.parametrize("is_async", [False, True])
def test_httpx_is_not_taken_for_a_client_below(is_async, http_server, told):
    """What httpx hands down to httpcore is recorded, so nobody is told that it isn't."""

    async def fetch():
        async with httpx.AsyncClient() as session:
            return (await session.get(http_server + PATH)).content

    tape = Tape()
    httpx_transport.install()
    try:
        with tape.recording():
            got = asyncio.run(fetch()) if is_async else httpx.get(http_server + PATH).content
    finally:
        httpx_transport.uninstall()
    assert (got, len(tape.interactions), told) == (b"through", 1, [])


def test_two_gates_and_none():
    """A seam serves every gate, and is put back with the last."""
    module = pytest.importorskip("curl_cffi.curl")
    gate = lambda client, uri: None  # noqa: E731 -- a value to compare
    ours = module.Curl.perform
    gates.put_up(gate)
    untaken.uninstall()
    assert module.Curl.perform is ours
    gates.take_down(gate)
    assert module.Curl.perform is not ours
