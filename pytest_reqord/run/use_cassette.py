"""`use_cassette`: open a cassette in this process's run, which a script gets without pytest."""

from __future__ import annotations

import atexit
import functools
import inspect
import sys
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import pytest_reqord
from pytest_reqord.base.clock import Clock, format_time
from pytest_reqord.base.loops import in_thread
from pytest_reqord.base.printable import printable
from pytest_reqord.base.real import Path, os
from pytest_reqord.errors import ReqordError
from pytest_reqord.interceptors import active
from pytest_reqord.recording.run_info import RunInfo, is_under_ci, new_run_id
from pytest_reqord.report import drafts, problems
from pytest_reqord.run import children
from pytest_reqord.run.current import hosted_run
from pytest_reqord.run.run import Run
from pytest_reqord.settings.options import Layer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from typing_extensions import Unpack  # which type checkers know; nothing imports it

    from pytest_reqord.playback.cassette import Cassette
    from pytest_reqord.recording.opening import Opening
    from pytest_reqord.settings.typed import CassetteOptions

__all__ = ["CassetteFactory", "UseCassette", "current_run", "script_run", "set_run", "use_cassette"]

_F = TypeVar("_F", bound="Callable[..., Any]")
_C = TypeVar("_C")

_run: Run | None = None


def set_run(run: Run | None) -> None:
    """Make a run the one of this process; None when it is over."""
    global _run  # noqa: PLW0603 -- one run a process
    _run = run


def current_run() -> Run:
    """The run of this process, made by the first call.

    A test runner makes its own; in a script it ends with the process.
    """
    global _run  # noqa: PLW0603 -- as above
    if _run is None:
        _run = hosted_run()
    if _run is None:
        _run = script_run()
    return _run


class UseCassette(Generic[_C]):
    """One use of a cassette: a context manager and a decorator, sync and async.

    What it does is decided when it is entered, so that one made at import time follows the
    command line.

    :param open_it: opens the cassette.
    :param show: what a ``with`` block gets of it.
    :param is_asked: whether requests are the cassette's.
    """

    def __init__(
        self, open_it: Callable[[], Opening], show: Callable[[Any], _C], *, is_asked: bool = True
    ) -> None:
        self._open_it = open_it
        self._show = show
        self._is_asked = is_asked
        self._entered: list[tuple[Opening, ExitStack]] = []

    def __enter__(self) -> _C:
        try:
            opened = self._open_it()
        except ReqordError as error:  # where in here it was found says nothing to a user
            raise error.with_traceback(None) from None
        return self._enter(opened)

    def _enter(self, opened: Opening) -> _C:
        stack = ExitStack()
        if self._is_asked:
            stack.enter_context(_unguarded(opened))
            stack.callback(active.close, active.enter(opened.cassette))
        self._entered.append((opened, stack))
        return self._show(opened)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_run().close(self._leave(), error)

    def _leave(self) -> Opening:
        opened, stack = self._entered.pop()
        stack.close()
        return opened

    async def __aenter__(self) -> _C:
        try:
            opened = await in_thread(self._open_it)
        except ReqordError as error:  # as above
            raise error.with_traceback(None) from None
        return self._enter(opened)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened = self._leave()
        opened.cassette.close()  # here: what is still being read is the loop's
        await in_thread(lambda: current_run().close(opened, error))

    def __call__(self, function: _F) -> _F:
        """Decorate a function, a coroutine function or a generator of either kind."""
        wrapper = next(wrap for holds, wrap in _WRAPPERS if holds(function))
        wrapped = wrapper(
            function, lambda: UseCassette(self._open_it, self._show, is_asked=self._is_asked)
        )
        return cast("_F", functools.wraps(function)(wrapped))


class CassetteFactory(Protocol):
    """What the fixture ``cassette_factory`` is: a function from a name to a use of its cassette."""

    def __call__(self, name: str, **options: Unpack[CassetteOptions]) -> UseCassette[Cassette]:
        """Open a cassette for a fixture of a wider scope.

        :param name: its name, in the folder for cassettes.
        :param options: see `use_cassette`.
        """


def use_cassette(
    path: str | os.PathLike[str], **options: Unpack[CassetteOptions]
) -> UseCassette[Cassette]:
    """Record HTTP traffic into a cassette, or play it from there, in a ``with`` block or function.

    For fixtures of any scope and for scripts. Inside a test it saves if the test passes; elsewhere
    it saves at the end of the block, unless an exception leaves the block.

    :param path: the cassette's file; a relative one starts at pytest's rootdir, in a script at
        the working directory.
    :param options: the same as the marker's: ``record_mode``, ``match_on`` ...
    :raises UsageError: when it is entered, if an option is wrong.
    """
    return UseCassette(
        lambda: current_run().open_path(path, options), lambda opened: opened.cassette
    )


def _unguarded(opened: Opening) -> AbstractContextManager[None]:
    """Where the cassette records, the network guard of the test around it lets it."""
    network = getattr(pytest_reqord, "network_guard", None)  # imported where a test is guarded
    if network is None or not opened.cassette.access.record:
        return nullcontext()
    lifted: AbstractContextManager[None] = network.lifted()
    return lifted


def _wrap_generator(function: Callable[..., Any], use: Callable[[], UseCassette[_C]]) -> Any:
    def wrapped(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with use():
            yield from function(*args, **kwargs)

    return wrapped


def _wrap_async_generator(function: Callable[..., Any], use: Callable[[], UseCassette[_C]]) -> Any:
    async def wrapped(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async with use():
            async for value in function(*args, **kwargs):
                yield value

    return wrapped


def _wrap_coroutine(function: Callable[..., Any], use: Callable[[], UseCassette[_C]]) -> Any:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        async with use():
            return await function(*args, **kwargs)

    return wrapped


def _wrap_plain(function: Callable[..., Any], use: Callable[[], UseCassette[_C]]) -> Any:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with use():
            return function(*args, **kwargs)

    return wrapped


_WRAPPERS = (
    (inspect.isasyncgenfunction, _wrap_async_generator),
    (inspect.iscoroutinefunction, _wrap_coroutine),
    (inspect.isgeneratorfunction, _wrap_generator),
    (callable, _wrap_plain),
)


# The run behind `use_cassette` outside of pytest.


def script_run() -> Run:
    """Make a run that ends with the interpreter; relative paths start where it was made.

    Its record mode is ``once`` where nobody says otherwise, as in every tool of the field: a
    script has no command line of ours.
    """
    inherited = children.run_of_parent()
    if inherited is not None:
        return inherited
    base = Path(os.getcwd())
    info = RunInfo(
        id=new_run_id(),
        staging=None,  # in the user's temp folder, once something is recorded
        base=base,
        started_at=format_time(Clock().now()),
        is_ci=is_under_ci(os.environ.get("CI", "")),
    )
    mode = os.environ.get("REQORD")
    place = "the environment variable REQORD"
    strong = [Layer(place, {"record_mode": mode}, is_explicit=True)] if mode else []
    run = Run(info, strong=strong, weak=[Layer("the default of a script", {"record_mode": "once"})])
    children.install(run)
    atexit.register(_end, run)
    return run


def _end(run: Run) -> None:
    children.uninstall()
    run.finish()
    run.stop()
    for line in (*drafts(run.notes), *problems(run.notes)):
        sys.stderr.write(f"reqord: {printable(line)}\n")
