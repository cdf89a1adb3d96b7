"""Which interceptor takes which client, and that each is in place when a cassette opens.

A client is patched once the code under test has imported it, before the first cassette or later;
nothing here imports one.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

from pytest_reqord.base.platform import at_fork
from pytest_reqord.base.real import threading
from pytest_reqord.interceptors import active, child_processes, imports, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ensure", "uninstall"]


class Interceptor(Protocol):
    """What a client's module here offers."""

    def install(self) -> bool:
        """Patch what is imported of the client; called again, what isn't patched yet.

        What can't be patched is handed to `unhooked`.

        :returns: False to be asked again when the next cassette opens.
        """

    def check(self) -> None:
        """Patch again what another tool's teardown has restored."""

    def uninstall(self) -> None:
        """Restore the originals."""


# the client's module whose import calls for it -> our module
_INTERCEPTORS = {
    "http.client": "http_client",
    "eventlet.green.http.client": "http_client",
    "httpx": "httpx",
    "httpx2": "httpx",
    "httpx_curl_cffi": "httpx",
    "httpcore": "httpx.httpcore_pool",
    "httpcore2": "httpx.httpcore_pool",
    "aiohttp": "aiohttp",
    "tornado.simple_httpclient": "tornado",
    # the async half is imported last, and is in no urllib3 but urllib3-future in its place
    "urllib3_future._async.connectionpool": "urllib3_future",
    "urllib3._async.connectionpool": "urllib3_future",
    # what niquests asks about certificates, first at its first connection over TLS
    "niquests.extensions.revocation._ocsp": "urllib3_future",
    "niquests.extensions.revocation._ocsp._async": "urllib3_future",
    "niquests.extensions.revocation._crl": "urllib3_future",
    "niquests.extensions.revocation._crl._async": "urllib3_future",
    # no client, but it takes them too
    "vcr.cassette": "vcrpy",
}

_installed: dict[str, Interceptor] = {}
_declined: set[str] = set()
_clients: dict[str, Callable[[], None]] = {}
_is_watching = False
_lock = (
    threading.RLock()
)  # who opens a cassette while another thread takes the clients waits for it


def ensure() -> None:
    """Take the clients that are imported, now or later, and see that those taken still are."""
    with _lock:
        _ensure()


def _ensure() -> None:
    global _is_watching  # noqa: PLW0603 -- one process, one set of seams
    if _is_watching:
        imports.check()
        active.check()
        child_processes.check()
        for ours, interceptor in tuple(_installed.items()):
            if ours in _declined:
                _install(ours)
            else:
                interceptor.check()
        unsupported.check()
        return
    _is_watching = True
    active.install(active.is_over)
    _clients.update({client: partial(_install, ours) for client, ours in _INTERCEPTORS.items()})
    imports.watch(_clients)
    unsupported.ask_before(_ask_cassette)


def _install(ours: str) -> None:
    module = importlib.import_module(f"{__package__}.{ours}")
    interceptor = _installed.setdefault(ours, cast("Interceptor", module))
    if interceptor.install():
        _declined.discard(ours)
    else:
        _declined.add(ours)


def _ask_cassette(client: str, uri: str) -> None:
    active.meet_unsupported(client, unsupported.version_of(client), uri)


def uninstall() -> None:
    """Put every client back as it was."""
    global _is_watching  # noqa: PLW0603 -- as above
    imports.unwatch(_clients)  # the network guard has its own
    _clients.clear()
    unsupported.ask_no_more(_ask_cassette)
    active.uninstall()
    for interceptor in _installed.values():
        interceptor.uninstall()
    _installed.clear()
    _declined.clear()
    unsupported.uninstall()
    _is_watching = False


def _after_fork() -> None:
    """Give the child a lock of its own: the copy may be held by a thread that it doesn't have."""
    global _lock  # noqa: PLW0603 -- as above
    _lock = threading.RLock()


at_fork(after_in_child=_after_fork)
