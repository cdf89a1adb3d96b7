from __future__ import annotations

import pytest
from entries import interaction, number_of

from pytest_reqord.base.models import Failure, Headers, Interaction, Request
from pytest_reqord.writer.queue import Batch, Rhythm, Target, in_order, weigh

RHYTHM = Rhythm(size=3, timeout=0.1)


def batch(count, first=100.0, last=100.0, **fields):
    made = Batch(Target("/a.yaml", staged=False), first)
    made.last = last
    made.entries = [interaction(number) for number in range(count)]
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_debounce():
    """A batch is due one timeout after its last entry."""
    assert batch(2, 100.0, 100.25).due_at(RHYTHM) == pytest.approx(100.35)


def test_full():
    """A full batch is due at once."""
    assert batch(3, 100.0, 100.25).due_at(RHYTHM) == 100.0


def test_trickle():
    """However steady entries come, a batch is due ten timeouts after its first."""
    assert batch(2, 100.0, 100.99).due_at(RHYTHM) == pytest.approx(101.0)


def test_failed():
    """After a failure a batch waits for its next try, full or not."""
    assert batch(3, failures=1, retry_at=107.0).due_at(RHYTHM) == 107.0


def test_order():
    """Entries are sorted by the start of their requests; those of one moment stay as they came."""
    moments = [300, 150, 100, 350, 150, 250]
    entries = [interaction(number, at) for number, at in enumerate(moments)]

    assert [number_of(entry) for entry in in_order(entries)] == [2, 1, 4, 5, 0, 3]


def test_group():
    """What is written next is all there is, in order; after a death the first entry alone."""
    waiting = batch(3)
    waiting.entries.reverse()
    assert [number_of(entry) for entry in waiting.group()] == [0, 1, 2]

    waiting.suspects = 3
    waiting.entries.append(interaction(-1))
    assert [number_of(entry) for entry in waiting.group()] == [0]


def test_weight():
    """An entry weighs its bodies and a bit, whether or not it has a response."""
    failed = Interaction(
        Request("GET", "https://a/", Headers(), b"x" * 5000),
        None,
        interaction(1).recorded_at,
        failure=Failure("TimeoutError", ""),
    )

    assert weigh(interaction(1, body=b"x" * 5000)) == weigh(failed)
    assert weigh(failed) - weigh(interaction(1, body=b"")) == 5000
