"""Refuse connections and look-ups to hosts that aren't allowed, at Python's own sockets.

The first part replaces attributes while the guard is on; where a mock was put above one, it does
nothing once the guard is off.
"""

from __future__ import annotations

import _socket
import functools
import re
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.errors import NetworkBlocked, UsageError
from pytest_reqord.interceptors.patching import Attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "Guard",
    "check",
    "check_name",
    "in_force",
    "install",
    "is_own",
    "make",
    "narrow",
    "put_back",
    "remember",
    "take",
    "text_of",
]

_guarded = Attributes()
take = _guarded.take
put_back = _guarded.put_back


# What is allowed, and which addresses belong to what is.


_OWN = {"", "localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}
_OWN |= {"::1", "::", "0.0.0.0"}  # noqa: S104 -- compared, not bound
# a pattern for addresses: digits, and nothing that only a name has
_ADDRESSES = re.compile(r"(?=.*\d)(\\d|[\d.:\\\[\]*+?^$(){}|,-])+")


class _Allowed(NamedTuple):
    """A pattern of hosts.

    :param pattern: what their names or addresses match.
    :param port: the one port of them that is allowed; 0 for all.
    """

    pattern: re.Pattern[str]
    port: int


# a port stands behind a name or an address in brackets; ``::1`` has none
_WITH_PORT = re.compile(r"((?:[^:]|(?<=\(\?):)+|\\?\[[^\]]+\]):(\d{1,5})\$?")


@dataclass(frozen=True, slots=True)
class Guard:
    """What one call of `block` allows.

    :param allowed: the patterns as they were given.
    :param owner: the test that they count for, or an empty string.
    :param patterns: the same patterns, compiled, each with the port that it is for.
    """

    allowed: tuple[str, ...]
    owner: str
    patterns: tuple[_Allowed, ...]

    def allows(self, host: str, port: object = 0) -> bool:
        """Whether a host is allowed: as it is, or as a name that was resolved to it.

        :param port: the port that is wanted there; where it isn't known, any will do.
        """
        hosts = (host, *_names.get(host, ()))
        wanted = int(port) if isinstance(port, (int, str)) and str(port).isdecimal() else 0
        return any(
            one.pattern.match(each)
            for one in self.patterns
            if not (one.port and wanted) or one.port == wanted
            for each in hosts
        )

    def may_ask(self, name: str) -> bool:
        """Whether a name that isn't allowed may be resolved all the same.

        Nobody is asked; or addresses outside of this machine are allowed (pytest-recording knows
        no others), and only the answer tells whether the name has one of them.
        """
        if _is_local(name):
            return True
        return any(
            _ADDRESSES.fullmatch(one.pattern.pattern)
            for one in self.patterns
            if not (one.pattern.match("127.0.0.1") or one.pattern.match("::1"))
        )


in_force: list[Guard] = []
"""The guards, the last one in force. Changed under the lock of `block`."""

# address -> the names that were resolved to it; kept, as clients keep theirs from test to test
_names: dict[str, set[str]] = {"127.0.0.1": {"localhost"}, "::1": {"localhost"}}


def make(allowed_hosts: Sequence[str] | None, owner: str) -> Guard:
    """A guard for these patterns.

    :raises UsageError: for one that isn't a regular expression.
    """
    hosts = allowed_hosts.split(",") if isinstance(allowed_hosts, str) else allowed_hosts or ()
    # an empty pattern would match every host
    allowed = tuple(host.strip() for host in hosts if host.strip())
    return Guard(allowed, owner, tuple(_compiled(pattern) for pattern in allowed))


def check(host: object, port: object = 0) -> None:
    """Refuse a host that isn't allowed.

    :param host: its name or address, as text or bytes.
    :raises NetworkBlocked: if a guard is in force and doesn't allow it.
    """
    own, name = _last(), text_of(host)
    if own is not None and not own.allows(name, port):
        raise _refusal(own, name, port)


def check_name(host: object, port: object = 0) -> None:
    """Refuse to resolve a name that isn't allowed.

    :raises NetworkBlocked: as `check`, but not for look-ups that ask nobody.
    """
    own, name = _last(), text_of(host)
    if own is not None and not own.allows(name, port) and not own.may_ask(name):
        raise _refusal(own, name, port)


def narrow(host: object, port: object, addresses: Iterable[object]) -> set[str]:
    """Which of the addresses that a name was resolved to the code under test may see.

    All of an allowed name, and they are allowed from then on. Of another name those that are
    allowed as addresses; where there are none, all of a name of this machine (connecting to them
    is refused).

    :raises NetworkBlocked: if there are none.
    """
    own, name = _last(), text_of(host)
    found = {text_of(address) for address in addresses}
    if own is None:
        return found
    if own.allows(name, port):
        remember(name, found)
        return found
    allowed = {address for address in found if own.allows(address, port)}
    if not allowed and not _is_local(name):
        raise _refusal(own, name, port)
    return allowed or found


def remember(host: object, addresses: Iterable[object]) -> None:
    """Keep which addresses a name was resolved to: where the name is allowed, they are."""
    for address in addresses:
        _names.setdefault(text_of(address), set()).add(text_of(host))


def text_of(host: object) -> str:
    """A host as it is compared: text, lower case, IPv4 as IPv4, no final dot, no scope."""
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("utf-8", "replace")
    return str(host).lower().partition("%")[0].removeprefix("::ffff:").rstrip(".")


def is_own(host: str) -> bool:
    """Whether a name or an address is one of this machine's own."""
    return host in _OWN or host.startswith("127.") or host == text_of(socket.gethostname())


def _compiled(pattern: str) -> _Allowed:
    with_port = _WITH_PORT.fullmatch(pattern)
    host, port = (with_port[1].strip("\\[]"), int(with_port[2])) if with_port else (pattern, 0)
    try:
        return _Allowed(re.compile(host, re.IGNORECASE), port)
    except re.error as error:
        raise UsageError(
            f"allowed_hosts: {pattern!r} is not a regular expression: {error}."
            r" All hosts of a domain are '.*\.example\.com'"
        ) from error


def _last() -> Guard | None:
    try:
        return in_force[-1]
    except IndexError:
        return None


def _refusal(own: Guard, host: str, port: object) -> NetworkBlocked:
    return NetworkBlocked(host, port if isinstance(port, int) else 0, own.owner)


def _is_local(name: str) -> bool:
    """Whether to resolve a name asks nobody."""
    return is_own(name) or _is_address(name)


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):  # ValueError: a null character in it
            continue
        return True
    return False


