"""The network guard, on sockets and look-ups."""

from __future__ import annotations

import _socket
import asyncio
import http.server
import os
import pickle
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_reqord import network_guard
from pytest_reqord.errors import NetworkBlocked, UsageError
from pytest_reqord.interceptors import unsupported
from pytest_reqord.network_guard import guard

NAMES = {"api.example.com": "127.0.0.5", "cdn.example.com": "127.0.0.6", "db": "127.0.0.7"}
ATTRIBUTES = [
    (_socket, "getaddrinfo"),
    (socket, "gethostbyname"),
    (socket, "gethostbyname_ex"),
    (socket, "gethostbyaddr"),
    (socket, "getnameinfo"),
    (socket, "socketpair"),
    *((socket.socket, name) for name in ("connect", "connect_ex", "sendto", "sendmsg")),
]


def state():
    return [getattr(owner, name) for owner, name in ATTRIBUTES]


@pytest.fixture(autouse=True)
def put_back(asked):
    before = state()
    yield
    assert not guard.in_force
    assert state() == before


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """The names that were really looked up; NAMES is all that this world's DNS knows."""
    asked = []
    monkeypatch.setattr(guard, "_names", {"127.0.0.1": {"localhost"}, "::1": {"localhost"}})
    resolve = _socket.getaddrinfo

    def getaddrinfo(host, port, *args):
        asked.append(host)
        if host in NAMES:
            return resolve(NAMES[host], port, *args)
        if host in ("localhost", None) or host[:1].isdigit() or ":" in host:
            return resolve(host, port, *args)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(_socket, "getaddrinfo", getaddrinfo)
    for name, result in (
        ("gethostbyname", lambda host: NAMES[host]),
        ("gethostbyname_ex", lambda host: (host, [], [NAMES[host]])),
    ):
        monkeypatch.setattr(socket, name, result)
    return asked


@pytest.fixture
def listen():
    listeners = []

    def listen(address, kind=socket.SOCK_STREAM):
        listener = socket.socket(socket.AF_INET, kind)
        listener.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            listener.listen()
        listeners.append(listener)
        return listener.getsockname()[1]

    yield listen
    for listener in listeners:
        listener.close()


def connect(host, port):
    with socket.create_connection((host, port), timeout=5):
        return "connected"


def test_name_is_not_resolved(asked):
    """A name that isn't allowed is refused before anyone is asked for it."""
    with network_guard.blocking(owner="test_a.py::test_b"), pytest.raises(NetworkBlocked) as caught:
        connect("api.example.com", 443)

    assert asked == []
    assert caught.value.host == "api.example.com"
    assert caught.value.port == 443
    assert caught.value.owner == "test_a.py::test_b"
    text = str(caught.value)
    assert text.startswith("Network is disabled for host 'api.example.com'")
    assert "test_a.py::test_b" in text
    assert "--allowed-hosts=api.example.com" in text
    assert isinstance(caught.value, RuntimeError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == text


@pytest.mark.parametrize("name", ["gethostbyname", "gethostbyname_ex", "gethostbyaddr"])
def test_other_look_ups(name):
    """Every way to resolve a name is refused."""
    with network_guard.blocking(), pytest.raises(NetworkBlocked, match=r"host 'api\.example\.com'"):
        getattr(socket, name)("api.example.com")


@pytest.mark.parametrize("name", ["gethostbyname", "gethostbyname_ex"])
def test_other_look_ups_of_an_allowed_name(name, listen):
    """They are let through for an allowed name, and what they found is allowed then."""
    port = listen("127.0.0.5")
    with network_guard.blocking(["api.example.com"]):
        assert "127.0.0.5" in str(getattr(socket, name)("api.example.com"))
        assert connect("127.0.0.5", port)


def test_reverse_look_up():
    """The name of an address is refused, for somebody would be asked for it; numbers aren't."""
    with network_guard.blocking():
        with pytest.raises(NetworkBlocked, match=r"host '203\.0\.113\.1'"):
            socket.gethostbyaddr("203.0.113.1")
        with pytest.raises(NetworkBlocked, match=r"host '203\.0\.113\.1'"):
            socket.getnameinfo(("203.0.113.1", 80), 0)
        flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        assert socket.getnameinfo(("203.0.113.1", 80), flags) == ("203.0.113.1", "80")


def test_function_that_was_imported_before():
    """Code that holds socket.getaddrinfo since before is refused as well."""
    held = socket.getaddrinfo
    with network_guard.blocking(), pytest.raises(NetworkBlocked):
        held("api.example.com", 443)


def test_mocked_look_up_is_not_refused():
    """A look-up that a test answers itself touches no network."""
    with network_guard.blocking(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *_: "mocked")
        assert socket.getaddrinfo("api.example.com", 443) == "mocked"


ADDRESS = ("203.0.113.1", 9)


@pytest.mark.parametrize("address", [ADDRESS, ("api.example.com", 9)])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "send",
    [
        lambda s, address: s.connect(address),
        lambda s, address: s.connect_ex(address),
        lambda s, address: s.sendto(b"", address),
        lambda s, address: s.sendto(b"", 0, address),
        lambda s, address: s.sendmsg([b""], [], 0, address),
    ],
    ids=["connect", "connect_ex", "sendto", "sendto with flags", "sendmsg"],
)
def test_every_way_out(send, when, address):
    """Whatever sends to an address or a name is refused, on sockets made before and after."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as before,
        network_guard.blocking(),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as after,
    ):
        with pytest.raises(NetworkBlocked) as caught:
            send(before if when == "before" else after, address)
        assert (caught.value.host, caught.value.port) == address


def test_ipv6():
    """IPv6 is refused like IPv4."""
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s,
        network_guard.blocking(["192.0.2.1$"]),
        pytest.raises(NetworkBlocked) as caught,
    ):
        s.connect(("2001:db8::1", 443, 0, 0))

    assert "[2001:db8::1]:443" in str(caught.value)


def test_mapped_address():
    """An IPv4 address in IPv6 clothes is the same address."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        with network_guard.blocking(["192.0.2.1$"]), pytest.raises(NetworkBlocked) as caught:
            s.connect(("::ffff:198.51.100.7", 443))
        assert caught.value.host == "198.51.100.7"
        with network_guard.blocking([r"127\.0\.0\.1$"]):
            s.connect(("::ffff:127.0.0.1", 443))


