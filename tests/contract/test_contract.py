"""A client sees the same without us, while recording and on replay; so does the server."""

from __future__ import annotations

import importlib
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from contract.clients import left_out
from contract.face import Face, Place, faces, outcome
from contract.scenarios import SCENARIOS, Call, Scenario
from contract.tape import Tape, offline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FACES = tuple(faces())
LARGE = frozenset({"aiohttp", "httpx-sync", "requests", "tornado"})
"""A client for each place where clients are taken, for what takes its time."""
CASES = [
    pytest.param(face, scenario, id=f"{face.name}-{scenario.name}")
    for face in FACES
    for scenario in SCENARIOS
    if face.run and not scenario.needs & face.lacks and scenario.name not in left_out(face.name)
]
OWN = [
    pytest.param(face, name, id=f"{face.name}-own-{name}") for face in FACES for name in face.own
]


@pytest.mark.parametrize(("face", "scenario"), CASES)
def test_common(face, scenario, place_of):
    """What is seen of a common scenario is the same three times."""
    place = place_of(scenario.place, is_local=scenario.is_local)
    count = len(scenario.calls)
    compare(face, place, lambda: face.run(scenario, place), count, is_parallel=scenario.is_parallel)


@pytest.mark.parametrize(("face", "name"), OWN)
def test_own(face, name, place_of):
    """What is seen of a scenario that only this client can do is the same three times."""
    place = place_of(face.own_places.get(name, "plain"))
    compare(face, place, lambda: face.own[name](place))


@pytest.mark.parametrize(
    "face", [face for face in FACES if face.name in LARGE], ids=lambda face: face.name
)
def test_large(face, place_of, pytestconfig):
    """Bodies of 20 MB, with ``--full`` of 100, are the same three times, up and down."""
    size = (100 if pytestconfig.getoption("full") else 20) * 1_000_000
    sent = (bytes(range(250)) * 1000,) * (size // 250_000)
    scenario = Scenario(
        "large",
        (Call(f"/binary/{size}", timeout=60), Call("/body/up", "POST", stream=sent, timeout=60)),
    )
    place = place_of("plain")
    compare(face, place, lambda: face.run(scenario, place), len(scenario.calls))


def compare(
    face: Face,
    place: Place,
    run: Callable[[], object],
    count: int = 1,
    *,
    is_parallel: bool = False,
) -> None:
    bare = watch(face, place, run)
    bare_traffic = traffic(face, place, is_parallel=is_parallel)
    assert len(bare_traffic) >= count, "calls that made no request: there is nothing to compare"
    tape = Tape()
    with intercepted(face):
        with tape.recording():
            recorded = watch(face, place, run)
        assert recorded == bare, "recording changed what is seen"
        assert traffic(face, place, is_parallel=is_parallel) == bare_traffic
        with tape.playing() as cassette, place.server.refusing(), offline() as tried:
            replayed = watch(face, place, run)
            assert replayed == bare, "a replay is not what was recorded"
            assert (cassette.misses, cassette.unplayed) == ((), ())
        assert (tried, place.server.refused) == ([], 0), "a replay went to the network"


def watch(face: Face, place: Place, run: Callable[[], object]) -> object:
    """What is seen, less what differs between any two runs of this client."""
    place.server.reset()
    return masked(face, outcome(run))


def traffic(face: Face, place: Place, *, is_parallel: bool) -> list[object]:
    """What the server saw since `watch`, byte for byte, and on which of the connections."""
    server = place.server
    seen: list[Any] = [(masked(face, request.raw), request.connection) for request in server.seen]
    return sorted(raw for raw, _ in seen) if is_parallel else [*seen, *server.heard]


def masked(face: Face, value: object) -> object:
    if isinstance(value, dict):
        return {key: masked(face, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(face, item) for item in value]
    for pattern, substitute in face.masks:
        if isinstance(value, str):
            value = re.sub(pattern, substitute, value)
        elif isinstance(value, bytes):
            value = re.sub(pattern.encode(), substitute.encode(), value)
    return value


@contextmanager
def intercepted(face: Face) -> Iterator[None]:
    """With the client's interceptor in place."""
    interceptor = importlib.import_module(f"pytest_reqord.interceptors.{face.interceptor}")
    interceptor.install()
    try:
        yield
    finally:
        interceptor.uninstall()
