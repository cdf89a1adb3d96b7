"""Where a thread or a work item was started."""

from __future__ import annotations

import asyncio
import functools
import gc
import subprocess
import sys
import threading
import timeit
import traceback
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from multiprocessing.pool import ThreadPool

import anyio
import anyio.to_thread
import pytest
import trio
import uvloop

from pytest_reqord.interceptors import imports, stamps


class Where:
    """A process-wide stamp, as the cassette of a test is one."""

    def __init__(self):
        self.stamp = None
        self.closed = set()

    def current(self):
        return stamps.of_this_thread() or self.stamp

    def is_open(self, stamp):
        return stamp not in self.closed


@pytest.fixture
def where():
    where = Where()
    stamps.install(where.current, where.is_open)
    yield where
    stamps.uninstall()
    assert not imports._watched


def in_thread(work, cls=threading.Thread):
    results = []
    thread = cls(target=lambda: results.append(work()))
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_task(where, new_loop):
    """A task of asyncio has the stamp of where it was started, and so have those that it starts."""
    seen = []

    async def inner():
        seen.append(where.current())

    async def outer(go):
        await go.wait()
        seen.append(where.current())
        await asyncio.gather(inner())
        seen.append(await asyncio.to_thread(where.current))

    async def main():
        go = asyncio.Event()
        where.stamp = "one"
        task = asyncio.create_task(outer(go))
        where.stamp = "two"
        go.set()
        await task
        await asyncio.create_task(inner())

    loop = new_loop()
    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()

    assert seen == ["one", "one", "one", "two"]


def test_a_task_that_was_started_under_nothing(where):
    """It has no stamp, as one that a fixture of a wider scope has started."""
    loop = asyncio.new_event_loop()

    async def current():
        return where.current()

    task = loop.create_task(current())
    where.stamp = "one"

    assert loop.run_until_complete(task) == "one"
    loop.close()


def test_a_task_that_runs_one_test_after_the_other(where):
    """The one of anyio's pytest plugin belongs to no test."""
    loop = asyncio.new_event_loop()

    async def _run_tests_and_fixtures():
        return where.current()

    where.stamp = "one"
    task = loop.create_task(_run_tests_and_fixtures())
    where.stamp = "two"

    assert loop.run_until_complete(task) == "two"
    loop.close()


def test_thread(where):
    """A thread has the stamp of where it was started, to its end."""
    go, seen = threading.Event(), []
    where.stamp = "one"
    thread = threading.Thread(target=lambda: (go.wait(5), seen.append(stamps.of_this_thread())))
    thread.start()
    where.stamp = "two"
    go.set()
    thread.join()

    assert seen == ["one"]
    assert stamps.of_this_thread() is None


def test_thread_of_a_thread(where):
    """A thread started by a thread has its stamp."""
    where.stamp = "one"
    go, seen = threading.Event(), []

    def outer():
        go.wait(5)
        seen.append(in_thread(stamps.of_this_thread))

    thread = threading.Thread(target=outer)
    thread.start()
    where.stamp = "two"
    go.set()
    thread.join()

    assert seen == ["one"]


def test_started_twice(where):
    """A second start is refused as ever, and doesn't change the stamp."""
    where.stamp = "one"
    go, seen = threading.Event(), []
    thread = threading.Thread(target=lambda: (go.wait(5), seen.append(stamps.of_this_thread())))
    thread.start()
    where.stamp = "two"

    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()
    go.set()
    thread.join()

    assert seen == ["one"]


def test_subclass(where):
    """A subclass with its own start and run is stamped where it starts."""
    seen = []

    class Own(threading.Thread):
        def start(self):
            seen.append("start")
            super().start()

        def run(self):
            seen.append(stamps.of_this_thread())

    where.stamp = "one"
    thread = Own()
    thread.start()
    thread.join()

    assert seen == ["start", "one"]


