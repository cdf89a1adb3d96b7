"""urllib3-future, and with it niquests: sync and async, HTTP/1.1, 2 and 3.

It is installed as ``urllib3_future`` and, unless told otherwise, in place of ``urllib3``. The seam
is a connection's ``request``, before which something of ours is put between it and its protocol;
``connect`` is held back where a cassette may answer.
"""

from __future__ import annotations

import functools
import inspect
import socket
import ssl
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.seam import Route
from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import (
    active,
    imports,
    no_socket,
    recorder,
    socket_errors,
    unsupported,
)
from pytest_reqord.interceptors.no_socket import NoSocket
from pytest_reqord.interceptors.patching import Attributes
from pytest_reqord.interceptors.urllib3_future.package import (
    as_validated,
    base,
    is_async,
    is_of_connect,
    patience,
    sibling,
    use_version,
)
from pytest_reqord.interceptors.urllib3_future.protocol import GoesLive, Twin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reqord.base.models import Failure

__all__ = [
    "ASYNC",
    "SYNC",
    "Wraps",
    "aside",
    "hold_back",
    "install",
    "is_held",
    "may_play",
    "release",
    "uninstall",
]


PACKAGES = ("urllib3_future", "urllib3")
REVOCATION = tuple(
    f"niquests.extensions.revocation.{kind}"
    for kind in ("_ocsp", "_crl", "_ocsp._async", "_crl._async")
)
"""Where niquests asks whether a certificate still counts: of others, and not for the test."""

_EYEBALLS = "happy_eyeballs"
_seams = Attributes()
_pools: list[Any] = []


def install() -> bool:
    """Patch what is imported; to be called again when more is.

    :returns: False if a package lacks what is patched.
    """
    for name in REVOCATION:
        if imports.has_run(name):
            _seams.take(sys.modules[name], "verify", aside)
    imported = [each for each in PACKAGES if imports.has_run(f"{each}._async.connectionpool")]
    patched = [_install(package) for package in imported]
    return all(patched)


def _install(package: str) -> bool:
    places = [*_places(package, "", "", SYNC), *_places(package, "_async.", "Async", ASYNC)]
    pools = [
        getattr(sys.modules[f"{package}.{module}"], name)
        for module, name in (
            ("connectionpool", "HTTPConnectionPool"),
            ("_async.connectionpool", "AsyncHTTPConnectionPool"),
        )
    ]
    missing = [name for owner, name, _ in places if not hasattr(owner, name)]
    if missing:
        version = getattr(sys.modules[package], "__version__", "")
        error = UnsupportedClient("urllib3-future", version, f"this version has no {missing[0]}")
        entrances = [unsupported.Entrance(pool, "urlopen", _uri_of_opened) for pool in pools]
        unsupported.refuse(package, error, entrances)
        return False
    unsupported.accept(package)
    for owner, name, wrap in places:
        _seams.take(owner, name, wrap)
    for pool in pools:
        if _EYEBALLS not in vars(pool):
            setattr(pool, _EYEBALLS, _HappyEyeballs())
            _pools.append(pool)
    return True


check = _seams.check
"""Patch again what another tool's teardown has restored."""


def _places(
    package: str, prefix: str, kind: str, wraps: Wraps
) -> list[tuple[Any, str, Callable[[Any], Any]]]:
    """Return the classes and methods to patch of the sync or the async half, and what with."""
    connections = sys.modules[f"{package}.{prefix}connection"]
    backend = getattr(sys.modules[f"{package}.backend.{prefix}hface"], f"{kind}HfaceBackend", None)
    plain = getattr(connections, f"{kind}HTTPConnection", None)
    return [
        (plain, "connect", wraps.connect),
        (getattr(connections, f"{kind}HTTPSConnection", None), "connect", wraps.connect),
        (plain, "request", wraps.request),
        (backend, f"_{kind}HfaceBackend__exchange_until", wraps.exchange),
    ]


def _uri_of_opened(arguments: Mapping[str, Any]) -> str:
    url: str = arguments["url"]
    return url if "://" in url else base(arguments["self"]) + url


def uninstall() -> None:
    """Put the originals back where ours still stand."""
    _seams.put_back()
    while _pools:
        delattr(_pools.pop(), _EYEBALLS)


class _HappyEyeballs:
    """A pool's setting, off while it may not look up an address."""

    def __get__(self, pool: Any, _: Any = None) -> Any:
        if pool is None:
            return self
        return not may_play(pool) and pool.__dict__[_EYEBALLS]

    def __set__(self, pool: Any, value: Any) -> None:
        pool.__dict__[_EYEBALLS] = value


# A connection of urllib3-future that is held back: it looks connected, and isn't.


# ruff: noqa: SLF001 -- a connection is made to look connected


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
        return no_socket.quiet()

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


# What is done around the methods of urllib3-future's connections, sync and async.


# ruff: noqa: SLF001 -- what a connection is made of has no public names


class Wraps(NamedTuple):
    """What is made of a connection's methods; each takes the original.

    :param connect: of ``connect``: held back where a cassette may answer.
    :param request: of ``request``: played, recorded, or held until that is known.
    :param exchange: of what reads: errors are noted.
    """

    connect: Callable[[Any], Any]
    request: Callable[[Any], Any]
    exchange: Callable[[Any], Any]


def may_play(place: Any) -> bool:
    """Whether requests over a connection, or to what a pool is for, may be answered."""
    if active.current() is None:
        return False
    return active.route(base(place)) in (Route.PLAY, Route.EITHER)


