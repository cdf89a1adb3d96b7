"""docker's clients, sync and async: what a container says comes after a 101, and is replayed."""

from __future__ import annotations

import asyncio
import functools
import struct
from typing import TYPE_CHECKING

import pytest
from contract.face import Face
from contract.test_contract import compare
from server import head, reply_json, route

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from contract.face import Place
    from server import Piece, Seen, Server

docker = pytest.importorskip("docker")
aiodocker = pytest.importorskip("aiodocker")

ANSWERS = {
    "version": {"ApiVersion": "1.44", "MinAPIVersion": "1.24", "Version": "25.0"},
    "exec": {"Id": "e0", "ExitCode": 0, "Running": False},
    "containers": {
        "Id": "b0",
        "Name": "/box",
        "Config": {"Tty": False},
        "State": {"Status": "running"},
    },
}


@route("version")
@route("v1.44")
def daemon(_: Server, seen: Seen) -> Iterator[Piece]:
    """As much of docker's API as it takes to run a command and to attach to a container."""
    path = seen.path.split("/")
    if path[-1] not in ("start", "attach"):
        yield reply_json(ANSWERS[next(name for name in reversed(path) if name in ANSWERS)])
        return
    kind = ("Content-Type", "application/vnd.docker.multiplexed-stream")
    yield head(101, "UPGRADED", kind, ("Connection", "Upgrade"), ("Upgrade", "tcp"))
    yield functools.partial(speak, listens=path[-1] == "attach")


def speak(sock: socket.socket, *, listens: bool) -> None:
    """Say a line on each of the two streams, maybe again for each line that is heard.

    The sync client loses what comes with the head, so that it has to be heard first.
    """
    with sock.makefile("rb") as lines:
        for line in lines if listens else [b""]:
            sock.sendall(frame(1, b"first\n" + line))
            sock.sendall(frame(2, b"second\n"))
            if line == b"exit\n":
                break


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def attach(place: Place) -> object:
    """A container that is spoken to."""
    url = place.url.replace("http", "tcp")
    client = docker.APIClient(base_url=url, version="1.44", timeout=5)
    sock = client.attach_socket("box", {"stdin": 1, "stream": 1, "stdout": 1})
    seen = []
    for line in (b"hello\n", b"exit\n"):
        sock._sock.sendall(line)
        seen += [next_frame(sock), next_frame(sock)]
    seen.append(sock._sock.recv(10))
    sock._response.close()
    sock.close()
    client.close()
    return seen


def next_frame(sock: object) -> tuple[int, bytes]:
    stream, size = docker.utils.socket.next_frame_header(sock)
    return stream, docker.utils.socket.read_exactly(sock, size)


async def run_command(place: Place) -> object:
    async with aiodocker.Docker(place.url) as client:
        box = await client.containers.get("box")
        command = await box.exec(["echo"])
        said = []
        async with command.start(detach=False) as stream:
            while message := await stream.read_out():
                said.append((message.stream, message.data))
        return said


def run_async(place: Place) -> object:
    """A command's output, by stream."""
    return asyncio.run(asyncio.wait_for(run_command(place), 10))


@pytest.mark.parametrize(
    ("interceptor", "run"),
    [
        ("http_client", attach),
        ("aiohttp", run_async),
    ],
)
def test_docker(interceptor, run, place_of):
    """What is seen is the same three times."""
    place = place_of("plain")
    compare(Face(run.__name__, interceptor, None), place, lambda: run(place))
