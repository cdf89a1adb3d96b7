"""Many requests at once, with a client, in a way; recorded, then played in another order."""

from __future__ import annotations

import asyncio
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio
from contract.tape import offline

from pytest_reqord.base.clock import Clock, format_time
from pytest_reqord.cassette_file.cache import read_document
from pytest_reqord.recording.run_info import RunInfo, new_run_id
from pytest_reqord.run.run import Run
from pytest_reqord.run.use_cassette import set_run, use_cassette
from pytest_reqord.settings.options import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from contract.face import Place

CLOCK = Clock()
SLACK = timedelta(milliseconds=50)  # between two clocks that were anchored at different times

Bodies = list[bytes]
Check = Any


@contextmanager
def a_run(folder: Path, mode: str) -> Iterator[Path]:
    """A run of its own, whose cassettes lie in a folder."""
    started_at = format_time(Clock().now())
    info = RunInfo(new_run_id(), folder / "staging", folder, started_at)
    run = Run(info, weak=[Layer("the test", {"record_mode": mode})])
    set_run(run)
    try:
        yield folder
    finally:
        run.finish()
        run.stop()
        set_run(None)


# ways to make many calls; a sync client gives a function that posts, for as long as it is open,
# an async one a coroutine function that does


def in_pool(client: Any, url: str, bodies: Bodies, check: Check) -> None:
    """50 workers."""
    with client(url) as post, ThreadPoolExecutor(50) as pool:
        for body, answer in zip(bodies, pool.map(post, bodies), strict=True):
            check(body, answer)


def in_threads(client: Any, url: str, bodies: Bodies, check: Check) -> None:
    """A bare thread each."""
    with client(url) as post:
        threads = [
            threading.Thread(target=lambda body=body: check(body, post(body))) for body in bodies
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


async def _all_at_once(client: Any, url: str, bodies: Bodies, check: Check) -> None:
    async with client(url) as post, anyio.create_task_group() as group:

        async def ask(body: bytes) -> None:
            check(body, await post(body))

        for body in bodies:
            group.start_soon(ask, body)


async def _gathered(client: Any, url: str, bodies: Bodies, check: Check) -> None:
    async with client(url) as post:
        for body, answer in zip(bodies, await asyncio.gather(*map(post, bodies)), strict=True):
            check(body, answer)


def in_asyncio(client: Any, url: str, bodies: Bodies, check: Check) -> None:
    """Tasks of asyncio."""
    asyncio.run(_gathered(client, url, bodies, check))


def in_anyio(client: Any, url: str, bodies: Bodies, check: Check) -> None:
    """Tasks of anyio, on asyncio."""
    anyio.run(_all_at_once, client, url, bodies, check)


def in_trio(client: Any, url: str, bodies: Bodies, check: Check) -> None:
    """Tasks of trio."""
    anyio.run(_all_at_once, client, url, bodies, check, backend="trio")


def in_threads_with_loops(client: Any, url: str, bodies: Bodies, check: Check) -> None:
    """Five threads, with a loop and a fifth of the tasks each."""
    with ThreadPoolExecutor(5) as pool:
        parts = [bodies[at::5] for at in range(5)]
        list(pool.map(lambda part: in_asyncio(client, url, part, check), parts))


def record_and_play(
    place: Place, folder: Path, number: int, act: Callable[[Sequence[bytes], Check], None]
) -> None:
    """Have a crowd of requests recorded once each, and played as their callers need them.

    :param act: makes a request with each of some bodies, and has each answer checked.
    """
    bodies = [b"(%d)" % at for at in range(number)]
    answers: dict[bytes, int] = {}

    def note(body: bytes, answer: bytes) -> None:
        answers[body] = _number_in(answer)

    with a_run(folder, "once"), use_cassette("many.yaml"):
        first = CLOCK.now()
        act(bodies, note)
        last = CLOCK.now()

    assert answers == {body: _number_in(body) for body in bodies}
    entries = read_document(folder / "many.yaml").entries
    stored = [entry.interaction() for entry in entries]
    asked = [_number_in(one.request.body) for one in stored]
    assert sorted(asked) == list(range(number))
    assert asked == [_number_in(one.response.body) for one in stored if one.response]
    times = [one.recorded_at for one in stored]
    assert times == sorted(set(times))
    assert first - SLACK <= times[0]
    assert times[-1] <= last + SLACK

    answers.clear()
    random.Random(number).shuffle(bodies)
    with a_run(folder, "none"), place.server.refusing(), offline() as tried:
        with use_cassette("many.yaml") as cassette:
            act(bodies, note)
        assert cassette.play_count == number
        assert cassette.all_played
    assert answers == {body: _number_in(body) for body in bodies}
    assert tried == []


def _number_in(text: bytes) -> int:
    found = re.search(rb"\((\d+)\)", text)
    assert found is not None, text
    return int(found[1])
