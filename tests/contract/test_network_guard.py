"""The network guard holds for every client, and lets each through where it is allowed."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import importlib
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from server import running

from pytest_reqord import network_guard
from pytest_reqord.errors import NetworkBlocked
from pytest_reqord.network_guard import guard

PATH = "/body/through"

if TYPE_CHECKING:
    from collections.abc import Callable


def client(function):
    """A client: a function that gets a URL and gives the body; named for what it imports."""
    CLIENTS[function.__name__] = function
    return function


CLIENTS: dict[str, Callable[[str], bytes]] = {}


@client
def http_client(url):
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    try:
        connection.request("GET", PATH)
        return connection.getresponse().read()
    finally:
        connection.close()


@client
def urllib_request(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as response:
        return response.read()


@client
def urllib3(url):
    module = pytest.importorskip("urllib3")
    with module.PoolManager(timeout=5) as pool:
        return pool.request("GET", url).data


@client
def requests(url):
    module = pytest.importorskip("requests")
    with module.Session() as session:
        return session.get(url, timeout=5).content


@client
def httplib2(url):
    module = pytest.importorskip("httplib2")
    http = module.Http(timeout=5, proxy_info=None)
    try:
        return http.request(url)[1]
    finally:
        http.close()


@client
def httpx(url):
    module = pytest.importorskip("httpx")
    with module.Client(trust_env=False, timeout=5) as session:
        return session.get(url).content


async def fetch_httpx(url, name="httpx"):
    module = pytest.importorskip(name)
    async with module.AsyncClient(trust_env=False, timeout=5) as session:
        return (await session.get(url)).content


@client
def httpx_async(url):
    return asyncio.run(fetch_httpx(url))


@client
def httpx_trio(url):
    trio = pytest.importorskip("trio")
    return trio.run(fetch_httpx, url)


@client
def httpx2_async(url):
    return asyncio.run(fetch_httpx(url, "httpx2"))


@client
def httpx_uvloop(url):
    return pytest.importorskip("uvloop").run(fetch_httpx(url))


async def fetch_aiohttp(url, resolver=None):
    module = pytest.importorskip("aiohttp")
    # of both families the oldest aiohttp with aiodns takes IPv6 alone
    family = socket.AF_INET
    connector = module.TCPConnector(resolver=resolver() if resolver else None, family=family)
    timeout = module.ClientTimeout(5)
    async with (
        module.ClientSession(connector=connector, timeout=timeout) as session,
        session.get(url) as response,
    ):
        return await response.read()


@client
def aiohttp(url):
    module = pytest.importorskip("aiohttp")
    return asyncio.run(fetch_aiohttp(url, module.ThreadedResolver))


@client
def aiohttp_aiodns(url):
    pytest.importorskip("aiodns")
    module = pytest.importorskip("aiohttp")
    return asyncio.run(fetch_aiohttp(url, module.AsyncResolver))


@client
def aiohttp_uvloop(url):
    module = pytest.importorskip("aiohttp")
    return pytest.importorskip("uvloop").run(fetch_aiohttp(url, module.ThreadedResolver))


@client
def uvloop_streams(url):
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")

    async def fetch():
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        try:
            return (await reader.read()).rpartition(b"\r\n")[2]
        finally:
            writer.close()

    return pytest.importorskip("uvloop").run(fetch())


@client
def tornado(url):
    module = pytest.importorskip("tornado.httpclient")

    async def fetch():
        return (await module.AsyncHTTPClient(force_instance=True).fetch(url)).body

    return asyncio.run(fetch())


@client
def pycurl(url):
    return perform(pytest.importorskip("pycurl").Curl(), url)


def perform(handle, url):
    module = pytest.importorskip("pycurl")
    got = []
    handle.setopt(module.URL, url)
    handle.setopt(module.NOPROXY, "*")
    handle.setopt(module.WRITEFUNCTION, got.append)
    handle.perform()
    handle.close()
    return b"".join(got)


@client
def pycurl_multi(url):
    module = pytest.importorskip("pycurl")
    got = []
    handle, multi = module.Curl(), module.CurlMulti()
    handle.setopt(module.URL, url)
    handle.setopt(module.NOPROXY, "*")
    handle.setopt(module.WRITEFUNCTION, got.append)
    multi.add_handle(handle)
    while multi.perform()[1]:
        multi.select(1)
    multi.remove_handle(handle)
    return b"".join(got)


@client
def curl_cffi(url):
    module = pytest.importorskip("curl_cffi.requests")
    with module.Session(trust_env=False) as session:
        return session.get(url).content


@client
def curl_cffi_async(url):
    module = pytest.importorskip("curl_cffi.requests")

    async def fetch():
        async with module.AsyncSession(trust_env=False) as session:
            return (await session.get(url)).content

    return asyncio.run(fetch())


@client
def pyreqwest(url):
    module = pytest.importorskip("pyreqwest.client")
    with module.SyncClientBuilder().build() as session:
        return bytes(session.get(url).build().send().bytes())


@client
def primp(url):
    return pytest.importorskip("primp").Client().get(url).content


@client
def rnet(url):
    return bytes(pytest.importorskip("rnet").BlockingClient().get(url).bytes())


@client
def wreq(url):
    return bytes(pytest.importorskip("wreq.blocking").get(url).bytes())


@client
def impit(url):
    return pytest.importorskip("impit").Client().get(url).content


@client
def tls_client(url):
    return pytest.importorskip("tls_client").Session().get(url).content


@client
def geventhttpclient(url):
    module = pytest.importorskip("geventhttpclient")
    with contextlib.closing(module.HTTPClient.from_url(url)) as session:
        return bytes(session.get(PATH).read())


@client
def aiosonic(url):
    module = pytest.importorskip("aiosonic")

    async def fetch():
        async with module.HTTPClient() as session:
            return await (await session.get(url)).content()

    return asyncio.run(fetch())


@client
def blacksheep(url):
    module = pytest.importorskip("blacksheep.client")

    async def fetch():
        async with module.ClientSession() as session:
            return await (await session.get(url)).read()

    return asyncio.run(fetch())


@client
def botocore(url):
    module = pytest.importorskip("botocore.httpsession")
    request = importlib.import_module("botocore.awsrequest").AWSPreparedRequest(
        "GET", url, {}, b"", False
    )
    session = module.URLLib3Session()
    try:
        return session.send(request).content
    finally:
        session.close()


@pytest.fixture(params=CLIENTS.values(), ids=list(CLIENTS))
def fetch(request):
    return request.param


@pytest.fixture(scope="module")
def server():
    with running() as server:
        yield server


@pytest.fixture(params=["name", "address"])
def url(request, server):
    server.reset()
    return (server.local_url if request.param == "name" else server.url) + PATH


def refusal(fetch, url):
    """What the guard raised, somewhere in what a client raised."""
    try:
        fetch(url)
    except Exception as error:
        found = blocked(error)
        return str(error) if found is None else str(found)
    return "came through"


def blocked(error):
    while error is not None and not isinstance(error, NetworkBlocked):
        if hasattr(error, "exceptions"):
            return next(filter(None, map(blocked, error.exceptions)), None)
        error = error.__cause__ or error.__context__
    return error


def test_refused(fetch, url, server):
    """Nothing comes to a server that isn't allowed, and the error says where it would have gone."""
    with network_guard.blocking(["api.example.com"], owner="test_a"):
        text = refusal(fetch, url)

    assert "Network is disabled for host '" in text
    assert server.url.rpartition(":")[2] in text
    assert "test_a wanted " in text
    assert server.seen == []


