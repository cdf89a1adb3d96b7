"""Proxies besides the one that a client is given: those of the environment, and SOCKS."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contract.face import Place

__all__ = ["FAR", "from_environment", "socks"]

FAR = "api.example.test"
"""A name that no look-up knows, which the servers' certificate is for."""


@contextmanager
def from_environment(place: Place) -> Iterator[tuple[str, ...]]:
    """Have the proxy in the environment, but for the server under its own address.

    :returns: what to ask for: twice by way of the proxy, once not.
    """
    named = {"HTTP_PROXY": place.proxy, "HTTPS_PROXY": place.proxy, "NO_PROXY": "127.0.0.1"}
    lower = {name.lower(): value for name, value in named.items()}
    with mock.patch.dict(os.environ, {**named, **lower}):
        yield f"http://{FAR}/echo/far", f"https://{FAR}/echo/far", f"{place.url}/echo/near"


@contextmanager
def socks(place: Place) -> Iterator[dict[str, str]]:
    """A SOCKS 5 server through which all leads to the place.

    :returns: URLs of the proxy and what to ask for through each: an address, and a name that is
        for the proxy to look up.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(listener, place.server.port), daemon=True).start()
    scheme = place.url.partition(":")[0]
    port = listener.getsockname()[1]
    try:
        yield {
            f"socks5://127.0.0.1:{port}": f"{place.url}/echo/near",
            f"socks5h://127.0.0.1:{port}": f"{scheme}://{FAR}/echo/far",
        }
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _serve(listener: socket.socket, port: int) -> None:
    with suppress(OSError):  # it was closed
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_lead, args=(near, port), daemon=True).start()


def _lead(near: socket.socket, port: int) -> None:
    """Greet (RFC 1928), connect, and carry bytes both ways."""
    with near, suppress(OSError):
        reader = near.makefile("rb")
        _, count = reader.read(2)
        reader.read(count)
        near.sendall(b"\x05\x00")  # no authentication
        _, _, _, kind = reader.read(4)
        reader.read({1: 4, 4: 16}.get(kind) or reader.read(1)[0])
        reader.read(2)
        with socket.create_connection(("127.0.0.1", port)) as far:
            near.sendall(b"\x05\x00\x00\x01" + bytes(6))
            threading.Thread(target=_carry, args=(far, near), daemon=True).start()
            _carry(near, far)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
