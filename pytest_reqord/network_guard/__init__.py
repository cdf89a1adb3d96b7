r"""The network guard: refuses name look-ups and connections to hosts that aren't allowed.

Hosts are allowed as in pytest-recording: by regular expressions that have to match at the start
(``re.match``), here against the name or the address that the code under test asks for, without
case. ``api.example.com`` thus allows all that starts so; ``api\.example\.com$`` only that. What
an allowed name was resolved to is allowed as well. Loopback is refused unless it is allowed;
``localhost`` stands for its addresses too.

Left alone: Unix sockets, socket pairs, servers, sockets that are connected already, and look-ups
that ask nobody (numeric addresses, this machine's own names). `native` has the clients that don't
use Python's sockets. A guard counts for the whole process; of several the last one counts.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_reqord.base.real import json, threading
from pytest_reqord.network_guard import guard, native

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["block", "blocking", "environment", "install_from_environment", "lifted", "unblock"]

VARIABLE = "REQORD_BLOCK_NETWORK"
"""The environment variable that puts a guard in place in a child process."""

_lock = threading.RLock()


def block(allowed_hosts: Sequence[str] | None = None, *, owner: str = "") -> None:
    """Refuse the network from now on, in every thread.

    :param allowed_hosts: regular expressions for the hosts to let through; a single text is a
        comma list of them. None and an empty list are the same: nothing is let through.
    :param owner: the test, for the error's text.
    :raises UsageError: for a pattern that isn't a regular expression.
    """
    _put(guard.make(allowed_hosts, owner))


def unblock() -> None:
    """Take the last `block` back; nothing happens where there is none."""
    with _lock:
        if guard.in_force:
            _drop(guard.in_force[-1])


@contextmanager
def blocking(allowed_hosts: Sequence[str] | None = None, *, owner: str = "") -> Iterator[None]:
    """Refuse the network for a while; arguments and errors are those of `block`."""
    own = guard.make(allowed_hosts, owner)
    _put(own)
    try:
        yield
    finally:
        _drop(own)


@contextmanager
def lifted() -> Iterator[None]:
    """Let everything through for a while, where a guard is in force."""
    if not guard.in_force:
        yield
        return
    with blocking([".*"]):
        yield


def environment() -> dict[str, str]:
    """What a child process needs in its environment to have the guard that is in force here."""
    if not guard.in_force:
        return {}

    own = guard.in_force[-1]
    return {VARIABLE: json.dumps({"allowed": own.allowed, "owner": own.owner})}


def install_from_environment(variables: Mapping[str, str]) -> None:
    """Put in place the guard of the parent process, if it has one.

    :param variables: the environment of this process.
    """
    text = variables.get(VARIABLE)
    if text:
        settings = json.loads(text)
        block(settings["allowed"], owner=settings["owner"])


def _put(own: guard.Guard) -> None:
    with _lock:
        guard.in_force.append(own)
        guard.install()
        native.install()


def _drop(own: guard.Guard) -> None:
    with _lock:
        # by identity: equal guards of two threads may end in any order
        guard.in_force[:] = _without(guard.in_force, own)
        if not guard.in_force:
            native.uninstall()
            guard.put_back()


def _without(guards: Sequence[guard.Guard], own: guard.Guard) -> list[guard.Guard]:
    return [other for other in guards if other is not own]
