"""Where a thread or a piece of work was started.

A thread and a task of asyncio keep the stamp of where they were started, and a work item of a
``ThreadPoolExecutor`` that of where it was submitted, so that a request made there belongs to the
same cassette with no context copied, and one that outlives its cassette can be told from the next
test's.
"""

from __future__ import annotations

import functools
import sys
import threading
from _thread import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from pytest_reqord.interceptors import imports

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check", "install", "of_this_thread", "uninstall"]

# workers that run each piece of work in its submitter's context, which says more about it than
# where the worker happened to be started
_CONTEXT_WORKERS = frozenset({"anyio._backends._asyncio", "trio._core._thread_cache"})
# workers that serve whoever asks, with nothing that tells one piece of work from the next
_SHARED_WORKERS = frozenset({"multiprocessing.pool"})
# a task of anyio's pytest plugin that runs one test after the other
_SHARED_TASK = "_run_tests_and_fixtures"
_UNSTAMPED = object()


class _Seam(NamedTuple):
    """A method that is taken over.

    :param owner: the class that has it.
    :param name: its name.
    :param own: the class's own; None where it inherits one.
    :param ours: what stands in its place.
    """

    owner: Any
    name: str
    own: Any
    ours: Any

    def take(self) -> None:
        """Stand in its place, unless a mock does."""
        if vars(self.owner).get(self.name) is self.own:
            setattr(self.owner, self.name, self.ours)

    def put_back(self) -> None:
        """Leave the class as it was."""
        if vars(self.owner).get(self.name) is not self.ours:
            return
        if self.own is None:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.own)


class _Running(threading.local):
    """The stamp of the work item that runs in this thread, where one does."""

    stamp: object | None = _UNSTAMPED


def _nowhere() -> None:
    """Give no stamp."""


def _always(_: Any) -> bool:
    return True


_running = _Running()
_tasks: WeakKeyDictionary[Any, object] = WeakKeyDictionary()
_seams: dict[tuple[str, str], _Seam] = {}
_current: Callable[[], object | None] = _nowhere
_is_open: Callable[[Any], bool] = _always


def install(current: Callable[[], object | None], is_open: Callable[[Any], bool] = _always) -> None:
    """Stamp the threads and work items that are started from now on.

    :param current: gives the stamp of here and now; called where something is started.
    :param is_open: whether what a stamp stands for is still in force. The workers of a
        ``multiprocessing.pool.ThreadPool``, which may live longer than the test that happened to
        start them, lose a stamp that isn't; every other thread keeps it.
    """
    global _current, _is_open
    _current, _is_open = current, is_open
    _take(threading.Thread, "start", _stamping_start)
    imports.unwatch(_LATE)
    imports.watch(_LATE)  # concurrent.futures takes milliseconds to import
    check()


def check() -> None:
    """Take the seams again that another tool's teardown has put back; leave a mock alone."""
    for seam in _seams.values():
        seam.take()


def uninstall() -> None:
    """Put the originals back and stamp nothing more."""
    global _current, _is_open
    imports.unwatch(_LATE)
    for seam in _seams.values():
        seam.put_back()
    _seams.clear()
    _current, _is_open = _nowhere, _always


def of_this_thread() -> Any:
    """The stamp of the task or work item that runs in this thread, else of the thread; or None."""
    if _tasks and (task := _running_task()) in _tasks:
        return _tasks[task]
    stamp = _running.stamp
    if stamp is not _UNSTAMPED:
        return stamp
    # threading.current_thread() would enter a foreign thread in threading.enumerate()
    thread = threading._active.get(get_ident())  # type: ignore[attr-defined]  # noqa: SLF001
    if thread is None:
        return None
    stamp = thread.__dict__.get("_reqord_stamp")
    if stamp is not None and _serves(thread, _SHARED_WORKERS) and not _is_open(stamp):
        return None
    return stamp


def _take(owner: type, name: str, wrap: Callable[[Any], Any]) -> None:
    key = owner.__name__, name
    if key not in _seams:
        _seams[key] = _Seam(owner, name, vars(owner).get(name), wrap(getattr(owner, name)))
    check()


def _take_work_items() -> None:
    # around the work item and not in it, so that no traceback of the work shows us
    item = sys.modules["concurrent.futures.thread"]._WorkItem  # noqa: SLF001 -- as above
    _take(item, "__init__", _stamping_item)
    _take(item, "run", _running_stamped)


def _take_tasks() -> None:
    # what all that start tasks come by, but in loops of another make
    _take(sys.modules["asyncio.base_events"].BaseEventLoop, "create_task", _stamping_task)


def _take_tasks_of_uvloop() -> None:
    _take(sys.modules["uvloop"].Loop, "create_task", _stamping_task)


_LATE = {
    "asyncio.base_events": _take_tasks,
    "concurrent.futures.thread": _take_work_items,
    "uvloop": _take_tasks_of_uvloop,
}


def _running_task() -> Any:
    asyncio = sys.modules["asyncio"]
    loop = asyncio._get_running_loop()  # noqa: SLF001 -- the public one raises where there is none
    return None if loop is None else asyncio.current_task(loop)


def _serves(thread: threading.Thread, modules: frozenset[str]) -> bool:
    target = thread.__dict__.get("_target")
    return type(thread).__module__ in modules or getattr(target, "__module__", None) in modules


def _stamping_start(original: Callable[[threading.Thread], None]) -> Any:
    @functools.wraps(original)
    def start(self: threading.Thread) -> None:
        if self.ident is None and not _serves(self, _CONTEXT_WORKERS):
            self.__dict__["_reqord_stamp"] = _current()
        original(self)

    return start


def _stamping_task(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def create_task(self: Any, coro: Any, **kwargs: Any) -> Any:
        task = original(self, coro, **kwargs)
        stamp = _current()
        if stamp is not None and getattr(coro, "__name__", "") != _SHARED_TASK:
            _tasks[task] = stamp
        return task

    return create_task


def _stamping_item(original: Callable[..., None]) -> Any:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 -- it takes its place
        original(self, *args, **kwargs)
        self.__dict__["_reqord_stamp"] = _current()

    return __init__


def _running_stamped(original: Callable[..., None]) -> Any:
    @functools.wraps(original)
    def run(self: Any, *args: Any) -> None:
        before = _running.stamp
        _running.stamp = self.__dict__.get("_reqord_stamp")
        try:
            original(self, *args)
        finally:
            _running.stamp = before
            del self  # a traceback of the work leads back to this frame

    return run