def _wrap_connect(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def connect(self: Any) -> Any:
        if may_play(self):
            hold_back(self, Twin)
            return None
        with active.passing():  # whatever it asks on the way, DNS over HTTPS say, is its own
            return original(self)

    return connect


def _wrap_async_connect(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def connect(self: Any) -> Any:
        if may_play(self):
            hold_back(self, Twin)
            return None
        with active.passing():
            return await original(self)

    return connect


def _wrap_request(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def request(
        self: Any, method: str, url: str, body: Any = None, *rest: Any, **options: Any
    ) -> Any:
        _drop_stale(self)
        if self.sock is None:
            self.connect()
        if self._protocol is None:
            self._post_conn()
        twin = _put_between(self)
        twin.holds = may_play(self)
        try:
            return original(self, method, url, body, *rest, **options)
        except GoesLive as late:
            goes = late
        except OSError as error:
            twin.break_off(None, error)
            raise
        failure = None
        if is_held(self):
            release(self)
            try:
                with active.passing():
                    self.connect()
            except Exception as error:  # noqa: BLE001 -- it is raised again, or answered with
                failure = _fail(goes, body, error)
                if failure is None:
                    raise as_validated(error, self)  # noqa: B904 -- it has its own
        _go_live(self, goes, failure)
        return original(self, method, url, _again(body, goes), *rest, **options)

    return request


def _wrap_async_request(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def request(
        self: Any, method: str, url: str, body: Any = None, *rest: Any, **options: Any
    ) -> Any:
        _drop_stale(self)
        if self.sock is None:
            await self.connect()
        if self._protocol is None:
            await self._post_conn()
        twin = _put_between(self)
        twin.holds = may_play(self)
        try:
            promise = await original(self, method, url, body, *rest, **options)
        except GoesLive as late:
            goes = late
        except OSError as error:
            twin.break_off(None, error)
            raise
        else:
            await twin.room()
            return promise
        failure = None
        if is_held(self):
            release(self)
            try:
                with active.passing():
                    await self.connect()
            except Exception as error:  # noqa: BLE001 -- it is raised again, or answered with
                failure = _fail(goes, body, error)
                if failure is None:
                    raise as_validated(error, self)  # noqa: B904 -- it has its own
        twin = _go_live(self, goes, failure)
        promise = await original(self, method, url, _again(body, goes), *rest, **options)
        await twin.room()
        return promise

    return request


def _wrap_exchange(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def exchange(self: Any, *args: Any, **options: Any) -> Any:
        twin = self._protocol
        try:
            return original(self, *args, **options)
        except OSError as error:
            _note(twin, options, error)
            raise

    return exchange


def _wrap_async_exchange(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def exchange(self: Any, *args: Any, **options: Any) -> Any:
        twin = self._protocol
        try:
            return await original(self, *args, **options)
        except OSError as error:
            _note(twin, options, error)
            if seconds := patience(error):
                await recorder.sleep(seconds)
            raise
        except BaseException as error:
            if recorder.is_cancellation(error) and isinstance(twin, Twin):
                twin.cancel(options.get("stream_id"))
            raise

    return exchange


def aside(original: Callable[..., Any]) -> Any:
    """A function whose requests are no business of the test's, and are let through."""
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def call_async(*args: Any, **options: Any) -> Any:
            with active.passing():
                return await original(*args, **options)

        return call_async

    @functools.wraps(original)
    def call(*args: Any, **options: Any) -> Any:
        with active.passing():
            return original(*args, **options)

    return call


SYNC = Wraps(_wrap_connect, _wrap_request, _wrap_exchange)
ASYNC = Wraps(_wrap_async_connect, _wrap_async_request, _wrap_async_exchange)


def _drop_stale(connection: Any) -> None:
    """Let go of a connection that has only been played and is asked for what goes live."""
    if is_held(connection) and not may_play(connection):
        release(connection)


def _put_between(connection: Any) -> Twin:
    protocol = connection._protocol
    if not isinstance(protocol, Twin):
        protocol = connection._protocol = Twin(connection, protocol)
    return protocol


def _go_live(connection: Any, goes: GoesLive, failure: Failure | None) -> Twin:
    """Have the next request be the one that was held, or fail in its place."""
    if failure is not None:
        hold_back(connection, Twin)
    twin = _put_between(connection)
    twin.holds = failure is not None
    twin.give(failure or goes.stream)
    return twin


def _fail(goes: GoesLive, body: Any, error: Exception) -> Failure | None:
    """There is no connection to send a request over.

    :returns: the failure to answer with; None where the error is to be raised.
    """
    stream = goes.stream
    if type(error).__name__ == "MustDowngradeError":  # tried again, and that is another request
        stream.end()
        return None
    if not goes.is_read and isinstance(body, (bytes, str)):
        stream.sent.append(body.encode() if isinstance(body, str) else body)
    failure = socket_errors.describe(error, is_connecting=True)
    stream.end(failure)
    return None if is_of_connect(failure) else failure


def _again(body: Any, goes: GoesLive) -> Any:
    """A request's body, to be sent after it may have been read."""
    if not goes.is_read or body is None or isinstance(body, str):
        return body
    try:
        memoryview(body)
    except TypeError:
        return iter(goes.stream.sent)
    return body


def _note(twin: Any, options: dict[str, Any], error: OSError) -> None:
    if isinstance(twin, Twin):
        twin.break_off(options.get("stream_id"), error)
