"""Clients that can't be recorded: refused where the cassette can't record, else told of."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import httpcore
import httpx
import pytest
from contract.tape import Tape

from pytest_reqord.base.models import host_of
from pytest_reqord.errors import CassetteClosed, UnsupportedClient
from pytest_reqord.interceptors import (
    active,
    httpx as httpx_interceptor,
    registry,
    unsupported,
)
from pytest_reqord.interceptors.httpx import httpcore_pool

PATH = "/body/through"

# geventhttpclient and trio-websocket leave sockets to the collector, without us, too
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def _in_place():
    active.install(active.is_over)
    unsupported.ask_before(registry._ask_cassette)
    httpcore_pool.install()
    yield
    httpcore_pool.uninstall()
    unsupported.ask_no_more(registry._ask_cassette)
    active.uninstall()


@pytest.fixture
def told():
    """Which clients went live and where."""
    seen = []
    active.observe_unsupported(lambda *what: seen.append(what))
    yield seen
    active.observe_unsupported(None)


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


def pyreqwest(url):
    module = pytest.importorskip("pyreqwest.client")
    with module.SyncClientBuilder().build() as client:
        return bytes(client.get(url + PATH).build().send().bytes())


def pyreqwest_stream(url):
    module = pytest.importorskip("pyreqwest.client")
    with (
        module.SyncClientBuilder().build() as client,
        client.get(url + PATH).build_streamed() as response,
    ):
        return bytes(response.bytes())


def pyreqwest_async(url):
    module = pytest.importorskip("pyreqwest.client")

    async def fetch():
        async with module.ClientBuilder().build() as client:
            return bytes(await (await client.get(url + PATH).build().send()).bytes())

    return asyncio.run(fetch())


def pyreqwest_async_stream(url):
    module = pytest.importorskip("pyreqwest.client")

    async def fetch():
        async with (
            module.ClientBuilder().build() as client,
            client.get(url + PATH).build_streamed() as response,
        ):
            return bytes(await response.bytes())

    return asyncio.run(fetch())


def pyreqwest_simple(url):
    module = pytest.importorskip("pyreqwest.simple.sync_request")
    return bytes(module.pyreqwest_get(url + PATH).send().bytes())


def pyreqwest_simple_async(url):
    module = pytest.importorskip("pyreqwest.simple.request")

    async def fetch():
        return bytes(await (await module.pyreqwest_get(url + PATH).send()).bytes())

    return asyncio.run(fetch())


def primp(url):
    return pytest.importorskip("primp").Client().get(url + PATH).content


def primp_function(url):
    return pytest.importorskip("primp").request("GET", url + PATH).content


def primp_async(url):
    module = pytest.importorskip("primp")

    async def fetch():
        response = await module.AsyncClient().get(url + PATH)
        return await response.aread()

    return asyncio.run(fetch())


def rnet(url):
    return bytes(pytest.importorskip("rnet").BlockingClient().get(url + PATH).bytes())


def rnet_async(url):
    module = pytest.importorskip("rnet")

    async def fetch():
        return bytes(await (await module.get(url + PATH)).bytes())

    return asyncio.run(fetch())


def wreq(url):
    return bytes(pytest.importorskip("wreq.blocking").Client().get(url + PATH).bytes())


def wreq_function(url):
    return bytes(pytest.importorskip("wreq.blocking").get(url + PATH).bytes())


def wreq_async(url):
    module = pytest.importorskip("wreq")

    async def fetch():
        return bytes(await (await module.Client().get(url + PATH)).bytes())

    return asyncio.run(fetch())


def impit(url):
    return pytest.importorskip("impit").Client().get(url + PATH).content


def impit_function(url):
    return pytest.importorskip("impit").get(url + PATH).content


def impit_stream(url):
    with pytest.importorskip("impit").Client().stream("GET", url + PATH) as response:
        return response.read()


def impit_async(url):
    module = pytest.importorskip("impit")

    async def fetch():
        async with module.AsyncClient() as client:
            return (await client.get(url + PATH)).content

    return asyncio.run(fetch())


def tls_client(url):
    return pytest.importorskip("tls_client").Session().get(url + PATH).content


def awscrt(url):
    io, http = pytest.importorskip("awscrt.io"), pytest.importorskip("awscrt.http")
    threads = io.EventLoopGroup(1)
    bootstrap = io.ClientBootstrap(threads, io.DefaultHostResolver(threads))
    port = int(url.rpartition(":")[2])
    connected = http.HttpClientConnection.new("127.0.0.1", port, bootstrap)
    got = []
    stream = connected.result(5).request(
        http.HttpRequest("GET", PATH, http.HttpHeaders([("host", "api.test")])),
        on_body=lambda chunk, **_: got.append(bytes(chunk)),
    )
    stream.activate()
    stream.completion_future.result(5)
    return b"".join(got)


def aiosonic(url):
    module = pytest.importorskip("aiosonic")

    async def fetch():
        async with module.HTTPClient() as client:
            return await (await client.get(url + PATH)).content()

    return asyncio.run(fetch())


def blacksheep(url):
    module = pytest.importorskip("blacksheep.client")

    async def fetch():
        async with module.ClientSession(base_url=url) as client:
            return await (await client.get(PATH)).read()

    return asyncio.run(fetch())


def geventhttpclient(url):
    client = pytest.importorskip("geventhttpclient").HTTPClient.from_url(url)
    try:
        return bytes(client.get(PATH).read())
    finally:
        client.close()


def grpclib(target):
    client = pytest.importorskip("grpclib.client")
    host, _, port = target.partition(":")

    class Codec(pytest.importorskip("grpclib.encoding.base").CodecBase):
        __content_subtype__ = "proto"  # what the server answers

        def encode(self, message, message_type):
            return message

        def decode(self, data, message_type):
            return data

    async def call():
        async with client.Channel(host, int(port), codec=Codec()) as channel:
            return await client.UnaryUnaryMethod(channel, "/test.S/Unary", bytes, bytes)(b"")

    return asyncio.run(call())


def trio_websocket(url):
    module, trio = pytest.importorskip("trio_websocket"), pytest.importorskip("trio")

    async def talk():
        async with module.open_websocket_url(url) as connection:
            return (await connection.get_message()).encode()

    return trio.run(talk)


def picows(url):
    module = pytest.importorskip("picows")

    async def talk():
        got = asyncio.get_running_loop().create_future()

        class Listener(module.WSListener):
            def on_ws_frame(self, transport, frame):
                if not got.done():
                    got.set_result(frame.get_payload_as_bytes())

        transport, _ = await module.ws_connect(Listener, url)
        payload = await asyncio.wait_for(got, 5)
        transport.disconnect()
        await transport.wait_disconnected()
        return payload

    return asyncio.run(talk())


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


def ry_client(url):
    return bytes(pytest.importorskip("ry").BlockingClient().get(url + PATH).bytes())


def ry_fetch(url):
    return bytes(pytest.importorskip("ry").fetch_sync(url + PATH).bytes())


def ry_async(url):
    module = pytest.importorskip("ry")

    async def fetch():
        return bytes(await (await module.Client().get(url + PATH)).bytes())

    return asyncio.run(fetch())


def obstore(url):
    module = pytest.importorskip("obstore.store")
    store = module.HTTPStore(url, client_options={"allow_http": True})
    return bytes(store.get(PATH.lstrip("/")).bytes())


def obstore_async(url):
    module = pytest.importorskip("obstore")
    store = module.store.HTTPStore(url, client_options={"allow_http": True})

    async def fetch():
        return bytes(await (await module.get_async(store, PATH.lstrip("/"))).bytes_async())

    return asyncio.run(fetch())


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
    *((call, "http_server") for call in (pyreqwest, pyreqwest_stream, pyreqwest_simple)),
    *((call, "http_server") for call in (pyreqwest_async, pyreqwest_async_stream)),
    *((call, "http_server") for call in (pyreqwest_simple_async, primp, primp_function)),
    *((call, "http_server") for call in (primp_async, rnet, rnet_async, wreq, wreq_function)),
    *((call, "http_server") for call in (wreq_async, impit, impit_function, impit_stream)),
    *((call, "http_server") for call in (impit_async, tls_client, awscrt, aiosonic)),
    *((call, "http_server") for call in (ry_client, ry_fetch, ry_async, obstore, obstore_async)),
    *((call, "http_server") for call in (blacksheep, geventhttpclient)),
    (grpclib, "grpc_server"),
    *((call, "websocket_server") for call in (trio_websocket, picows)),
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
    assert [host_of(uri).name for _, uri in told] == ["127.0.0.1"]


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
    unsupported.ask_no_more(registry._ask_cassette)
    with pytest.importorskip("grpc").insecure_channel(grpc_server) as channel:
        call = channel.unary_unary("/test.S/Unary")
        unsupported.ask_before(registry._ask_cassette)
        with Tape().playing(), pytest.raises(UnsupportedClient, match=r"^grpc \d"):
            call(b"")


def twisted_agent():
    client = pytest.importorskip("twisted.web.client")
    reactor = pytest.importorskip("twisted.internet.testing").MemoryReactorClock()
    client.Agent(reactor).request(b"GET", b"http://127.0.0.1:9/")


def hf_xet_download():
    module = pytest.importorskip("hf_xet")
    endpoint = "http://127.0.0.1:9"
    if hasattr(module, "XetSession"):
        module.XetSession().new_file_download_group(endpoint=endpoint)
    else:
        module.download_files([], endpoint, None, None, None)


def awscrt_s3():
    s3, http = pytest.importorskip("awscrt.s3"), pytest.importorskip("awscrt.http")
    client = object.__new__(s3.S3Client)  # a real one looks for credentials
    request = http.HttpRequest("GET", "/", http.HttpHeaders([("host", "127.0.0.1:9")]))
    client.make_request(type=s3.S3RequestType.DEFAULT, request=request)


def noble_tls_get():
    # it fetches its library when it is first used
    session = object.__new__(pytest.importorskip("noble_tls").Session)
    asyncio.run(session.execute_request("GET", "http://127.0.0.1:9"))


def temporal():
    client = pytest.importorskip("temporalio.client")
    asyncio.run(client.Client.connect("127.0.0.1:9"))


def temporal_worker():
    client = pytest.importorskip("temporalio.client")
    worker = pytest.importorskip("temporalio.worker")
    activity = pytest.importorskip("temporalio.activity")

    @activity.defn
    async def work():
        pass

    async def start():
        lazy = await client.Client.connect("127.0.0.1:9", lazy=True)
        lazy.service_client._bridge_client = object()  # connected before, outside of the cassette
        worker.Worker(lazy, task_queue="tasks", activities=[work])

    asyncio.run(start())


@pytest.mark.parametrize(
    "call", [twisted_agent, hf_xet_download, awscrt_s3, noble_tls_get, temporal, temporal_worker]
)
def test_refused_where_none_can_answer(call):
    """Clients whose service can't be had here are refused as the others are."""
    with Tape().playing() as cassette, pytest.raises(UnsupportedClient, match=r"127\.0\.0\.1"):
        call()
    assert len(cassette.take_refusals()) == 1