def test_timer(where):
    """A timer has the stamp of where it was started."""
    where.stamp, seen = "one", []
    timer = threading.Timer(0.01, lambda: seen.append(stamps.of_this_thread()))
    timer.start()
    where.stamp = "two"
    timer.join()

    assert seen == ["one"]


def test_foreign_thread(where):
    """A thread that Python didn't start has no stamp and isn't entered among the threads."""
    import _thread

    where.stamp, seen, done = "one", [], threading.Event()
    before = threading.enumerate()

    def work():
        seen.append(stamps.of_this_thread())
        seen.append(threading.enumerate())
        done.set()

    _thread.start_new_thread(work, ())
    done.wait(5)

    assert seen == [None, before]


def test_work_item(where):
    """A work item has the stamp of where it was submitted, whoever started its worker."""
    with ThreadPoolExecutor(1) as pool:
        seen = []
        for where.stamp in ("one", "two", None):
            seen.append(pool.submit(stamps.of_this_thread).result())
            seen.extend(pool.map(lambda _: stamps.of_this_thread(), range(2)))

    assert seen == ["one"] * 3 + ["two"] * 3 + [None] * 3


def test_work_item_submitted_by_a_work_item(where):
    """Work that a work item submits has its stamp."""
    where.stamp = "one"
    with ThreadPoolExecutor(2) as pool:
        go = threading.Event()

        def work():
            go.wait(5)
            return pool.submit(stamps.of_this_thread).result()

        future = pool.submit(work)
        where.stamp = "two"
        go.set()

        assert future.result() == "one"


def test_initializer(where):
    """A worker's initializer has the stamp of where the worker was started."""
    where.stamp, seen = "one", []
    with ThreadPoolExecutor(1, initializer=lambda: seen.append(stamps.of_this_thread())) as pool:
        pool.submit(int).result()

    assert seen == ["one"]


