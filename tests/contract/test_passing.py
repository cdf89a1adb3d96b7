"""Traffic that no cassette plays or records passes as if there were none: ignored hosts, no cassette
open, one that opens or closes while a connection is in use.
"""

from __future__ import annotations

import functools
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from contract.clients import left_out
from contract.scenarios import SCENARIOS, Call, Scenario
from contract.tape import Tape
from contract.test_contract import FACES, OWN, intercepted, traffic, watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from contract.face import Face, Place

IGNORED: dict[str, dict[str, Any]] = {
    "ignore_hosts": {"ignore_hosts": frozenset({"127.0.0.1", "localhost", "api.example.test"})},
    "ignore_localhost": {"ignore_localhost": True},
}
JSON = (("Content-Type", "application/json"),)
POST = Call("/shuffle", "POST", JSON, body=b'{"n": 1}')

POOLED = Scenario(
    "pooled", (Call("/json"), POST, Call("/empty/204", "DELETE"), POST, Call("/json"))
)
NAMES = {
    "get", "post-empty", "post-json", "post-large", "post-form", "post-multipart", "post-generator",
    "expect", "expect-generator", "upgrade-declined", "chunked-trailers", "sse", "head-then-get",
    "keep-alive", "connection-close", "read-partial", "redirect-post-307", "broken-length", "tls-post",
    "proxy-http", "proxy-https",
}  # fmt: skip
"""Of the common scenarios one of each kind that a connection could be in the way of."""

PASSING = [
    pytest.param(face, scenario, id=f"{face.name}-{scenario.name}")
    for face in FACES
    for scenario in (POOLED, *(each for each in SCENARIOS if each.name in NAMES))
    if face.run and not scenario.needs & face.lacks and scenario.name not in left_out(face.name)
]
SESSIONS = [face for face in FACES if face.run]


def test_names():
    """The scenarios that are named here are there."""
    assert {each.name for each in SCENARIOS} >= NAMES


@pytest.mark.parametrize(("face", "scenario"), PASSING)
def test_common(face, scenario, place_of):
    """A common scenario is the same without us, with no cassette open, and to ignored hosts."""
    place = place_of(scenario.place, is_local=scenario.is_local)
    passes(face, place, lambda: face.run(scenario, place), hosts=scenario.place == "proxy")


@pytest.mark.parametrize(("face", "name"), OWN)
def test_own(face, name, place_of):
    """So is a scenario that only this client can do."""
    place = place_of(face.own_places.get(name, "plain"))
    passes(face, place, lambda: face.own[name](place), hosts=True)


def passes(face: Face, place: Place, run: Callable[[], object], *, hosts: bool) -> None:
    """Have a client do without us what it then does with us, to no avail for any cassette.

    :param hosts: whether more than the local host is asked.
    """
    bare = watch(face, place, run)
    bare_traffic = traffic(face, place, is_parallel=False)
    with intercepted(face):
        assert watch(face, place, run) == bare, "with no cassette open"
        assert traffic(face, place, is_parallel=False) == bare_traffic
        for name, is_recording in (("ignore_hosts", True), ("ignore_localhost", False)):
            settings = IGNORED["ignore_hosts" if hosts else name]
            tape = Tape(**settings)
            with tape.recording() if is_recording else tape.playing() as cassette:
                assert watch(face, place, run) == bare, name
            assert traffic(face, place, is_parallel=False) == bare_traffic
            assert (cassette.recorded, cassette.played, cassette.misses) == ((), (), ())


# -- what is held until it is known that it goes live ------------------------------------------


@pytest.mark.parametrize(("face", "scenario"), PASSING)
def test_new(face, scenario, place_of):
    """A common scenario that a cassette has no answers for goes live as it was written."""
    place = place_of(scenario.place, is_local=scenario.is_local)
    goes_live(face, place, lambda: face.run(scenario, place))


ASKED_FOR = {"aiohttp-expect-refused", "aiobotocore-s3", "botocore-s3", "tornado-expect"}
"""Scenarios in which a server refuses a body, which it has to have before it is asked: see the manual."""


@pytest.mark.parametrize(
    ("face", "name"), [case for case in OWN if str(case.id).replace("own-", "") not in ASKED_FOR]
)
def test_own_new(face, name, place_of):
    """So does a scenario that only this client can do."""
    place = place_of(face.own_places.get(name, "plain"))
    goes_live(face, place, lambda: face.own[name](place))


def goes_live(face: Face, place: Place, run: Callable[[], object]) -> None:
    bare = watch(face, place, run)
    bare_traffic = traffic(face, place, is_parallel=False)
    with intercepted(face), Tape().recording(play=True):
        seen = watch(face, place, run)
    assert sorted_traces(face, seen) == sorted_traces(face, bare)
    asked = traffic(face, place, is_parallel=False)
    assert sorted(map(str, asked)) == sorted(map(str, bare_traffic))


def sorted_traces(face: Face, seen: object) -> object:
    """What was seen, with the traces of aiohttp sorted: a connection that is made late is told late."""
    if face.name != "aiohttp" or not isinstance(seen, list):
        return seen
    result, traces, cookies = seen
    return [result, sorted(map(str, traces)), cookies]


# -- a cassette that opens and closes while a session is in use --------------------------------


