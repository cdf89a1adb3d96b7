from __future__ import annotations

import threading
import time

from pytest_reqord.writer import supervisor as supervisor_module
from pytest_reqord.writer.supervisor import Supervisor


class Boom(BaseException):
    """What no ``except Exception`` catches."""


def wait_until(condition, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def dying(times):
    """Work that dies so many times and then waits to be told to stop."""
    stop = threading.Event()
    runs = []

    def work():
        runs.append(threading.current_thread())
        if len(runs) <= times:
            raise Boom
        stop.wait(5)

    return work, runs, stop


def test_late_start():
    """There is no thread before it is needed, and just one then."""
    work, runs, stop = dying(0)
    supervisor = Supervisor(work)
    assert not supervisor.is_running

    assert supervisor.ensure()
    assert supervisor.ensure()
    wait_until(lambda: runs)
    assert len(runs) == 1
    assert runs[0].daemon
    stop.set()
    supervisor.stop(5)
    assert not supervisor.is_running


def test_restart():
    """A thread that dies is replaced at once, three times."""
    work, runs, stop = dying(3)
    supervisor = Supervisor(work)
    supervisor.ensure()

    wait_until(lambda: len(runs) == 4)
    assert supervisor.ensure()
    assert isinstance(supervisor.last_death, Boom)
    stop.set()
    supervisor.stop(5)


def test_limit():
    """With a fourth death within five seconds it gives up, and the caller has to work."""
    work, runs, _ = dying(99)
    supervisor = Supervisor(work)
    supervisor.ensure()

    wait_until(lambda: supervisor.has_given_up)
    assert not supervisor.ensure()
    assert len(runs) == 4


def test_period():
    """Deaths that are longer ago than the period don't count."""
    moments = iter(range(0, 1000, 2))
    work, runs, stop = dying(20)
    supervisor = Supervisor(work, clock=lambda: next(moments))
    supervisor.ensure()

    wait_until(lambda: len(runs) == 21)
    assert not supervisor.has_given_up
    stop.set()
    supervisor.stop(5)


def test_stop():
    """After a stop nothing is started any more."""
    work, runs, _ = dying(0)
    supervisor = Supervisor(work)
    supervisor.stop(1)

    assert not supervisor.ensure()
    assert not runs


def test_silent_death():
    """A thread that is gone without a word counts as a death and is replaced."""
    work, runs, stop = dying(0)
    supervisor = Supervisor(work)
    supervisor.ensure()
    wait_until(lambda: runs)
    supervisor._life.lock.release()  # as the interpreter does for a thread that is gone

    assert not supervisor.is_running
    assert supervisor.ensure()
    wait_until(lambda: len(runs) == 2)
    stop.set()
    supervisor.stop(5)


def test_no_thread(monkeypatch):
    """Where no thread can be started (interpreter shutdown) the caller has to work."""

    def refuse(function, arguments):
        raise RuntimeError("can't start new thread at interpreter shutdown")

    monkeypatch.setattr(supervisor_module, "start_new_thread", refuse)
    supervisor = Supervisor(lambda: None)

    assert not supervisor.ensure()
    assert not supervisor.is_running


def test_never_begins(monkeypatch):
    """A thread that dies before its first step is waited for by nobody, and replaced."""
    started = []
    start = supervisor_module.start_new_thread

    def lose_the_first(function, arguments):
        started.append(arguments)
        if len(started) > 1:
            start(function, arguments)

    monkeypatch.setattr(supervisor_module, "start_new_thread", lose_the_first)
    monkeypatch.setattr(supervisor_module, "_BIRTH", 0.01)
    work, runs, stop = dying(0)
    supervisor = Supervisor(work)
    supervisor.ensure()
    wait_until(lambda: not supervisor.is_running)

    assert supervisor.ensure()
    wait_until(lambda: runs)
    stop.set()
    supervisor.stop(5)