@pytest.mark.parametrize(
    ("store", "config", "host"),
    [
        ("S3Store", {"bucket": "b", "region": "eu-west-1"}, "b.s3.eu-west-1.amazonaws.com"),
        ("S3Store", {"bucket": "b", "endpoint": "https://s3.test"}, "s3.test"),
        ("AzureStore", {"container_name": "c", "account_name": "a"}, "a.blob.core.windows.net"),
        ("GCSStore", {"bucket": "b"}, "storage.googleapis.com"),
    ],
)
def test_hosts_of_obstore(store, config, host):
    """The stores of clouds say by their settings where they go, those of a suite's own too."""
    kind = getattr(pytest.importorskip("obstore.store"), store)
    own = type("Own", (kind,), {})(**config)
    with Tape().playing(), pytest.raises(UnsupportedClient, match=re.escape(host)):
        own.head("a")


@pytest.mark.parametrize("store", ["MemoryStore", "LocalStore"])
def test_obstore_without_a_network(store, tmp_path):
    """A store in memory or in files is nobody's business."""
    module = pytest.importorskip("obstore.store")
    with Tape().playing():
        own = module.MemoryStore() if store == "MemoryStore" else module.LocalStore(tmp_path)
        own.put("a", b"here")
        assert bytes(own.get("a").bytes()) == b"here"


