from __future__ import annotations

from datetime import timedelta

import pytest
from entries import START, interaction, number_of

from pytest_reqord import codec
from pytest_reqord.base.clock import format_time
from pytest_reqord.base.models import Failure, Headers
from pytest_reqord.cassette_file.revision import Ours, is_equal, revise as _revise
from pytest_reqord.cassette_file.volatile import Volatile

VOLATILE = Volatile(frozenset({"date", "x-request-id"}))


def entries(*interactions):
    text = codec.render([codec.encode(each).text for each in interactions])
    return codec.load(text, "", dict).entries


def answer(number, at, body=b"{}", **headers):
    return interaction(number, at, body, headers=Headers(headers))


def revise(old, new, *, volatile=Volatile(), **options):  # noqa: B008 -- frozen
    form = Ours(lambda one: codec.encode(one).text)
    return _revise(old, new, form=form, volatile=volatile, **options)


def never(entry):
    return False


def times(*seconds):
    return [format_time(START + timedelta(seconds=each)) for each in seconds]


def bodies(revision):
    return [entry.interaction().response.body for entry in revision.entries]


class TestEntries:
    def test_added(self):
        """What is kept and what is new are put in order of time."""
        old = entries(interaction(1), interaction(5))
        new = entries(interaction(3), interaction(9))
        revision = revise(old, new, keep=lambda entry: True)

        assert [number_of(entry) for entry in revision.entries] == [1, 3, 5, 9]
        assert (revision.kept, revision.added, revision.removed) == (2, 2, 0)

    def test_ties(self):
        """Of one moment the old one comes first."""
        revision = revise(
            entries(interaction(1, at=5)), entries(interaction(2, at=5)), keep=lambda entry: True
        )

        assert [number_of(entry) for entry in revision.entries] == [1, 2]

    def test_superseded(self):
        """What isn't kept goes, and what is kept stays the very object."""
        old = entries(interaction(1), interaction(2), interaction(3))
        revision = revise(old, entries(interaction(9)), keep=lambda entry: number_of(entry) == 2)

        assert [number_of(entry) for entry in revision.entries] == [2, 9]
        assert revision.entries[0] is old[1]
        assert (revision.kept, revision.added, revision.removed) == (1, 1, 2)

    def test_nothing_new(self):
        """Without a recording the rest stays."""
        revision = revise(
            entries(interaction(1), interaction(2)), (), keep=lambda entry: number_of(entry) == 2
        )

        assert [number_of(entry) for entry in revision.entries] == [2]
        assert (revision.kept, revision.added, revision.removed) == (1, 0, 1)


class TestOldText:
    def test_volatile(self):
        """A new recording that differs in volatile headers and times only leaves the old one."""
        old = entries(answer(1, 1, Date="Monday"), answer(2, 2, Date="Monday"))
        new = entries(answer(1, 101, date="Friday"), answer(2, 102, DATE="Friday"))
        revision = revise(old, new, keep=never, volatile=VOLATILE)

        assert [entry.text for entry in revision.entries] == [entry.text for entry in old]
        assert (revision.kept, revision.added, revision.removed) == (2, 0, 0)

    def test_changed(self):
        """Only what the API changed is new, and stands where it stood."""
        old = entries(answer(1, 1), answer(2, 2), answer(3, 3))
        new = entries(answer(1, 101), answer(2, 102, b"changed"), answer(3, 103))
        revision = revise(old, new, keep=never, volatile=VOLATILE)

        assert [number_of(entry) for entry in revision.entries] == [1, 2, 3]
        assert [entry.recorded_at for entry in revision.entries] == times(1, 2, 3)
        assert [entry.answered_at for entry in revision.entries] == times(1, 102, 3)
        assert (revision.kept, revision.added, revision.removed) == (2, 1, 1)

    def test_inserted(self):
        """Behind one that is new each has its new time, a line each."""
        old = entries(answer(1, 1), answer(2, 2), answer(3, 3))
        new = entries(answer(1, 101), answer(7, 102), answer(2, 103), answer(3, 104))
        revision = revise(old, new, keep=never)

        assert [number_of(entry) for entry in revision.entries] == [1, 7, 2, 3]
        assert [entry.recorded_at for entry in revision.entries] == times(1, 102, 103, 104)
        assert (revision.kept, revision.added, revision.removed) == (3, 1, 0)
        for before, after in zip(old[1:], revision.entries[2:], strict=True):
            assert before.text.split(b"\n")[1:] == after.text.split(b"\n")[1:]

    def test_reordered(self):
        """What came earlier than before keeps its time, and those behind it get new ones."""
        old = entries(answer(1, 1), answer(2, 2), answer(3, 3))
        new = entries(answer(2, 101), answer(1, 102), answer(3, 103))
        revision = revise(old, new, keep=never)

        assert [number_of(entry) for entry in revision.entries] == [2, 1, 3]
        assert [entry.recorded_at for entry in revision.entries] == times(2, 102, 103)

    def test_removed(self):
        """Where one is no longer there the others stay as they are."""
        old = entries(answer(1, 1), answer(2, 2), answer(3, 3))
        revision = revise(old, entries(answer(1, 101), answer(3, 103)), keep=never)

        assert list(revision.entries) == [old[0], old[2]]
        assert (revision.kept, revision.added, revision.removed) == (2, 0, 1)

    def test_confirmed(self):
        """One that has expired and is confirmed says when, and stands where it stood."""
        old = entries(answer(1, 1), answer(2, 50))
        new = entries(answer(1, 101), answer(2, 102))
        revision = revise(old, new, keep=never, oldest=times(10)[0])

        assert [entry.recorded_at for entry in revision.entries] == times(1, 50)
        assert [entry.answered_at for entry in revision.entries] == times(101, 50)

    def test_played(self):
        """What was played while the rest was recorded comes in that order, and is as old as it was."""
        old = entries(answer(1, 1), answer(2, 2))
        played = dict(
            zip(
                [("test_it.py::test_it", time) for time in times(1, 2)],
                times(100, 102),
                strict=True,
            )
        )
        revision = revise(old, entries(answer(7, 101)), keep=lambda entry: True, played=played)

        assert [number_of(entry) for entry in revision.entries] == [1, 7, 2]
        assert [entry.recorded_at for entry in revision.entries] == times(1, 101, 102)
        assert [entry.answered_at for entry in revision.entries] == times(1, 101, 2)

    def test_series(self):
        """Of the answers to one request none may overtake another: a poll stays in order."""
        old = entries(answer(1, 1, b"wait"), answer(1, 2, b"wait"), answer(1, 3, b"done"))
        new = entries(answer(1, 101, b"wait"), answer(1, 102, b"soon"), answer(1, 103, b"done"))
        revision = revise(old, new, keep=never, volatile=VOLATILE)

        assert bodies(revision) == [b"wait", b"soon", b"done"]
        assert (revision.kept, revision.added, revision.removed) == (2, 1, 1)

    def test_repeats(self):
        """Equal requests are paired in the order in which they came."""
        old = entries(answer(1, 1, b"a"), answer(1, 2, b"b"))
        new = entries(answer(1, 101, b"a"), answer(1, 102, b"b"), answer(1, 103, b"c"))
        revision = revise(old, new, keep=never)

        assert bodies(revision) == [b"a", b"b", b"c"]
        assert (revision.kept, revision.added, revision.removed) == (2, 1, 0)

    def test_kept_is_no_partner(self):
        """What stays anyway doesn't answer for a new recording."""
        old = entries(answer(1, 1))
        revision = revise(old, entries(answer(1, 101)), keep=lambda entry: True)

        assert (revision.kept, revision.added, revision.removed) == (1, 1, 0)


