"""Attributes of classes and modules that the guard stands in for while it is on.

What is buried under a mock when the guard goes does nothing while no guard is on.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_reqord.errors import NetworkBlocked, UsageError
from pytest_reqord.interceptors.patching import Attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Guard",
    "check",
    "check_name",
    "in_force",
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


@dataclass(frozen=True, slots=True)
class Guard:
    """What one call of `block` allows.

    :param allowed: the patterns as they were given.
    :param owner: the test that they count for, or an empty string.
    :param patterns: the same patterns, compiled.
    """

    allowed: tuple[str, ...]
    owner: str
    patterns: tuple[re.Pattern[str], ...]

    def allows(self, host: str) -> bool:
        """Whether a host is allowed: as it is, or as a name that was resolved to it."""
        hosts = (host, *_names.get(host, ()))
        return any(pattern.match(one) for pattern in self.patterns for one in hosts)

    def may_ask(self, name: str) -> bool:
        """Whether a name that isn't allowed may be resolved all the same.

        Nobody is asked; or addresses outside of this machine are allowed (pytest-recording knows
        no others), and only the answer tells whether the name has one of them.
        """
        if _is_local(name):
            return True
        return any(
            _ADDRESSES.fullmatch(one.pattern)
            for one in self.patterns
            if not (one.match("127.0.0.1") or one.match("::1"))
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
    if own is not None and not own.allows(name):
        raise _refusal(own, name, port)


def check_name(host: object, port: object = 0) -> None:
    """Refuse to resolve a name that isn't allowed.

    :raises NetworkBlocked: as `check`, but not for look-ups that ask nobody.
    """
    own, name = _last(), text_of(host)
    if own is not None and not own.allows(name) and not own.may_ask(name):
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
    if own.allows(name):
        remember(name, found)
        return found
    allowed = {address for address in found if own.allows(address)}
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


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
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
