"""A file that can't be read is one clear error with a place and a way out."""

from __future__ import annotations

import resource
import time

import pytest

from pytest_reqord import codec
from pytest_reqord.errors import CassetteFormatError

ENTRY = b"""\
- recorded_at: '2026-11-23T07:13:32.123456Z'
  request:
    method: GET
    uri: http://h/
  response:
    status: 200
    body:
      text: |-
        hello
  elapsed: 0.182
"""
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%b]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9))
    for name in b"bcdefghijkl"
)

JSON = (
    b'{"version": 1, "interactions": [{"request": {"method": "GET", "uri": "http://h/"},'
    b' "response": {"status": {"code": 200, "message": "OK"}, "body": {"string": "a"}}}]}'
)


def no_files(name):
    raise FileNotFoundError(name)


def read(data):
    document = codec.load(data, "cassettes/a.yaml", no_files)
    return document, [entry.interaction() for entry in document.entries]


def whole(old=b"", new=b"", *, head=codec.HEADER):
    assert old in ENTRY
    return head + ENTRY.replace(old, new)


TOO_DEEP = "more than 100 deep"


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"", 0, "the file is empty"),
        (b" \n\n", 0, "the file is empty"),
        (b"# nothing\n", 1, "the file is empty"),
        (b"hello\n", 1, "not a cassette"),
        (b"- hello\n", 1, "not a cassette"),
        (b"null\n", 1, "not a cassette"),
        (b'{"a": 1}', 1, "not a cassette"),
        (b"reqord: 1\n", 1, "it has no interactions"),
        (b"reqord: 1\ninteractions: hello\n", 1, "interactions is not a list"),
        (b"reqord: 1\ninteractions:\n- hello\n- b\n", 3, "an interaction is not a mapping"),
        (whole(head=b"reqord: 4\ninteractions:\n"), 1, "version 4 .* reads up to 3"),
        (whole(head=b"interactions:\n"), 1, "no version"),
        (b"version: 2\ninteractions: []\n", 1, "version 2 .* reads 1"),
        (whole(b"    uri: http://h/\n"), 3, "the request has no uri"),
        (whole(b"http://h/", b"[a]"), 3, "uri is not text"),
        (whole(b"    status: 200\n"), 3, "the response has no status"),
        (whole(b"status: 200", b"status: fine"), 3, "status is not a number"),
        (whole(ENTRY[ENTRY.index(b"  resp") : ENTRY.index(b"  elap")]), 3, "has no response"),
        (whole(b"2026-11", b"2026-99"), 3, "recorded_at is not a time"),
        (whole(b"      text: |-\n        hello\n", b"      what: 1\n"), 3, "body has no key what"),
        (whole(b"      text: |-\n        hello\n", b"      spaced: 1\n"), 3, "a body has one of"),
        (whole(b"    status", b"    stratus: 1\n    status"), 3, "response has no key stratus"),
        (whole(b"    method", b"    query: a\n    method"), 3, "request has no key query"),
        (whole(b"status: 200", b"status: 1000"), 3, "status is no number from 0 to 999"),
        (whole(b"status: 200", b"status: -1"), 3, "status is no number from 0 to 999"),
        (whole(b"    body", b"    arrivals: [[1]]\n    body"), 3, "not a place and a time"),
        (whole(b"text: |-\n        hello", b"base64: a"), 3, "isn't base64"),
        (whole(b"text: |-\n        hello", b"file: ../../x"), 3, "not the name of a body file"),
        (whole(b"text: |-\n        hello", b"file: %b.bin" % (b"a" * 64)), 3, "can't be read"),
        (
            whole(b"        hello\n", b"        a\n      compressed: rar 5\n"),
            3,
            "no way to compress",
        ),
        (whole(b"    status: 200\n", b"    status: 200\n    status: 201\n"), 9, "status .* twice"),
        (whole(head=b"reqord: 1\nreqord: 1\ninteractions:\n"), 2, "reqord .* twice"),
        (whole(b"hello", b"h\xffllo"), 11, "not in UTF-8"),
        ("reqord: 1\n".encode("utf-16"), 1, "not in UTF-8"),
        (whole(b"hello", b"h\0llo"), 11, "control characters"),
        (whole(b"    status", b"\tstatus"), 8, "not YAML"),
        (whole() + b"---\n" + whole(), 13, "second document"),
        (whole(b"  elapsed: 0.182\n") + ENTRY, 3, "no elapsed"),
        (whole(b"hello", b"hello\n<<<<<<< HEAD\n=======\n>>>>>>> b"), 12, "conflict .* git merge"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", 1, "git lfs pull"),
        (whole(b"200", b"!!python/object/apply:os.system [ls]"), 8, "os.system is not read"),
        (whole(b"200", b"!!python/name:os.system ''"), 8, "os.system is not read"),
        (whole(b"200", b"!mine 1"), 8, "!mine is not read"),
        (whole(b"200", b"*a"), 8, r"\*a could stand for"),
        (whole(b"200", b"&a [*a]"), 8, r"\*a could stand for"),
        (whole(b"200", b"9" * 5000), 3, "status is not a number"),
        (whole(b"200", b"1e999"), 3, "status is not a number"),
        (whole(b"    body", b"    chunks: [-1]\n    body"), 3, "chunks has a negative number"),
        (whole(b"2026-11-23T07:13:32.123456Z", b"0001-01-01T00:00:00+23:59"), 3, "not a time"),
        (JSON.replace(b"200", b"1000"), 1, "status is no number from 0 to 999"),
        (JSON.replace(b'"http://h/"', b'"http://h/", "headers": "A: b"'), 1, "nor a list of pairs"),
        (
            JSON.replace(b'"http://h/"', b'"http://h/", "headers": [["A"]]'),
            1,
            "nor a list of pairs",
        ),
        (JSON.replace(b"200", b"Infinity"), 1, "status is not a number"),
        (JSON.replace(b"200", b"1e999"), 1, "status is not a number"),
        (BOMB, 7, "aliases multiply"),
        (
            b"a: &a " + b"x" * 1_000_000 + b"\nb: [" + b"*a," * 900_000 + b"]\n",
            2,
            "aliases multiply",
        ),
        (b"reqord: 1\na: [" + b"1," * 550_000 + b"]\n", 2, "more values"),
        (b"[" * 5_000_000, 1, TOO_DEEP),
        (b"{" * 5_000_000, 1, TOO_DEEP),
        (b'{"a":' * 1_000_000, 1, TOO_DEEP),
        (b"- " * 1_000_000, 1, TOO_DEEP),
        (b"? " * 1_000_000, 1, TOO_DEEP),
        (b"reqord: 1\ninteractions: " + b"[" * 5_000_000, 2, TOO_DEEP),
        (whole(b"200", b"[" * 5_000_000), 8, TOO_DEEP),
    ],
)
def test_a_broken_file_is_one_error(data, line, reason):
    """Path, line, reason and remedy, in bounded time and memory."""
    started = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(CassetteFormatError, match=reason) as caught:
        read(data)

    assert caught.value.path == "cassettes/a.yaml"
    assert caught.value.line == line
    assert bool(caught.value.column) == bool(line)
    assert caught.value.remedy
    assert time.process_time() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200_000


