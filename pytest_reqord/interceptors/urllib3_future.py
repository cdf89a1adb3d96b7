"""urllib3-future, and with it niquests: sync and async, HTTP/1.1, 2 and 3.

It is installed as ``urllib3_future`` and, unless told otherwise, in place of ``urllib3``. The seam
is the protocol of a connection, put in place before each request; ``connect`` is held back where a
cassette may answer. An async connection that may be either played or live is made at once.
"""

# ruff: noqa: SLF001 -- a connection is made to look connected

from __future__ import annotations

import functools
import socket
import ssl
import sys
import time
from typing import TYPE_CHECKING, Any

from pytest_reqord.interceptors import active, descriptors
from pytest_reqord.interceptors.attributes import Attributes
from pytest_reqord.interceptors.hface_protocol import Twin
from pytest_reqord.seam import Route

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MODULES", "NAME", "check", "install", "uninstall"]

NAME = "urllib3-future"
PACKAGES = ("urllib3_future", "urllib3")
MODULES = tuple(f"{package}._async.connectionpool" for package in PACKAGES)

_seams = Attributes()


def install() -> None:
    """Take the seams of what is imported; to be called again when more of `MODULES` is."""
    for package in PACKAGES:
        for prefix, owner, wraps in (
            ("", "", (_wrap_connect, _wrap_endheaders)),
            ("_async.", "Async", (_wrap_async_connect, _wrap_async_endheaders)),
        ):
            connection = sys.modules.get(f"{package}.{prefix}connection")
            backend = sys.modules.get(f"{package}.backend.{prefix}hface")
            if connection is None or backend is None:
                continue
            for kind in ("HTTPConnection", "HTTPSConnection"):
                cls = getattr(connection, f"{owner}{kind}", None)
                if cls is not None:
                    _seams.take(cls, "connect", wraps[0])
            _seams.take(getattr(backend, f"{owner}HfaceBackend"), "endheaders", wraps[1])


def check() -> None:
    """Take a seam again where another tool's teardown put the original back."""
    _seams.check()


def uninstall() -> None:
    """Put the originals back where ours still stand."""
    _seams.put_back()


def _wrap_connect(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def connect(self: Any) -> Any:
        if not _may_play(self):
            return original(self)
        _hold_back(self, functools.partial(_connect_late, self, original, self._svn))
        return None

    return connect


def _wrap_async_connect(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def connect(self: Any) -> Any:
        if not _may_play(self) or active.route(_base(self)) is Route.EITHER:
            return await original(self)
        _hold_back(self, _refuse_late)
        return None

    return connect


def _wrap_endheaders(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_stale(self):
            self.close()
        if self.sock is None:
            self.connect()
        if self._protocol is None:
            self._post_conn()
        _put_between(self)
        return original(self, *args, **kwargs)

    return endheaders


def _wrap_async_endheaders(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_stale(self):
            await self.close()
        if self.sock is None:
            await self.connect()
        if self._protocol is None:
            await self._post_conn()
        _put_between(self)
        return await original(self, *args, **kwargs)

    return endheaders


def _put_between(connection: Any) -> None:
    if not isinstance(connection._protocol, Twin):
        connection._protocol = Twin(connection, connection._protocol)


def _may_play(connection: Any) -> bool:
    return active.current() is not None and active.route(_base(connection)) in (
        Route.PLAY,
        Route.EITHER,
    )


def _is_stale(connection: Any) -> bool:
    """Whether a connection that has been played only is asked for what goes live."""
    protocol = connection._protocol
    is_played = isinstance(protocol, Twin) and not protocol.is_live
    return is_played and not _may_play(connection)


def _base(connection: Any) -> str:
    """Scheme and authority of what is asked over a connection."""
    host = connection._tunnel_host or connection.host
    port = connection._tunnel_port if connection._tunnel_host else connection.port
    authority = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{connection.scheme}://{authority}{f':{port}' if port else ''}"


def _hold_back(connection: Any, connect: Callable[[], Any]) -> None:
    """Give the connection what ``connect`` leaves, without a connection."""
    bases = type(connection).__mro__
    backend = next(cls for cls in bases if cls.__name__.endswith("HfaceBackend"))
    root = backend.__module__.partition(".")[0]
    hface = sys.modules[f"{root}.backend.hface"]
    base = sys.modules[f"{root}.backend._base"]
    is_async = backend.__name__.startswith("Async")
    connection.sock = _AsyncSocket(connection) if is_async else _Socket(connection)
    connection._protocol = Twin(
        connection, hface.HTTPProtocolFactory.new(hface.HTTP1Protocol), connect
    )
    connection._svn = base.HttpVersion.h11
    connection.conn_info = base.ConnectionInfo()
    connection.conn_info.http_version = connection._svn
    connection._connected_at = time.monotonic()
    connection._has_connected_to_proxy = bool(connection.proxy)
    if connection.scheme == "https":
        connection.is_verified = connection.cert_reqs not in (ssl.CERT_NONE, "CERT_NONE")


def _connect_late(connection: Any, original: Callable[..., Any], version: Any) -> Any:
    """Make the connection that was held back.

    :returns: its protocol.
    """
    connection.sock = connection._protocol = None
    connection._svn, connection._cached_http_vsn = version, None
    original(connection)
    return connection._protocol


def _refuse_late() -> Any:
    message = "a cassette that can only play has let a request through"
    raise RuntimeError(message)


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

    def getsockopt(self, *_: Any) -> Any:
        """No error; and the state of the connection isn't known."""
        return 0 if len(_) < 3 else b""  # noqa: PLR2004 -- with a length it gives bytes

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
