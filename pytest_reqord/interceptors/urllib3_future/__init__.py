"""urllib3-future, and with it niquests: sync and async, HTTP/1.1, 2 and 3.

It is installed as ``urllib3_future`` and, unless told otherwise, in place of ``urllib3``. The seam
is a connection's ``request``, before which something of ours is put between it and its protocol;
``connect`` is held back where a cassette may answer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import imports, unhooked
from pytest_reqord.interceptors.patching import Attributes
from pytest_reqord.interceptors.urllib3_future.connection import ASYNC, SYNC, Wraps, aside, may_play
from pytest_reqord.interceptors.urllib3_future.package import base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["install", "uninstall"]

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
        entrances = [unhooked.Entrance(pool, "urlopen", _uri_of_opened) for pool in pools]
        unhooked.refuse(package, error, entrances)
        return False
    unhooked.accept(package)
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
