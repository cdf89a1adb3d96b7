"""One threaded HTTP/1.1 server on a free loopback port, for tests with real clients.

A path is ``/<route>/<argument>/...?<options>``; `ROUTES` has every route, each a generator of
what goes out: bytes as they are, a number for a pause in seconds, `Close`, or a function that takes
over the connection. Nothing of
an answer depends on time or chance, so that two runs can be compared. What came in is kept as it
came: `Server.seen`.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import re
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qsl, unquote, urlsplit

import brotli
import trustme
import zstandard

__all__ = ["ROUTES", "Seen", "Server", "authority", "running", "server_context"]

PATIENCE = 5.0
"""How long the server waits for a gate or for bytes, in seconds, before it gives up."""

USER, PASSWORD = "ada", "engine"
DOCUMENT = json.dumps({"name": "Ada", "notes": ["é", "日本"], "n": 10**20, "x": 1.50}).encode()
BINARY = bytes(range(256))


class Close(Enum):
    """What a route yields to end the connection."""

    NOW = "now"
    """Close it in good order."""
    RESET = "reset"
    """Close it with a reset: the client sees ECONNRESET."""


@dataclass(frozen=True)
class Seen:
    """A request as it came.

    :param raw: every byte of it, head and body and chunked framing.
    :param target: the request target as it stood on the request line.
    :param chunks: the sizes of the chunks of a chunked body, else None.
    :param connection: the number of the connection, counted from 0 since `Server.reset`.
    :param tls: whether it came through TLS.
    """

    raw: bytes
    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunks: tuple[int, ...] | None
    connection: int
    tls: bool

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def arguments(self) -> list[str]:
        return self.path.split("/")[2:]

    @property
    def options(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())


Piece = bytes | float | Close | Callable[[socket.socket], None]
Route = Callable[["Server", Seen], Iterator[Piece]]
ROUTES: dict[str, Route] = {}


def route(name: str) -> Callable[[Route], Route]:
    def register(function: Route) -> Route:
        ROUTES[name] = function
        return function

    return register


def head(status: int, reason: str, *headers: tuple[str, str], version: str = "1.1") -> bytes:
    lines = [f"HTTP/{version} {status} {reason}".rstrip()]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def reply(
    body: bytes = b"",
    *headers: tuple[str, str],
    status: int = 200,
    reason: str = "OK",
    version: str = "1.1",
) -> bytes:
    length = ("Content-Length", str(len(body)))
    return head(status, reason, *headers, length, version=version) + body


def reply_json(value: object, *headers: tuple[str, str], status: int = 200) -> bytes:
    body = json.dumps(value).encode()
    return reply(body, ("Content-Type", "application/json"), *headers, status=status)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode(body: bytes, codings: str) -> bytes:
    for coding in codings.split(","):
        body = ENCODERS[coding.strip()](body)
    return body


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": lambda body: body,
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
    "raw-deflate": lambda body: zlib.compress(body)[2:-4],
    "br": brotli.compress,
    "zstd": lambda body: zstandard.ZstdCompressor().compress(body),
}


# -- what goes out -----------------------------------------------------------------------------


@route("echo")
def echo(_: Server, seen: Seen) -> Iterator[Piece]:
    """The request as JSON, the body as Latin-1 text."""
    yield reply_json(
        {
            "method": seen.method,
            "target": seen.target,
            "headers": seen.headers,
            "body": seen.body.decode("latin-1"),
            "chunked": seen.chunks is not None,
            "tls": seen.tls,
        }
    )


@route("json")
def fixed_json(_: Server, seen: Seen) -> Iterator[Piece]:
    """A fixed document: ``?status=`` and ``?reason=`` change the status line."""
    yield reply(
        DOCUMENT,
        ("Content-Type", "application/json"),
        status=int(seen.options.get("status", 200)),
        reason=seen.options.get("reason", "OK"),
    )


@route("body")
def given_body(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/body/<text>``: that text back, so that a caller knows whose answer it has."""
    yield reply("/".join(seen.arguments).encode(), ("Content-Type", "text/plain"))


