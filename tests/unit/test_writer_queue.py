from __future__ import annotations

import threading
import time

import pytest
from entries import interaction, number_of

from pytest_reqord.writer.batches import Rhythm
from pytest_reqord.writer.queue import Queue, Target

A = Target("/a.yaml", staged=False)
B = Target("/b.yaml", staged=False)
FAR = Rhythm(size=10, timeout=1000.0)


@pytest.fixture
def queue():
    return Queue(FAR, max_entries=10, max_bytes=1 << 20)


def put(queue, target, *numbers):
    for number in numbers:
        queue.put(target, interaction(number))


def numbers(claim):
    return [number_of(entry) for entry in claim.entries]


def test_claim(queue):
    """A claim has all that waits for its target, in order of time; nothing waits then."""
    put(queue, A, 3, 1, 2)
    put(queue, B, 9)

    assert numbers(queue.claim(A, 1)) == [1, 2, 3]
    assert numbers(queue.claim(B, 1)) == [9]
    assert queue.claim(Target("/c.yaml", staged=False), 1) is None


def test_count(queue):
    """Claimed entries count until they are done."""
    put(queue, A, 1, 2)
    claim = queue.claim(A, 1)
    assert len(queue) == 2

    queue.done(claim, claim.entries[:1])
    assert len(queue) == 1
    assert numbers(claim) == [2]
    queue.done(claim, list(claim.entries))
    queue.release(claim)
    assert len(queue) == 0
    assert queue.targets() == []


def test_release(queue):
    """What isn't done waits again, together with what came meanwhile."""
    put(queue, A, 2, 3)
    claim = queue.claim(A, 1)
    put(queue, A, 1)
    assert queue.unwritten() == {"/a.yaml": list(map(interaction, (1, 2, 3)))}
    queue.release(claim, OSError("no"))

    assert len(queue) == 3
    again = queue.claim(A, 1)
    assert numbers(again) == [1, 2, 3]
    assert again.batch.failures == 1


def test_release_twice(queue):
    """A claim ends once: a second release is none, though the target was claimed again."""
    put(queue, A, 1)
    claim = queue.claim(A, 1)
    queue.release(claim)
    again = queue.claim(A, 1)
    queue.release(claim)

    assert queue.targets() == [A]
    with pytest.raises(TimeoutError):
        queue.claim(A, 0)
    queue.done(again, list(again.entries))
    queue.release(again)
    assert len(queue) == 0


def test_exclusive(queue):
    """Nobody claims a target that is being written; who waits for it gets what is left."""
    put(queue, A, 1)
    claim = queue.claim(A, 1)
    with pytest.raises(TimeoutError, match="has not come back"):
        queue.claim(A, 0.01)

    threading.Timer(0.02, queue.release, [claim]).start()
    assert numbers(queue.claim(A, 5)) == [1]


def test_recover(queue):
    """What the writer's thread had claimed when it died waits again; a flush's claim doesn't."""
    put(queue, A, *range(10))
    put(queue, B, 1)
    assert queue.claim_due().target == A
    mine = queue.claim(B, 1)
    queue.recover()

    recovered = queue.claim(A, 0)
    assert numbers(recovered) == list(range(10))
    assert recovered.batch.is_suspect
    with pytest.raises(TimeoutError):
        queue.claim(B, 0)
    queue.release(mine)


def test_due_order():
    """Of several batches the one that is due first is claimed first."""
    queue = Queue(Rhythm(size=10, timeout=0.02), 100, 1 << 20)
    put(queue, A, 1)
    time.sleep(0.01)
    put(queue, B, 1)

    assert [queue.claim_due().target, queue.claim_due().target] == [A, B]


def test_wakes_early(queue):
    """A batch that gets full wakes the writer, which slept until its timeout."""
    put(queue, A, 1)
    found = []
    thread = threading.Thread(target=lambda: found.append(queue.claim_due()))
    thread.start()
    time.sleep(0.02)
    put(queue, A, *range(2, 11))
    thread.join(5)

    assert len(found[0].entries) == 10


def test_stop(queue):
    """A stop wakes the writer with nothing."""
    found = []
    thread = threading.Thread(target=lambda: found.append(queue.claim_due()))
    thread.start()
    time.sleep(0.02)
    queue.stop()
    thread.join(5)

    assert found == [None]
    assert queue.claim_due() is None


def test_blockage(queue):
    """The queue is blocked when all that is in it has failed, and failed again."""
    error = OSError("no")
    put(queue, A, 1)
    put(queue, B, 1)
    for target in (A, B):
        assert queue.blockage() is None
        queue.release(queue.claim(target, 0), error)
    assert queue.blockage() is None
    for target in (A, B):
        queue.release(queue.claim(target, 0), error)

    assert queue.blockage() == ("/a.yaml", error)
    claim = queue.claim(A, 0)
    assert queue.blockage() is None
    queue.release(claim, error)
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


def test_wait_for_room():
    """Who waits for room waits until something is done, or as long as said."""
    queue = Queue(FAR, max_entries=1, max_bytes=1 << 20)
    put(queue, A, 1)
    queue.wait_for_room(0.01)
    assert queue.is_full

    claim = queue.claim(A, 1)
    threading.Timer(0.02, queue.done, [claim, list(claim.entries)]).start()
    queue.wait_for_room(5)
    assert not queue.is_full
    queue.wait_for_room(5)
