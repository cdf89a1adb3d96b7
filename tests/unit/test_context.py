"""The context of a test, carried to what is started in it."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import queue
import subprocess
import sys
import threading
import timeit
import traceback
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context

import anyio
import anyio.from_thread
import anyio.to_thread
import gevent
import pytest
import trio
import uvloop

from pytest_reqord.interceptors import active, imports

OVER: set[object] = set()


@pytest.fixture(autouse=True)
def _installed():
    OVER.clear()
    before = active.raw()
    active.install(OVER.__contains__)
    yield
    active.uninstall()
    active.change(before[0])
    active.change_of_thread(before[1])
    assert not imports._watched


@contextmanager
def a_loop_in_a_thread(new_loop=asyncio.new_event_loop):
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@contextmanager
def a_worker(source=None, **options):
    """A thread that does what comes from a queue, with the values it does it in."""
    source, done = source or queue.Queue(), queue.SimpleQueue()

    def work():
        while (job := source.get()) is not None:
            done.put(job())

    thread = threading.Thread(target=work, **options)
    thread.start()
    yield lambda job=active.carried: (source.put(job), done.get(timeout=10))[1]
    source.put(None)
    thread.join()


def in_thread(work):
    results = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join()
    return results[0]


async def current():
    return active.carried()


LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])


# what a context is carried to


@LOOPS
def test_task(new_loop):
    """A task has the context of where it was started, and so have the tasks that it starts."""
    seen = []

    async def outer(go):
        await go.wait()
        seen.append(active.carried())
        seen.extend(await asyncio.gather(current()))
        seen.append(await asyncio.to_thread(active.carried))

    async def main():
        go = asyncio.Event()
        active.change("one")
        task = asyncio.create_task(outer(go))
        active.change("two")
        go.set()
        await task
        seen.append(await asyncio.create_task(current()))

    loop = new_loop()
    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()

    assert seen == ["one", "one", "one", "two"]


@LOOPS
def test_a_loop_serves_whoever_submits(new_loop):
    """What is submitted to a loop has its submitter's context, wherever the loop was started."""
    active.change("one")
    with a_loop_in_a_thread(new_loop) as loop:
        for value in ("one", "two", None):
            active.change(value)
            assert asyncio.run_coroutine_threadsafe(current(), loop).result(10) == value
            called = Future()
            loop.call_soon_threadsafe(lambda: called.set_result(active.carried()))  # noqa: B023 -- called at once
            assert called.result(10) == value


def test_a_thread_submits_to_a_loop():
    """A thread has the context in which it was started, and so has what it submits."""
    with a_loop_in_a_thread() as loop:
        active.change("one")
        seen = in_thread(lambda: asyncio.run_coroutine_threadsafe(current(), loop).result(10))

    assert seen == "one"


def test_blocking_portal():
    """A portal of anyio serves whoever calls it."""
    active.change("one")
    with anyio.from_thread.start_blocking_portal() as portal:
        for value in ("one", "two", None):
            active.change(value)
            assert portal.call(current) == value
            assert portal.start_task_soon(current).result(10) == value


def test_thread():
    """A thread has the context in which it was started, to its end."""
    go, seen = threading.Event(), []
    active.change("one")
    thread = threading.Thread(target=lambda: (go.wait(5), seen.append(active.carried())))
    thread.start()
    active.change("two")
    go.set()
    thread.join()

    assert seen == ["one"]
    assert active.carried() == "two"


def test_thread_of_a_thread():
    """A thread started by a thread has its context."""
    active.change("one")
    assert in_thread(lambda: in_thread(active.carried)) == "one"


def test_started_twice():
    """A second start is refused as ever, and changes nothing."""
    active.change("one")
    go, seen = threading.Event(), []
    thread = threading.Thread(target=lambda: (go.wait(5), seen.append(active.carried())))
    thread.start()
    active.change("two")

    with pytest.raises(RuntimeError, match="threads can only be started once"):
        thread.start()
    go.set()
    thread.join()

    assert seen == ["one"]


