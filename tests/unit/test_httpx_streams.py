"""The pieces in which a recorded body reaches httpx."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, strategies as st
from strategies import tries

from pytest_reqord.base.models import Arrival, Headers, Response
from pytest_reqord.interceptors.httpx.streams import READ_SIZE, split
from pytest_reqord.interceptors.recorder import is_cut


def response(body: bytes, **fields: Any) -> Response:
    return Response(200, "OK", Headers(), body, **fields)


SIZES = st.integers(0, 40)


@given(st.binary(max_size=60), st.none() | st.lists(SIZES), st.lists(SIZES))
@example(b"shorter than its chunks say", [400], [300])
@example(b"longer than its chunks say", [1, 2], [])
@tries(200)
def test_nothing_lost(body, chunks, offsets):
    """Whatever sizes a recording names, its redacted body arrives whole and in no empty piece."""
    arrivals = tuple(Arrival(offset, 0.1) for offset in offsets)
    recorded = response(body, chunks=None if chunks is None else tuple(chunks), arrivals=arrivals)

    pieces = list(split(recorded))

    assert b"".join(pieces) == body
    assert all(pieces)


def test_chunks():
    """A chunk is a piece, unless it is larger than what a client reads at once."""
    sizes = (3, READ_SIZE + 1, 2)

    pieces = list(split(response(b"x" * sum(sizes), chunks=sizes)))

    assert [len(piece) for piece in pieces] == [3, READ_SIZE, 1, 2]


def test_arrivals():
    """What came later is a piece of its own."""
    pieces = list(split(response(b"onetwo", arrivals=(Arrival(3, 0.1), Arrival(6, 0.2)))))

    assert pieces == [b"one", b"two"]


def test_cut():
    """The server cut a body off where its end has a time; else its reader left."""
    end = (Arrival(3, 0.1),)

    assert is_cut(response(b"one", arrivals=end, complete=False))
    assert not is_cut(response(b"one", arrivals=end))
    assert not is_cut(response(b"one", complete=False))
