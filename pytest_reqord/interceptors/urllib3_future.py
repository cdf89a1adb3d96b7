"""urllib3-future, and with it niquests: sync and async, HTTP/1.1, 2 and 3.

It is installed as ``urllib3_future`` and, unless told otherwise, in place of ``urllib3``. The seam
is a connection's ``request``, before which something of ours is put between it and its protocol;
``connect`` is held back where a cassette may answer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import imports
from pytest_reqord.interceptors.attributes import Attributes
from pytest_reqord.interceptors.hface_calls import ASYNC, SYNC, Wraps, aside, may_play

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MODULES", "NAME", "check", "install", "uninstall"]

NAME = "urllib3-future"
PACKAGES = ("urllib3_future", "urllib3")
REVOCATION = tuple(
    f"niquests.extensions.revocation.{kind}"
    for kind in ("_ocsp", "_crl", "_ocsp._async", "_crl._async")
)
"""Where niquests asks whether a certificate still counts: of others, and not for the test."""
MODULES = (*(f"{package}._async.connectionpool" for package in PACKAGES), *REVOCATION)

_EYEBALLS = "happy_eyeballs"
_seams = Attributes()
_pools: list[Any] = []


def install() -> None:
    """Take the seams of what is imported; to be called again when more of `MODULES` is.

    :raises UnsupportedClient: if one of them isn't there.
    """
    for package in PACKAGES:
        if imports.has_run(f"{package}._async.connectionpool"):
            _install(package, "", "", SYNC)
            _install(package, "_async.", "Async", ASYNC)
    for name in REVOCATION:
        if imports.has_run(name):
            _take("niquests", sys.modules[name], "verify", aside)


def _install(package: str, prefix: str, owner: str, wraps: Wraps) -> None:
    connections = sys.modules[f"{package}.{prefix}connection"]
    backend = getattr(sys.modules[f"{package}.backend.{prefix}hface"], f"{owner}HfaceBackend", None)
    for kind in ("HTTPConnection", "HTTPSConnection"):
        _take(package, getattr(connections, f"{owner}{kind}", None), "connect", wraps.connect)
    plain = getattr(connections, f"{owner}HTTPConnection", None)
    _take(package, plain, "request", wraps.request)
    _take(package, backend, f"_{owner}HfaceBackend__exchange_until", wraps.exchange)
    pool = getattr(sys.modules[f"{package}.{prefix}connectionpool"], f"{owner}HTTPConnectionPool")
    if _EYEBALLS not in vars(pool):
        setattr(pool, _EYEBALLS, _HappyEyeballs())
        _pools.append(pool)


def _take(package: str, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    if owner is None or not hasattr(owner, name):
        version = getattr(sys.modules[package], "__version__", "")
        raise UnsupportedClient(NAME, version, f"this version has no {name}, where it is taken")
    _seams.take(owner, name, wrap)


def check() -> None:
    """Take a seam again where another tool's teardown put the original back."""
    _seams.check()


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