BASE = interaction(1, headers=Headers({"Date": "Monday", "X-Kind": "a"}))
GZIP = {"headers": Headers({"Content-Encoding": "gzip"})}
GZIPPED = (
    bytes.fromhex("1f8b080000000000000303000000000000000000"),
    bytes.fromhex("1f8b0800ffffffff000303000000000000000000"),
)


def changed(**fields):
    return BASE._replace(response=BASE.response._replace(**fields))


@pytest.mark.parametrize(
    "other",
    [
        BASE._replace(elapsed=9.0),
        BASE._replace(recorded_at=interaction(7).recorded_at),
        changed(headers=Headers({"date": "Friday", "X-Kind": "a"})),
        changed(headers=Headers({"X-Kind": "a", "X-Request-Id": "1"})),
        changed(chunks=(1, 1)),
    ],
)
def test_equal(other):
    """Times, volatile headers and the pieces of a body make no difference."""
    assert is_equal(BASE, other, VOLATILE)


@pytest.mark.parametrize(
    "other",
    [
        BASE._replace(request=BASE.request._replace(method="PUT")),
        BASE._replace(request=BASE.request._replace(body=b"x")),
        BASE._replace(request=BASE.request._replace(headers=Headers({"Accept": "*/*"}))),
        BASE._replace(recorded_by="another"),
        BASE._replace(response=None, failure=Failure("TimeoutError", "")),
        changed(status=201),
        changed(reason="Fine"),
        changed(body=b"other"),
        changed(http_version="1.0"),
        changed(interim=(103,)),
        changed(trailers=Headers({"X-Sum": "1"})),
        changed(headers=Headers({"Date": "Monday", "x-kind": "a"})),
        changed(headers=Headers({"Date": "Monday"})),
    ],
)
def test_different(other):
    """Everything else does."""
    assert not is_equal(BASE, other, VOLATILE)
    assert not is_equal(other, BASE, VOLATILE)


def test_equal_as_far_as_it_was_read():
    """A reader that stopped before the end of the chunks gives the old one no reason to."""
    stopped = changed(complete=False)

    assert is_equal(BASE, stopped, VOLATILE)
    assert not is_equal(stopped, BASE, VOLATILE)


def test_equal_content():
    """A compressed body that has another time in its header is the same."""
    one, two = (interaction(1, body=body, **GZIP) for body in GZIPPED)

    assert is_equal(one, two, VOLATILE)


def test_equal_failures():
    """The same failure twice is the same."""
    failure = Failure("TimeoutError", "")
    one = BASE._replace(response=None, failure=failure)

    assert is_equal(one, one._replace(elapsed=3.0), VOLATILE)


def test_volatile_request_headers():
    """What a client signs a request with doesn't count; that it signs it does."""
    unsigned, one, two = (
        BASE._replace(request=BASE.request._replace(headers=Headers(headers)))
        for headers in ({}, {"Date": "Monday"}, {"Date": "Tuesday"})
    )

    assert is_equal(one, two, VOLATILE)
    assert not is_equal(unsigned, one, VOLATILE)
