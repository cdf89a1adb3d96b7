"""http.client, and all that is built on it: urllib.request, urllib3 1.26 and 2, requests, httplib2,
botocore.

The seam is the wire: `HTTPConnection.endheaders`, which every request comes through once, puts a
`Wire` where the socket is, whoever opened that, and ``connect`` is held back where a cassette may
answer. What is played is bytes, so that the client's own parser makes the response.
"""

from __future__ import annotations

import functools
import ssl
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active
from pytest_reqord.interceptors.attributes import Attributes
from pytest_reqord.interceptors.socket_errors import HAS_PROXY
from pytest_reqord.interceptors.wire import Wire
from pytest_reqord.seam import Route

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["install", "uninstall"]

_HTTPS_PORT = 443

_is_connecting: ContextVar[bool] = ContextVar("pytest_reqord_connecting", default=False)
"""Set while a client's own ``connect`` runs: what it sends (``CONNECT``) is no request."""


class _Seam(NamedTuple):
    """A method that is taken.

    :param wrap: makes ours from the original.
    """

    module: str
    owner: str
    method: str
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]]


_patches = Attributes()


def install() -> bool:
    """Patch what is imported; to be called again when more is."""
    for module, owner, method, wrap in _SEAMS:
        cls = getattr(sys.modules.get(module), owner, None)
        if _is_ours(cls) and method in vars(cls):
            _patches.take(cls, method, functools.partial(_wrapped, wrap))
    return True


check = _patches.check
"""Patch again what another tool's teardown has restored."""


def uninstall() -> None:
    """Restore the originals where ours still stand."""
    _patches.put_back()


def _wrapped(wrap: Callable[..., Any], original: Callable[..., Any]) -> Any:
    return functools.wraps(original)(wrap(original))


def _is_ours(cls: Any) -> bool:
    """Whether a class is built on http.client: urllib3-future, in urllib3's place, isn't."""
    base = getattr(sys.modules.get("http.client"), "HTTPConnection", None)
    return isinstance(cls, type) and isinstance(base, type) and issubclass(cls, base)


def _wrap_endheaders(original: Callable[..., Any]) -> Callable[..., Any]:
    def endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
        _begin(self)
        return original(self, *args, **kwargs)

    return endheaders


def _wrap_connect(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: Any) -> Any:
        if _is_connecting.get() or active.current() is None:
            return original(self)
        _refuse_http2(self)
        if active.route(_base(self)) in (None, Route.RECORD):
            return _connect(original, self)
        _hold_back(self)
        return None

    return connect


def _wrap_putrequest(original: Callable[..., Any]) -> Callable[..., Any]:
    """For HTTP/2 connections that were open before the cassette."""

    def putrequest(self: Any, *args: Any, **kwargs: Any) -> Any:
        if active.current() is not None:
            _refuse_http2(self)
        return original(self, *args, **kwargs)

    return putrequest


_SEAMS = (
    _Seam("http.client", "HTTPConnection", "endheaders", _wrap_endheaders),
    _Seam("http.client", "HTTPConnection", "connect", _wrap_connect),
    _Seam("http.client", "HTTPSConnection", "connect", _wrap_connect),
    _Seam("urllib3.connection", "HTTPConnection", "connect", _wrap_connect),
    _Seam("urllib3.connection", "HTTPSConnection", "connect", _wrap_connect),
    _Seam("urllib3.http2.connection", "HTTP2Connection", "putrequest", _wrap_putrequest),
    _Seam("httplib2", "HTTPConnectionWithTimeout", "connect", _wrap_connect),
    _Seam("httplib2", "HTTPSConnectionWithTimeout", "connect", _wrap_connect),
)


def _begin(connection: Any) -> None:
    """Have a request go over a wire if a cassette is in force, and else over the real socket.

    It is asked once a request: one that is under way when a cassette opens or closes goes on as it
    began.
    """
    sock = connection.sock
    is_wire = type(sock) is Wire
    if active.current() is None:
        if is_wire:
            _take_off(connection)
        active.begin(connection._method, _uri(connection))  # noqa: SLF001 -- as `putrequest` left it
    elif is_wire:
        sock.start()
    elif sock is not None:
        connection.sock = _wire(connection, sock)
    elif connection.auto_open:
        _open(connection)


