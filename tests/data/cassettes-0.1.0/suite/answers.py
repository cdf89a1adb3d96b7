"""The server that the suite was recorded against: it sends these bytes, in these pieces."""

from __future__ import annotations

import gzip
import socketserver
import struct
import time
import zlib
from random import Random

PORT = 8765
BASE = f"http://127.0.0.1:{PORT}"
TEXT = b"".join(b"line %d\n" % number for number in range(40))
BINARY = bytes(range(256)) * 2
JWT = (
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjE4OTM0NTYwMDB9"
    ".c2lnbmF0dXJlLW9mLXRoZS1yZWNvcmRpbmc"
)


def _message(body: bytes, *headers: str, status: str = "200 OK", version: str = "1.1") -> bytes:
    lines = [f"HTTP/{version} {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def _json(text: str, *headers: str, status: str = "200 OK") -> bytes:
    return _message(text.encode(), "Content-Type: application/json", *headers, status=status)


def _text(body: bytes, kind: str = "text/plain; charset=utf-8", *headers: str) -> bytes:
    return _message(body, f"Content-Type: {kind}", *headers)


def _chunked(*chunks: bytes, headers: tuple[str, ...] = (), trailers: bytes = b"") -> list[bytes]:
    lines = ["HTTP/1.1 200 OK", *headers, "Transfer-Encoding: chunked", "", ""]
    head = "\r\n".join(lines).encode()
    framed = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
    return [head, *framed, b"0\r\n" + trailers + b"\r\n"]


def _coded(coding: str, packed: bytes) -> bytes:
    return _text(packed, "text/plain", f"Content-Encoding: {coding}")


def _named_gzip(body: bytes) -> bytes:
    """A gzip file with a name and a time in its header."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = b"\x1f\x8b\x08\x08" + struct.pack("<L", 1700000000) + b"\x02\x03name.txt\x00"
    packed = packer.compress(body) + packer.flush()
    return head + packed + struct.pack("<LL", zlib.crc32(body), len(body))


def _odd_gzip(body: bytes) -> bytes:
    """What no recipe packs again: one part not compressed, the other so."""
    packer = zlib.compressobj(0, zlib.DEFLATED, 31)
    half = packer.compress(body[:50]) + packer.flush(zlib.Z_FULL_FLUSH)
    del packer
    rest = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = half + rest.compress(body[50:]) + rest.flush()
    return packed + struct.pack("<LL", zlib.crc32(body), len(body))


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def _synced(body: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush(zlib.Z_SYNC_FLUSH) + packer.flush()


_ODD = "tab\there, NUL \0, escape \x1b, next line \x85, separator \u2028, mark \ufeff, \U0001f4a5"
_EVENTS = [b"data: %d\n\n" % number for number in range(4)]
_GZIPPED_EVENTS = _synced(b"".join(_EVENTS))

ANSWERS: dict[str, bytes | list[bytes]] = {
    "/json-compact": _json('{"id":1,"name":"Ada","tags":["a",{"b":[]},{}],"n":1.0,"e":"\\u00e9"}'),
    "/json-spaced": _json('{"id": 1, "name": "Ada", "tags": ["a", {"b": []}]}'),
    "/json-lines": _json('{\n  "id": 1\n}\n'),
    "/json-odd": _json('{"a": 1,"b" :2 , "a": 3}'),
    "/json-no-object": _json('"just text"'),
    "/text": _text(TEXT),
    "/text-one-line": _text(b"ok"),
    "/text-no-end": _text(b"one\ntwo"),
    "/text-many-ends": _text(b"one\n\n\n"),
    "/text-indented": _text(b"  one\n\ttwo\n three\n"),
    "/text-blank-ends": _text(b"one \ntwo\t\n"),
    "/text-crlf": _text(b"one\r\ntwo\r\n\r\nthree"),
    "/text-blank": _text(b"   \n  "),
    "/text-unicode": _text("Grüße, 日本, 💥\n".encode()),
    "/text-odd": _text(_ODD.encode()),
    "/text-yaml": _text(b"- recorded_at: 'x'\n  elapsed: 1.0\n# no\n--- \n...\n"),
    "/text-words": _text(b"null"),
    "/latin": _text("Grüße".encode("latin-1"), "text/plain; charset=latin-1"),
    "/binary": _text(BINARY, "application/octet-stream"),
    "/empty": _text(b""),
    "/no-content": b"HTTP/1.1 204 No Content\r\nX-Id: 7\r\n\r\n",
    "/not-modified": b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
    "/moved": _message(b"", "Location: /text-one-line", status="302 Found"),
    "/missing": _json('{"error":"no such thing"}', status="404 Not Found"),
    "/teapot": _text(b"short and stout").replace(b"200 OK", b"418 I'm a teapot: \xe9"),
    "/no-reason": _text(b"none").replace(b"200 OK", b"299 "),
    "/down": _json('{"error":"later"}', "Retry-After: 1", status="503 Service Unavailable"),
    "/gzip": _coded("gzip", gzip.compress(TEXT, 9, mtime=0)),
    "/gzip-level-1": _coded("gzip", gzip.compress(TEXT, 1, mtime=1700000000)),
    "/gzip-named": _coded("gzip", _named_gzip(TEXT)),
    "/gzip-synced": _coded("gzip", _synced(TEXT)),
    "/gzip-odd": _coded("gzip", _odd_gzip(TEXT)),
    "/gzip-json": _json("").replace(b"Content-Length: 0\r\n\r\n", b"").rstrip(b"\r\n")
    + b"\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    % len(gzip.compress(b'{"id": 1, "name": "Ada"}', mtime=0))
    + gzip.compress(b'{"id": 1, "name": "Ada"}', mtime=0),
    "/deflate": _coded("deflate", zlib.compress(TEXT)),
    "/deflate-raw": _coded("deflate", _raw_deflate(TEXT)),
    "/large": _text(b"".join(b"a large text, line %d\n" % at for at in range(300))),
    "/large-json": _json("[" + ",".join(f'{{"id":{number}}}' for number in range(800)) + "]"),
    "/large-binary": _text(Random(7).randbytes(5000), "image/png"),
    "/large-gzip": _coded("gzip", gzip.compress(TEXT * 20, mtime=0)),
    "/chunked": _chunked(b"one\n", b"two\n", b"three\n", headers=("Content-Type: text/plain",)),
    "/chunked-gzip": _chunked(
        _odd_gzip(TEXT), headers=("Content-Type: text/plain", "Content-Encoding: gzip")
    ),
    "/trailers": _chunked(
        b"body", headers=("Trailer: X-Sum",), trailers=b"X-Sum: 17\r\nX-More: \r\n"
    ),
    "/events": _chunked(*_EVENTS, headers=("Content-Type: text/event-stream",)),
    "/events-gzip": _chunked(
        _GZIPPED_EVENTS[:12],
        _GZIPPED_EVENTS[12:],
        headers=("Content-Type: text/event-stream", "Content-Encoding: gzip"),
    ),
    "/early-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + _text(b"hinted"),
    "/old": _message(b"from 1.0", "Content-Type: text/plain", version="1.0"),
    "/until-close": b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end",
    "/cut-off": _text(b"all of this").replace(b"Content-Length: 11", b"Content-Length: 100"),
    "/headers": _message(
        b"ok",
        "x-LOWER: a",
        "X-Repeated: 1",
        "X-Other: 2",
        "x-repeated: 3",
        "X-Empty:",
        "X-Latin: \xe9",
        'X-Quoted: "a: b # c"',
        "Set-Cookie: theme=dark; Path=/",
        "Set-Cookie: session=0123456789abcdef0123; Path=/; HttpOnly",
    ),
    "/login": _json(
        f'{{"access_token":"{JWT}","refresh_token":"refresh-0123456789abcdef",'
        '"expires_in":300,"user":{"name":"ada","password":"hunter2hunter2"}}'
    ),
    "/echo": _text(b"seen"),
}
CLOSES = {"/until-close", "/cut-off", "/old"}


class Handler(socketserver.StreamRequestHandler):
    """Answers each request by its path."""

    def handle(self):
        while line := self.rfile.readline():
            headers = {}
            while (header := self.rfile.readline().strip()) != b"":
                name, _, value = header.partition(b":")
                headers[name.lower()] = value.strip()
            if headers.get(b"expect") == b"100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._read_body(headers)
            path = line.split()[1].decode().partition("?")[0]
            if not self._answer(line.split()[0].decode(), path):
                return

    def _read_body(self, headers):
        if b"chunked" in headers.get(b"transfer-encoding", b""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(headers.get(b"content-length", 0)))

    def _answer(self, method, path):
        answer = ANSWERS[path]
        pieces = [answer] if isinstance(answer, bytes) else answer
        if method == "HEAD":
            pieces = [pieces[0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"]
        for at, piece in enumerate(pieces):
            if at and path.startswith("/events"):
                time.sleep(0.05)
            self.wfile.write(piece)
        return path not in CLOSES


class Server(socketserver.ThreadingTCPServer):
    """One thread a connection."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", PORT), Handler).serve_forever()