def test_a_client_of_ry_is_its_own():
    """Its class can't be changed nor have a subclass: what stands there passes for it."""
    module = pytest.importorskip("ry")
    unsupported.ask_no_more(registry._ask_cassette)
    before, original = module.Client(), module.Client
    unsupported.ask_before(registry._ask_cassette)
    assert module.Client is not original
    for client in (before, module.Client()):
        assert isinstance(client, module.Client)
    assert repr(module.Client()) == repr(before)
    assert not isinstance(1, module.Client)
    with pytest.raises(TypeError):
        module.Client(no_such=1)
    unsupported.ask_no_more(registry._ask_cassette)
    assert module.Client is original


@pytest.mark.parametrize(
    "name", ["pycurl.Curl", "primp.get", "ry.fetch", "obstore.get", "rnet.get", "picows.ws_connect"]
)
def test_imported_by_name_before(monkeypatch, name):
    """What a module has imported by name before the first cassette is asked, and put back."""
    package, _, attribute = name.partition(".")
    unsupported.ask_no_more(registry._ask_cassette)
    original = getattr(pytest.importorskip(package), attribute)
    user = types.ModuleType("early_user")
    user.theirs = original
    monkeypatch.setitem(sys.modules, "early_user", user)

    unsupported.ask_before(registry._ask_cassette)
    assert user.theirs is getattr(sys.modules[package], attribute)
    assert user.theirs is not original
    unsupported.ask_no_more(registry._ask_cassette)
    assert user.theirs is original