def test_subclass():
    """A subclass with its own start and run has the context of where it starts."""
    seen = []

    class Own(threading.Thread):
        def start(self):
            seen.append("start")
            super().start()

        def run(self):
            seen.append(active.carried())

    active.change("one")
    thread = Own()
    thread.start()
    thread.join()

    assert seen == ["start", "one"]


def test_timer():
    """A timer has the context in which it was started."""
    active.change("one")
    seen = []
    timer = threading.Timer(0.01, lambda: seen.append(active.carried()))
    timer.start()
    active.change("two")
    timer.join()

    assert seen == ["one"]


def test_foreign_thread():
    """A thread that Python didn't start has no context and isn't entered among the threads."""
    import _thread

    active.change("one")
    seen, done = [], threading.Event()
    before = threading.enumerate()

    def work():
        seen.append(active.carried())
        seen.append(threading.enumerate())
        done.set()

    _thread.start_new_thread(work, ())
    done.wait(5)

    assert seen == [None, before]


def test_work_item():
    """A work item has the context in which it was submitted, whoever started its worker."""
    with ThreadPoolExecutor(1) as pool:
        seen = []
        for value in ("one", "two", None):
            active.change(value)
            seen.append(pool.submit(active.carried).result())
            seen.extend(pool.map(lambda _: active.carried(), range(2)))
            # also where it runs in a context that knows nothing
            seen.append(pool.submit(Context().run, active.carried).result())

    assert seen == ["one"] * 4 + ["two"] * 4 + [None] * 4


def test_work_item_submitted_by_a_work_item():
    """Work that a work item submits has its context."""
    active.change("one")
    with ThreadPoolExecutor(2) as pool:
        go = threading.Event()

        def work():
            go.wait(5)
            return pool.submit(active.carried).result()

        future = pool.submit(work)
        active.change("two")
        go.set()

        assert future.result() == "one"


def test_initializer():
    """A worker's initializer has the context in which the worker was started."""
    active.change("one")
    seen = []
    with ThreadPoolExecutor(1, initializer=lambda: seen.append(active.carried())) as pool:
        pool.submit(int).result()

    assert seen == ["one"]


