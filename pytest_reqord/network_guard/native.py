"""Clients that reach the network past Python's sockets: uvloop, c-ares, and of `unsupported` those
that are native.

Each is guarded once the code under test has imported it.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_reqord.interceptors import imports, unsupported
from pytest_reqord.network_guard import guard
from pytest_reqord.network_guard.guard import take

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["install", "uninstall"]


def install() -> None:
    """Guard these clients, those that are imported already and those that will be."""
    imports.unwatch(_CLIENTS)
    imports.watch(_CLIENTS)
    unsupported.ask_before(_check_uri)


def uninstall() -> None:
    """Watch for them no more."""
    imports.unwatch(_CLIENTS)
    unsupported.ask_no_more(_check_uri)


def _check_uri(client: str, uri: str) -> None:
    if client in unsupported.NATIVE:
        parts = urlsplit(uri)
        guard.check(parts.hostname or "a host that it doesn't name", parts.port or 0)


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
    "uvloop": _take_uvloop,
    "aiodns": _take_aiodns,
}
