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

from pytest_reqord.interceptors import active
from pytest_reqord.interceptors.attributes import Attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["NAME", "check", "decided", "install", "uninstall"]

NAME = "httpcore"

_PACKAGES = ("httpcore", "httpcore2")
_METHODS = {
    "ConnectionPool": "handle_request",
    "AsyncConnectionPool": "handle_async_request",
}

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


def install() -> None:
    """Have the cassette asked before a pool of the imported packages is used; again is nothing."""
    for package in _PACKAGES:
        module = sys.modules.get(package)
        for owner, method in _METHODS.items():
            pool = getattr(module, owner, None)
            if pool is not None and getattr(pool, method).__module__.startswith("httpcore"):
                _seams.take(pool, method, functools.partial(_gated, package))


def check() -> None:
    """Take the seams again that another tool's teardown has put back."""
    _seams.check()


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
    if _is_decided.get():
        return
    url = request.url
    port = "" if url.port is None else f":{url.port}"
    host = url.host.decode("ascii", "replace")
    uri = f"{url.scheme.decode()}://{f'[{host}]' if ':' in host else host}{port}/"
    active.pass_untaken(package, getattr(sys.modules[package], "__version__", ""), uri)