@pytest.mark.parametrize("order", ["before", "after"])
def test_mocked_pyreqwest(order):
    """What pyreqwest's own mock or a middleware of the client answers is not refused."""
    pyreqwest = pytest.importorskip("pyreqwest.client")
    mocker = pytest.importorskip("pyreqwest.pytest_plugin").ClientMocker
    respond = pytest.importorskip("pyreqwest.response").ResponseBuilder

    def middleware(request, following):
        return respond().body_text("by itself").build_sync()

    def get(*middlewares):
        builder = pyreqwest.SyncClientBuilder()
        for one in middlewares:
            builder = builder.with_middleware(one)
        with builder.build() as client:
            return client.get("http://api.test/").build().send().text()

    with pytest.MonkeyPatch.context() as patch:
        if order == "before":
            unsupported.ask_no_more(registry._ask_cassette)
        mocker.create_mocker(patch).get().with_body_text("mocked")
        unsupported.ask_before(registry._ask_cassette)
        with Tape().playing():
            assert get() == "mocked"
    unsupported.check()
    with Tape().playing():
        assert get(middleware) == "by itself"
        with pytest.raises(UnsupportedClient):
            get()


def test_grpclib_in_this_process():
    """A server of grpclib's that is in this process is no network."""
    pytest.importorskip("grpclib")
    from grpclib.testing import ChannelFor

    async def connect():
        async with ChannelFor([]) as channel:
            return await channel.__connect__()

    with Tape().playing():
        assert asyncio.run(connect())


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
    httpx_interceptor.install()
    try:
        with tape.recording():
            assert run() == b"through"
        with tape.playing():
            assert run() == b"through"
    finally:
        httpx_interceptor.uninstall()
    assert (len(tape.interactions), told) == (1, [])


@pytest.mark.parametrize("is_async", [False, True])
def test_httpx_is_not_taken_for_a_client_below(is_async, http_server, told):
    """What httpx hands down to httpcore is recorded, so nobody is told that it isn't."""

    async def fetch():
        async with httpx.AsyncClient() as session:
            return (await session.get(http_server + PATH)).content

    tape = Tape()
    httpx_interceptor.install()
    try:
        with tape.recording():
            got = asyncio.run(fetch()) if is_async else httpx.get(http_server + PATH).content
    finally:
        httpx_interceptor.uninstall()
    assert (got, len(tape.interactions), told) == (b"through", 1, [])


def test_two_questions_and_none():
    """A patch serves every question, and is restored with the last."""
    module = pytest.importorskip("curl_cffi.curl")
    question = lambda client, uri: None  # noqa: E731 -- a value to compare
    ours = module.Curl.perform
    unsupported.ask_before(question)
    unsupported.ask_no_more(registry._ask_cassette)
    assert module.Curl.perform is ours
    unsupported.ask_no_more(question)
    assert module.Curl.perform is not ours
