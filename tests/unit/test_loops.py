from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from unittest import mock

import pytest
import trio

from pytest_reqord.base import loops

RUN = {"asyncio": asyncio.run, "trio": lambda coroutine: trio.run(lambda: coroutine)}


@pytest.mark.parametrize("run", RUN.values(), ids=RUN)
class TestInThread:
    def test_result(self, run):
        """What a function returns in another thread comes back, the loop going on meanwhile."""
        may_end, order = threading.Event(), []

        def wait():
            order.append(may_end.wait(10))
            return threading.get_ident()

        async def other(sleep):
            await sleep(0)
            order.append("other")
            may_end.set()

        async def both():
            sleep = loops.loop_sleep()
            if sleep is asyncio.sleep:
                task = asyncio.create_task(other(sleep))
                thread = await loops.in_thread(wait)
                await task
                return thread
            async with trio.open_nursery() as nursery:
                nursery.start_soon(other, sleep)
                return await loops.in_thread(wait)

        assert run(both()) != threading.get_ident()
        assert order == ["other", True]

    def test_error(self, run):
        """So does what it raises."""
        with pytest.raises(ZeroDivisionError):
            run(loops.in_thread(lambda: 1 / 0))

    def test_patched_threads(self, run):
        """It needs no thread that a test may have replaced, and no pool."""
        with mock.patch("threading.Thread"), mock.patch("threading.Thread.start"):
            assert run(loops.in_thread(lambda: 5)) == 5

    def test_no_thread(self, run, monkeypatch):
        """Where there can be no more threads the function is called all the same."""
        monkeypatch.setattr(loops, "start_new_thread", mock.Mock(side_effect=RuntimeError))

        assert run(loops.in_thread(lambda: 5)) == 5


def test_cancelled():
    """Whoever is cancelled while it waits is, and the thread ends by itself."""
    may_end, ended = threading.Event(), threading.Event()

    def wait():
        may_end.wait(10)
        ended.set()

    async def cancel():
        task = asyncio.create_task(loops.in_thread(wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    may_end.set()
    assert ended.wait(10)


def test_no_loop():
    """Without a loop nothing is in one, and a function is called in place."""
    variable = ContextVar("variable", default=1)
    variable.set(2)
    coroutine = loops.in_thread(variable.get)

    assert not loops.is_in_loop()
    assert loops.loop_sleep() is None
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    assert end.value.value == 2