def test_no_socket_is_left_open():
    """A refused socket is closed: those who made it, as socket.create_connection, only close it
    after an OSError."""
    with socket.socket() as s, network_guard.blocking():
        with pytest.raises(NetworkBlocked):
            s.connect(ADDRESS)
        assert s.fileno() == -1


def test_tls_socket():
    """A TLS socket is refused as well."""
    context = ssl.create_default_context()
    with (
        context.wrap_socket(socket.socket(), server_hostname="api.example.com") as s,
        network_guard.blocking(),
        pytest.raises(NetworkBlocked),
    ):
        s.connect(ADDRESS)


def test_allowed_name(listen):
    """The addresses of an allowed name are let through, and no other name's."""
    port, other = listen("127.0.0.5"), listen("127.0.0.6")
    with network_guard.blocking(["api.example.com"]):
        assert connect("api.example.com", port) == "connected"
        assert connect("127.0.0.5", port) == "connected"
        with pytest.raises(NetworkBlocked, match=r"host '127\.0\.0\.6'"):
            connect("127.0.0.6", other)
        with pytest.raises(NetworkBlocked, match=r"host 'cdn\.example\.com'"):
            connect("cdn.example.com", other)


def test_addresses_are_remembered(listen):
    """A client that keeps the address of an allowed name may use it in the next test too."""
    port = listen("127.0.0.5")
    with network_guard.blocking(["api.example.com"]):
        connect("api.example.com", port)
    with network_guard.blocking(["api.example.com"]):
        assert connect("127.0.0.5", port) == "connected"
    with network_guard.blocking(["cdn.example.com"]), pytest.raises(NetworkBlocked):
        connect("127.0.0.5", port)


@pytest.mark.parametrize(
    ("allowed", "place", "is_allowed"),
    [
        ("api.example.com:8080", ("api.example.com", 8080), True),
        ("api.example.com:8080", ("api.example.com", 80), False),
        ("api.example.com:8080", ("api.example.com", 0), True),  # a look-up of the name
        ("api.example.com:80", ("api.example.com", 8080), False),
        ("(?:a|b):80$", ("b", 80), True),
        ("localhost:5432", ("127.0.0.1", 5432), True),
        ("localhost:5432", ("127.0.0.1", 5433), False),
        (r"\[::1\]:80", ("::1", 80), True),
        ("[::1]:80", ("::1", 81), False),
        ("::1", ("::1", 81), True),
    ],
)
def test_a_pattern_with_a_port_allows_that_port(allowed, place, is_allowed):
    """Of the hosts that it names, and no other."""
    with network_guard.blocking([allowed]):
        if is_allowed:
            guard.check(*place)
        else:
            with pytest.raises(NetworkBlocked):
                guard.check(*place)