@route("status")
def status(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/status/<code>/<reason>``, the reason as it is, empty or odd."""
    code, reason = (*seen.arguments, "")[:2]
    yield reply(b"status", ("Content-Type", "text/plain"), status=int(code), reason=reason)


@route("headers")
def odd_headers(_: Server, seen: Seen) -> Iterator[Piece]:
    """Repeats, odd case, Latin-1 and empty values."""
    yield reply(
        b"headers",
        ("x-MiXeD-cAsE", "One"),
        ("X-Repeat", "first"),
        ("Content-Type", "text/plain"),
        ("x-repeat", "second"),
        ("X-Latin", "caf\xe9 \xff"),
        ("X-Empty", ""),
        ("X-Commas", "a, b,c"),
        ("X-REPEAT", "third"),
        ("Link", '</2>; rel="next"'),
        ("Link", '</9>; rel="last"'),
    )


@route("old")
def http_10(_: Server, seen: Seen) -> Iterator[Piece]:
    """HTTP/1.0: ``?length`` with a Content-Length, else ended by the close."""
    kind = ("Content-Type", "text/plain")
    if "length" in seen.options:
        yield reply(b"old times", kind, version="1.0")
    else:
        yield head(200, "OK", kind, version="1.0") + b"old times"
    yield Close.NOW


@route("redirect")
def redirect(server: Server, seen: Seen) -> Iterator[Piece]:
    """``/redirect/<n>``: n hops to ``/echo``; ``?kind=relative|absolute|host|loop&status=302``."""
    left = int(seen.arguments[0])
    kind = seen.options.get("kind", "relative")
    code = int(seen.options.get("status", 302))
    query = urlsplit(seen.target).query
    place = f"/redirect/{left - 1}?{query}" if left > 1 or kind == "loop" else "/echo/redirected"
    if kind in ("absolute", "host"):
        host = seen.header("host")
        if kind == "host":  # the other name of the same machine
            name, _, port = host.partition(":")
            host = f"{'localhost' if name != 'localhost' else '127.0.0.1'}:{port}"
        place = f"{'https' if seen.tls else 'http'}://{host}{place}"
    cookie = ("Set-Cookie", f"hop{left}=yes; Path=/")
    yield reply(b"moved", ("Location", place), cookie, status=code, reason="Moved Along")


@route("cookies")
def cookies(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/cookies/set`` sets three, ``/cookies`` says which ones came."""
    if seen.arguments == ["set"]:
        yield reply(
            b"set",
            ("Set-Cookie", "session=abc123; Path=/; HttpOnly"),
            ("Set-Cookie", 'theme="dark mode"; Path=/cookies; Max-Age=3600'),
            ("Set-Cookie", "gone=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        )
    else:
        yield reply_json({"cookie": seen.header("cookie")})


@route("basic")
def basic(_: Server, seen: Seen) -> Iterator[Piece]:
    """401 until ``ada:engine`` comes as basic auth."""
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if seen.header("authorization") == expected:
        yield reply(b"welcome", ("Content-Type", "text/plain"))
    else:
        challenge = ("WWW-Authenticate", 'Basic realm="engine"')
        yield reply(b"who?", challenge, status=401, reason="Unauthorized")


@route("digest")
def digest(_: Server, seen: Seen) -> Iterator[Piece]:
    """401 until ``ada:engine`` comes as a right digest (MD5, qop=auth, one nonce)."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', seen.header("authorization")))
    if fields and _digest(seen, fields) == fields.get("response"):
        yield reply(b"welcome", ("Content-Type", "text/plain"))
        return
    challenge = 'Digest realm="engine", nonce="0a4f113b", opaque="5ccc", qop="auth", algorithm=MD5'
    yield reply(b"who?", ("WWW-Authenticate", challenge), status=401, reason="Unauthorized")


def _digest(seen: Seen, fields: dict[str, str]) -> str:
    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    user = md5(f"{USER}:{fields.get('realm')}:{PASSWORD}")
    place = md5(f"{seen.method}:{fields.get('uri')}")
    rest = ":".join(fields.get(key, "") for key in ("nonce", "nc", "cnonce", "qop"))
    return md5(f"{user}:{rest}:{place}")


@route("encoded")
def encoded(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/encoded/gzip,br``: the document in these codings; ``?chunked=<size>``, ``?close``."""
    codings = seen.arguments[0]
    body = encode(DOCUMENT * int(seen.options.get("times", 1)), codings)
    kind = ("Content-Type", "application/json")
    coding = ("Content-Encoding", codings.replace("raw-", ""))
    if "chunked" in seen.options:
        size = int(seen.options["chunked"])
        yield head(200, "OK", kind, coding, ("Transfer-Encoding", "chunked"))
        for start in range(0, len(body), size):
            yield chunk(body[start : start + size])
        yield b"0\r\n\r\n"
    elif "close" in seen.options:
        yield head(200, "OK", kind, coding, ("Connection", "close")) + body
        yield Close.NOW
    else:
        yield reply(body, kind, coding)


@route("chunked")
def chunked(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/chunked/3,10,1``: chunks of these sizes; ``?trailers``, ``?extension``, ``?pause=``;
    ``?coding=`` names another transfer coding before, ``?length=`` a length besides; ``?open``
    leaves out the empty line at the end."""
    sizes = [int(size) for size in seen.arguments[0].split(",")]
    trailers = "trailers" in seen.options
    pause = float(seen.options.get("pause", 0))
    coding = f"{seen.options['coding']}, chunked" if "coding" in seen.options else "chunked"
    headers = [("Content-Type", "text/plain"), ("Transfer-Encoding", coding)]
    headers += [("Trailer", "X-Checksum, X-Count")] if trailers else []
    headers += [("Content-Length", seen.options["length"])] if "length" in seen.options else []
    yield head(200, "OK", *headers)
    for number, size in enumerate(sizes):
        yield pause
        data = bytes(97 + (number + place) % 26 for place in range(size))
        yield (
            chunk(data)
            if "extension" not in seen.options
            else (b"%x;name=value\r\n%b\r\n" % (size, data))
        )
    is_open = "open" in seen.options
    last = b"X-Checksum: abc\r\nX-Count: 2\r\n" if trailers else b""
    yield b"0\r\n" + last + (b"" if is_open else b"\r\n")
    if is_open:
        yield Close.NOW


@route("empty")
def empty(_: Server, seen: Seen) -> Iterator[Piece]:
    """No body: ``/empty/204``, ``/empty/304``, ``/empty/200`` (a length of 0), ``/empty/length``
    (a 304 that names a length), ``/empty/chunked``."""
    kind = seen.arguments[0]
    etag = ("ETag", '"v1"')
    if kind == "204":
        yield head(204, "No Content", ("X-Empty", "yes"))
    elif kind == "304":
        yield head(304, "Not Modified", etag)
    elif kind == "length":
        yield head(304, "Not Modified", etag, ("Content-Length", "1000"))
    elif kind == "chunked":
        yield head(200, "OK", ("Transfer-Encoding", "chunked")) + b"0\r\n\r\n"
    else:
        yield reply(b"")


@route("binary")
def binary(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/binary/<bytes>``: every byte value over and over; ``?chunked``."""
    size = int(seen.arguments[0])
    kind = ("Content-Type", "application/octet-stream")
    body = (BINARY * (size // 256 + 1))[:size]
    if "chunked" in seen.options:
        yield head(200, "OK", kind, ("Transfer-Encoding", "chunked"))
        for start in range(0, size, 65536):
            yield chunk(body[start : start + 65536])
        yield b"0\r\n\r\n"
    else:
        yield reply(body, kind, ("Content-Disposition", 'attachment; filename="all bytes.bin"'))


@route("charset")
def charset(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/charset/<encoding>``: text in it, declared; ``?undeclared`` or ``?declared=<other>``."""
    name = seen.arguments[0]
    declared = seen.options.get("declared", name)
    kind = "text/plain" if "undeclared" in seen.options else f"text/plain; charset={declared}"
    yield reply("naïve café — 日本".encode(name, "replace"), ("Content-Type", kind))


@route("lines")
def lines(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/lines/<n>``: n lines with three kinds of line ends."""
    ends = ("\n", "\r\n", "\r")
    text = "".join(f"line {n}{ends[n % 3]}" for n in range(int(seen.arguments[0])))
    yield reply(text.encode(), ("Content-Type", "text/plain; charset=utf-8"))


@route("sse")
def sse(server: Server, seen: Seen) -> Iterator[Piece]:
    """``/sse/<n>``: n events, ``?pause=`` seconds before each but the first; ``?close`` without
    chunks; ``?gate=<key>`` waits for `Server.open_gate` before each but the first."""
    pause = float(seen.options.get("pause", 0.05))
    gate = seen.options.get("gate")
    plain = "close" in seen.options
    kind = ("Content-Type", "text/event-stream")
    yield head(200, "OK", kind, ("Connection", "close") if plain else _CHUNKED)
    for number in range(int(seen.arguments[0])):
        if number and gate:
            server.pass_gate(gate)
        elif number:
            yield pause
        event = f'event: tick\ndata: {{"n": {number}}}\n\n'.encode()
        yield event if plain else chunk(event)
    yield Close.NOW if plain else b"0\r\n\r\n"


@route("endless")
def endless(_: Server, seen: Seen) -> Iterator[Piece]:
    """Events without an end, 20 a second, until the client goes (or after 30 s)."""
    yield head(200, "OK", ("Content-Type", "text/event-stream"), _CHUNKED)
    for number in range(600):
        yield chunk(f"data: {number}\n\n".encode())
        yield 0.05


@route("slow")
def slow(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/slow/<seconds>`` before the head; ``?body=<seconds>`` in the middle of the body."""
    yield float(seen.arguments[0])
    yield head(200, "OK", ("Content-Type", "text/plain"), ("Content-Length", "9")) + b"slow "
    yield float(seen.options.get("body", 0))
    yield b"body"


@route("flaky")
def flaky(server: Server, seen: Seen) -> Iterator[Piece]:
    """``/flaky/<key>/503,503,200``: these statuses in turn, the last one for ever; ``reset`` and
    ``close`` break the connection instead."""
    key, statuses = seen.arguments[:2]
    wanted = statuses.split(",")
    turn = min(server.next_turn(key), len(wanted) - 1)
    if wanted[turn] in ("reset", "close"):
        yield Close.RESET if wanted[turn] == "reset" else Close.NOW
        return
    after = ("Retry-After", "0")
    yield reply(f"turn {turn}".encode(), after, status=int(wanted[turn]), reason=f"Turn {turn}")


_CHUNKED = ("Transfer-Encoding", "chunked")
_PLAIN = ("Content-Type", "text/plain")
_LONG = head(200, "OK", _PLAIN, ("Content-Length", "100")) + b"only this"
_FIRST = head(200, "OK", _PLAIN, _CHUNKED) + b"5\r\nfirst\r\n"

BROKEN = {
    "length": _LONG,  # closes before the Content-Length is reached
    "chunk": _FIRST + b"20\r\nhalf",  # in the middle of a chunk
    "chunks": _FIRST,  # between two chunks
    "size": _FIRST + b"nonsense\r\n",  # not a chunk size
    "status": b"HTTX/9 what\r\n\r\n",
    "line": b"\r\n" + reply(b"ok", _PLAIN),  # an empty one before the status line
    "headers": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nno colon here\r\nX-After: yes\r\n"
    b"Content-Length: 2\r\n\r\nok",
    "gzip": reply(b"not gzip at all", _PLAIN, ("Content-Encoding", "gzip")),
    "reset": _LONG,
    "reset-chunk": _FIRST,
}


@route("broken")
def broken(_: Server, seen: Seen) -> Iterator[Piece]:
    """What a server must not do: see `BROKEN`, and closing without a byte; ``?pause=`` seconds
    before it closes, ``?keep`` not to."""
    kind = seen.arguments[0]
    yield BROKEN.get(kind, b"")
    if kind in ("reset", "reset-chunk"):
        yield 0.05
        yield Close.RESET
    yield float(seen.options.get("pause", 0))
    yield b"" if "keep" in seen.options else Close.NOW


@route("interim")
def interim(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/interim/103,100``: these interim responses first."""
    for code in seen.arguments[0].split(","):
        yield head(int(code), "Interim", ("Link", "</style.css>; rel=preload"))
    yield reply(b"at last", ("Content-Type", "text/plain"))


@route("switch")
def switch(server: Server, _: Seen) -> Iterator[Piece]:
    """``/switch``: a 101, a greeting, and each line back in capitals, to the client's end or its
    ``bye``."""
    yield head(101, "Switching", ("Connection", "Upgrade"), ("Upgrade", "tcp")) + b"welcome\n"
    yield functools.partial(_talk, server)


def _talk(server: Server, sock: socket.socket) -> None:
    with sock.makefile("rb") as lines:
        for line in lines:
            server.heard.append(line)
            if line == b"bye\n":
                sock.sendall(b"good")
                time.sleep(0.03)
                sock.sendall(b"bye\n")
                break
            sock.sendall(line.upper())


@route("act")
def act(server: Server, seen: Seen) -> Iterator[Piece]:
    """``/act/<name>``: has happen what `Server.acts` has under that name, while it is asked."""
    server.act(seen.arguments[0])
    yield reply(seen.body or b"done", _PLAIN)


@route("connection")
def connection(_: Server, seen: Seen) -> Iterator[Piece]:
    """``/connection/close`` says so and closes; ``/connection/drop`` closes unsaid;
    ``/connection/keep`` is an ordinary answer. The body is the number of the connection."""
    body = str(seen.connection).encode()
    if seen.arguments == ["close"]:
        yield reply(body, ("Connection", "close"))
        yield Close.NOW
    elif seen.arguments == ["drop"]:
        yield reply(body)
        yield Close.NOW
    else:
        yield reply(body, ("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"))


@route("shuffle")
def shuffle(_: Server, seen: Seen) -> Iterator[Piece]:
    """The body back after 0-30 ms, so that answers come in another order than the requests."""
    body = seen.body or "/".join(seen.arguments).encode()
    yield zlib.crc32(body) % 30 / 1000
    yield reply(body, ("Content-Type", "text/plain"))


# -- the server --------------------------------------------------------------------------------


@dataclass
class Server:
    """One listening socket and a thread for each connection.

    As a proxy it refuses tunnels to ``refused.`` whatever, and closes on those to ``closed.``.

    :param tls: wrap every connection in TLS with this context. Behind a ``CONNECT`` it is the
        context of the tunnel's far end, which this server plays, too.
    :param plain_proxy: the outside is not TLS though ``tls`` is given: for a proxy.
    :param heard: what was said after an upgrade.
    :param acts: what is to happen once, by name: see `act`.
    """

    tls: ssl.SSLContext | None = None
    plain_proxy: bool = False
    seen: list[Seen] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    acts: dict[str, Callable[[], object]] = field(default_factory=dict)
    port: int = 0
    refused: int = 0
    _refusing: bool = False
    _connections: int = 0
    _turns: dict[str, int] = field(default_factory=dict)
    _gates: dict[str, threading.Semaphore] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: set[socket.socket] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def local_url(self) -> str:
        """The same server under its other name, for cookies and redirects."""
        return f"{self._scheme}://localhost:{self.port}"

    @property
    def _scheme(self) -> str:
        return "https" if self.tls and not self.plain_proxy else "http"

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"server {self.port}", daemon=True).start()

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()

    def reset(self) -> None:
        """Forget what came, who had which turn, and every connection."""
        self.drop_connections()
        with self._lock:
            self.seen, self.heard = [], []
            self.refused = self._connections = 0
            self._turns.clear()
            self._gates.clear()

    def drop_connections(self) -> None:
        with self._lock:
            connections, self._open = self._open, set()
        for sock in connections:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turn everybody away, and count them in `refused`. The port stays ours."""
        self._refusing = True
        self.drop_connections()
        try:
            yield
        finally:
            self._refusing = False

    def next_turn(self, key: str) -> int:
        with self._lock:
            turn = self._turns.get(key, 0)
            self._turns[key] = turn + 1
        return turn

    def open_gate(self, key: str) -> None:
        """Let one thing pass that waits at the gate, or will; `acts` may have more under ``gate``."""
        self.act("gate")
        self._gate(key).release()

    def act(self, name: str) -> None:
        """Have happen what a test wants to happen once."""
        action = self.acts.pop(name, None)
        if action is not None:
            action()

    def pass_gate(self, key: str) -> None:
        if not self._gate(key).acquire(timeout=PATIENCE):
            raise TimeoutError(f"nobody opened gate {key}")

    def _gate(self, key: str) -> threading.Semaphore:
        with self._lock:
            return self._gates.setdefault(key, threading.Semaphore(0))

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:  # stopped
                return
            if self._refusing:
                self.refused += 1
                _reset(sock)
                continue
            with self._lock:
                number = self._connections
                self._connections += 1
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(30)
        try:
            if self.tls and not self.plain_proxy:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with self._lock:
                self._open.add(sock)
            while self._exchange(sock, number):
                pass
        except (OSError, ValueError):  # the client went; ValueError: it closed in a TLS handshake
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _exchange(self, sock: socket.socket, number: int) -> bool:
        """Read one request and answer it.

        :returns: whether the connection stays.
        """
        seen = self._read(sock, number)
        if seen is None:
            return False
        with self._lock:
            self.seen.append(seen)
        if seen.method == "CONNECT" and seen.target.startswith("refused."):
            challenge = ("Proxy-Authenticate", 'Basic realm="proxy"')
            sock.sendall(reply(b"who?", challenge, status=407, reason="Proxy Says No"))
            return False
        if seen.method == "CONNECT" and seen.target.startswith("closed."):
            return False
        if seen.method == "CONNECT":
            sock.sendall(b"HTTP/1.1 200 Tunnel Open\r\nVia: test\r\n\r\n")
            return self._tunnel(sock, number)
        name = seen.path.split("/")[1] if seen.path.startswith("/") else ""
        answer = ROUTES.get(name)
        pieces = answer(self, seen) if answer else iter((reply(b"no such route", status=404),))
        closes = seen.header("connection").lower() == "close" or seen.version != "HTTP/1.1"
        if closes:
            pieces = map(_say_close, pieces)
        return self._send(sock, pieces, bodiless=seen.method == "HEAD") and not closes

    def _tunnel(self, sock: socket.socket, number: int) -> bool:
        """Be the far end of a tunnel: with TLS if the client starts it."""
        if sock.recv(1, socket.MSG_PEEK) == b"\x16" and self.tls:
            sock = self.tls.wrap_socket(sock, server_side=True)
            with self._lock:
                self._open.add(sock)
            try:
                while self._exchange(sock, number):
                    pass
            finally:
                with self._lock:
                    self._open.discard(sock)
                sock.close()
            return False
        return True

    def _send(self, sock: socket.socket, pieces: Iterator[Piece], *, bodiless: bool) -> bool:
        for piece in pieces:
            if isinstance(piece, bytes):
                cut = piece.find(b"\r\n\r\n") + 4 if bodiless else len(piece)
                sock.sendall(piece[:cut])
                if bodiless:
                    return True
            elif isinstance(piece, Close):
                if piece is Close.RESET:
                    _reset(sock)
                return False
            elif callable(piece):
                piece(sock)
                return False
            elif piece:
                time.sleep(piece)
        return True

    def _read(self, sock: socket.socket, number: int) -> Seen | None:
        """Read one request; None where the client is gone instead."""
        reader = _Reader(sock)
        line, *lines = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        if not line:
            return None
        method, target, version = line.split(" ")
        fields = [text.partition(":")[::2] for text in lines if text]
        headers = tuple((name, value.strip()) for name, value in fields)
        names = {name.lower(): value for name, value in headers}
        if names.get("expect", "").lower() == "100-continue":
            if "/refused" in target:  # /echo/refused: the body must not be sent
                tls = isinstance(sock, ssl.SSLSocket)
                raw = bytes(reader.raw)
                seen = Seen(raw, method, target, version, headers, b"", None, number, tls)
                self.seen.append(seen)
                sock.sendall(reply(b"not that", status=417, reason="Expectation Failed"))
                return None
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        sizes: tuple[int, ...] | None = None
        if names.get("transfer-encoding", "").lower() == "chunked":
            body, sizes = reader.chunks()
        else:
            body = reader.exactly(int(names.get("content-length") or 0))
        tls = isinstance(sock, ssl.SSLSocket)
        raw = bytes(reader.raw)
        return Seen(raw, method, target, version, headers, body, sizes, number, tls)


class _Reader:
    """Reads a request from a socket and keeps every byte. Requests are not pipelined."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.raw = bytearray()
        self._place = 0

    def until(self, end: bytes) -> bytes:
        while (found := self.raw.find(end, self._place)) < 0:
            if not self._more():
                return b""
        return self._take(found + len(end))

    def exactly(self, size: int) -> bytes:
        wanted = self._place + size
        while len(self.raw) < wanted and self._more():
            pass
        return self._take(wanted)

    def chunks(self) -> tuple[bytes, tuple[int, ...]]:
        parts = []
        while size := int(self.until(b"\r\n").split(b";")[0] or b"0", 16):
            parts.append(self.exactly(size + 2)[:-2])
        while self.until(b"\r\n") not in (b"\r\n", b""):  # trailers
            pass
        return b"".join(parts), tuple(map(len, parts))

    def _take(self, end: int) -> bytes:
        data = bytes(self.raw[self._place : end])
        self._place = end
        return data

    def _more(self) -> bool:
        data = self._sock.recv(1 << 18)
        self.raw += data
        return bool(data)


def _say_close(piece: Piece) -> Piece:
    """Add ``Connection: close`` to a head: a client that asked for the close may rely on it."""
    if not isinstance(piece, bytes) or not piece.startswith(b"HTTP/1.") or b"onnection:" in piece:
        return piece
    return piece.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@functools.cache
def authority() -> trustme.CA:
    """The certificate authority of this test run. A client that trusts it trusts the server."""
    return trustme.CA()


@functools.cache
def server_context() -> ssl.SSLContext:
    """A context for `Server.tls` with a certificate for every name that the tests use."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost", "127.0.0.1", "api.example.test").configure_cert(context)
    return context


@contextmanager
def running(*, tls: bool = False, proxy: bool = False) -> Iterator[Server]:
    """A server for the length of a ``with``.

    :param tls: with a certificate of `authority`.
    :param proxy: a proxy: plain outside, TLS behind a ``CONNECT``.
    """
    server = Server(tls=server_context() if tls or proxy else None, plain_proxy=proxy)
    server.start()
    try:
        yield server
    finally:
        server.stop()