def test_executor_subclass(where):
    """An executor with its own submit that hands on is stamped as well."""

    class Own(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            return super().submit(functools.partial(fn), *args, **kwargs)

    where.stamp = "one"
    with Own(1) as pool:
        pool.submit(int).result()
        where.stamp = "two"
        assert pool.submit(stamps.of_this_thread).result() == "two"


def fail():
    raise KeyError("gone")


def test_traceback_of_work():
    """An exception of a work item or a thread shows the same frames as without us."""

    def frames(error):
        return [frame.name for frame in traceback.extract_tb(error.__traceback__)]

    def of_work():
        with ThreadPoolExecutor(1) as pool:
            return frames(pool.submit(fail).exception())

    def of_thread():
        caught = []
        before, threading.excepthook = threading.excepthook, lambda args: caught.append(args[1])
        try:
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
        finally:
            threading.excepthook = before
        return frames(caught[0])

    without = of_work(), of_thread()
    stamps.install(lambda: "one")
    try:
        assert (of_work(), of_thread()) == without
    finally:
        stamps.uninstall()


def test_no_reference_is_kept(where):
    """What a failed work item held is free as soon as its future is, with no cycle of ours."""

    class Payload:
        def fail(self):
            raise KeyError

    where.stamp = "one"
    with ThreadPoolExecutor(1) as pool:
        payload = Payload()
        gone = weakref.ref(payload)
        future = pool.submit(payload.fail)
        future.exception()
        pool.submit(int).result()  # the worker has let go of the item before
        gc.disable()
        try:
            del payload, future
            assert gone() is None
        finally:
            gc.enable()


def test_cancelled_work(where):
    """A work item that was cancelled doesn't run, as ever."""
    release, ran = threading.Event(), []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(release.wait, 5)
        future: Future = pool.submit(ran.append, 1)
        assert future.cancel()
        release.set()

    assert ran == []


def test_to_thread(where):
    """asyncio.to_thread and run_in_executor have the stamp of where they were called."""

    async def main():
        loop = asyncio.get_running_loop()
        seen = []
        for where.stamp in ("one", "two"):
            seen.append(await asyncio.to_thread(stamps.of_this_thread))
            seen.append(await loop.run_in_executor(None, stamps.of_this_thread))
        return seen

    assert asyncio.run(main()) == ["one", "one", "two", "two"]


def test_tasks_with_their_own_stamps():
    """Of two tasks that hand work to threads each has its own stamp there."""
    mine: ContextVar = ContextVar("mine", default=None)
    stamps.install(mine.get)

    async def task(name):
        mine.set(name)
        seen = []
        for _ in range(5):
            seen.append(await asyncio.to_thread(stamps.of_this_thread))
            await asyncio.sleep(0)
        return seen

    async def main():
        return await asyncio.gather(task("a"), task("b"))

    try:
        assert asyncio.run(main()) == [["a"] * 5, ["b"] * 5]
    finally:
        stamps.uninstall()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_context_workers(where, backend):
    """A worker of anyio or trio has no stamp: it works in its submitter's context."""
    run_sync = trio.to_thread.run_sync if backend == "trio" else anyio.to_thread.run_sync
    task: ContextVar = ContextVar("task", default=None)

    async def main():
        seen = []
        for where.stamp in ("one", "two"):
            task.set(where.stamp)
            seen.append(await run_sync(lambda: (stamps.of_this_thread(), task.get())))
        return seen

    assert anyio.run(main, backend=backend) == [(None, "one"), (None, "two")]


def test_thread_pool(where):
    """A pool's workers have the stamp of where the pool was made, while that is open."""
    where.stamp = "one"
    with ThreadPool(1) as pool:
        assert pool.apply(stamps.of_this_thread) == "one"
        where.stamp = "two"
        where.closed.add("one")
        assert pool.apply(stamps.of_this_thread) is None


def test_closed_thread(where):
    """An ordinary thread keeps its stamp when that is closed, so that it can be refused."""
    where.stamp = "one"
    where.closed.add("one")

    assert in_thread(stamps.of_this_thread) == "one"


def test_check(where):
    """A seam that another tool put back is taken again; what a mock has put there stays."""
    ours, original = threading.Thread.start, threading.Thread.start.__wrapped__
    try:
        threading.Thread.start = original
        stamps.check()
        assert threading.Thread.start is ours

        def mock(self):
            original(self)

        threading.Thread.start = mock
        stamps.check()
        assert threading.Thread.start is mock
    finally:
        threading.Thread.start = ours


def test_uninstall():
    """Everything is put back, and what runs under a wrapper that was kept has no stamp."""
    item = sys.modules["concurrent.futures.thread"]._WorkItem
    owners = threading.Thread, item, asyncio.BaseEventLoop, uvloop.Loop
    before = [dict(vars(owner)) for owner in owners]

    stamps.install(lambda: "one")
    assert all(vars(owner) != was for owner, was in zip(owners, before, strict=True))
    kept = threading.Thread.start
    stamps.uninstall()
    assert [dict(vars(owner)) for owner in owners] == before

    thread = threading.Thread(target=int)
    kept(thread)
    thread.join()
    assert thread._reqord_stamp is None


def test_late_import():
    """concurrent.futures isn't imported by us, and is taken when somebody does."""
    code = """
import sys
from pytest_reqord.interceptors import stamps
stamps.install(lambda: "one")
assert "concurrent.futures" not in sys.modules
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    assert pool.submit(stamps.of_this_thread).result() == "one"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_cost(where):
    """A stamp costs 0.4 us a work item, asking for one 0.3; the bound is for slower machines."""
    item = sys.modules["concurrent.futures.thread"]._WorkItem
    original = vars(item)["__init__"].__wrapped__
    stamps.install(lambda: "one")
    subject = item.__new__(item)
    arguments = (None,) * (original.__code__.co_argcount - 1)

    def each(function):
        return min(timeit.repeat(function, number=100, repeat=200)) / 100  # the machine is shared

    with_stamp = each(lambda: item.__init__(subject, *arguments))
    without = each(lambda: original(subject, *arguments))
    assert with_stamp - without < 2e-6
    assert each(stamps.of_this_thread) < 2e-6