@pytest.mark.parametrize(
    ("allowed", "host", "is_allowed"),
    [
        (["api.example.com"], "api.example.com", True),
        (["api.example.com"], "API.Example.COM.", True),
        (["API.example.com"], "api.example.com", True),
        (["api.example.com"], b"api.example.com", True),
        (["example.com"], "api.example.com", False),
        ([r".*\.example\.com"], "api.example.com", True),
        (["api"], "api.example.com", True),
        (["api$"], "api.example.com", False),
        (["x", "api"], "api.example.com", True),
        ("x, api", "api.example.com", True),
        ([".*"], "anything", True),
        ([], "api.example.com", False),
        ([""], "api.example.com", False),
        ("", "api.example.com", False),
        (None, "api.example.com", False),
        ([r"10\.0\."], "10.0.3.4", True),
        (["localhost"], "127.0.0.1", True),
        (["localhost"], "::1", True),
        (["127.0.0.1"], "localhost", False),
        (["fe80"], "fe80::1%eth0", True),
    ],
)
def test_patterns(allowed, host, is_allowed):
    """A host is allowed by a regular expression that matches its start, without case."""
    with network_guard.blocking(allowed):
        if is_allowed:
            guard.check(host)
        else:
            with pytest.raises(NetworkBlocked):
                guard.check(host)


def test_wrong_pattern():
    """A pattern that isn't one is a usage error, and nothing is blocked."""
    with pytest.raises(UsageError, match=r"'\*\.example\.com' is not a regular expression"):
        network_guard.block(["*.example.com"])
    assert not guard.in_force


def test_loopback(listen):
    """Loopback is refused unless it is allowed, by name or by address."""
    port = listen("127.0.0.1")
    for allowed in (None, ["api.example.com"]):
        for host in ("127.0.0.1", "localhost"):
            with network_guard.blocking(allowed), pytest.raises(NetworkBlocked):
                connect(host, port)
    for allowed in (["127.0.0.1"], ["localhost"]):
        for host in ("127.0.0.1", "localhost"):
            with network_guard.blocking(allowed):
                assert connect(host, port) == "connected"


def test_allowed_by_address(listen, asked):
    """Where addresses outside of this machine are allowed, a name that has one may be used."""
    allowed = [r"10\.", r"127\.0\.0\.[78]"]
    port = listen("127.0.0.7")
    with network_guard.blocking(allowed):
        assert connect("db", port) == "connected"
        with pytest.raises(NetworkBlocked, match=r"host 'cdn\.example\.com'"):
            connect("cdn.example.com", 80)
    with network_guard.blocking(["127.0.0.1", "cdn.example.com"]), pytest.raises(NetworkBlocked):
        connect("db", port)
    assert asked == ["db", "cdn.example.com"]


