"""A garbage collection comes where it likes, and ends a response that nobody refers to any more.

Here it comes before each line of what it may be in the middle of, in turn.
"""

from __future__ import annotations

from functools import partial
from itertools import count
from urllib.request import Request, urlopen

import pytest
from contract.crowd import a_run
from entries import interaction
from interruptions import AtStep, in_time
from server import running

from pytest_reqord import use_cassette
from pytest_reqord.cassette_file.cache import read_document
from pytest_reqord.codec import encode, load, render
from pytest_reqord.matching.matchers import DEFAULT_MATCH_ON, Matching
from pytest_reqord.playback.replay import Index, Replay
from pytest_reqord.vcr_compat.cassette import VcrReplay

RECORDS = ("base", "playback", "recording", "redaction", "storage", "writer", "codec", "run/run.py")
PLAYS = ("playback", "matching", "vcr_compat")
SECRET = "a-token-that-nobody-has-named"


@pytest.fixture(scope="module")
def server():
    with running() as server:
        yield server


def recorded_with_a_collection(server, cassette, step):
    """Record two responses; the second one ends before a line of what records the first."""
    # what this one sends is a secret, so that what is staged by then is gone over
    secret = Request(f"{server.url}/json", headers={"Authorization": f"Bearer {SECRET}"})
    with use_cassette(cassette):
        first = urlopen(f"{server.url}/old?name={SECRET}")
        left = [urlopen(secret)]
        with AtStep(step, left.clear, *RECORDS) as at:
            first.close()
        left.clear()
    return at


def test_of_a_recording(server, tmp_path, request):
    """Both are recorded, and no secret of one is left in the other."""
    is_full = request.config.getoption("--full")
    with a_run(tmp_path, "once"):
        for step in count(1, 1 if is_full else 7):
            cassette = tmp_path / f"{step}.yaml"
            at = in_time(recorded_with_a_collection, server, cassette, step)
            found = [each.uri for each in read_document(cassette).entries]
            assert len(found) == 2, at.place
            assert SECRET not in cassette.read_text(), at.place
            if not at.is_done:
                break
    assert step > 200


RECORDED = [interaction(1, at=number) for number in range(4)]


def native(**options):
    text = render([encode(each).text for each in RECORDED])
    entries = load(text, "x.yaml", dict).entries
    matching = Matching(options.pop("match_on", DEFAULT_MATCH_ON))
    options = {"repeats": False, "strict_order": False} | options
    return Replay(Index(entries, matching), "test_it.py::test_it", "x.yaml", **options)


def vcrs(**options):
    text = render([encode(each).text for each in RECORDED])
    matching = Matching(options.pop("match_on", DEFAULT_MATCH_ON))
    options = {"repeats": False, "strict_order": False, "asks_one_by_one": bool} | options
    entries = load(text, "x.yaml", dict).entries
    return VcrReplay(entries, matching, lambda one: one, "test_it.py::test_it", "x.yaml", **options)


def same(live, recorded):
    return live.uri == recorded.uri


@pytest.mark.parametrize("make", [native, vcrs, partial(vcrs, asks_one_by_one=lambda: True)])
@pytest.mark.parametrize(
    "options", [{}, {"strict_order": True}, {"match_on": ("method", same)}, {"repeats": True}]
)
def test_of_a_replay(make, options):
    """What is asked in the middle of a claim gets an answer of its own."""
    for step in count(1):
        replay = make(**options)
        live = RECORDED[0].request
        claims = []

        def claim(replay=replay, live=live, claims=claims):
            claims.append(replay.claim(live))

        at = AtStep(step, claim, *PLAYS)
        in_time(traced, at, claim)
        for _ in range(4 - len(claims)):
            claim()
        found = {each.interaction.recorded_at for each in claims}
        is_one = make is not native and "repeats" in options
        assert len(found) == (1 if is_one else 4), at.place
        if not at.is_done:
            break
    assert step > 5


def traced(at, call):
    """Run a call in this thread as `at` says."""
    with at:
        call()
