"""Carry the context of a test to what the test starts.

A context variable says whose the code is that runs. Python carries it to tasks, and to callbacks
of event loops, in whichever thread they run: what is submitted to a loop runs in the context of
its submitter, wherever the loop was started. Here it is carried to threads, which start with an
empty context before Python 3.14, and to the work items of a ``ThreadPoolExecutor``. Code in a
context that knows nothing, as that of a greenlet, belongs to what its thread was started for.

A queue carries no context. A daemon thread, the kind that nobody waits for, may work for anyone
once it takes work from a queue, or what it was started in is over; and so may any thread or task
that takes work from a queue after that is over: see `Worker`.
"""

from __future__ import annotations

import functools
import sys
import threading
from _thread import get_ident
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.interceptors import imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "Worker",
    "change",
    "change_of_thread",
    "check",
    "current",
    "install",
    "thread_name",
    "uninstall",
    "within",
]

_MISSING = object()
_OF_THREAD = "_reqord_context"
_STARTED_IN = "_reqord_started_in"

_IMMUTABLE = 1 << 8  # of a type in C, as gevent puts in the place of queue.Queue

_UNKNOWN = object()
_context: ContextVar[Any] = ContextVar("pytest_reqord_context", default=_UNKNOWN)


class Worker(NamedTuple):
    """The value of the context of a daemon thread, or of what takes work from a queue.

    :param started_in: the value of the context that it was started in.
    :param takes_work: whether it takes work from a queue.
    """

    started_in: Any
    takes_work: bool = False


class _Patch(NamedTuple):
    """A method that is patched.

    :param owner: the class that has it.
    :param name: its name.
    :param original: the class's own; `_MISSING` where it inherits one.
    :param ours: what stands in its place.
    """

    owner: Any
    name: str
    original: Any
    ours: Any

    def apply(self) -> None:
        """Stand in its place, unless a mock does."""
        if vars(self.owner).get(self.name, _MISSING) is self.original:
            setattr(self.owner, self.name, self.ours)

    def restore(self) -> None:
        """Leave the class as it was."""
        if vars(self.owner).get(self.name) is not self.ours:
            return
        if self.original is _MISSING:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.original)


def _never(_: Any) -> bool:
    return False


_patches: dict[tuple[str, str], _Patch] = {}
_is_over: Callable[[Any], bool] = _never


def install(is_over: Callable[[Any], bool] = _never) -> None:
    """Carry the context to the threads and work items that are started from now on.

    :param is_over: whether what a value stands for is over.
    """
    global _is_over  # noqa: PLW0603 -- one process, one set of patches
    _is_over = is_over
    _patch(threading.Thread, "start", _start)
    _patch(threading.Thread, "_bootstrap_inner", _bootstrap)
    imports.unwatch(_LATE)
    imports.watch(_LATE)  # each of them takes milliseconds to import
    check()


def check() -> None:
    """Patch again what another tool's teardown has put back; leave a mock alone."""
    for patch in _patches.values():
        patch.apply()


def uninstall() -> None:
    """Put the originals back and carry nothing more."""
    global _is_over  # noqa: PLW0603 -- as above
    imports.unwatch(_LATE)
    for patch in _patches.values():
        patch.restore()
    _patches.clear()
    _is_over = _never


def current() -> Any:
    """The value of the context that this code runs in; None where there is none."""
    value = _context.get()
    return value if value is not _UNKNOWN else _of_thread(_thread())


def raw() -> tuple[Any, Any]:
    """What `change` and `change_of_thread` change, as they return it."""
    return _context.get(), _of_thread(_thread())


def change(value: object) -> Any:
    """Give the context that this code runs in another value.

    :returns: what changes it back.
    """
    before = _context.get()
    _context.set(value)
    return before


def change_of_thread(value: object) -> Any:
    """Give the same to code of this thread that runs in a context which knows nothing.

    :returns: what changes it back.
    """
    thread = _thread()
    before = _of_thread(thread)
    if thread is not None:
        thread.__dict__[_OF_THREAD] = value
    return before


@contextmanager
def within(value: object) -> Iterator[None]:
    """Run a block in a context of another value.

    What the block itself puts in force to stay is left in force.
    """
    before = change(value)
    try:
        yield
    finally:
        if _context.get() is value:
            _context.set(before)


def thread_name() -> str:
    """The name of the thread that runs here."""
    thread = _thread()
    return thread.name if thread is not None else f"number {get_ident()}"


