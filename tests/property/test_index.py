"""The index of a file against one that reads every entry."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, strategies as st
from strategies import interactions, tries

from pytest_reqord import codec
from pytest_reqord.base.models import Interaction
from pytest_reqord.matching.matchers import DEFAULT_MATCH_ON, PLAIN_URI, Matching, normalise_uri
from pytest_reqord.playback.replay import Index

_ADDRESSES = [
    "http://api/", "http://api/a", "http://API/a", "HTTP://api/a", "http://api:80/a",
    "https://api:80/a", "http://api:8080/a?x=1", "http://api/a?x=1", "http://api/a?x=1&y=2",
    "http://api/a?y=2&x=1", "http://api/a?", "http://api/a#b", "http://api/a:", "http://api/a?x=:",
    "http://api", "http://api/ä", "http://api/'\"", "http://[::1]/a", "http://u:p@api/a",
]  # fmt: skip
_METHODS = ["GET", "POST", "get", "NO", "OPTIONS", "PROPFIND"]
_TESTS = ["", "test_a.py::test_a", "test_a.py::test_b[x: y]", "test_a.py::test_c[ä]", "null"]
_heads = st.tuples(*map(st.sampled_from, (_METHODS, _ADDRESSES, _TESTS)))
_written = st.lists(st.one_of(_heads, interactions()), max_size=8)

_ENTRY = """- recorded_at: '2026-11-23T07:13:32.123456Z'
{test}  request:
    method: {method}
    uri: {uri}
  response:
    status: 200
  elapsed: 0.25
"""


def quoted(text: str) -> str:
    return f'"{text}"' if text in ("NO", "null") or not text.isascii() or ": " in text else text


def entry(one) -> bytes:
    """An entry by the emitter, or by a hand that quotes where it likes."""
    if isinstance(one, Interaction):
        return codec.encode(one, inline_limit=1 << 30).text
    method, uri, test = one
    test = f"  recorded_by: {quoted(test)}\n" if test else ""
    uri = "'" + uri.replace("'", "''") + "'" if set(uri) & set("#'\"") or uri[-1] == ":" else uri
    return _ENTRY.format(method=quoted(method), uri=uri, test=test).encode()


@tries(200)
@given(_written, _heads)
def test_the_directory_finds_what_reading_every_entry_finds(written, asked):
    """Whatever stands in a file, an address and a test have the entries that a loader gives them."""
    data = codec.render(map(entry, written))
    matching = Matching(DEFAULT_MATCH_ON)
    index = Index(codec.load(data, "c.yaml", dict).entries, matching)

    read = [each.interaction() for each in codec.load(data, "c.yaml", dict).entries]
    found = defaultdict(lambda: defaultdict(list))
    owned = defaultdict(list)
    for at, one in enumerate(read):
        key = matching.key(one.request.method, one.request.uri)
        found[key][one.recorded_by].append(at)
        owned[one.recorded_by].append(at)

    for key in [*found, matching.key(*asked[:2])]:
        assert index.lookup(key) == found[key]
    for test in [*owned, asked[2]]:
        assert index.owned_by(test) == owned[test]


_TIMES = {
    "2026-11-23T07:13:32.123456Z": "'2026-11-23T07:13:32.123456Z'",
    "2026-11-23T07:13:32.123457Z": "2026-11-23T07:13:32.123457Z",
    "2026-11-23T07:13:33.000000Z": '"2026-11-23T07:13:33Z"',
    "2026-11-23T07:13:34.000000Z": "'2026-11-23T07:13:34.000000Z'",
}


@tries(100)
@given(st.lists(st.sampled_from([*_TIMES]), min_size=1, max_size=6), st.sampled_from([*_TIMES]))
def test_what_is_earlier_is_what_reading_every_entry_says(times, limit):
    """However the times are written, and in whatever order."""
    text = _ENTRY.format(method="GET", uri="http://api/", test="")
    first = _TIMES["2026-11-23T07:13:32.123456Z"]
    data = codec.render(text.replace(first, _TIMES[time]).encode() for time in times)

    entries = codec.load(data, "c.yaml", dict).entries

    assert isinstance(entries, codec.LocatedEntries)
    found = [each.recorded_at for each in entries.earlier_than(limit)]
    assert found == [time for time in times if time < limit]


@tries(300)
@given(st.from_regex(PLAIN_URI, fullmatch=True))
def test_a_plain_uri_is_its_own_key(uri):
    """What the directory takes as it stands is what a normalisation in full makes of it."""
    assert normalise_uri(f"{uri}#x") == uri  # a fragment goes, and has the rest looked at
