"""What is done around the methods of urllib3-future's connections, sync and async."""

# ruff: noqa: SLF001 -- what a connection is made of has no public names

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.interceptors import active, cancelled, socket_errors
from pytest_reqord.interceptors.hface_errors import as_validated, is_of_connect, patience
from pytest_reqord.interceptors.hface_held import hold_back, is_held, release
from pytest_reqord.interceptors.hface_package import base
from pytest_reqord.interceptors.hface_protocol import GoesLive, Twin
from pytest_reqord.seam import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reqord.models import Failure

__all__ = ["ASYNC", "SYNC", "Wraps", "aside", "may_play"]


class Wraps(NamedTuple):
    """What is made of a connection's methods; each takes the original.

    :param connect: of ``connect``: held back where a cassette may answer.
    :param request: of ``request``: played, recorded, or held until that is known.
    :param exchange: of what reads: errors are noted.
    """

    connect: Callable[[Any], Any]
    request: Callable[[Any], Any]
    exchange: Callable[[Any], Any]


def may_play(place: Any) -> bool:
    """Whether requests over a connection, or to what a pool is for, may be answered."""
    if active.current() is None:
        return False
    return active.route(base(place)) in (Route.PLAY, Route.EITHER)


def _wrap_connect(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def connect(self: Any) -> Any:
        if may_play(self):
            hold_back(self, Twin)
            return None
        with active.passing():  # whatever it asks on the way, DNS over HTTPS say, is its own
            return original(self)

    return connect


def _wrap_async_connect(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def connect(self: Any) -> Any:
        if may_play(self):
            hold_back(self, Twin)
            return None
        with active.passing():
            return await original(self)

    return connect


def _wrap_request(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def request(
        self: Any, method: str, url: str, body: Any = None, *rest: Any, **options: Any
    ) -> Any:
        _drop_stale(self)
        if self.sock is None:
            self.connect()
        if self._protocol is None:
            self._post_conn()
        twin = _put_between(self)
        twin.holds = may_play(self)
        try:
            return original(self, method, url, body, *rest, **options)
        except GoesLive as late:
            goes = late
        except OSError as error:
            twin.break_off(None, error)
            raise
        failure = None
        if is_held(self):
            release(self)
            try:
                with active.passing():
                    self.connect()
            except Exception as error:  # noqa: BLE001 -- it is raised again, or answered with
                failure = _fail(goes, body, error)
                if failure is None:
                    raise as_validated(error, self)  # noqa: B904 -- it has its own
        _go_live(self, goes, failure)
        return original(self, method, url, _again(body, goes), *rest, **options)

    return request


def _wrap_async_request(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def request(
        self: Any, method: str, url: str, body: Any = None, *rest: Any, **options: Any
    ) -> Any:
        _drop_stale(self)
        if self.sock is None:
            await self.connect()
        if self._protocol is None:
            await self._post_conn()
        twin = _put_between(self)
        twin.holds = may_play(self)
        try:
            promise = await original(self, method, url, body, *rest, **options)
        except GoesLive as late:
            goes = late
        except OSError as error:
            twin.break_off(None, error)
            raise
        else:
            await twin.room()
            return promise
        failure = None
        if is_held(self):
            release(self)
            try:
                with active.passing():
                    await self.connect()
            except Exception as error:  # noqa: BLE001 -- it is raised again, or answered with
                failure = _fail(goes, body, error)
                if failure is None:
                    raise as_validated(error, self)  # noqa: B904 -- it has its own
        twin = _go_live(self, goes, failure)
        promise = await original(self, method, url, _again(body, goes), *rest, **options)
        await twin.room()
        return promise

    return request


def _wrap_exchange(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def exchange(self: Any, *args: Any, **options: Any) -> Any:
        twin = self._protocol
        try:
            return original(self, *args, **options)
        except OSError as error:
            _note(twin, options, error)
            raise

    return exchange


def _wrap_async_exchange(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    async def exchange(self: Any, *args: Any, **options: Any) -> Any:
        twin = self._protocol
        try:
            return await original(self, *args, **options)
        except OSError as error:
            _note(twin, options, error)
            if seconds := patience(error):
                await cancelled.sleep(seconds)
            raise
        except BaseException as error:
            if cancelled.is_cancellation(error) and isinstance(twin, Twin):
                twin.cancel(options.get("stream_id"))
            raise

    return exchange


def aside(original: Callable[..., Any]) -> Any:
    """A function whose requests are no business of the test's, and are let through."""
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def call_async(*args: Any, **options: Any) -> Any:
            with active.passing():
                return await original(*args, **options)

        return call_async

    @functools.wraps(original)
    def call(*args: Any, **options: Any) -> Any:
        with active.passing():
            return original(*args, **options)

    return call


SYNC = Wraps(_wrap_connect, _wrap_request, _wrap_exchange)
ASYNC = Wraps(_wrap_async_connect, _wrap_async_request, _wrap_async_exchange)


def _drop_stale(connection: Any) -> None:
    """Let go of a connection that has only been played and is asked for what goes live."""
    if is_held(connection) and not may_play(connection):
        release(connection)


def _put_between(connection: Any) -> Twin:
    protocol = connection._protocol
    if not isinstance(protocol, Twin):
        protocol = connection._protocol = Twin(connection, protocol)
    return protocol


def _go_live(connection: Any, goes: GoesLive, failure: Failure | None) -> Twin:
    """Have the next request be the one that was held, or fail in its place."""
    if failure is not None:
        hold_back(connection, Twin)
    twin = _put_between(connection)
    twin.holds = failure is not None
    twin.give(failure or goes.stream)
    return twin


def _fail(goes: GoesLive, body: Any, error: Exception) -> Failure | None:
    """There is no connection to send a request over.

    :returns: the failure to answer with; None where the error is to be raised.
    """
    stream = goes.stream
    if type(error).__name__ == "MustDowngradeError":  # tried again, and that is another request
        stream.end()
        return None
    if not goes.is_read and isinstance(body, (bytes, str)):
        stream.sent.append(body.encode() if isinstance(body, str) else body)
    failure = socket_errors.describe(error, is_connecting=True)
    stream.end(failure)
    return None if is_of_connect(failure) else failure


def _again(body: Any, goes: GoesLive) -> Any:
    """A request's body, to be sent after it may have been read."""
    if not goes.is_read or body is None or isinstance(body, str):
        return body
    try:
        memoryview(body)
    except TypeError:
        return iter(goes.stream.sent)
    return body


def _note(twin: Any, options: dict[str, Any], error: OSError) -> None:
    if isinstance(twin, Twin):
        twin.break_off(options.get("stream_id"), error)