def test_refused_name(fetch):
    """A name that isn't allowed isn't even looked up: the error has the name."""
    with network_guard.blocking():
        text = refusal(fetch, f"http://api.example.com:81{PATH}")

    assert text.startswith("Network is disabled for host 'api.example.com'")


def test_allowed(fetch, url):
    """Where the host is allowed, by name or by address, every client comes through."""
    with network_guard.blocking(["localhost"] if "localhost" in url else [r"127\.0\.0\.1$"]):
        assert fetch(url) == b"through"


def test_not_blocked(fetch, url):
    """Without a guard nothing is refused, also after there was one."""
    with network_guard.blocking():
        pass
    assert fetch(url) == b"through"


def test_pycurl_handle_made_before(server):
    """A curl handle that was made before the guard is refused when it is used with a multi."""
    module = pytest.importorskip("pycurl")
    handle = module.Curl()
    handle.setopt(module.URL, server.url)
    with network_guard.blocking():
        multi = module.CurlMulti()
        with pytest.raises(NetworkBlocked):
            multi.add_handle(handle)


@pytest.fixture
def grpc_server():
    grpc = pytest.importorskip("grpc")
    method = grpc.unary_unary_rpc_method_handler(lambda request, context: b"through")
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Service", {"Call": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def call_grpc(target):
    grpc = pytest.importorskip("grpc")
    with grpc.insecure_channel(target) as channel:
        return channel.unary_unary("/test.Service/Call")(b"", timeout=5)


def call_grpc_aio(target):
    aio = pytest.importorskip("grpc.aio")

    async def call():
        async with aio.insecure_channel(target) as channel:
            return await channel.unary_unary("/test.Service/Call")(b"", timeout=5)

    return asyncio.run(call())


@pytest.mark.parametrize("call", [call_grpc, call_grpc_aio], ids=["sync", "aio"])
def test_grpc(call, grpc_server):
    """A gRPC call is refused, a channel that is made and never used isn't."""
    with network_guard.blocking(["127.0.0.1"]):
        assert call(grpc_server) == b"through"
    with network_guard.blocking():
        with pytest.raises(NetworkBlocked, match=r"host '127\.0\.0\.1'"):
            call(grpc_server)
        with pytest.raises(NetworkBlocked, match=r"host 'api\.example\.com'"):
            call("dns:///api.example.com:443")
        pytest.importorskip("grpc").insecure_channel(grpc_server).close()


def test_aiodns_addresses_are_remembered(monkeypatch):
    """What c-ares resolved for an allowed name is allowed, though no socket of ours asked."""
    aiodns = pytest.importorskip("aiodns")
    monkeypatch.setattr(guard, "_names", {})

    async def resolve():
        return await aiodns.DNSResolver().getaddrinfo("localhost", family=socket.AF_INET, port=80)

    with network_guard.blocking(["localhost"]):
        with pytest.raises(NetworkBlocked):
            guard.check("127.0.0.1")
        asyncio.run(resolve())
        guard.check("127.0.0.1")


def test_imported_under_the_guard(server):
    """A client that is first imported while the guard is on is guarded."""
    pytest.importorskip("pycurl")
    server.reset()
    code = f"""
from pytest_reqord import network_guard as network
network.block()
import pycurl
handle = pycurl.Curl()
handle.setopt(pycurl.URL, {server.url!r})
try:
    handle.perform()
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.startswith("Network is disabled for host '127.0.0.1'")
    assert server.seen == []
