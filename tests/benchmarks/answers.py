"""What the server of the benchmarks answers: 300 bytes of JSON under eleven headers, or much text.

Run as a program it is that server, on a free port that it prints; it ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import lru_cache

__all__ = ["answer", "wire"]

_HEADERS = (
    ("Date", "Mon, 23 Nov 2026 07:13:32 GMT"),
    ("Server", "benchmark/1.0"),
    ("Cache-Control", "max-age=0, private, must-revalidate"),
    ("ETag", 'W/"0f343b0931126a20f133d67c2b018a3b"'),
    ("X-Request-Id", "8c1f2f0a-5b1c-4a53-9a59-0d3f7c6f8a11"),
    ("X-Runtime", "0.004521"),
)


@lru_cache(maxsize=100_000)  # a floor is to cost as little as it can
def answer(target: str) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body for a target: ``/items/<id>`` or ``/text/<bytes>/<id>``."""
    _, kind, *rest = target.split("/")
    if kind == "text":
        line = b"a line of text, as a log or a page has many of them\n"
        body = (rest[1].encode() + b"\n" + line * (int(rest[0]) // len(line)))[: int(rest[0])]
    else:
        item = {"id": rest[0], "name": "Ada Lovelace", "email": "ada@example.com", "active": True}
        item |= {"tags": ["first", "second"], "score": 12.5, "about": "x" * 150}
        body = json.dumps(item).encode()
    content = "text/plain" if kind == "text" else "application/json"
    length = ("Content-Length", str(len(body)))
    return [*_HEADERS, ("Content-Type", content), length], body


@lru_cache(maxsize=100_000)
def wire(target: str) -> bytes:
    """The bytes of the whole response."""
    headers, body = answer(target)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


class _Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.read = transport, b""

    def data_received(self, data):
        self.read += data
        while b"\r\n\r\n" in self.read:
            head, _, self.read = self.read.partition(b"\r\n\r\n")
            self.transport.write(wire(head.split(b" ", 2)[1].decode()))


async def _serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=200)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
