"""Requests that whoever waits for them cancels: nothing hangs, and the next request is as ever."""

from __future__ import annotations

import asyncio

import aiohttp
import httpx
import httpx2
import pytest
import trio
from contract.tape import Tape, offline

from pytest_reqord.errors import CassetteMissError
from pytest_reqord.interceptors import (
    aiohttp as aiohttp_interceptor,
    httpx as httpx_interceptor,
    recorder,
)

CLIENTS = {
    "httpx": (asyncio, httpx.AsyncClient),
    "httpx-trio": (trio, httpx.AsyncClient),
    "httpx2": (asyncio, httpx2.AsyncClient),
    "httpx2-trio": (trio, httpx2.AsyncClient),
    "aiohttp": (asyncio, aiohttp.ClientSession),
}


@pytest.fixture(autouse=True)
def interceptors():
    for interceptor in (httpx_interceptor, aiohttp_interceptor):
        interceptor.install()
    yield
    for interceptor in (httpx_interceptor, aiohttp_interceptor):
        interceptor.uninstall()


@pytest.fixture
def place(place_of):
    return place_of("plain")


@pytest.fixture(params=CLIENTS)
def client(request):
    return CLIENTS[request.param]


async def read(session, url):
    """Whatever comes of a body, piece by piece."""
    if isinstance(session, aiohttp.ClientSession):
        async with session.get(url) as response:
            return b"".join([piece async for piece in response.content.iter_any()])
    async with session.stream("GET", url) as response:
        return b"".join([piece async for piece in response.aiter_raw()])


async def within(library, seconds, action):
    """What an action gives, or that it was cancelled."""
    if library is trio:
        with trio.move_on_after(seconds):
            return await action
        return "cancelled"
    try:
        return await asyncio.wait_for(action, seconds)
    except asyncio.TimeoutError:
        return "cancelled"


def run(client, place, path):
    """A request that gets 0.2 seconds, and one after it."""
    library, session_class = client

    async def main():
        async with session_class() as session:
            first = await within(library, 0.2, read(session, f"{place.url}{path}"))
            return [first, await read(session, f"{place.url}/body/after")]

    return library.run(main) if library is trio else asyncio.run(main())


@pytest.mark.parametrize("path", ["/slow/0.6", "/slow/0?body=0.6", "/endless"])
def test_cancelled(client, place, path):
    """A request is cancelled before its response or in it, and so it is on replay."""
    tape = Tape(record_errors=True)
    with tape.recording():
        recorded = run(client, place, path)
    with tape.playing() as cassette, offline():
        played = run(client, place, path)

    assert recorded == played == ["cancelled", b"after"]
    assert (cassette.misses, cassette.unplayed) == ((), ())


def test_cancelled_late(client, place):
    """The same for a request that goes live since the cassette hasn't got it."""
    tape = Tape(record_errors=True)
    with tape.recording(play=True):
        recorded = run(client, place, "/slow/0.6")
    with tape.playing(), offline():
        played = run(client, place, "/slow/0.6")

    assert recorded == played == ["cancelled", b"after"]


def test_unrecorded(client, place):
    """Without ``record_errors`` nothing is kept of a request that had no response."""
    tape = Tape()
    with tape.recording():
        run(client, place, "/slow/0.6")

    assert [each.request.uri for each in tape.interactions] == [f"{place.url}/body/after"]
    with tape.playing(), pytest.raises(CassetteMissError, match="/slow"):
        run(client, place, "/slow/0.6")


@pytest.mark.parametrize("path", ["/slow/0.6", "/slow/0?body=0.6"])
def test_not_cancelled_again(client, place, path, monkeypatch):
    """Whoever isn't cancelled on replay waits longer than live, and is told where it ends."""
    tape = Tape(record_errors=True)
    with tape.recording():
        run(client, place, path)
    kept = tape.interactions[0].failure or tape.interactions[0].response.broken

    assert recorder.patience(kept) == 2
    monkeypatch.setattr(recorder, "patience", lambda answer: 0.01 if answer == kept else 0)
    errors = httpx.HTTPError, httpx2.HTTPError, aiohttp.ClientError
    with tape.playing(), pytest.raises(errors, match="ends here: its reader was cancelled"):
        run(client, place, path)
