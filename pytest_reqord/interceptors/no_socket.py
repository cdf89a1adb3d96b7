"""File descriptors for connections that have none: one that is never ready, one that always is.

Pipes, because a test may have forbidden sockets (pytest-socket).
"""

from __future__ import annotations

import select
import socket
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from pytest_reqord.base.platform import channel
from pytest_reqord.base.real import os

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NoSocket", "is_readable", "quiet", "ready"]


@cache
def quiet() -> int:
    """A descriptor that never becomes readable: a live connection on which nothing comes."""
    reader, writer = channel()
    _kept.append(writer)
    return reader


@cache
def ready() -> int:
    """A descriptor that is always readable."""
    reader, writer = channel()
    if isinstance(writer, int):
        os.write(writer, b"\0")
    else:
        writer.send(b"\0")
    _kept.append(writer)
    return reader


def is_readable(descriptor: int) -> bool:
    """Whether something waits there: on an idle connection that is its end."""
    if not hasattr(select, "poll"):
        return bool(select.select([descriptor], (), (), 0)[0])
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))


_kept: list[Any] = []
"""The other ends: a pipe without its writer counts as readable."""


# What a socket answers where there is none.


class NoSocket:
    """A connection to nowhere, as a socket; the recording knows of no address but the URI's.

    :param base: scheme and authority of what it would lead to; the rest of a URI doesn't matter.
    :param protocol: what the two sides agreed on for TLS, ``h2``; None for nothing.
    """

    def __init__(self, base: str, protocol: str | None = None) -> None:
        self._uri = base
        self._protocol = protocol

    @property
    def _base(self) -> SplitResult:
        return urlsplit(self._uri)  # few ask

    @property
    def is_tls(self) -> bool:
        """Whether it would be a TLS socket."""
        return self._base.scheme in ("https", "wss")

    def __getattr__(self, name: str) -> Any:
        if self.is_tls and name == "selected_alpn_protocol":
            return lambda: self._protocol
        if self.is_tls and name in _TLS:
            return lambda *_, **__: _TLS[name]
        if name in _SOCKET:
            return lambda *_: _SOCKET[name](self._base)
        if name in _ATTRIBUTES:
            return _ATTRIBUTES[name]
        raise AttributeError(name)


def _server(base: SplitResult) -> tuple[str | None, int]:
    return base.hostname, base.port or (443 if base.scheme in ("https", "wss") else 80)


_SOCKET: dict[str, Callable[[SplitResult], Any]] = {
    "getpeername": _server,
    "getsockname": lambda _: ("127.0.0.1", 0),
    "getsockopt": lambda _: 0,
    "getblocking": lambda _: True,
}

_ATTRIBUTES: dict[str, Any] = {
    "family": socket.AF_INET,
    "type": socket.SOCK_STREAM,
    "proto": socket.IPPROTO_TCP,
}

_TLS: dict[str, Any] = {
    "cipher": ("TLS_AES_256_GCM_SHA384", "TLSv1.3", 256),
    "compression": None,
    "getpeercert": {},
    "pending": 0,
    "selected_npn_protocol": None,
    "shared_ciphers": None,
    "version": "TLSv1.3",
}
"""What a TLS socket answers besides."""
