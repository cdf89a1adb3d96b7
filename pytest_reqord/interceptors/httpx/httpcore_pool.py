"""httpcore and httpcore2 on their own, or under a transport that isn't httpx's: never recorded.

A request that httpx hands down has been decided on; any other is one of a client that can't be
recorded. A pool that a mock has taken the method of is left to the mock.
"""

from __future__ import annotations

import functools
import inspect
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active, unsupported
from pytest_reqord.interceptors.patching import Attributes, is_own

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

__all__ = ["decided", "install", "uninstall"]

_PACKAGES = ("httpcore", "httpcore2")
_METHODS = {
    "ConnectionPool": "handle_request",
    "AsyncConnectionPool": "handle_async_request",
}

_TRANSPORTS = ("httpx._transports.default", "httpx2._transports.default")

_is_decided: ContextVar[bool] = ContextVar("pytest_reqord_is_decided", default=False)
_seams = Attributes()


@contextmanager
def decided() -> Generator[None]:
    """Let through what happens in it; not `active.passing`, which its threads would keep."""
    token = _is_decided.set(True)
    try:
        yield
    finally:
        _is_decided.reset(token)


def install() -> bool:
    """Have the cassette asked before a pool of the imported packages is used.

    :returns: False if a pool is left to a mock.
    """
    is_done = True
    for package in _PACKAGES:
        module = sys.modules.get(package)
        for owner, method in _METHODS.items():
            pool: Any = getattr(module, owner, None)
            if not hasattr(pool, method):
                continue
            if is_own(pool, method):
                _seams.take(pool, method, functools.partial(_gated, package))
            else:
                is_done = False
    return is_done


check = _seams.check
"""Patch again what another tool's teardown has restored."""


def uninstall() -> None:
    """Ask no more."""
    _seams.put_back()


def _gated(package: str, original: Callable[..., Any]) -> Any:
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def handle_async_request(self: Any, request: Any) -> Any:
            _ask(package, request)
            return await original(self, request)

        return handle_async_request

    @functools.wraps(original)
    def handle_request(self: Any, request: Any) -> Any:
        _ask(package, request)
        return original(self, request)

    return handle_request


def _ask(package: str, request: Any) -> None:
    if _is_decided.get() or active.current() is None:
        return
    url = request.url
    port = "" if url.port is None else f":{url.port}"
    host = url.host.decode("ascii", "replace")
    uri = f"{url.scheme.decode()}://{f'[{host}]' if ':' in host else host}{port}/"
    library = _library_above()
    if library is None:
        active.meet_unsupported(package, getattr(sys.modules[package], "__version__", ""), uri)
        return
    # something that isn't a mock stands in our place: it should have been recorded
    version = getattr(sys.modules[library], "__version__", "")
    reason = unsupported.replaced("transport's method")
    active.refuse(UnsupportedClient(library, version, reason), uri)


def _library_above() -> str | None:
    """Return httpx or httpx2, if a transport of its own handed this request down."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 -- there is no other way to look up
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module in _TRANSPORTS and frame.f_code.co_name in _METHODS.values():
            return str(module.partition(".")[0])
        frame = frame.f_back
    return None
