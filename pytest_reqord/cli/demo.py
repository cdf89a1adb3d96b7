"""``reqord demo``: serve the API of the manual and the examples while a command runs.

It has users, posts, a login, a chat that streams, a job that takes a while, and a bucket as S3 has
it. It answers for http://api.example.test as a forward proxy on a free loopback port, so that no
cassette holds a port. No answer but the job's depends on what was asked before.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from pytest_reqord.base.real import json, os

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["EXAMPLES", "HELP", "URL", "add_arguments", "environment", "run", "running"]

HELP = "serve the manual's demo API while a command runs"
EXAMPLES = (
    "reqord demo pytest --record-mode=once          record the tutorial",
    "reqord demo                                    serve until Ctrl-C",
)
URL = "http://api.example.test"
"""Where a client finds the API, given the `environment`."""

USERS: list[dict[str, object]] = [
    {"id": 1, "name": "Ada Lovelace", "email": "ada@example.test"},
    {"id": 2, "name": "Grace Hopper", "email": "grace@example.test"},
    {"id": 3, "name": "Katherine Johnson", "email": "katherine@example.test"},
]
POSTS: list[dict[str, object]] = [
    {"id": number, "user": 1 + number % 3, "title": f"Note {number}", "words": 40 * number}
    for number in range(1, 10)
]
REPORTS = {"2026/q1.csv": b"city,sold\nParis,7\nRome,5\n", "2026/q2.csv": b"city,sold\nParis,9\n"}
"""The objects of the bucket ``reports``."""
POLLS = 3
"""How often a job is asked for until it is done."""
PAUSE = 0.03
"""Seconds between two words of a chat: enough for a recording to tell them apart."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="COMMAND ...",
        help="what to run, with the demo API at http://api.example.test; without it, serve until Ctrl-C",
    )


class Server(ThreadingHTTPServer):
    """The API, with all that it remembers."""

    daemon_threads = True
    polls = 0
    """How often the job was asked for since it was started."""


class Api(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client may leave in the middle of a chat
            super().handle()

    def do_GET(self) -> None:
        url = urlsplit(self.path)  # whole, as a proxy is asked for it, or the path alone
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        match url.path.strip("/").split("/"):
            case ["users"]:
                self._answer(USERS)
            case ["users", number]:
                self._answer(_find(USERS, number))
            case ["posts"]:
                found = [post for post in POSTS if query.get("user") in (None, str(post["user"]))]
                size = int(query.get("size", len(found)))
                start = size * (int(query.get("page", 1)) - 1)
                self._answer(found[start : start + size])
            case ["posts", number]:
                self._answer(_find(POSTS, number))
            case ["me"] if self.headers.get("Authorization", "").startswith("Bearer "):
                self._answer(USERS[0])
            case ["me"]:
                self._answer({"error": "log in first"}, 401)
            case ["jobs", "7"]:
                self.server.polls += 1
                is_done = self.server.polls >= POLLS
                self._answer({"id": 7, "state": "done" if is_done else "running"})
            case ["reports"]:
                self._list(query.get("prefix", ""), query.get("delimiter", ""))
            case ["reports", *key] if "/".join(key) in REPORTS:
                self._object(REPORTS["/".join(key)])
            case _:
                self._answer(None)

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        match urlsplit(self.path).path.strip("/").split("/"):
            case ["posts"]:
                self._answer({"id": len(POSTS) + 1, **sent}, 201)
            case ["jobs"]:
                self.server.polls = 0
                self._answer({"id": 7, "state": "running"}, 202)
            case ["login"] if sent.get("password"):
                token = secrets.token_urlsafe(24)
                cookie = ("Set-Cookie", f"session={secrets.token_hex(16)}; Path=/; HttpOnly")
                self._answer({"access_token": token, "expires_in": 3600}, 200, cookie)
            case ["login"]:
                self._answer({"error": "wrong password"}, 403)
            case ["v1", "chat", "completions"]:
                self._chat(str(sent["messages"][-1]["content"]))
            case _:
                self._answer(None)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send(b"", 200, [("ETag", '"stored"')])

    def _list(self, prefix: str, delimiter: str) -> None:
        """What ListObjectsV2 answers: the objects, or the folder that they are in."""
        keys = [key for key in REPORTS if key.startswith(prefix)]
        folders = (
            {key.partition(delimiter)[0] for key in keys} if delimiter and not prefix else set()
        )
        rows = [
            f"<Contents><Key>{key}</Key><Size>{len(REPORTS[key])}</Size><ETag>1</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in keys
            if not folders
        ]
        rows += (f"<CommonPrefixes><Prefix>{name}/</Prefix></CommonPrefixes>" for name in folders)
        listed = f"<Name>reports</Name><IsTruncated>false</IsTruncated>{''.join(rows)}"
        body = f"<ListBucketResult>{listed}</ListBucketResult>".encode()
        self._send(body, 200, [("Content-Type", "application/xml")])

    def _object(self, data: bytes) -> None:
        """The object, or the range of it that is asked for."""
        headers = [("ETag", '"1"'), ("Accept-Ranges", "bytes"), ("Content-Type", "text/csv")]
        headers += [("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")]
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if not first:
            return self._send(data, 200, headers)
        start, stop = int(first), min(int(last or len(data)), len(data) - 1) + 1
        headers += [("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")]
        return self._send(data[start:stop], 206, headers)

    def _answer(self, value: object, status: int = 200, *headers: tuple[str, str]) -> None:
        if value is None:
            value, status = {"error": "not found"}, 404
        body = json.dumps(value).encode()
        self._send(body, status, [("Content-Type", "application/json")], headers)

    def _send(
        self,
        body: bytes,
        status: int,
        headers: Sequence[tuple[str, str]],
        others: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.send_response(status)
        for name, text in (*headers[:1], ("Content-Length", str(len(body))), *headers[1:], *others):
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chat(self, question: str) -> None:
        """Say the question back, word by word, as server-sent events."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in ["You", "said:", *question.split()]:
            event = {"choices": [{"index": 0, "delta": {"content": f"{word} "}}]}
            self._event(json.dumps(event))
            time.sleep(PAUSE)
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))

    def version_string(self) -> str:
        return "example-api"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's name
        """Nothing: the tests are what is to be read."""


def _find(rows: list[dict[str, object]], number: str) -> dict[str, object] | None:
    return next((row for row in rows if str(row["id"]) == number), None)


@contextmanager
def running() -> Iterator[str]:
    """The API for the length of a ``with``: its address, which is to be used as a proxy."""
    server = Server(("127.0.0.1", 0), Api)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def environment(address: str) -> dict[str, str]:
    """The environment of a process whose clients are to find the API at that address."""
    quiet = {name: text for name, text in os.environ.items() if not name.upper().endswith("_PROXY")}
    local = "localhost,127.0.0.1"  # servers of the user's own
    there = {"HTTP_PROXY": address, "NO_PROXY": local}
    return {**quiet, **there, **{name.lower(): text for name, text in there.items()}}


def run(parsed: argparse.Namespace) -> int:
    """Run a command with the API up, or serve it until Ctrl-C.

    :returns: the command's exit status.
    """
    with running() as address:
        if parsed.command:
            status = subprocess.run(  # noqa: S603 -- the user's own command
                parsed.command, env=environment(address), check=False
            ).returncode
            return status if status >= 0 else 128 - status
        print(f"{URL} is served to clients with HTTP_PROXY={address}; end it with Ctrl-C")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
        return 0
