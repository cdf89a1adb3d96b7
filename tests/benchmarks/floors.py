"""A pytest plugin that answers requests without a cassette: what is left is the client's own time.

``BENCHMARK_FLOOR=stub`` answers at the highest point at which a stub can stand in (an adapter, a
transport, the session of aiohttp); ``wire`` hands the client's own parser the bytes of a response.
"""

from __future__ import annotations

import io
import os
import sys
from asyncio import Transport

import answers

_FLOOR = os.environ["BENCHMARK_FLOOR"]


def pytest_collection_finish(session):
    for client, put in _STUBS[_FLOOR].items():
        if client in sys.modules:
            put(sys.modules[client])


def _target(url):
    return "/" + url.split("/", 3)[3]


def _stub_requests(requests):
    import urllib3

    def send(self, request, **options):
        headers, body = answers.answer(_target(request.url))
        raw = urllib3.HTTPResponse(
            io.BytesIO(body), headers, 200, reason="OK", preload_content=False
        )
        return self.build_response(request, raw)

    requests.adapters.HTTPAdapter.send = send


def _stub_httpx(httpx):
    def handle_request(self, request):
        headers, body = answers.answer(_target(str(request.url)))
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    httpx.HTTPTransport.handle_request = handle_request


def _stub_aiohttp(aiohttp):
    from aiohttp.client_reqrep import ClientResponse
    from multidict import CIMultiDict, CIMultiDictProxy
    from yarl import URL

    class Answer(ClientResponse):
        def __init__(self, method, url, headers, body):
            self.method, self._url, self._real_url = method, url, url
            self.status, self.reason = 200, "OK"
            self._headers = CIMultiDictProxy(CIMultiDict(headers))
            self._cache = {}
            self._body, self._history, self._closed, self._connection = body, (), True, None
            self._released, self._resolve_charset = True, lambda *_: "utf-8"

    async def request(self, method, url, **options):
        headers, body = answers.answer(_target(str(url)))
        return Answer(method, URL(url), headers, body)

    aiohttp.ClientSession._request = request


def _wire_requests(requests):
    import urllib3.connection

    quiet, _ = os.pipe()

    class Wire:
        def __init__(self):
            self.written = b""

        def sendall(self, data):
            self.written += data

        def makefile(self, *_):
            target = self.written.split(b" ", 2)[1].decode()
            self.written = b""
            return io.BufferedReader(io.BytesIO(answers.wire(target)))

        def fileno(self):
            return quiet  # urllib3 looks whether the server has closed the connection

        def settimeout(self, value): ...
        def setsockopt(self, *_): ...
        def shutdown(self, how): ...
        def close(self): ...

    def connect(self):
        self.sock = Wire()

    urllib3.connection.HTTPConnection.connect = connect


def _wire_aiohttp(aiohttp):
    class Wire(Transport):
        def __init__(self, loop, protocol):
            super().__init__({"peername": ("127.0.0.1", 80)})
            self._loop, self._protocol = loop, protocol

        def write(self, data):
            self._loop.call_soon(self._reply, bytes(data).split(b" ", 2)[1].decode())

        def writelines(self, pieces):
            self.write(b"".join(pieces))

        def _reply(self, target):
            self._protocol.data_received(answers.wire(target))

        def is_closing(self):
            return False

        def close(self):
            self._loop.call_soon(self._protocol.connection_lost, None)

        abort = close

        def pause_reading(self): ...
        def resume_reading(self): ...

    async def create(self, req, traces, timeout):
        protocol = self._factory()
        protocol.connection_made(Wire(self._loop, protocol))
        return protocol

    aiohttp.TCPConnector._create_connection = create


_STUBS = {
    "stub": {"requests": _stub_requests, "httpx": _stub_httpx, "aiohttp": _stub_aiohttp},
    "wire": {"requests": _wire_requests, "aiohttp": _wire_aiohttp},
}
