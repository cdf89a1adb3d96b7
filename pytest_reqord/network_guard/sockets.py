"""Python's own sockets and look-ups, and with them every client that uses these."""

from __future__ import annotations

import _socket
import functools
import socket
import threading
from typing import TYPE_CHECKING, Any

from pytest_reqord.errors import NetworkBlocked
from pytest_reqord.network_guard import guard
from pytest_reqord.network_guard.guard import take

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["install"]

_LOCAL_FAMILIES = {
    getattr(socket, name, None) for name in ("AF_UNIX", "AF_NETLINK", "AF_ALG", "AF_SYSTEM")
}
# which argument of a method is the address
_METHODS = {"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3}
_pairing = threading.local()


def install() -> None:
    """Stand before everything that asks for a name or sends to an address."""
    # where socket's own functions look names up, so that it counts for whoever holds those, and
    # a mock of them isn't refused
    take(_socket, "getaddrinfo", _looking_up)
    take(socket, "gethostbyname", _looking_up_one)
    take(socket, "gethostbyname_ex", _looking_up_one)
    take(socket, "gethostbyaddr", _looking_back)
    take(socket, "getnameinfo", _looking_back)
    take(socket, "socketpair", _making_pair)
    for name, place in _METHODS.items():
        # on the class, that sockets have which were made before; its own methods are C's
        take(socket.socket, name, functools.partial(_sending, place=place))


def _looking_up(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host is None or not guard.in_force:
            return original(host, port, *args, **kwargs)
        guard.check_name(host, port)
        rows = original(host, port, *args, **kwargs)
        allowed = guard.narrow(host, port, (row[4][0] for row in rows))
        return [row for row in rows if guard.text_of(row[4][0]) in allowed]

    return getaddrinfo


def _looking_up_one(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def gethostbyname(host: Any) -> Any:
        guard.check_name(host)
        found = original(host)
        guard.narrow(host, 0, [found] if isinstance(found, str) else found[2])
        return found

    return gethostbyname


def _looking_back(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def gethostbyaddr(address: Any, *flags: int) -> Any:
        host = address[0] if isinstance(address, tuple) else address
        asks_nobody = guard.is_own(guard.text_of(host)) or (flags and flags[0] & _NUMERIC)
        if not asks_nobody:
            guard.check(host)
        return original(address, *flags)

    return gethostbyaddr


_NUMERIC = socket.NI_NUMERICHOST


def _making_pair(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def socketpair(*args: Any, **kwargs: Any) -> Any:
        # where there are none they are made of a connection through loopback, and every event
        # loop of asyncio has one
        _pairing.is_on = True
        try:
            return original(*args, **kwargs)
        finally:
            _pairing.is_on = False

    return socketpair


def _sending(original: Callable[..., Any], place: int) -> Any:
    @functools.wraps(original)
    def send(self: socket.socket, *args: Any) -> Any:
        if guard.in_force and self.family not in _LOCAL_FAMILIES and len(args) > place:
            address = args[place]
            # anything else is the original's to complain about
            if isinstance(address, tuple) and address and not getattr(_pairing, "is_on", False):
                _check(self, *address[:2])
        return original(self, *args)

    return send


def _check(own: socket.socket, *address: object) -> None:
    try:
        guard.check(*address)
    except NetworkBlocked:
        # those who make a socket to connect it often close it after an OSError only
        if own.type == socket.SOCK_STREAM:
            own.close()
        raise
