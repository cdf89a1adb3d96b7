"""What the processes that share an open cassette tell each other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from entries import interaction

from pytest_reqord.codec import encode, load, render
from pytest_reqord.errors import SequenceMismatchError
from pytest_reqord.matching.matchers import DEFAULT_MATCH_ON, Matching
from pytest_reqord.playback.replay import Index, Replay
from pytest_reqord.recording.processes import Peers
from pytest_reqord.storage import MessageFolder


@pytest.fixture
def two():
    """The same family as two processes see it."""
    family = MessageFolder.make()
    yield family, MessageFolder(family.folder)
    family.close()
    family.remove()


def test_the_first_to_say_it_has_it(two):
    """Of two that say the same the first is told that it is."""
    one, other = two
    assert one.take("played", "1")
    assert not other.take("played", "1")
    assert other.take("played", "2")
    assert sorted(one.names("played")) == ["1", "2"]
    assert one.has("played", "2")
    assert not one.has("missed", "2")


def test_data_is_picked_up_once(two):
    """What one leaves another picks up, once; what has a name stays."""
    one, other = two
    other.leave("missed", b"1")
    other.leave("missed", b"2")
    one.leave("spec", b"3", "spec")

    assert sorted(one.pick_up("missed")) == [b"1", b"2"]
    assert one.pick_up("missed") == []
    assert other.read("spec", "spec") == b"3"


def test_when_it_is_closed(two):
    """What was said can still be read by the one that closed it, and nothing more can be said."""
    one, other = two
    other.leave("missed", b"1")

    one.close()

    assert not other.is_open
    assert one.pick_up("missed") == [b"1"]
    assert not other.take("played", "1")
    assert not other.leave("missed", b"2")
    assert other.names("played") == other.pick_up("missed") == []
    with pytest.raises(FileNotFoundError):
        other.read("spec", "spec")
    one.remove()
    assert not one.folder.exists()


class Claims:
    """As a family sees what is played."""

    def __init__(self, family):
        self.family = family

    def take(self, at):
        return self.family.take("played", str(at))

    def has(self, at):
        return self.family.has("played", str(at))

    def all(self):
        return map(int, self.family.names("played"))


RECORDED = [interaction(number) for number in range(4)]


def replays(two, **options):
    text = render([encode(each).text for each in RECORDED])
    index = Index(load(text, "x.yaml", dict).entries, Matching(DEFAULT_MATCH_ON))
    options = {"repeats": False, "strict_order": False} | options
    found = [Replay(index, "test_it.py::test_it", "x.yaml", **options) for _ in two]
    found[0].claim(RECORDED[0].request)
    for replay, family in zip(found, two, strict=True):
        replay.share(Claims(family))
    return found


def test_what_one_plays_the_other_does_not(two):
    """An interaction is played once, whichever process plays it, also before they were two."""
    one, other = replays(two)

    assert other.claim(RECORDED[0].request) is None
    assert other.claim(RECORDED[1].request) is not None
    assert one.claim(RECORDED[1].request) is None

    one.gather()
    assert one.play_count == 2
    assert len(list(one.unplayed())) == 2


def test_repeats(two):
    """With `allow_playback_repeats` each process may play what another has played."""
    _, other = replays(two, repeats=True)

    assert other.claim(RECORDED[0].request) is not None
    assert other.claim(RECORDED[0].request) is not None


def test_strict_order(two):
    """With `strict_order` processes go on where another one is."""
    one, other = replays(two, strict_order=True)

    assert other.claim(RECORDED[1].request) is not None
    assert one.claim(RECORDED[2].request) is not None
    with pytest.raises(SequenceMismatchError):
        other.claim(RECORDED[2].request)


@pytest.fixture
def parent():
    parent = Peers.make()
    yield parent
    parent.close()
    parent.remove()


def test_secrets_are_in_no_file(parent):
    """The parent is told them, once; no file has them, then or later."""
    child = Peers.join(parent.folder)
    child.confide(["0123456789ab"])
    child.confide(["cdefghijklmn", "0123456789ab"])

    files = [path for path in parent.folder.iterdir() if path.is_file()]
    assert files == []
    assert parent.secrets() == ["0123456789ab", "cdefghijklmn", "0123456789ab"]
    assert parent.secrets() == []


def test_secrets_of_many_children_at_once(parent):
    """Nobody waits for a parent that doesn't look, and no line comes into another's."""
    long = ["k" * 9000 + str(number) for number in range(20)]

    def tell(number):
        child = Peers.join(parent.folder)
        for at in range(5):
            child.confide([f"{number}-{at}", *long])

    with ThreadPoolExecutor(8) as pool:  # 7 MiB in all, of which a pipe holds 64 KiB
        list(pool.map(tell, range(8)))

    told = parent.secrets()
    assert {one for one in told if one[0] != "k"} == {
        f"{n}-{at}" for n in range(8) for at in range(5)
    }
    assert len(told) == 8 * 5 * 21


def test_secrets_of_a_child_that_was_killed(parent):
    """Half a line costs itself, not the next one; a writer that is stopped holds up nobody for long."""
    path = parent.folder / "told"
    path.write_bytes(b'["half')  # as a process that was killed leaves it
    Peers.join(parent.folder).confide(["whole"])

    assert parent.secrets() == ["whole"]


def test_secrets_after_the_parents_end(parent):
    """A child that is late tells nobody, and doesn't wait."""
    child = Peers.join(parent.folder)
    parent.close()
    child.confide(["late"])
    parent.remove()
    child.confide(["later"])

    assert parent.secrets() == []


def descriptors():
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_secrets_leave_no_descriptor():
    """What was opened for it is closed with it."""
    before = descriptors()
    for _ in range(20):
        one = Peers.make()
        one.close()
        one.remove()
    until = time.monotonic() + 10
    while descriptors() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert descriptors() <= before