def test_executor_subclass():
    """An executor with its own submit that hands on carries the context as well."""

    class Own(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            return super().submit(functools.partial(fn), *args, **kwargs)

    active.change("one")
    with Own(1) as pool:
        pool.submit(int).result()
        active.change("two")
        assert pool.submit(active.carried).result() == "two"


def test_to_thread():
    """asyncio.to_thread and run_in_executor carry the context in which they were called."""

    async def main():
        loop = asyncio.get_running_loop()
        seen = []
        for value in ("one", "two"):
            active.change(value)
            seen.append(await asyncio.to_thread(active.carried))
            seen.append(await loop.run_in_executor(None, active.carried))
        return seen

    assert asyncio.run(main()) == ["one", "one", "two", "two"]


def test_tasks_with_their_own_contexts():
    """Of two tasks that hand work to threads each has its own context there."""

    async def task(name):
        active.change(name)
        seen = []
        for _ in range(5):
            seen.append(await asyncio.to_thread(active.carried))
            await asyncio.sleep(0)
        return seen

    async def main():
        return await asyncio.gather(task("a"), task("b"))

    assert asyncio.run(main()) == [["a"] * 5, ["b"] * 5]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_threads_of_anyio_and_trio(backend):
    """A worker thread of anyio or trio works in the context of whoever hands it work."""
    run_sync = trio.to_thread.run_sync if backend == "trio" else anyio.to_thread.run_sync

    async def main():
        seen = []
        for value in ("one", "two"):
            active.change(value)
            seen.append(await run_sync(active.carried))
        return seen

    assert anyio.run(main, backend=backend) == ["one", "two"]


# contexts that know nothing


def test_a_context_that_knows_nothing():
    """Code in it belongs to what its thread was started for, or to the test that runs in it."""
    assert Context().run(active.carried) is None
    active.change_of_thread("mine")
    assert Context().run(active.carried) == "mine"
    active.change("one")
    assert in_thread(lambda: Context().run(active.carried)) == "one"


def test_greenlet():
    """The greenlets of gevent begin with a context that knows nothing."""
    active.change_of_thread("mine")

    assert gevent.spawn(active.carried).get() == "mine"


@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_greenlets_in_place_of_threads(library):
    """They have numbers that no thread has; their thread is the one of the hub."""
    patch = {"gevent": "monkey.patch_all()", "eventlet": "monkey_patch()"}[library]
    code = f"""
import {library}
{"import gevent.monkey" if library == "gevent" else ""}
{library}.{patch}
import threading
from pytest_reqord.interceptors import active
active.install()
active.change_of_thread("mine")
assert {library}.spawn(active.carried).{"get" if library == "gevent" else "wait"}() == "mine"
active.change("one")
seen = []
thread = threading.Thread(target=lambda: seen.append(active.carried()))
thread.start()
thread.join()
assert seen == ["one"], seen
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    # eventlet's own name look-ups can't be imported beside trio
    environment = {**os.environ, "EVENTLET_NO_GREENDNS": "yes"}
    subprocess.run(command, check=True, timeout=60, env=environment)


# what serves whoever asks


DAEMON = active.Worker("one")
OF_A_QUEUE = active.Worker("one", takes_work=True)


def test_daemon():
    """A daemon thread is known as one, and so is what it starts and submits."""
    with a_loop_in_a_thread() as loop:
        active.change("one")
        seen = []

        def look():
            seen.append(active.carried())
            seen.append(in_thread(active.carried))
            seen.append(asyncio.run_coroutine_threadsafe(current(), loop).result(10))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        thread.join()

    assert seen == [DAEMON] * 3


def test_a_task_in_a_daemon_thread():
    """A task is its submitter's, and not the thread's own in which its loop runs."""
    active.change("one")
    with a_loop_in_a_thread() as loop:
        assert asyncio.run_coroutine_threadsafe(current(), loop).result(10) == "one"


KINDS = [queue.Queue, queue.PriorityQueue, queue.SimpleQueue]


@pytest.mark.parametrize("kind", KINDS)
def test_daemon_of_a_queue(kind):
    """A daemon thread that takes its work from a queue is a worker from then on."""
    active.change("one")
    with a_worker(kind(), daemon=True) as ask:
        # nothing tells that something is taken from one that is written in C
        assert ask() == (DAEMON if kind is queue.SimpleQueue else OF_A_QUEUE)


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_thread_of_a_queue(kind):
    """Another thread is one if it takes something after it should have been over."""
    active.change("one")
    with a_worker(kind()) as ask:
        assert ask() == "one"
        OVER.add("one")
        assert ask() == OF_A_QUEUE
        assert ask(lambda: in_thread(active.carried)) == OF_A_QUEUE


def test_who_waits_for_an_answer():
    """The code of a test may wait at a queue, in a daemon thread, too."""
    seen = []

    def test():
        active.change("one")
        active.change_of_thread("one")
        answers = queue.Queue()
        answers.put("answer")
        answers.get()
        seen.append(active.carried())

    thread = threading.Thread(target=test, daemon=True)
    thread.start()
    thread.join()

    assert seen == ["one"]


def test_a_pool_is_no_queue():
    """A queue that is last in, first out holds connections, and brings no work."""
    active.change("one")
    OVER.add("one")
    connections = queue.LifoQueue()
    connections.put("connection")

    assert connections.get() == "connection"
    assert active.carried() == "one"


@LOOPS
def test_task_of_a_queue(new_loop):
    """So does a task, and so do the tasks that it starts."""
    asked, seen = [], []

    async def work():
        while (job := await asked[0].get()) is not None:
            seen.append(await asyncio.gather(current(), current()))
            job.set()

    async def ask():
        job = asyncio.Event()
        await asked[0].put(job)
        await job.wait()

    async def start():
        asked.append(asyncio.Queue())
        return asyncio.create_task(work())

    active.change("one")
    with a_loop_in_a_thread(new_loop) as loop:
        submit = functools.partial(asyncio.run_coroutine_threadsafe, loop=loop)
        task = submit(start()).result(10)
        submit(ask()).result(10)
        OVER.add("one")
        active.change("two")
        submit(ask()).result(10)
        submit(asked[0].put(None)).result(10)
        submit(asyncio.wait([task])).result(10)

    assert seen == [["one", "one"], [OF_A_QUEUE, OF_A_QUEUE]]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_task_that_runs_one_test_after_the_other(backend):
    """In the one of anyio's pytest plugin each test has its own context, and so has what it starts."""
    seen = []

    async def test():
        async with anyio.create_task_group() as group:
            group.start_soon(look)

    async def look():
        seen.append(active.carried())

    async def fixture():
        active.change("fixture")

    module = pytest.importorskip(f"anyio._backends._{backend}")
    with module.TestRunner() as runner:
        for value in ("one", "two", None):
            active.change(value)
            runner.run_test(test, {})
            OVER.add(value)
        active.change(None)
        runner.run_fixture(fixture, {})
        runner.run_test(test, {})

    assert seen == ["one", "two", None, "fixture"]


# as if we weren't there


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

    active.change("one")
    with_us = of_work(), of_thread()
    active.uninstall()

    assert with_us == (of_work(), of_thread())


def test_no_reference_is_kept():
    """What a failed work item held is free as soon as its future is, with no cycle of ours."""

    class Payload:
        def fail(self):
            raise KeyError

    active.change("one")
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


def test_cancelled_work():
    """A work item that was cancelled doesn't run, as ever."""
    release, ran = threading.Event(), []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(release.wait, 5)
        future: Future = pool.submit(ran.append, 1)
        assert future.cancel()
        release.set()

    assert ran == []


def test_within():
    """A block has a context of its own; what it puts in force to stay stays."""
    active.change("one")
    with active.within("two"):
        assert active.carried() == "two"
    assert active.carried() == "one"
    with active.within(None):
        active.change("to stay")
    assert active.carried() == "to stay"


def test_check():
    """A patch that another tool undid is applied again; what a mock has put there stays."""
    ours, original = threading.Thread.start, threading.Thread.start.__wrapped__
    try:
        threading.Thread.start = original
        active.check()
        assert threading.Thread.start is ours

        def mock(self):
            original(self)

        threading.Thread.start = mock
        active.check()
        assert threading.Thread.start is mock
    finally:
        threading.Thread.start = ours


def test_uninstall():
    """Everything is put back."""
    active.uninstall()
    item = sys.modules["concurrent.futures.thread"]._WorkItem
    owners = (
        *(threading.Thread, item, queue.Queue, asyncio.Queue),
        *(sys.modules[f"anyio._backends._{name}"].TestRunner for name in ("asyncio", "trio")),
    )
    before = [dict(vars(owner)) for owner in owners]

    active.install()
    assert all(vars(owner) != was for owner, was in zip(owners, before, strict=True))
    active.uninstall()

    assert [dict(vars(owner)) for owner in owners] == before


def test_late_import():
    """concurrent.futures isn't imported by us, and is patched when somebody imports it."""
    code = """
import sys
from pytest_reqord.interceptors import active
active.install()
active.change("one")
assert "concurrent.futures" not in sys.modules
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    assert pool.submit(active.carried).result() == "one"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_cost():
    """To carry a context costs 0.4 us a work item, to ask for it 0.1; the bound is for slower machines."""
    item = sys.modules["concurrent.futures.thread"]._WorkItem
    original = vars(item)["__init__"].__wrapped__
    subject = item.__new__(item)
    arguments = (None,) * (original.__code__.co_argcount - 1)

    def each(function):
        return min(timeit.repeat(function, number=100, repeat=200)) / 100  # the machine is shared

    with_context = each(lambda: item.__init__(subject, *arguments))
    without = each(lambda: original(subject, *arguments))
    assert with_context - without < 2e-6
    assert each(active.carried) < 2e-6
