"""Whatever was recorded is read back as it was, by us and by any YAML loader."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import given, strategies as st
from strategies import interactions, texts, tries

from pytest_reqord import codec
from pytest_reqord.codec import bodies, index, safe_yaml, scalars, values
from pytest_reqord.errors import CassetteFormatError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
quick = tries(30)


def no_files(name):
    raise FileNotFoundError(name)


def load(data, files=no_files):
    return codec.load(data, "cassette.yaml", files)


def decoded(document):
    return [entry.interaction() for entry in document.entries]


def same(found, recorded):
    """Equal; but a chunked body that can't be packed as it was may be packed in another way."""
    response = recorded.response
    if response is None or found.response is None or response.body == found.response.body:
        return found == recorded
    emptied = recorded._replace(response=response._replace(body=b""))
    return found.response.content == response.content and emptied == found._replace(
        response=found.response._replace(body=b"")
    )


@given(interactions())
@quick
def test_an_interaction_is_read_back_by_the_index(interaction):
    """What was recorded is what is replayed, to the byte."""
    encoded = codec.encode(interaction)

    (entry,) = load(codec.render([encoded.text])).entries

    assert same(entry.interaction(), interaction)
    assert entry.text == encoded.text
    assert entry.recorded_at == encoded.recorded_at
    assert (entry.method, entry.uri) == (interaction.request.method, interaction.request.uri)
    assert entry.recorded_by == interaction.recorded_by
    assert entry.has_body == bool(interaction.request.body)


@given(interactions())
@quick
def test_an_interaction_with_a_response_takes_the_quick_way(interaction):
    """The quick reader knows all that the emitter writes, errors excepted."""
    encoded = codec.encode(interaction)

    if interaction.response is not None and interaction.response.broken is None:
        assert same(index.read_entry(encoded.text, no_files), interaction)


@given(interactions())
@quick
def test_any_loader_reads_the_same(interaction):
    """PyYAML and the safe loader give the same values as the quick reader."""
    text = codec.render([codec.encode(interaction).text])
    ours = decoded(load(text))

    assert [values.interaction(yaml.load(text, _LOADER)["interactions"][0], no_files)] == ours
    assert [
        values.interaction(safe_yaml.load(text.decode()).value["interactions"][0], no_files)
    ] == ours
    assert decoded(load(text.replace(b"\n", b"\r\n"))) == ours
    assert decoded(load(b"\xef\xbb\xbf" + text)) == ours


@given(interactions())
@tries(10)
def test_the_slow_loader_reads_the_same(interaction):
    """PyYAML's own parser, which has other bugs than libyaml, gives the same values."""
    text = codec.render([codec.encode(interaction).text])

    plain = yaml.load(text, yaml.SafeLoader)["interactions"][0]

    assert [values.interaction(plain, no_files)] == decoded(load(text))


@given(interactions())
@quick
def test_no_line_ends_in_a_blank(interaction):
    """Hooks that trim whitespace leave a cassette alone."""
    text = codec.encode(interaction).text

    assert not re.search(rb"[ \t]$", text, re.MULTILINE)
    assert b"\r" not in text


@given(st.lists(interactions(), min_size=1, max_size=3), st.data())
@tries(25)
def test_a_cut_is_noticed(recorded, data):
    """Cut at any byte, a cassette has only entries that are whole; a part of one is reported."""
    texts = [codec.encode(one).text for one in recorded]
    whole = codec.render(texts)
    ends = [len(codec.HEADER) + sum(map(len, texts[:n])) for n in range(len(texts) + 1)]
    at = data.draw(st.integers(len(codec.HEADER), len(whole)))

    document = load(whole[:at])

    assert [entry.text for entry in document.entries] == texts[: sum(end <= at for end in ends) - 1]
    assert (document.torn is None) == (at in ends)


@given(interactions(), st.data())
@tries(25)
def test_a_cut_with_other_line_ends_is_noticed(interaction, data):
    """The safe loader notices a cut, too."""
    whole = codec.render([codec.encode(interaction).text]).replace(b"\n", b"\r\n")
    at = data.draw(st.integers(len(codec.HEADER) + 4, len(whole) - 1))

    try:
        document = load(whole[:at])
    except CassetteFormatError:
        return

    assert document.torn
    assert not document.entries


@given(texts)
@quick
def test_a_scalar_is_text(text):
    """Whatever the text, a loader reads it as that text."""
    for written in (scalars.scalar(text, ""), f" {scalars.inline(text)}\n"):
        assert yaml.load(f"a:{written}b: 1\n", _LOADER) == {"a": text, "b": 1}
    assert index.read_inline(scalars.inline(text)) == text


@given(st.text(st.sampled_from('{}[],: "\\ab1'), max_size=14))
@quick
def test_json_in_lines_is_rebuilt(text):
    """Text that was broken into lines is rebuilt to the character, JSON or not."""
    found = bodies.pretty(text)

    if found is not None:
        assert bodies.rebuild(found[0], is_spaced=found[1]) == text


@given(
    st.lists(st.integers() | st.floats(), min_size=15, max_size=60),
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", ":")]),
    st.sampled_from(["%s", '{"a": %s}', "[%s, 1]", "[[[%s]]]"]),
)
@quick
def test_numbers_in_lines_are_rebuilt(numbers, separators, around):
    """So is a long array of numbers, of which a line holds many."""
    text = around % json.dumps(numbers, separators=separators)

    for fills in (True, False):
        found = bodies.pretty(text, fills=fills)
        if found is not None:
            assert bodies.rebuild(found[0], is_spaced=found[1]) == text


@given(st.lists(interactions(), min_size=1, max_size=3), st.integers(0, 400))
@tries(30)
def test_the_tail_tells_the_last_time(recorded, size):
    """From the end of a file, the last entry's time is told right or not at all."""
    texts = [codec.encode(one).text for one in recorded]
    data = codec.render(texts)

    assert index.last_recorded_at(data[-size:]) in (None, codec.encode(recorded[-1]).recorded_at)
    assert index.last_recorded_at(data[-len(texts[-1]) - 1 :]) is not None


@pytest.mark.parametrize("limit", [0, 10])
@given(interaction=interactions())
@tries(25)
def test_large_bodies_lie_beside_the_cassette(limit, interaction):
    """A body over the limit is read back from its own file."""
    encoded = codec.encode(interaction, inline_limit=limit)

    (entry,) = load(codec.render([encoded.text]), encoded.bodies.__getitem__).entries

    assert same(entry.interaction(), interaction)
