"""VCR.py beside us, in a suite that calls ``vcr.use_cassette`` itself: the innermost one answers.

It takes clients by classes and methods of its own, process-wide, above our seams, and what it
lets through comes by them: a cassette of ours that was opened before it would record that twice,
or refuse it. One that is opened inside of VCR.py's would never be asked.
"""

from __future__ import annotations

import functools
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pytest_reqord.interceptors import active, imports
from pytest_reqord.interceptors.patching import Attributes

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["install", "set_aside", "uninstall"]

_seams = Attributes()


def install() -> bool:
    """Learn of each cassette that VCR.py opens and closes."""
    if not imports.has_run("vcr.cassette"):
        return True
    context = sys.modules["vcr.cassette"].CassetteContextDecorator
    return _seams.take(context, "__enter__", _wrap_enter) and _seams.take(
        context, "__exit__", _wrap_exit
    )


check = _seams.check
"""Patch again what another tool's teardown has restored."""


def uninstall() -> None:
    """Put the originals back."""
    _seams.put_back()


def set_aside() -> ExitStack:
    """Have clients as they are without VCR.py, as it does itself where it goes live.

    :returns: brings VCR.py's classes back when it is closed, where they were in place.
    """
    stack = ExitStack()
    patch: Any = sys.modules.get("vcr.patch")
    client: Any = sys.modules.get("http.client")
    if patch and client and client.HTTPConnection is not patch._HTTPConnection:  # noqa: SLF001 -- VCR.py's own name
        for patcher in patch.reset_patchers():
            stack.enter_context(patcher)
        _reset_more(patch, stack)
    return stack


def _reset_more(patch: Any, stack: ExitStack) -> None:
    """Reset what VCR.py doesn't, for where it goes live itself it has no need to."""
    session: Any = getattr(sys.modules.get("aiohttp.client"), "ClientSession", None)
    original = getattr(patch, "_AiohttpClientSessionRequest", None)
    if session and original:
        _replace(session, "_request", original, stack)
    pools = sys.modules.get("urllib3.connectionpool")
    for name in ("HTTPConnectionPool", "HTTPSConnectionPool"):
        pool: Any = getattr(pools, name, None)
        if "_get_conn" in getattr(pool, "__dict__", ()):
            _replace(pool, "_get_conn", _without_others(pool._get_conn), stack)  # noqa: SLF001 -- urllib3's


def _replace(owner: Any, name: str, value: Any, stack: ExitStack) -> None:
    stack.callback(setattr, owner, name, vars(owner)[name])
    setattr(owner, name, value)


def _without_others(original: Callable[..., Any]) -> Any:
    """Take no connection that a cassette of VCR.py's has left in a pool: it would ask that one."""

    @functools.wraps(original)
    def _get_conn(self: Any, *args: Any, **kwargs: Any) -> Any:
        connection = original(self, *args, **kwargs)
        while _is_of_another(connection, self.ConnectionCls):
            connection.close()
            self._put_conn(None)  # its slot, or a pool that blocks runs out of them
            connection = original(self, *args, **kwargs)
        return connection

    return _get_conn


def _is_of_another(connection: Any, kind: type) -> bool:
    return getattr(connection, "cassette", None) is not None and type(connection) is not kind


def _wrap_enter(original: Callable[[Any], Any]) -> Any:
    @functools.wraps(original)
    def __enter__(self: Any) -> Any:  # noqa: N807 -- it takes its place
        cassette = original(self)
        active.stand_aside(self)
        return cassette

    return __enter__


def _wrap_exit(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def __exit__(self: Any, *error: Any) -> Any:  # noqa: N807 -- as above
        try:
            return original(self, *error)
        finally:
            active.step_back_in(self)

    return __exit__
