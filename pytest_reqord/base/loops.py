"""The event loop that runs in this thread, where one does: it must not be held up by files."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pytest_reqord.base.real import start_new_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["in_thread", "is_alone", "is_in_loop", "loop_sleep"]

_T = TypeVar("_T")


def loop_sleep() -> Callable[[float], Awaitable[None]] | None:
    """Return the sleep function of the event loop that runs in this thread; None without one."""
    library, _ = _running()
    return library.sleep if library is not None else None


def is_in_loop() -> bool:
    """Return whether an event loop runs in this thread, of asyncio or trio."""
    return _running()[0] is not None


def is_alone() -> bool:
    """Return whether this thread runs one thing after another: no greenlets, a loop of one task."""
    if "greenlet" in sys.modules and sys.modules["greenlet"].getcurrent().parent is not None:
        return False
    library, _ = _running()
    if library is None:
        return True
    if hasattr(library, "lowlevel"):  # trio
        return _is_only_task_of_trio(library.lowlevel.current_task())
    return bool(library.all_tasks() == {library.current_task()})


def _is_only_task_of_trio(task: Any) -> bool:
    if any(nursery.child_tasks for nursery in task.child_nurseries):
        return False
    while task.parent_nursery is not None:
        if len(task.parent_nursery.child_tasks) > 1:
            return False
        task = task.parent_nursery.parent_task
    return True


async def in_thread(function: Callable[[], _T]) -> _T:
    """Call a function in a thread, and wait for it without blocking the event loop.

    Not in a pool of the loop's: its threads are made as a test may have patched it.
    """
    library, wake_with = _running()
    if library is None:  # an event loop that we don't know
        return function()
    done = library.Event()
    outcome: list[tuple[Any, BaseException | None]] = []

    def run() -> None:
        try:
            outcome.append((function(), None))
        except BaseException as error:  # noqa: BLE001 -- it is raised where it is waited for
            outcome.append((None, error))
        with suppress(RuntimeError):  # the loop was closed meanwhile
            wake_with(done.set)

    try:
        start_new_thread(run, ())
    except RuntimeError:  # no more threads
        return function()
    await done.wait()
    result, error = outcome[0]
    if error is not None:
        raise error
    return cast("_T", result)


def _running() -> tuple[Any, Any]:
    """Return the library of the running loop, and what wakes that loop from another thread."""
    # from sys.modules: a loop that runs was imported, and one that wasn't must not be;
    # AttributeError: another thread is importing it right now
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")
    if asyncio is not None:
        with suppress(RuntimeError, AttributeError):
            return asyncio, asyncio.get_running_loop().call_soon_threadsafe
    if trio is not None:
        with suppress(RuntimeError, AttributeError):
            return trio, trio.lowlevel.current_trio_token().run_sync_soon
    return None, None
