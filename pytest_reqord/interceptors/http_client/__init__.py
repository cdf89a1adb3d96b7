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
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.models import Client
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active
from pytest_reqord.interceptors.added_headers import by_http_client
from pytest_reqord.interceptors.http_client.fake_socket import Wire
from pytest_reqord.interceptors.patching import Attributes
from pytest_reqord.interceptors.socket_errors import HAS_PROXY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["install", "uninstall"]

_HTTPS_PORT = 443

_is_connecting: ContextVar[bool] = ContextVar("pytest_reqord_connecting", default=False)
"""Set while a client's own ``connect`` runs: what it sends (``CONNECT``) is no request."""


_MODULES = ("http.client", "eventlet.green.http.client")
"""Where there is an `HTTPConnection` that others are built on; eventlet has a copy of Python's."""

_patches = Attributes()


def install() -> bool:
    """Patch the connections of what is imported, and their subclasses, those to come, too.

    Packages come with a copy of urllib3 in them, and tests and libraries with classes of their own.
    """
    for module in _MODULES:
        base = getattr(sys.modules.get(module), "HTTPConnection", None)
        if isinstance(base, type):
            _take(base, "endheaders", _wrap_endheaders)
            _patches.take(base, "__init_subclass__", functools.partial(_wrap_init_subclass, base))
            for cls in (base, *_subclasses(base)):
                _patch(cls)
    return True


check = _patches.check
"""Patch again what another tool's teardown has restored."""


def uninstall() -> None:
    """Restore the originals where ours still stand."""
    _patches.put_back()


def _subclasses(cls: type) -> Iterator[type]:
    subclasses: list[type] = cls.__subclasses__()
    for subclass in subclasses:
        yield subclass
        yield from _subclasses(subclass)


def _patch(cls: type) -> None:
    if "connect" in vars(cls):
        _take(cls, "connect", _wrap_connect)
    if _is_http2(cls) and "putrequest" in vars(cls):
        _take(cls, "putrequest", _wrap_putrequest)


def _take(cls: type, method: str, wrap: Callable[..., Any]) -> None:
    _patches.take(cls, method, lambda original: functools.wraps(original)(wrap(original)))


def _wrap_init_subclass(base: type, _: Any) -> Any:
    def __init_subclass__(cls: type, /, **options: Any) -> None:  # noqa: N807 -- it takes its place
        super(base, cls).__init_subclass__(**options)  # type: ignore[arg-type]  # no method's cls
        _patch(cls)

    return classmethod(__init_subclass__)


def _is_http2(cls: type) -> bool:
    """Return True for the connections of urllib3's own HTTP/2, also of a copy of it."""
    return ".http2." in cls.__module__ and "urllib3" in cls.__module__


def _wrap_endheaders(original: Callable[..., Any]) -> Callable[..., Any]:
    def endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
        _begin(self)
        return original(self, *args, **kwargs)

    return endheaders


def _wrap_connect(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_connecting.get() or active.current() is None:
            return original(self, *args, **kwargs)
        _refuse_http2(self)
        if active.route(_base(self)) in (None, Route.RECORD):
            return _connect_at_once(original, self)
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


def _begin(connection: Any) -> None:
    """Have a request go over a wire if a cassette is in force, and else over the real socket.

    It is asked once a request: one that is under way when a cassette opens or closes goes on as it
    began.
    """
    sock = connection.sock
    if type(sock) is Wire:
        sock.start()  # and it steps aside for a request that is no cassette's
    elif active.current() is None:
        active.begin(connection._method, _uri(connection))  # noqa: SLF001 -- as `putrequest` left it
    elif sock is not None:
        connection.sock = _wire(connection, sock)
    elif connection.auto_open:
        _open(connection)


def _open(connection: Any) -> None:
    """Do what ``send`` does where there is no socket yet: connect, or be ready to play."""
    if active.route(_uri(connection)) in (Route.PLAY, Route.EITHER):
        _hold_back(connection)
        return
    _connect_at_once(type(connection).connect, connection)
    if type(connection.sock) is not Wire:
        connection.sock = _wire(connection, connection.sock)


def _wire(connection: Any, real: Any) -> Wire:
    client = _client(connection.__class__)
    return Wire(connection, real, _base(connection, real), client, _connect_late)


@functools.cache
def _client(kind: type) -> Client:
    """What a class of connections is of; since urllib3 2 they have responses of its own."""
    unpacks = any(
        base.__module__ == "urllib3.connection" and "getresponse" in vars(base)
        for base in kind.__mro__
    )
    return Client(kind.__module__.partition(".")[0], by_http_client, unpacks)


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
        required = _resolve_cert_reqs(connection) == ssl.CERT_REQUIRED
        is_verified = required or bool(connection.assert_fingerprint)
        connection.is_verified = is_verified and not (has_proxy and not is_tunnelling)
    if hasattr(connection, HAS_PROXY):  # urllib3 2
        setattr(connection, HAS_PROXY, has_proxy or is_tunnelling)
        if has_proxy:
            is_tls = getattr(connection, "_tunnel_scheme", None) == "https" or not is_tunnelling
            connection.proxy_is_verified = is_tls and is_verified


def _resolve_cert_reqs(connection: Any) -> Any:
    """Return what its urllib3 makes of ``cert_reqs``: the package's, or a copy in another."""
    for cls in type(connection).__mro__:
        module: Any = sys.modules.get(cls.__module__)
        if hasattr(module, "resolve_cert_reqs"):
            return module.resolve_cert_reqs(connection.cert_reqs)
    return connection.cert_reqs


def _connect(original: Callable[[Any], Any], connection: Any) -> Any:
    token = _is_connecting.set(True)
    try:
        return original(connection)
    finally:
        _is_connecting.reset(token)


def _connect_at_once(original: Callable[[Any], Any], connection: Any) -> Any:
    """Run the client's own ``connect`` before anything of the request is known but its host."""
    try:
        return _connect(original, connection)
    except Exception as error:
        # urllib3 connects to a host of https before it has a request for it
        uri = _uri(connection) if connection._buffer else _base(connection)  # noqa: SLF001 -- as below
        active.lose(uri, f"{type(error).__name__}: {error}")
        raise


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
    if _is_http2(type(connection)):
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
