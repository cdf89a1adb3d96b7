"""Clients that reach the network past Python's sockets: curl, gRPC, uvloop, c-ares.

Each is guarded once the code under test has imported it. A redirect that curl follows by itself
leads it past the guard, and so does a proxy.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_reqord.errors import NetworkBlocked
from pytest_reqord.interceptors import imports
from pytest_reqord.network import guard
from pytest_reqord.network.taken import take

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["install", "uninstall"]


def install() -> None:
    """Guard these clients, those that are imported already and those that will be."""
    imports.unwatch(_CLIENTS)
    imports.watch(_CLIENTS)


def uninstall() -> None:
    """Watch for them no more."""
    imports.unwatch(_CLIENTS)


# -- curl --------------------------------------------------------------------------------------


def _take_pycurl() -> None:
    module = sys.modules["pycurl"]
    take(module, "Curl", _guarded_handle)
    take(module, "CurlMulti", _guarded_multi)


def _guarded_handle(original: Any) -> Any:
    # C's class can't be written to, so a subclass stands in its place
    class Curl(original):  # type: ignore[misc]
        def perform(self) -> Any:
            _check_curl(self)
            return super().perform()

        def perform_rb(self) -> Any:
            _check_curl(self)
            return super().perform_rb()

        def perform_rs(self) -> Any:
            _check_curl(self)
            return super().perform_rs()

    Curl.__module__, Curl.__qualname__ = "pycurl", "Curl"
    return Curl


def _guarded_multi(original: Any) -> Any:
    class CurlMulti(original):  # type: ignore[misc]
        def add_handle(self, handle: Any) -> Any:
            _check_curl(handle)
            return super().add_handle(handle)

    CurlMulti.__module__, CurlMulti.__qualname__ = "pycurl", "CurlMulti"
    return CurlMulti


def _take_curl_cffi() -> None:
    take(sys.modules["curl_cffi.curl"].Curl, "perform", _performing)


def _take_curl_cffi_aio() -> None:
    take(sys.modules["curl_cffi.aio"].AsyncCurl, "add_handle", _adding)


def _performing(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def perform(self: Any, *args: Any, **kwargs: Any) -> Any:
        _check_curl(self)
        return original(self, *args, **kwargs)

    return perform


def _adding(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def add_handle(self: Any, curl: Any, *args: Any, **kwargs: Any) -> Any:
        _check_curl(curl)
        return original(self, curl, *args, **kwargs)

    return add_handle


_EFFECTIVE_URL = 0x100000 + 1  # CURLINFO_EFFECTIVE_URL: before a transfer the URL that was set


def _check_curl(handle: Any) -> None:
    url = handle.getinfo(_EFFECTIVE_URL) or ""
    if isinstance(url, bytes):
        url = url.decode("utf-8", "replace")
    _check_url(url if "://" in url else f"//{url}")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.hostname and parts.scheme != "file":
        guard.check(parts.hostname, parts.port or 0)


# -- gRPC --------------------------------------------------------------------------------------

_SHAPES = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


def _take_grpc() -> None:
    take(sys.modules["grpc"], "insecure_channel", _making_channel)
    take(sys.modules["grpc"], "secure_channel", _making_channel)


def _take_grpc_aio() -> None:
    take(sys.modules["grpc.aio"], "insecure_channel", _making_aio_channel)
    take(sys.modules["grpc.aio"], "secure_channel", _making_aio_channel)


def _making_channel(original: Callable[..., Any]) -> Any:
    # a channel connects with its first call, and one that is never used does no harm: so the
    # calls are refused and not the channel
    @functools.wraps(original)
    def channel(target: str, *args: Any, **kwargs: Any) -> Any:
        made = original(target, *args, **kwargs)
        if _is_allowed(target):
            return made
        module = sys.modules["grpc"]
        return module.intercept_channel(made, *_interceptors(module, _refusing, target))

    return channel


def _making_aio_channel(original: Callable[..., Any]) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def channel(target: str, *args: Any, **kwargs: Any) -> Any:
        call = signature.bind(target, *args, **kwargs)
        if not _is_allowed(target):
            ours = _interceptors(sys.modules["grpc.aio"], _refusing_aio, target)
            call.arguments["interceptors"] = [*ours, *(call.arguments.get("interceptors") or ())]
        return original(*call.args, **call.kwargs)

    return channel


def _interceptors(module: Any, refusing: Callable[[str], Any], target: str) -> list[Any]:
    """One for each shape of call: gRPC's asyncio side takes an object for one shape only."""
    return [
        type(base.__name__, (base,), {f"intercept_{shape}": refusing(target)})()
        for shape in _SHAPES
        for base in (getattr(module, f"{shape.title().replace('_', '')}ClientInterceptor"),)
    ]