def _take_off(connection: Any) -> None:
    """Leave a connection that a cassette had to do with to its client."""
    real = connection.sock.release()
    connection.sock = real or _connect_late(connection, connection.timeout)


def _open(connection: Any) -> None:
    """Do what ``send`` does where there is no socket yet: connect, or be ready to play."""
    if active.route(_uri(connection)) in (Route.PLAY, Route.EITHER):
        _hold_back(connection)
        return
    _connect(type(connection).connect, connection)
    if type(connection.sock) is not Wire:
        connection.sock = _wire(connection, connection.sock)


def _wire(connection: Any, real: Any) -> Wire:
    return Wire(connection, real, _base(connection, real), _connect_late)


def _hold_back(connection: Any) -> None:
    """Give the connection a wire without a socket, and the state that ``connect`` leaves."""
    connection.sock = _wire(connection, None)
    if hasattr(connection, "is_verified"):
        _verify_as_urllib3(connection)


def _verify_as_urllib3(connection: Any) -> None:
    has_proxy = bool(getattr(connection, "proxy", None))
    is_tunnelling = getattr(connection, "_tunnel_host", None) is not None
    is_verified = False
    if connection.default_port == _HTTPS_PORT:
        from urllib3.util.ssl_ import resolve_cert_reqs  # late: only who uses it gets here

        is_verified = resolve_cert_reqs(connection.cert_reqs) == ssl.CERT_REQUIRED or bool(
            connection.assert_fingerprint
        )
        connection.is_verified = is_verified and not (has_proxy and not is_tunnelling)
    if hasattr(connection, HAS_PROXY):  # urllib3 2
        setattr(connection, HAS_PROXY, has_proxy or is_tunnelling)
        if has_proxy:
            is_tls = getattr(connection, "_tunnel_scheme", None) == "https" or not is_tunnelling
            connection.proxy_is_verified = is_tls and is_verified


def _connect(original: Callable[[Any], Any], connection: Any) -> Any:
    token = _is_connecting.set(True)
    try:
        return original(connection)
    finally:
        _is_connecting.reset(token)


def _connect_late(connection: Any, timeout: Any) -> Any:
    """Run the client's own ``connect`` for a wire.

    :returns: the real socket.
    """
    wire, before = connection.sock, connection.timeout
    connection.sock, connection.timeout = None, timeout
    if hasattr(connection, HAS_PROXY):
        setattr(connection, HAS_PROXY, False)  # `_hold_back` said so too early
    try:
        _connect(type(connection).connect, connection)
    except BaseException:
        if connection.sock is not None:
            connection.sock.close()
        raise
    else:
        return connection.sock
    finally:
        connection.sock, connection.timeout = wire, before


def _uri(connection: Any) -> str:
    """The URI of the request that is about to be sent; of a proxy's it isn't the connection's."""
    line: str = connection._buffer[0].decode("latin-1")  # noqa: SLF001 -- the request line, until it is sent
    target = line.partition(" ")[2].rpartition(" ")[0]
    return target if "://" in target else _base(connection) + target


def _refuse_http2(connection: Any) -> None:
    if type(connection).__module__.startswith("urllib3.http2"):
        version = getattr(sys.modules.get("urllib3"), "__version__", "")
        reason = (
            "its HTTP/2 can't be recorded; leave out urllib3.http2.inject_into_urllib3()"
            " while a cassette is open"
        )
        raise UnsupportedClient("urllib3", version, reason)


def _base(connection: Any, real: Any = None) -> str:
    """Scheme and authority of what is asked over a connection, as the client asked for it."""
    is_tls = connection.default_port == _HTTPS_PORT or hasattr(real, "getpeercert")
    host = getattr(connection, "_tunnel_host", None) or connection.host
    port = getattr(connection, "_tunnel_port", None) or connection.port
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    if port in (None, _HTTPS_PORT if is_tls else 80):
        return f"{'https' if is_tls else 'http'}://{host}"
    return f"{'https' if is_tls else 'http'}://{host}:{port}"
