"""Daemons behind Unix sockets: two of them may have one URL, and each gives its own answers."""

from __future__ import annotations

import socketserver
import sys
import threading
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows' Python has no Unix sockets"
)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def address_string(self):
        return ""


class Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        return super().get_request()[0], ("", 0)


@contextmanager
def daemon(path):
    server = Daemon(str(path), Handler)
    server.name = path.stem
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        path.unlink()


SUITE = """
import asyncio, http.client, os, socket
import aiohttp, httpx, pytest, requests
from requests_unixsocket import Session

FOLDER, NAMES = os.environ["FOLDER"], os.environ["NAMES"].split()

class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)

def by_http_client(path):
    connection = Connection(path)
    connection.request("GET", "/info")
    with connection.getresponse() as response:
        text = response.read().decode()
    connection.close()
    return text

def by_docker(path):
    from docker.transport import UnixHTTPAdapter
    with requests.Session() as session:
        session.mount("http+docker://", UnixHTTPAdapter(f"http+unix://{path}"))
        return session.get("http+docker://localhost/info").text

def by_requests(path):
    with Session() as session:
        return session.get(f"http+unix://{path.replace('/', '%2F')}/info").text

def by_httpx(path):
    with httpx.Client(transport=httpx.HTTPTransport(uds=path)) as client:
        return client.get("http://localhost/info").text

def by_httpx_async(path):
    async def ask():
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=path)) as client:
            return (await client.get("http://localhost/info")).text
    return asyncio.run(ask())

def by_aiohttp(path):
    async def ask():
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session:
            async with session.get("http://localhost/info") as response:
                return await response.text()
    return asyncio.run(ask())

CLIENTS = [by_http_client, by_docker, by_requests, by_httpx, by_httpx_async, by_aiohttp]

@pytest.mark.parametrize("ask", CLIENTS)
@pytest.mark.cassette
def test_it(ask):
    assert [ask(f"{FOLDER}/{name}.sock") for name in NAMES] == NAMES

@pytest.mark.vcr
def test_vcr(vcr):
    assert by_httpx(f"{FOLDER}/one.sock") == "one"
    assert vcr.requests[0].uri == "http://localhost/info"
"""


@pytest.fixture
def played(suite, tmp_path, monkeypatch):
    """The suite after it was recorded, to be played with other names or in another folder."""
    pytest.importorskip("requests_unixsocket")
    suite.makepyfile(test_unix=SUITE)
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.setenv("NAMES", "one two")
    with ExitStack() as stack:
        for name in ("one", "two"):
            stack.enter_context(daemon(tmp_path / f"{name}.sock"))
        suite.runpytest("--record-mode=once").assert_outcomes(passed=7)
    return suite


def test_each_daemon_gives_its_own_answers(played, monkeypatch):
    """On replay in another order, on a machine where their sockets lie elsewhere."""
    monkeypatch.setenv("NAMES", "two one")
    monkeypatch.setenv("FOLDER", "/run/elsewhere")
    played.runpytest().assert_outcomes(passed=7)


def test_another_daemon_is_a_miss(played, monkeypatch):
    """That names the one that was recorded."""
    monkeypatch.setenv("NAMES", "one three")
    result = played.runpytest("-k", "test_it")
    result.assert_outcomes(failed=6)
    result.stdout.fnmatch_lines(["*host: sent three.sock+localhost, recorded *.sock+localhost"])


def test_recordings_without_the_name_of_a_socket_are_played(played):
    """As they were made before there was one; in the order of time."""
    for path in played.path.rglob("*.yaml"):
        path.write_text(path.read_text().replace("one.sock+", "").replace("two.sock+", ""))
    played.runpytest().assert_outcomes(passed=7)


def test_a_made_up_name_does_not_count(played, monkeypatch, tmp_path):
    """Of a socket that has another one in each run."""
    monkeypatch.setenv("NAMES", "one tmpab12_xyz")
    suite = played
    suite.makepyfile(test_unix=SUITE.replace("== NAMES", "== ['one', 'tmpab12_xyz']"))
    with daemon(tmp_path / "one.sock"), daemon(tmp_path / "tmpab12_xyz.sock"):
        suite.runpytest("--record-mode=all", "-k", "httpx").assert_outcomes(passed=2)
    monkeypatch.setenv("NAMES", "one tmpzz12_abc")
    suite.runpytest("-k", "httpx").assert_outcomes(passed=2)