# Python's own sockets and look-ups, and with them every client that uses these.


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
        if host is None or not in_force:
            return original(host, port, *args, **kwargs)
        check_name(host, port)
        rows = original(host, port, *args, **kwargs)
        allowed = narrow(host, port, (row[4][0] for row in rows))
        return [row for row in rows if text_of(row[4][0]) in allowed]

    return getaddrinfo


def _looking_up_one(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def gethostbyname(host: Any) -> Any:
        check_name(host)
        found = original(host)
        narrow(host, 0, [found] if isinstance(found, str) else found[2])
        return found

    return gethostbyname


def _looking_back(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def gethostbyaddr(address: Any, *flags: int) -> Any:
        host = address[0] if isinstance(address, tuple) else address
        asks_nobody = is_own(text_of(host)) or (flags and flags[0] & _NUMERIC)
        if not asks_nobody:
            check(host)
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
        if in_force and self.family not in _LOCAL_FAMILIES and len(args) > place:
            address = args[place]
            # anything else is the original's to complain about
            if isinstance(address, tuple) and address and not getattr(_pairing, "is_on", False):
                _check(self, *address[:2])
        return original(self, *args)

    return send


def _check(own: socket.socket, *address: object) -> None:
    try:
        check(*address)
    except NetworkBlocked:
        # those who make a socket to connect it often close it after an OSError only
        if own.type == socket.SOCK_STREAM:
            own.close()
        raise
