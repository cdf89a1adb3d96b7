"""The API that the suites talk to: says back what it was asked, and numbers its answers."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

__all__ = ["Api"]


class _Handler(BaseHTTPRequestHandler):
    """One connection.

    ``/status/503``, ``/slow/0.2`` (seconds), ``/bytes/1000``, ``/stream/3`` (server-sent events),
    ``/gzip`` and ``/redirect/<path>`` do what they say. All else is answered with JSON: what was
    asked, and ``number``, which counts the requests, so that no two answers are equal.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client may leave at any time
            super().handle()

    def _answer(self) -> None:
        number = self.server.count()
        body = self._body()
        url = urlsplit(self.path)
        match url.path.strip("/").split("/", 1):
            case ["status", code]:
                self._send(b'{"status": %s}' % code.encode(), int(code))
            case ["slow", seconds]:
                time.sleep(float(seconds))
                self._send(json.dumps({"number": number}).encode())
            case ["bytes", size]:
                self._send((b"0123456789" * (int(size) // 10 + 1))[: int(size)], type_="text/plain")
            case ["stream", count]:
                self._stream(int(count))
            case ["gzip"]:
                packed = gzip.compress(json.dumps({"number": number}).encode(), mtime=0)
                self._send(packed, coding="gzip")
            case ["redirect", path]:
                self._send(b"", 302, location=f"/{path}")
            case _:
                asked = {
                    "method": self.command,
                    "path": url.path,
                    "query": dict(parse_qsl(url.query)),
                    "body": body.decode("latin-1"),
                    "number": number,
                }
                self._send(json.dumps(asked).encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer  # noqa: N815 -- http.server's

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _send(
        self,
        body: bytes,
        status: int = 200,
        type_: str = "application/json",
        coding: str = "",
        location: str = "",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", type_)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (("Content-Encoding", coding), ("Location", location)):
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self, count: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(count):
            event = b"data: %d\n\n" % number
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(0.01)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's name
        """Nothing: what is asked is counted."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100
    handler: type[BaseHTTPRequestHandler] = _Handler
    asked = 0

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), self.handler)

    def count(self) -> int:
        with self._lock:
            self.asked += 1
            return self.asked


class Api:
    """The API at one address, up or gone; its numbers go on when it comes back."""

    def __init__(self) -> None:
        self._numbers = 0
        self._server: _Server | None = None
        # bound and never listening, so that nobody else has the port while the API is gone
        self._port = socket.socket()
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port.bind(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port.getsockname()[1]}"

    @property
    def asked(self) -> int:
        """How many requests have reached it so far."""
        return self._server.asked if self._server else self._numbers

    def start(self) -> None:
        """Be up."""
        if self._server is None:
            self._server = _Server(self._port.getsockname()[1])
            self._server.asked = self._numbers
            threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Be gone: refuse connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._numbers = self._server.asked
            self._server = None

    def close(self) -> None:
        """Be gone, and give the port back."""
        self.stop()
        self._port.close()