@pytest.mark.parametrize("change", [b"", b"\xff"])
def test_a_body_file_that_was_changed_is_an_error(change):
    """The name of a body file is the hash of its bytes."""
    encoded = codec.encode(read(whole())[1][0], inline_limit=1)
    ((name, body),) = encoded.bodies.items()
    data = codec.render([encoded.text])

    (entry,) = codec.load(data, "a.yaml", lambda _: body + change).entries

    if change:
        with pytest.raises(CassetteFormatError, match=f"{name} was changed"):
            entry.interaction()
    else:
        assert entry.interaction().response.body == b"hello"


@pytest.mark.parametrize("head", [codec.HEADER, b"reqord: 1\ninteractions: []\n"])
def test_a_cassette_may_be_empty(head):
    """A file that has no entries yet has none; nothing of it is torn."""
    document, interactions = read(head)

    assert interactions == []
    assert document.torn is None
    assert document.head == codec.HEADER


@pytest.mark.parametrize(
    ("end", "line"), [(b"- rec", 13), (b"- recorded_at: '2026", 13), (b"-", 13)]
)
def test_a_torn_end_leaves_the_entries_before_it(end, line):
    """A repair can go on from the last whole entry."""
    document, interactions = read(whole() + end)

    assert document.torn == (line, "the last interaction is cut off")
    assert len(interactions) == 1
    assert document.entries[0].text == ENTRY


def test_text_that_looks_like_a_conflict_is_none():
    """Marks that stand in a body are text."""
    _, (interaction,) = read(whole(b"hello", b"<<<<<<< HEAD\n        >>>>>>> b"))

    assert interaction.response.body == b"<<<<<<< HEAD\n>>>>>>> b"


def test_an_alias_is_read_as_what_it_stands_for():
    """One value in two places, within bounds."""
    again = ENTRY.replace(b"http://h/", b"*u")

    _, interactions = read(whole(b"http://h/", b"&u http://h/") + again)

    assert [one.request.uri for one in interactions] == ["http://h/"] * 2


def test_a_number_that_no_python_reads_is_kept_as_it_is():
    """Keys that aren't ours may hold what they like."""
    digits = "9" * 5000

    document, _ = read(whole(head=f"reqord: 1\nmine: {digits}\ninteractions:\n".encode()))

    assert document.extra == {"mine": digits}


@pytest.mark.parametrize(
    "data",
    [
        whole(b"http://h/", b"http://h/\n      more"),
        whole(b"  elapsed", b"  recorded_by: a.py::test_a\n  elapsed"),
        whole(head=b"reqord: 1\ninteractions: # all of them\n"),
    ],
)
def test_what_a_hand_has_moved_is_found_where_it_is(data):
    """An entry says the same before it is decoded and after."""
    (entry,) = codec.load(data, "a.yaml", no_files).entries

    early = entry.recorded_at, entry.recorded_by, entry.method, entry.uri
    interaction = entry.interaction()

    request = interaction.request
    assert early[1:] == (interaction.recorded_by, request.method, request.uri)


def test_a_document_that_ends_before_its_entries_is_refused():
    """Also where the rest looks like ours."""
    with pytest.raises(CassetteFormatError, match=r"line 4.*not YAML"):
        read(whole(head=b"reqord: 1\ninteractions:\n...\n"))
