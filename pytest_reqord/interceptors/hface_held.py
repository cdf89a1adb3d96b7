"""A connection of urllib3-future that is held back: it looks connected, and isn't."""

# ruff: noqa: SLF001 -- a connection is made to look connected

from __future__ import annotations

import socket
import ssl
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pytest_reqord.interceptors import descriptors
from pytest_reqord.interceptors.hface_package import base, is_async, sibling, use_version
from pytest_reqord.interceptors.no_socket import NoSocket

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hold_back", "is_held", "release"]

_BEFORE = "_reqord_svn"


def hold_back(connection: Any, between: Callable[[Any, Any], Any]) -> None:
    """Give a connection what its ``connect`` would leave, without a connection.

    Over TLS it is taken to speak HTTP/2, as nearly all do, until there is a response.

    :param between: makes the protocol that plays, of the connection and an idle one.
    """
    protocols = sibling(connection, "backend.hface")
    versions = sibling(connection, "backend").HttpVersion
    is_h2 = connection.scheme == "https" or versions.h11 in connection.disabled_svn
    is_h2 = is_h2 and versions.h2 not in connection.disabled_svn
    kind = protocols.HTTP2Protocol if is_h2 else protocols.HTTP1Protocol
    setattr(connection, _BEFORE, connection._svn)
    connection.sock = _AsyncSocket(connection) if is_async(connection) else _Socket(connection)
    connection._protocol = between(connection, protocols.HTTPProtocolFactory.new(kind))
    connection.conn_info = _info(connection)
    use_version(connection, "2" if is_h2 else "1.1")
    connection._upgrade = _stay_async if is_async(connection) else _stay
    connection._connected_at = time.monotonic()
    connection._has_connected_to_proxy = bool(connection.proxy)
    if connection.scheme == "https":
        required = sibling(connection, "util.ssl_").resolve_cert_reqs(connection.cert_reqs)
        fingerprint = connection.assert_fingerprint
        connection.is_verified = required == ssl.CERT_REQUIRED or bool(fingerprint)


def _info(connection: Any) -> Any:
    """What a connection says of itself, as far as there is something to say without one."""
    info = sibling(connection, "backend._base").ConnectionInfo()
    there = NoSocket(base(connection))
    info.destination_address = there.getpeername()
    info.resolution_latency = info.established_latency = timedelta(0)
    if there.is_tls:
        info.cipher, version, _ = there.cipher()
        info.tls_version = ssl.TLSVersion[version.replace(".", "_")]
        info.tls_handshake_latency = timedelta(0)
        info.tls_ech_accepted = False
        info.certificate_der = b""  # None is what says that nothing is encrypted
        info.certificate_dict = there.getpeercert()
    return info


def is_held(connection: Any) -> bool:
    """Whether there is nothing behind a connection."""
    return isinstance(connection.sock, _Socket)


def release(connection: Any) -> None:
    """Leave a connection as it was, to be connected for once."""
    connection.sock = connection._protocol = None
    connection._svn, connection._cached_http_vsn = getattr(connection, _BEFORE), None
    del connection._upgrade


def _stay() -> None:
    """There is nothing to upgrade; and a port of an ``Alt-Svc`` would change the URI."""


async def _stay_async() -> None:
    """The same where it is awaited."""


class _Socket:
    """What stands in ``sock`` of a connection that has none."""

    type = socket.SOCK_STREAM
    family = socket.AF_INET

    def __init__(self, connection: Any) -> None:
        self._place = connection.host, connection.port or 0
        self._timeout = connection.timeout

    def fileno(self) -> int:
        """A descriptor that nothing ever comes from."""
        return descriptors.quiet()

    def settimeout(self, value: float | None) -> None:
        """Set the timeout in seconds."""
        self._timeout = value

    def gettimeout(self) -> Any:
        """The timeout in seconds."""
        return self._timeout

    def getsockopt(self, _: int, __: int, size: int = 0) -> int | bytes:
        """No error; and the state of the connection isn't known."""
        return b"" if size else 0

    def setsockopt(self, *_: Any) -> None:
        """Nothing to set."""

    def getpeername(self) -> tuple[str, int]:
        """Where it would be connected to."""
        return self._place

    def read_ready(self) -> bool:
        """Nothing ever comes."""
        return False

    def sendall(self, data: Any) -> Any:
        """Nothing is ever sent."""

    def recv(self, _: int) -> Any:
        """Nothing more comes."""
        return b""

    def shutdown(self, _: int) -> None:
        """Nothing to end."""

    def close(self) -> None:
        """Nothing to close."""


class _AsyncSocket(_Socket):
    """The same where it is awaited."""

    async def sendall(self, data: Any) -> None:
        """Nothing is ever sent."""

    async def recv(self, _: int) -> bytes:
        """Nothing more comes."""
        return b""

    async def wait_for_close(self) -> None:
        """Nothing to close."""
