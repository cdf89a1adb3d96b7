"""A large file is read in pieces as it would be as a whole."""

from __future__ import annotations

from operator import attrgetter
from unittest import mock

import pytest
import strategies as our
from hypothesis import given, strategies as st

from pytest_reqord import codec
from pytest_reqord.codec import read
from pytest_reqord.errors import CassetteFormatError

HEADS = st.sampled_from([codec.HEADER, b"reqord: 1\nlocked: true\nnote: \xc3\xa4\ninteractions:\n"])
EDITS = st.sampled_from(
    [
        b"\n",
        b"\n- ",
        b"\n<<<<<<< a\n",
        b"\xff",
        b"- recorded_at: 1\n",
        b"\n  elapsed: 1\n",
        b"&a *a",
    ]
)
LARGE = 1 << 20


class Bytes:
    """A file in memory."""

    def __init__(self, data):
        self.data = data
        self.size = len(data)

    def read(self, start, end):
        return self.data[start:end]


def load_piecemeal(data, files, size):
    with mock.patch.object(read, "_PIECE", size):
        return codec.load_piecemeal(Bytes(data), "a.yaml", files)


def said(document):
    names = ("text", "recorded_at", "recorded_by", "method", "uri", "has_body")
    entries = [
        [*(getattr(entry, name) for name in names), entry.interaction()]
        for entry in document.entries
    ]
    return document.locked, document.torn, document.head, document.extra, entries


def outcome(load):
    try:
        return said(load())
    except CassetteFormatError as error:
        return str(error)


def rendered(interactions, head=codec.HEADER):
    encoded = [codec.encode(one, inline_limit=LARGE) for one in interactions]
    encoded.sort(key=attrgetter("recorded_at"))
    return codec.render([one.text for one in encoded], head)


@given(st.lists(our.interactions(), min_size=1, max_size=4), HEADS, st.integers(46, 3000))
def test_whole(interactions, head, size):
    """What we wrote is all found in pieces of any size."""
    data = rendered(interactions, head)

    found = load_piecemeal(data, dict, size)

    assert said(found) == said(codec.load(data, "a.yaml", dict))


@given(st.lists(our.interactions(), min_size=2, max_size=3), st.data(), st.integers(46, 3000))
def test_cut_off(interactions, data, size):
    """A file that is cut off anywhere says the same, or is left to who reads all of it."""
    text = rendered(interactions)
    text = text[: data.draw(st.integers(1, len(text)))]

    found = load_piecemeal(text, dict, size)

    if found is not None:
        assert outcome(lambda: found) == outcome(lambda: codec.load(text, "a.yaml", dict))


@given(
    st.lists(our.interactions(), min_size=1, max_size=3), EDITS, st.data(), st.integers(46, 3000)
)
def test_edited(interactions, edit, data, size):
    """What isn't as we write it, or broken, says the same, or is left to who reads all of it."""
    text = rendered(interactions)
    at = data.draw(st.integers(0, len(text)))
    text = text[:at] + edit + text[at:]

    found = load_piecemeal(text, dict, size)

    if found is not None:
        assert outcome(lambda: found) == outcome(lambda: codec.load(text, "a.yaml", dict))


@pytest.mark.parametrize("data", [b"", b"{}", b"reqord: 2\n", codec.HEADER, b"version: 1\n- a\n"])
def test_other(data):
    """What has no entry of ours is left to who reads all of it."""
    assert load_piecemeal(data, dict, 100) is None


@given(our.interactions())
def test_bodies_beside_it(interaction):
    """Bodies beside the file are read when their entry is."""
    encoded = codec.encode(interaction, inline_limit=0)

    found = load_piecemeal(codec.render([encoded.text]), encoded.bodies.__getitem__, 100)

    assert found.entries[0].interaction() == interaction