def test_unix_socket(tmp_path):
    """Unix sockets are left alone."""
    path = os.path.relpath(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        with network_guard.blocking():
            client.connect(path)
            client.sendmsg([b"x"])


def test_socket_pair():
    """A socket pair is left alone, also where it is made of a connection through loopback."""

    def emulated():
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return socket.create_connection(listener.getsockname())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socketpair", emulated)
        with network_guard.blocking():
            socket.socketpair().close()
            with pytest.raises(NetworkBlocked):
                connect("127.0.0.1", 9)


def test_connected_socket(listen):
    """A socket that is connected already goes on."""
    with (
        socket.create_connection(("127.0.0.1", listen("127.0.0.1"))) as s,
        network_guard.blocking(),
    ):
        assert s.send(b"x") == 1
        assert s.sendmsg([b"x"]) == 1


def test_server():
    """A server starts as ever, on every interface; only connections to it are refused."""
    with network_guard.blocking():
        for host in ("127.0.0.1", "", "localhost"):
            address = (host, 0)
            http.server.HTTPServer(address, socketserver.BaseRequestHandler).server_close()

        async def serve():
            for host in ("127.0.0.1", None, "localhost"):
                server = await asyncio.start_server(lambda *_: None, host, 0)
                server.close()

        asyncio.run(serve())


def test_asyncio():
    """asyncio's connections are refused, by name and by address, streams and datagrams."""

    async def tries():
        loop = asyncio.get_running_loop()
        seen = []
        for attempt in (
            lambda: asyncio.open_connection("api.example.com", 443),
            lambda: asyncio.open_connection("203.0.113.1", 443),
            lambda: loop.getaddrinfo("api.example.com", 443),
            lambda: loop.create_datagram_endpoint(asyncio.DatagramProtocol, None, ADDRESS),
        ):
            try:
                await attempt()
            except NetworkBlocked as error:
                seen.append((error.host, error.port))
        return seen

    with network_guard.blocking():
        assert asyncio.run(tries()) == [
            ("api.example.com", 443),
            ("203.0.113.1", 443),
            ("api.example.com", 443),
            ADDRESS,
        ]


def test_nested():
    """The inner guard counts, and the outer comes back."""
    network_guard.block(["outer"])
    network_guard.block(["inner"])
    guard.check("inner")
    with pytest.raises(NetworkBlocked):
        guard.check("outer")

    network_guard.unblock()
    guard.check("outer")
    with pytest.raises(NetworkBlocked):
        guard.check("inner")

    network_guard.unblock()
    network_guard.unblock()
    guard.check("inner")


def test_everything_is_put_back():
    """After the guard a class that inherited a method inherits it again."""
    before = [dict(vars(owner)) for owner, _ in ATTRIBUTES]
    with network_guard.blocking():
        assert [dict(vars(owner)) for owner, _ in ATTRIBUTES] != before
    assert [dict(vars(owner)) for owner, _ in ATTRIBUTES] == before


def test_guards_that_end_in_another_order():
    """Of two that overlap each takes back its own, though they are equal."""
    one, other = network_guard.blocking(), network_guard.blocking()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    with pytest.raises(NetworkBlocked):
        guard.check("host")
    other.__exit__(None, None, None)
    guard.check("host")


def test_threads():
    """A guard counts in every thread."""
    caught = []

    def work():
        try:
            connect("api.example.com", 80)
        except NetworkBlocked as error:
            caught.append(error.host)

    with network_guard.blocking():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert caught == ["api.example.com"]


def test_mock_on_top():
    """A mock on top of the guard stays when the guard goes, and what it puts back is harmless."""
    with pytest.MonkeyPatch.context() as patch:
        with network_guard.blocking():
            patch.setattr(socket.socket, "connect", lambda *_: "mocked")
            patch.setattr(socket.socket, "connect_ex", lambda *_: "mocked")
            with socket.socket() as s:
                assert s.connect(ADDRESS) == "mocked"
        with socket.socket() as s:
            assert s.connect(ADDRESS) == "mocked"
    with socket.socket() as s, pytest.raises(ConnectionRefusedError):
        s.connect(("127.0.0.1", 9))

    with network_guard.blocking(), socket.socket() as s, pytest.raises(NetworkBlocked):
        s.connect(ADDRESS)


def test_wrong_arguments():
    """What a method complains about it still complains about."""
    with network_guard.blocking(), socket.socket() as s:
        with pytest.raises(TypeError):
            s.connect("no tuple")
        with pytest.raises(TypeError):
            s.connect()
        with pytest.raises(TypeError):
            s.sendto(b"x")


def test_child_process():
    """A child process puts the guard of its parent in place."""
    assert network_guard.environment() == {}
    code = """
import os, socket
from pytest_reqord import network_guard as network
network.install_from_environment({})
network.install_from_environment(os.environ)
try:
    socket.create_connection(("api.example.com", 443))
except network.guard.NetworkBlocked as error:
    print(error.owner, network.guard.in_force[-1].allowed)
"""
    with network_guard.blocking(["localhost"], owner="test_a"):
        variables = {**os.environ, **network_guard.environment(), "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.split() == ["test_a", "('localhost',)"]


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("api.example.com:443", "api.example.com", 443),
        ("api.example.com", "api.example.com", 0),
        ("dns:///api.example.com:443", "api.example.com", 443),
        ("dns:api.example.com:443", "api.example.com", 443),
        ("dns://8.8.8.8/api.example.com", "api.example.com", 0),
        ("ipv4:10.0.0.1:50,10.0.0.2:50", "10.0.0.1", 50),
        ("ipv6:[2001:db8::1]:50", "2001:db8::1", 50),
        ("[2001:db8::1]:50", "2001:db8::1", 50),
    ],
)
def test_grpc_target(target, host, port):
    """A gRPC target is refused by the host in it."""
    call = unsupported._asking("grpc", unsupported._of_grpc, lambda call: None)
    with network_guard.blocking(), pytest.raises(NetworkBlocked) as caught:
        call(SimpleNamespace(_target=target.encode()))
    assert (caught.value.host, caught.value.port) == (host, port)


@pytest.mark.parametrize("target", ["unix:/run/s", "unix:///run/s", "unix-abstract:s"])
def test_grpc_over_a_unix_socket(target):
    """A Unix socket is left alone, gRPC's too."""
    with network_guard.blocking():
        call = unsupported._asking("grpc", unsupported._of_grpc, lambda call: None)
        call(SimpleNamespace(_target=target.encode()))
