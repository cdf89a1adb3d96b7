from __future__ import annotations

import threading
import time

import pytest
from entries import interaction, number_of

from pytest_reqord.storage.locks import Claim
from pytest_reqord.writer.queue import Queue, Rhythm, Target

A = Target("/a.yaml", staged=False)
B = Target("/b.yaml", staged=False)
FAR = Rhythm(size=10, timeout=1000.0)


@pytest.fixture
def queue():
    return Queue(FAR, max_entries=10, max_bytes=1 << 20)


def put(queue, target, *numbers):
    for number in numbers:
        queue.put(target, interaction(number))


def numbers(batch):
    return [number_of(entry) for entry in batch.group()]


def due(queue):
    """What is due, if something is within a moment."""
    deadline = time.monotonic() + 5
    while (target := queue.wait_for_due()) is None:
        assert time.monotonic() < deadline
    return target


def test_claim(queue):
    """A claim has all that waits for its target, in order of time."""
    put(queue, A, 3, 1, 2)
    put(queue, B, 9)
    claim = Claim()
    with claim.lock:
        assert numbers(queue.claim(A, claim)) == [1, 2, 3]
        assert numbers(queue.claim(B, claim)) == [9]
        assert queue.claim(Target("/c.yaml", staged=False), claim) is None


def test_count(queue):
    """Claimed entries count until they are written."""
    put(queue, A, 1, 2)
    claim = Claim()
    with claim.lock:
        batch = queue.claim(A, claim)
        assert len(queue) == 2

        queue.written(batch, 1)
        assert len(queue) == 1
        assert numbers(batch) == [2]
        queue.written(batch, 1)
    assert len(queue) == 0
    assert queue.is_empty
    assert queue.targets() == []


def test_failed(queue):
    """What could not be written waits, together with what came meanwhile."""
    put(queue, A, 2, 3)
    claim = Claim()
    with claim.lock:
        batch = queue.claim(A, claim)
        put(queue, A, 1)
        assert queue.unwritten() == {"/a.yaml": list(map(interaction, (1, 2, 3)))}
        queue.failed(batch, OSError("no"))

    again = Claim()
    with again.lock:
        batch = queue.claim(A, again)
        assert batch.claim is again
        assert numbers(batch) == [1, 2, 3]
        assert batch.failures == 1


def test_exclusive(queue):
    """Nobody claims a target that is being written; then whoever asks gets what is left."""
    put(queue, A, 1)
    mine, other = Claim(), Claim()
    with other.lock:
        with mine.lock:
            assert queue.claim(A, mine).claim is mine
            assert queue.claim(A, other).claim is mine
        assert queue.claim(A, other).claim is other


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_interrupted(queue, error):
    """However a call ends that had a claim, the next one has what it left."""
    put(queue, A, 1)

    def call():
        claim = Claim()
        with claim.lock:
            queue.claim(A, claim)
            raise error

    with pytest.raises(error):
        call()
    again = Claim()
    with again.lock:
        batch = queue.claim(A, again)
        assert batch.claim is again
        assert numbers(batch) == [1]


def test_interrupted_after_the_last(queue):
    """A batch that was written to the last entry, and not forgotten, is no batch."""
    put(queue, A, 1)
    claim = Claim()
    with claim.lock:
        del queue.claim(A, claim).entries[:]

    again = Claim()
    with again.lock:
        assert queue.claim(A, again) is None
    assert queue.is_empty


def test_hold(queue):
    """While a fork holds it, other threads get no claim; that ends by itself."""
    put(queue, A, 1)
    found = []

    def ask():
        claim = Claim()
        with claim.lock:
            found.append(queue.claim(A, claim).claim is claim)

    def ask_elsewhere():
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        return found.pop()

    queue.hold(1000)
    assert not ask_elsewhere()
    ask()
    assert found.pop()
    queue.let_go()
    assert ask_elsewhere()
    queue.hold(0.01)
    time.sleep(0.02)
    assert ask_elsewhere()


def test_hold_waits(queue):
    """A fork waits for a write of another thread, but not for ever."""
    put(queue, A, 1)
    has_begun, go_on = threading.Event(), threading.Event()

    def write():
        claim = Claim()
        with claim.lock:
            queue.claim(A, claim)
            has_begun.set()
            go_on.wait(5)

    thread = threading.Thread(target=write)
    thread.start()
    has_begun.wait(5)
    started = time.monotonic()
    queue.hold(0.05)
    assert 0.05 <= time.monotonic() - started < 4
    threading.Timer(0.02, go_on.set).start()
    queue.hold(60)
    assert time.monotonic() - started < 30
    thread.join()


def test_due_order():
    """Of several batches the one that is due first is written first."""
    queue = Queue(Rhythm(size=10, timeout=0.02), 100, 1 << 20)
    put(queue, A, 1)
    time.sleep(0.01)
    put(queue, B, 1)

    assert due(queue) == A
    claim = Claim()
    with claim.lock:
        queue.claim(A, claim)
        assert due(queue) == B


def test_wakes_early(queue):
    """A batch that gets full wakes the writer, which slept until its timeout."""
    put(queue, A, 1)
    found = []
    thread = threading.Thread(target=lambda: found.append(due(queue)))
    thread.start()
    time.sleep(0.02)
    put(queue, A, *range(2, 11))
    thread.join(5)

    assert found == [A]


def test_hurry(queue):
    """In a hurry all is due, but what has just failed."""
    put(queue, A, 1)
    put(queue, B, 1)
    queue.failed(queue.batch(A), OSError("no"))
    queue.hurry()

    assert due(queue) == B


def test_stop(queue):
    """A stop wakes the writer with nothing."""
    found = []
    thread = threading.Thread(target=lambda: found.append(queue.wait_for_due()))
    thread.start()
    time.sleep(0.02)
    queue.stop()
    thread.join(5)

    assert found == [None]
    assert queue.is_stopped
    assert queue.wait_for_due() is None


def test_blockage(queue):
    """The queue is blocked when all that is in it has failed, and failed again."""
    error = OSError("no")
    put(queue, A, 1)
    put(queue, B, 1)
    for target in (A, B):
        assert queue.blockage() is None
        queue.failed(queue.batch(target), error)
    assert queue.blockage() is None
    for target in (A, B):
        queue.failed(queue.batch(target), error)

    assert queue.blockage() == ("/a.yaml", error)
    claim = Claim()
    with claim.lock:
        queue.claim(A, claim)
        assert queue.blockage() is None
    put(queue, Target("/c.yaml", staged=False), 1)
    assert queue.blockage() is None


def test_full():
    """A queue is full by entries or by bytes."""
    by_entries = Queue(FAR, max_entries=2, max_bytes=1 << 20)
    put(by_entries, A, 1)
    assert not by_entries.is_full
    put(by_entries, B, 2)
    assert by_entries.is_full

    by_bytes = Queue(FAR, max_entries=100, max_bytes=5000)
    by_bytes.put(A, interaction(1, body=b"x" * 4500))
    assert by_bytes.is_full
    by_bytes.written(by_bytes.batch(A), 1)
    assert not by_bytes.is_full


def test_forget(queue):
    """What is given up is gone, whoever is writing it; what came after it stays."""
    put(queue, A, 1, 2)
    batch = queue.batch(A)
    put(queue, A, 3)
    queue.forget(batch, 2)

    assert numbers(queue.batch(A)) == [3]
    queue.forget(batch, 3)
    assert len(queue) == 1