def _refusing(target: str) -> Any:
    def intercept(_: Any, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        _check_target(target)
        return continuation(details, request)

    return intercept


def _refusing_aio(target: str) -> Any:
    async def intercept(_: Any, continuation: Any, details: Any, request: Any) -> Any:
        _check_target(target)
        return await continuation(details, request)

    return intercept


def _is_allowed(target: str) -> bool:
    try:
        _check_target(target)
    except NetworkBlocked:
        return False
    return True


def _check_target(target: str) -> None:
    scheme, _, rest = target.partition(":")
    if scheme in ("unix", "unix-abstract"):
        return
    if scheme in ("ipv4", "ipv6"):
        places = rest.split(",")
    elif scheme == "dns" or rest.startswith("//"):
        places = [rest.rpartition("/")[2]]
    else:
        places = [target]
    for place in places:
        _check_url(f"//{place}")


# -- event loops and resolvers -----------------------------------------------------------------


def _take_uvloop() -> None:
    loop = sys.modules["uvloop"].Loop
    take(loop, "getaddrinfo", _looking_up)
    take(loop, "create_connection", _connecting)
    take(loop, "create_datagram_endpoint", _making_endpoint)


def _looking_up(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def getaddrinfo(self: Any, host: Any, port: Any, **kwargs: Any) -> Any:
        if host is None:
            return await original(self, host, port, **kwargs)
        guard.check_name(host, port)
        rows = await original(self, host, port, **kwargs)
        allowed = guard.narrow(host, port, (row[4][0] for row in rows))
        return [row for row in rows if guard.text_of(row[4][0]) in allowed]

    return getaddrinfo


def _connecting(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def create_connection(
        self: Any, factory: Any, host: Any = None, port: Any = None, **kwargs: Any
    ) -> Any:
        if host is not None:
            guard.check(host, port)
        return await original(self, factory, host, port, **kwargs)

    return create_connection


def _making_endpoint(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def create_datagram_endpoint(
        self: Any, factory: Any, local_addr: Any = None, remote_addr: Any = None, **kwargs: Any
    ) -> Any:
        if isinstance(remote_addr, tuple):
            guard.check(*remote_addr[:2])
        return await original(self, factory, local_addr, remote_addr, **kwargs)

    return create_datagram_endpoint


def _take_aiodns() -> None:
    resolver = sys.modules["aiodns"].DNSResolver
    for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "query", "query_dns"):
        take(resolver, name, _resolving)


def _resolving(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def resolve(self: Any, host: Any, *args: Any, **kwargs: Any) -> Any:
        guard.check_name(host)
        future = original(self, host, *args, **kwargs)
        # called before the task that waits for it, so in time for its connect
        future.add_done_callback(functools.partial(_remember, host))
        return future

    return resolve


def _remember(host: Any, future: Any) -> None:
    if future.cancelled() or future.exception() is not None:
        return
    result = future.result()
    nodes = getattr(result, "nodes", None)
    addresses = [node.addr[0] for node in nodes or ()] + getattr(result, "addresses", [])
    if addresses:
        guard.remember(host, addresses)


_CLIENTS = {
    "pycurl": _take_pycurl,
    "curl_cffi.curl": _take_curl_cffi,
    "curl_cffi.aio": _take_curl_cffi_aio,
    "grpc": _take_grpc,
    "grpc.aio": _take_grpc_aio,
    "uvloop": _take_uvloop,
    "aiodns": _take_aiodns,
}
