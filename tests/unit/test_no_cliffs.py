"""What playing costs grows with what is played, not with what is stored. Counted, not timed."""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter

import pytest
from entries import interaction

from pytest_reqord import codec
from pytest_reqord.base.models import Headers, Request
from pytest_reqord.cassette_file.cache import Library
from pytest_reqord.matching.matchers import DEFAULT_MATCH_ON, Matching
from pytest_reqord.playback.replay import Replay

ONE = codec.encode(interaction(0)).text
MATCHING = Matching(DEFAULT_MATCH_ON)
NUMBER = b"https://api.example.com/%d\n"


def cassette(path, count, *, addresses=None):
    """Write a cassette of so many entries, each with an address of its own if not told else."""
    addresses = addresses or count
    path.write_bytes(
        codec.render(ONE.replace(NUMBER % 0, NUMBER % (at % addresses)) for at in range(count))
    )
    return path


def request(number, body=b""):
    return Request("GET", f"https://api.example.com/{number}", Headers(), body)


def opened(path, library=None, owner="test_it.py::test_it", **options):
    index = (library or Library()).index(path, MATCHING)
    options = {"repeats": False, "strict_order": False, **options}
    return Replay(index, owner, str(path), **options)


def calls(function):
    """How many functions of each name a call makes, those in C included."""
    found = Counter()

    def note(frame, event, argument):
        if event == "call":
            found[frame.f_code.co_name] += 1
        elif event == "c_call":
            found[argument.__name__] += 1

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return found


def play(replay, numbers, body=b""):
    for number in numbers:
        assert replay.claim(request(number, body)) is not None


def test_what_is_not_played_is_not_decoded(tmp_path):
    """Of 20,000 entries one is asked for: one is decoded, and no head read besides."""
    path = cassette(tmp_path / "c.yaml", 20_000)

    found = calls(lambda: play(opened(path), [12_345]))

    assert found["read_entry"] == 1
    assert found["_read_head"] == 0


def test_an_open_cassette_costs_nothing_for_what_it_holds(tmp_path):
    """A further test that plays one entry takes as many steps with 10,000 entries as with 10."""
    steps = []
    for count in (10, 10_000):
        library = Library()
        path = cassette(tmp_path / f"{count}.yaml", count)
        play(opened(path, library), [1, 2])
        steps.append(calls(lambda path=path, library=library: play(opened(path, library), [2])))

    assert steps[0].total() == steps[1].total()


def test_a_thousand_tests_that_share_a_cassette_read_it_once(tmp_path):
    """The index is kept as long as the file is what it was."""
    library = Library()
    path = cassette(tmp_path / "c.yaml", 10)

    found = calls(lambda: [play(opened(path, library), [3]) for _ in range(1000)])

    assert found["load"] == found["directory"] == found["read_entry"] == 1


@pytest.mark.parametrize("addresses", [None, 1, 10])
@pytest.mark.parametrize("owner", ["test_it.py::test_it", "test_it.py::test_other"])
@pytest.mark.parametrize(
    ("options", "body"), [({}, b""), ({}, b"drifted"), ({"repeats": True}, b"")]
)
def test_ten_times_the_requests_take_ten_times_the_steps(tmp_path, addresses, owner, options, body):
    """However many addresses they go to, whoever recorded them."""
    steps = []
    for count in (50, 500):
        path = cassette(tmp_path / f"{count}.yaml", count, addresses=addresses)
        numbers = [at % (addresses or count) for at in range(count)]
        numbers *= 2 if options else 1  # the second time all of them are repeats
        replay = opened(path, owner=owner, **options)
        steps.append(calls(lambda r=replay, n=numbers: play(r, n, body)).total())

    assert steps[1] < steps[0] * 11


def test_ten_of_ten_thousand_polls_decode_ten(tmp_path):
    """Entries of one address are decoded as they are asked for."""
    path = cassette(tmp_path / "c.yaml", 10_000, addresses=1)

    assert calls(lambda: play(opened(path), [0] * 10))["read_entry"] == 10


def test_an_open_cassette_takes_the_memory_of_its_file(tmp_path):
    """Reading 20 MB for one request takes no second copy of them."""
    size = 20 << 20
    path = tmp_path / "c.yaml"
    codes = [codec.encode(interaction(at, body=b"x" * ((1 << 20) - 1))) for at in range(20)]
    path.write_bytes(codec.render(each.text for each in codes))
    del codes

    tracemalloc.start()
    try:
        opened(path).claim(request(0))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < most < size * 1.4


def chats(path, count):
    """Write a cassette of so many questions to one address."""
    written = (codec.encode(interaction(0)._replace(request=asked(at, 1))) for at in range(count))
    path.write_bytes(codec.render(one.text for one in written))
    return path


def asked(number, seed):
    kind = Headers({"Content-Type": "application/json"})
    body = b'{"model": "m", "prompt": "%d", "seed": %d}' % (number, seed)
    return Request("POST", "https://api.example.com/0", kind, body)


def test_of_a_thousand_questions_fifty_are_compared(tmp_path):
    """One that was not recorded as it is gets the answer of one that is like it."""
    replay = opened(chats(tmp_path / "c.yaml", 1000))
    claimed = []

    found = calls(lambda: claimed.append(replay.claim(asked(7, 2))))

    assert found["read_entry"] == 50
    assert claimed[0].interaction.request == asked(7, 1)
    assert claimed[0].has_drifted


def test_the_very_question_is_found_however_far_it_is(tmp_path):
    """Without the others being decoded."""
    replay = opened(chats(tmp_path / "c.yaml", 1000))
    claimed = []

    found = calls(lambda: claimed.extend([replay.claim(asked(at, 1)) for at in (990, 3, 700)]))

    assert [one.interaction.request for one in claimed] == [asked(at, 1) for at in (990, 3, 700)]
    assert found["read_entry"] <= 50 + 3