class Between:
    """A cassette that opens and closes in the middle of what a client does."""

    def __init__(self, tape: Tape, *, is_recording: bool) -> None:
        self._open = tape.recording if is_recording else tape.playing
        self._stack = ExitStack()
        self.cassette: object = None

    def open(self) -> None:
        self.cassette = self._stack.enter_context(self._open())

    def close(self) -> None:
        self._stack.close()


def nothing() -> None:
    """What happens where there is no cassette."""


@pytest.mark.parametrize("face", SESSIONS, ids=lambda face: face.name)
@pytest.mark.parametrize("body", [None, b"a body"], ids=["bare", "body"])
def test_between_requests(face, body, place_of):
    """A session's connection lives before, during and after a cassette, and serves all of them."""
    place = place_of("plain")
    method = "POST" if body else "GET"

    def run(first: Callable[[], object], last: Callable[[], object]) -> object:
        calls = [Call(f"/body/{name}", method, JSON, body=body) for name in "abcdef"]
        before = {2: first, 4: last}
        calls = [replace(call, before=before.get(at)) for at, call in enumerate(calls)]
        return face.run(Scenario("between", tuple(calls)), place)

    bare = watch(face, place, functools.partial(run, nothing, nothing))
    bare_traffic = traffic(face, place, is_parallel=False)
    tape = Tape()
    with intercepted(face):
        recording = Between(tape, is_recording=True)
        recorded = watch(face, place, functools.partial(run, recording.open, recording.close))
        assert recorded == bare
        assert traffic(face, place, is_parallel=False) == bare_traffic
        assert [one.request.uri[-1] for one in tape.interactions] == ["c", "d"]
        playing = Between(tape, is_recording=False)
        replayed = watch(face, place, functools.partial(run, playing.open, playing.close))
        assert replayed == bare
        assert [seen.arguments for seen in place.server.seen] == [["a"], ["b"], ["e"], ["f"]]
        assert (playing.cassette.misses, playing.cassette.unplayed) == ((), ())


@pytest.mark.parametrize("face", SESSIONS, ids=lambda face: face.name)
@pytest.mark.parametrize("body", [None, b"a body"], ids=["bare", "body"])
def test_under_way(face, body, place_of):
    """A request that is under way when a cassette opens, or closes, is none of its."""
    place = place_of("plain")
    method = "POST" if body else "GET"
    paths = ("/act/open", "/body/inside", "/act/close", "/body/after")
    calls = tuple(Call(path, method, JSON, body=body) for path in paths)

    def run(calls: tuple[Call, ...]) -> object:
        return face.run(Scenario("under way", calls), place)

    bare = watch(face, place, functools.partial(run, calls))
    bare_traffic = traffic(face, place, is_parallel=False)
    tape = Tape()
    with intercepted(face):
        recording = Between(tape, is_recording=True)
        place.server.acts = {"open": recording.open, "close": recording.close}
        assert watch(face, place, functools.partial(run, calls)) == bare
        assert traffic(face, place, is_parallel=False) == bare_traffic
        assert [one.request.uri[-6:] for one in tape.interactions] == ["inside"]
        playing = Between(tape, is_recording=False)
        place.server.acts = {"open": playing.open}
        # what isn't recorded can't be under way on replay
        closing = (*calls[:2], replace(calls[2], before=playing.close), calls[3])
        assert watch(face, place, functools.partial(run, closing)) == bare
        asked = [seen.arguments[0] for seen in place.server.seen]
        assert asked == ["open", "close", "after"]


@pytest.mark.parametrize(
    "face",
    [face for face in SESSIONS if "read:gated" not in face.lacks],
    ids=lambda face: face.name,
)
@pytest.mark.parametrize("opens", [True, False], ids=["opens", "closes"])
def test_half_read(face, opens, place_of):
    """A response that is half read when a cassette opens, or closes, is read to its end.

    What came after the close was never recorded, and a replay says so to who asks for it.
    """
    place = place_of("plain")
    calls = (Call("/sse/3?gate=g", read="gated"), Call("/body/after", "POST", JSON, body=b"a body"))

    def run(first: Callable[[], object]) -> object:
        return face.run(Scenario("half", (replace(calls[0], before=first), calls[1])), place)

    bare = watch(face, place, functools.partial(run, nothing))
    bare_traffic = traffic(face, place, is_parallel=False)
    tape = Tape()
    with intercepted(face):
        recording = Between(tape, is_recording=True)
        place.server.acts = {"gate": recording.open if opens else recording.close}
        before = nothing if opens else recording.open
        try:
            recorded = watch(face, place, functools.partial(run, before))
        finally:
            recording.close()
        if face.name == "tornado" and not opens:
            # its streaming callback is a task of its own, so that the caller's next request still
            # comes from the context of the test that was ended there
            assert recorded["raised"] == "pytest_reqord.errors.CassetteClosed"
            return
        assert recorded == bare
        assert traffic(face, place, is_parallel=False) == bare_traffic
        if opens:
            assert [one.request.uri[-5:] for one in tape.interactions] == ["after"]
            return
        assert [one.response.complete for one in tape.interactions] == [False]
        playing = Between(tape, is_recording=False)
        place.server.acts = {"gate": playing.close}
        replayed = watch(face, place, functools.partial(run, playing.open))
        assert "the recording ends here" in str(replayed)
        # httplib2 keeps a connection whose response it could not read, and asks it twice
        times = 2 if face.name == "httplib2" else 1
        assert [seen.arguments for seen in place.server.seen] == [["after"]] * times
