"""Whatever happens to the writer at whichever step: each call returns, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from entries import interaction, number_of
from interruptions import AtStep, Boom, in_time, raising

from pytest_reqord import codec
from pytest_reqord.errors import WriteFailed
from pytest_reqord.writer import CassetteWriter, delivery

FAR = 10**6  # milliseconds: no batch is due by time
PARTS = ("writer", "storage")
ERRORS = [KeyboardInterrupt, SystemExit, MemoryError, Boom]


def numbers(path):
    """The numbers of a cassette's entries as they stand in the file."""
    if not path.exists():
        return []
    return [number_of(entry) for entry in codec.load(path.read_bytes(), str(path), dict).entries]


class Kept:
    """A writer, what was offered to it, and what of that it has accepted."""

    def __init__(self, folder, step):
        self.path = folder / f"{step}.yaml"
        self.writer = CassetteWriter.start_link(
            batch_timeout=FAR, lock_timeout=5, aside=folder / "aside"
        )
        self.offered = []
        self.accepted = []

    def offer(self, *offered):
        for number in offered:
            self.offered.append(number)
            self.writer.write_entry(self.path, interaction(number))
            self.accepted.append(number)

    def check(self):
        """Flush by another thread than the one that was interrupted; all is there, in order."""
        in_time(self.writer.flush_all)
        found = numbers(self.path)
        assert found == sorted(found)
        assert set(self.accepted) <= set(found) <= set(self.offered)
        assert max(Counter(found).values()) <= 2, "written, and once more by who didn't know"
        assert self.writer.set_aside == ()
        in_time(self.writer.stop)


@pytest.fixture
def at_each_step(tmp_path, request):
    """Run with something happening at each step, until there is no such step.

    Without ``--full`` the parameters of a test share the steps.
    """
    is_full = request.config.getoption("--full")

    def at_each_step(run, *, first=0, stride=1):
        step, is_done, stride = 1 if is_full else 1 + first, True, 1 if is_full else stride
        while is_done:
            kept = Kept(tmp_path, step)
            at = run(step, kept)
            try:
                kept.check()
            except BaseException as error:
                raise AssertionError(f"after what happened at {at.place}") from error
            is_done = at.is_done
            step += stride
        assert step > 20

    return at_each_step


@pytest.mark.parametrize(("first", "error"), [*enumerate(ERRORS)])
def test_a_caller(at_each_step, first, error):
    """Ctrl-C and its like at each step of a write and a flush."""

    def run(step, kept):
        kept.offer(0)
        at = AtStep(step, raising(error), *PARTS)
        try:
            with at:
                kept.offer(2, 1)
                kept.writer.flush_all()
        except (error, WriteFailed):
            pass
        kept.offer(3)
        return at

    at_each_step(run, first=first, stride=len(ERRORS))


@pytest.mark.parametrize(("first", "error"), [*enumerate(ERRORS)])
def test_the_thread(at_each_step, first, error):
    """The death of the writer's thread at each of its steps."""

    def run(step, kept):
        at = AtStep(step, raising(error), *PARTS)
        _trace_thread(kept.writer, at)
        kept.offer(*range(10))
        _wait_until(lambda: at.is_done or kept.writer._queue.is_empty)
        kept.offer(10)
        return at

    at_each_step(run, first=first, stride=len(ERRORS))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork(at_each_step, monkeypatch):
    """A fork while the writer's thread is at each of its steps: both have a writer that works."""
    monkeypatch.setattr(delivery, "_FORK_PATIENCE", 0.01)

    def run(step, kept):
        is_there, go_on = threading.Event(), threading.Event()

        def pause():
            is_there.set()
            go_on.wait(0.05)  # it may hold a lock that a fork, or a producer, waits for

        at = AtStep(step, pause, *PARTS)
        _trace_thread(kept.writer, at)
        kept.offer(*range(10))
        _wait_until(lambda: is_there.is_set() or kept.writer._queue.is_empty)
        child = os.fork()
        if not child:
            _be_child(kept)
        try:
            _wait_until(lambda: (os.waitpid(child, os.WNOHANG)) == (child, 0))
        finally:
            go_on.set()
        kept.offer(11)
        return at

    at_each_step(run, stride=3)


def _be_child(kept):
    """Record to the same cassette and to another one, and say whether that went well."""
    state = 1
    try:
        kept.writer.write_entry(f"{kept.path}.child", interaction(1))
        kept.writer.flush_all()
        state = 0 if numbers(Path(f"{kept.path}.child")) == [1] else 2
    finally:
        os._exit(state)


# forks a child for each step, in which the interpreter ends while the writer's thread is there
ENDS = f"""
import os, sys, time, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from entries import interaction
from interruptions import AtStep
from pytest_reqord.writer import CassetteWriter, service
folder, stride = sys.argv[1], int(sys.argv[2])

def pause():
    global is_there
    is_there = True
    time.sleep(0.05)  # the others go on; it does so while the interpreter ends, or never

def be_child(step):
    writer = CassetteWriter.start_link(batch_timeout=10**6, lock_timeout=5)
    at = AtStep(step, pause, "writer", "storage")
    work = writer._supervisor._work

    def traced():
        with at:
            work()

    writer._supervisor._work = traced
    for number in range(10):
        writer.write_entry(f"{{folder}}/{{step}}.yaml", interaction(number))
    while not is_there and not writer._queue.is_empty:
        time.sleep(0.001)
    writer.write_entry(f"{{folder}}/{{step}}.yaml", interaction(10))
    with open(f"{{folder}}/steps", "a") as file:
        print(step, is_there, file=file)
    sys.exit(7)

step = 1
while True:
    is_there = False
    child = os.fork()
    if not child:
        be_child(step)
    state = os.waitpid(child, 0)[1]
    assert os.waitstatus_to_exitcode(state) == 7, state
    if "False" in open(f"{{folder}}/steps").read():
        break
    step += stride
"""


def test_the_end_of_the_interpreter(tmp_path, request):
    """The interpreter ends while the writer's thread is at each of its steps."""
    stride = "1" if request.config.getoption("--full") else "8"
    done = subprocess.run(
        [sys.executable, "-c", ENDS, str(tmp_path), stride],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )

    assert (done.returncode, done.stderr) == (0, "")
    found = {path.stem: numbers(path) for path in tmp_path.glob("*.yaml")}
    assert len(found) > 20
    for step, each in found.items():
        assert sorted(set(each)) == list(range(11)), step


def _trace_thread(writer, at):
    """Have it happen in the first life of the writer's thread."""
    work, is_first = writer._supervisor._work, True

    def traced():
        nonlocal is_first
        was_first, is_first = is_first, False
        if not was_first:
            return work()
        with at:
            return work()

    writer._supervisor._work = traced


def _wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)