def _thread() -> threading.Thread | None:
    # threading.current_thread() would enter a foreign thread in threading.enumerate()
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # noqa: SLF001
    found = active.get(get_ident())
    if found is None and "greenlet" in sys.modules:
        # gevent and eventlet can have a greenlet's own number in place of its thread's
        top = sys.modules["greenlet"].getcurrent()
        while top.parent is not None:
            top = top.parent
        found = active.get(id(top))
    return found


def _of_thread(thread: threading.Thread | None) -> Any:
    return None if thread is None else thread.__dict__.get(_OF_THREAD)


def _take_work() -> None:
    """Be a worker from now on, in what may be one: what comes from a queue may be anyone's."""
    value = current()
    if isinstance(value, Worker):
        value = value.started_in
    elif value is None or not _is_over(value):
        return
    _context.set(Worker(value, takes_work=True))


# the patches


def _patch(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    key = f"{owner.__module__}.{owner.__name__}", name
    if key not in _patches and not owner.__flags__ & _IMMUTABLE:
        original = vars(owner).get(name, _MISSING)
        _patches[key] = _Patch(owner, name, original, wrap(getattr(owner, name)))
    check()


def _patch_work_items() -> None:
    # around the work item and not in it, so that no traceback of the work shows us
    item = sys.modules["concurrent.futures.thread"]._WorkItem  # noqa: SLF001 -- as above
    _patch(item, "__init__", _item)
    _patch(item, "run", _run_item)


def _patch_queue() -> None:
    _patch(sys.modules["queue"].Queue, "get", _get)


def _patch_asyncio_queue() -> None:
    # `get` ends in it, in the task that gets
    _patch(sys.modules["asyncio.queues"].Queue, "get_nowait", _get)


def _patch_anyio(module: str) -> None:
    runner = sys.modules[module].TestRunner
    if hasattr(runner, "_call_in_runner_task"):  # since 4.0
        _patch(runner, "_call_in_runner_task", _call_in_runner_task)


_ANYIO = ("anyio._backends._asyncio", "anyio._backends._trio")
_LATE: dict[str, Callable[[], None]] = {
    "concurrent.futures.thread": _patch_work_items,
    "queue": _patch_queue,
    "asyncio.queues": _patch_asyncio_queue,
    **{module: functools.partial(_patch_anyio, module) for module in _ANYIO},
}


def _start(original: Callable[[threading.Thread], None]) -> Any:
    @functools.wraps(original)
    def start(self: threading.Thread) -> None:
        if self.ident is None:
            value = current()
            if self.daemon and value is not None and not isinstance(value, Worker):
                value = Worker(value)
            self.__dict__[_STARTED_IN] = self.__dict__[_OF_THREAD] = value
        original(self)

    return start


def _bootstrap(original: Callable[[threading.Thread], None]) -> Any:
    # around what runs the thread and catches its errors, so that no traceback shows us
    @functools.wraps(original)
    def _bootstrap_inner(self: threading.Thread) -> None:
        value = self.__dict__.get(_STARTED_IN)
        if value is not None:
            # since Python 3.14 a thread has a context of its own, which may be a copy
            own = self.__dict__.get("_context")
            if own is None:
                _context.set(value)
            elif _context not in own:
                own.run(_context.set, value)
        original(self)

    return _bootstrap_inner


def _item(original: Callable[..., None]) -> Any:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 -- it takes its place
        original(self, *args, **kwargs)
        self.__dict__[_STARTED_IN] = current()

    return __init__


def _run_item(original: Callable[..., None]) -> Any:
    @functools.wraps(original)
    def run(self: Any, *args: Any) -> None:
        value = self.__dict__.get(_STARTED_IN)
        before, of_thread = change(value), change_of_thread(value)
        try:
            original(self, *args)
        finally:
            _context.set(before)
            change_of_thread(of_thread)
            del self  # a traceback of the work leads back to this frame

    return run


def _get(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def get(self: Any, *args: Any, **kwargs: Any) -> Any:
        item = original(self, *args, **kwargs)
        # one of the kind that is last in, first out is a pool, as urllib3's is, and brings no work
        if type(self).__name__ != "LifoQueue":
            _take_work()
        return item

    return get


def _call_in_runner_task(original: Callable[..., Any]) -> Any:
    """Anyio's pytest plugin runs all tests of a loop in one task, in the context of the first."""

    @functools.wraps(original)
    def call_in_runner_task(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        value = current()

        async def call(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            own = _context.get()
            # what an earlier call has put in force to stay stays, but for the first test's own
            with within(own if value is None and not _is_over(own) else value):
                return await function(*args, **kwargs)

        return original(self, call, *args, **kwargs)

    return call_in_runner_task
