"""What an entry looks like, and which layouts are read."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from datetime import datetime, timezone

import pytest
import yaml

from pytest_reqord import codec
from pytest_reqord.base.models import Arrival, Failure, Headers, Interaction, Request, Response
from pytest_reqord.codec import index, values
from pytest_reqord.errors import CassetteFormatError

RECORDED_AT = datetime(2026, 11, 23, 7, 13, 32, 123456, tzinfo=timezone.utc)
INTERACTION = Interaction(
    Request(
        "POST",
        "https://api.example.com/users?team=7",
        Headers([("Accept", "*/*"), ("Content-Type", "application/json")]),
        b'{"name": "Ada"}',
    ),
    Response(
        201,
        "Created",
        Headers([("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("set-cookie", "b")]),
        b'{"id": 1, "name": "Ada", "tags": [], "of": {"x": 1.0}}',
    ),
    RECORDED_AT,
    "test_users.py::test_user",
    0.182,
)
TEXT = b"""\
- recorded_at: '2026-11-23T07:13:32.123456Z'
  recorded_by: test_users.py::test_user
  request:
    method: POST
    uri: https://api.example.com/users?team=7
    headers: |
      Accept: */*
      Content-Type: application/json
    body:
      json: |
        {
          "name": "Ada"
        }
  response:
    status: 201
    reason: Created
    headers: |
      Content-Type: application/json
      Set-Cookie: a=1
      set-cookie: b
    body:
      json: |
        {
          "id": 1,
          "name": "Ada",
          "tags": [],
          "of": {
            "x": 1.0
          }
        }
      spaced: true
  elapsed: 0.182
"""


def no_files(name):
    raise FileNotFoundError(name)


def load(data, files=no_files):
    return codec.load(data, "cassette.yaml", files)


def decoded(data, files=no_files):
    return [entry.interaction() for entry in load(data, files).entries]


def respond(**changes):
    return INTERACTION._replace(response=INTERACTION.response._replace(**changes))


def test_an_entry_is_made_for_reading():
    """An entry is written in the documented layout."""
    assert codec.encode(INTERACTION) == codec.Encoded(TEXT, "2026-11-23T07:13:32.123456Z", {})
    assert decoded(codec.render([TEXT])) == [INTERACTION]


def test_the_rest_of_a_response_stands_where_it_has_something_to_say():
    """HTTP version, chunks, arrivals, trailers, interim and complete are kept."""
    interaction = respond(
        body=b"a\nb\n",
        http_version="1.0",
        chunks=(3, 1),
        arrivals=(Arrival(2, 0.1), Arrival(4, 0.25)),
        trailers=Headers([("Expires", "now")]),
        interim=(100, 103),
        complete=False,
    )

    text = codec.encode(interaction).text

    assert text.split(b"  response:\n")[1] == (
        b'    status: 201\n    reason: Created\n    http_version: "1.0"\n    headers: |\n'
        b"      Content-Type: application/json\n      Set-Cookie: a=1\n      set-cookie: b\n"
        b"    body:\n      text: |\n        a\n        b\n    chunks: [3, 1]\n"
        b"    arrivals: [[2, 0.1], [4, 0.25]]\n    trailers: |\n      Expires: now\n"
        b"    interim: [100, 103]\n    complete: false\n  elapsed: 0.182\n"
    )
    assert decoded(codec.render([text])) == [interaction]


def test_an_error_stands_in_place_of_a_response():
    """A recorded network error has a kind, a message and details."""
    failure = Failure("httpx.ConnectTimeout", "timed out: é", {"errno": "110"})
    interaction = INTERACTION._replace(response=None, failure=failure)

    text = codec.encode(interaction).text

    assert text.endswith(
        '  error:\n    kind: httpx.ConnectTimeout\n    message: "timed out: é"\n'
        '    details:\n      errno: "110"\n  elapsed: 0.182\n'.encode()
    )
    assert decoded(codec.render([text])) == [interaction]


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (b"a", b"      text: |-\n        a\n"),
        (b"a\n\n", b"      text: |+\n        a\n\n"),
        (b" a", b"      text: |2-\n         a\n"),
        (b"a\n\n b\n", b"      text: |\n        a\n\n         b\n"),
        (b"a\r\n b \n", b'      text: "a\\r\\n\\\n        \\ b \\n"\n'),
        (b"\0", b'      text: "\\0"\n'),
        ("é\x85\u2028".encode(), '      text: "é\\x85\\u2028"\n'.encode()),
        (b"\xff\x00", b"      base64: |\n        /wA=\n"),
        (b"[1]", b"      json: |\n        [\n          1\n        ]\n"),
        (b"[1 ]", b"      text: |-\n        [1 ]\n"),
        (b"[1,]", b"      text: |-\n        [1,]\n"),
        (b"[1]\n", b"      text: |\n        [1]\n"),
        (b"[1, [2,3]]", b"      text: |-\n        [1, [2,3]]\n"),
    ],
)
def test_a_body_has_the_first_style_that_loses_nothing(body, stored):
    """JSON in lines, a block, a quoted text, base64: in this order."""
    text = codec.encode(respond(body=body)).text

    assert text.split(b"    body:\n")[2] == stored + b"  elapsed: 0.182\n"
    assert decoded(codec.render([text])) == [respond(body=body)]


@pytest.mark.parametrize(
    "word",
    ["No Content", "yes", "Null", "~", "12", "1.5", "a: b", "a #b", "-", "", " a", "a:", "é"],
)
def test_words_that_yaml_reads_otherwise_are_quoted(word):
    """A reason phrase is read as text by YAML 1.1 and 1.2 alike."""
    text = codec.encode(respond(reason=word)).text

    assert b'    reason: "' in text or not word
    assert yaml.safe_load(text)[0]["response"].get("reason", "") == word


def with_coding(coding, body, **changes):
    return respond(headers=Headers([("Content-Encoding", coding)]), body=body, **changes)


CONTENT = json.dumps({"name": "Ada", "text": "lorem ipsum " * 50}).encode()


def flushed(content):
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(CONTENT, 6, mtime=0)),
        ("x-gzip", gzip.compress(CONTENT, 1, mtime=1234567890)),
        ("GZIP", flushed(CONTENT)),
        ("deflate", zlib.compress(CONTENT, 9)),
        ("deflate", zlib.compress(CONTENT, 3)[2:-4]),
        (
            "gzip",
            b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"name\0" + gzip.compress(CONTENT, mtime=0)[10:],
        ),
    ],
)
def test_a_compressed_body_is_stored_readable(coding, body):
    """With what it takes to pack the same bytes again."""
    text = codec.encode(with_coding(coding, body)).text

    assert b'"name": "Ada",' in text
    assert b"      compressed: " in text
    assert decoded(codec.render([text])) == [with_coding(coding, body)]


def test_a_chunked_body_may_be_packed_anew():
    """Where the wire bytes can't be rebuilt, what they unpack to is kept, chunked bodies only."""
    halves = zlib.compressobj(wbits=31)
    body = halves.compress(CONTENT[:300]) + halves.flush(zlib.Z_FULL_FLUSH)
    body += halves.compress(CONTENT[300:]) + halves.flush()

    whole = codec.encode(with_coding("gzip", body)).text
    (chunked,) = decoded(codec.render([codec.encode(with_coding("gzip", body, chunks=(9,))).text]))

    assert b"      base64: |\n" in whole
    assert decoded(codec.render([whole])) == [with_coding("gzip", body)]
    assert chunked.response.body != body
    assert chunked.response.content == CONTENT


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"plain"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("gzip", gzip.compress(CONTENT, mtime=0)[:50]),
    ],
)
def test_other_codings_keep_the_wire_bytes(coding, body):
    """What can't be unpacked, or not without a package, stays as it was sent."""
    text = codec.encode(with_coding(coding, body, chunks=(9,))).text

    assert b"compressed:" not in text
    assert decoded(codec.render([text])) == [with_coding(coding, body, chunks=(9,))]


@pytest.mark.parametrize(
    ("kind", "extension"),
    [
        ("image/png", "png"), ("application/json; charset=utf-8", "json"), ("text/x-any", "txt"),
        ("application/problem+json", "json"), ("application/octet-stream", "bin"), ("", "bin"),
    ],
)  # fmt: skip
def test_a_large_body_has_a_name_that_tells_its_kind(kind, extension):
    """Its file is named by its hash and its content type."""
    interaction = respond(headers=Headers([("Content-Type", kind)]), body=b"x" * 101)

    encoded = codec.encode(interaction, inline_limit=100)

    ((name, body),) = encoded.bodies.items()
    assert body == b"x" * 101
    assert name.endswith(f".{extension}")
    assert f"      file: {name}\n".encode() in encoded.text
    assert decoded(codec.render([encoded.text]), encoded.bodies.__getitem__) == [interaction]


def crlf(data):
    return data.replace(b"\n", b"\r\n")


def reordered(data):
    """Another emitter's layout."""
    return yaml.safe_dump(yaml.safe_load(data), sort_keys=False, default_style='"').encode()


def as_json(data):
    return json.dumps(yaml.safe_load(data)).encode()


def indented(data):
    head, _, rest = data.partition(b"interactions:\n")
    lines = rest.splitlines(keepends=True)
    return head + b"interactions:\n" + b"".join([b"   " + line for line in lines])


def commented(data):
    return data.replace(b"  response:", b"  # seen on Monday\n  response:") + b"# the end\n"


def without_quotes(data):
    return data.replace(b"'", b"")


@pytest.mark.parametrize("change", [crlf, reordered, as_json, indented, commented, without_quotes])
def test_any_layout_is_read(change):
    """A cassette that was edited or written by another emitter has the same values."""
    data = codec.render([TEXT, TEXT.replace(b"POST", b"PUT")])

    document = load(change(data))
    again = load(codec.render([entry.text for entry in document.entries], document.head))

    assert [entry.interaction() for entry in document.entries] == decoded(data)
    assert [entry.interaction() for entry in again.entries] == decoded(data)
    assert [entry.method for entry in document.entries] == ["POST", "PUT"]
    assert {entry.recorded_at for entry in document.entries} == {"2026-11-23T07:13:32.123456Z"}


def test_one_entry_in_another_layout_is_read_with_the_others():
    """A reordered entry between two of ours doesn't get lost in the one before."""
    middle = reordered(TEXT)

    assert decoded(codec.render([TEXT, middle, TEXT])) == [INTERACTION] * 3


@pytest.mark.parametrize("change", [bytes, crlf, indented])
def test_unknown_keys_are_kept(change):
    """What a later version may add is moved as text."""
    head = b"reqord: 1\nlocked: true\nnote: {a: [1]}\ninteractions:\n"
    text = TEXT.replace(b"  response:", b"  later: [a, {b: c}]\n  response:", 1)

    document = load(change(codec.render([text], head)))

    assert document.locked
    assert document.head == head
    assert [entry.text for entry in document.entries] == [text]
    assert [entry.interaction() for entry in document.entries] == [INTERACTION]


def test_keys_after_the_entries_are_kept():
    """``locked: true`` at the end of a file counts, too, whatever comes after it."""
    more = b"more:\n  elapsed: 1\n"
    document = load(codec.render([TEXT]) + b"locked: true\n" + more)

    assert document.locked
    assert document.torn is None
    assert document.extra == {"more": {"elapsed": 1}}
    assert document.entries[0].text == TEXT
    assert codec.last_recorded_at(codec.render([TEXT]) + more) is None
    assert load(codec.render([document.entries[0].text], document.head)).locked


def test_headers_may_be_a_mapping():
    """Who writes an entry by hand may write headers as other tools do."""
    lines = b"headers: |\n      Accept: */*\n      Content-Type: application/json\n"
    mapping = b"headers: {Accept: '*/*', Content-Type: [application/json]}\n"

    assert decoded(codec.render([TEXT.replace(lines, mapping)])) == [INTERACTION]


@pytest.mark.parametrize(
    "change",
    [
        (b"    method: POST", b"    method: POST # a comment"),
        (b"reason: Created", b"reason: 'Created'"),
        (b"reason: Created", b"reason: Created "),
        (b"reason: Created", b"reason: &a Created"),
        (b"status: 201", b"status: 0201"),
        (b"      Accept: */*\n", b"      Accept: */*\n\n"),
        (b"      Accept: */*\n", b"       Accept: */*\n"),
        (b"headers: |\n", b"headers: |2\n"),
        (b"headers: |\n", b"headers: >\n"),
        (b"json: |\n        {\n", b"json: |\n         {\n"),
        (b'"name": "Ada"', '"name": "A\x85a"'.encode()),
        (b"  elapsed: 0.182\n", b"  elapsed: 1e-1\n"),
        (b"  elapsed: 0.182\n", b"  elapsed: 0.182\n\n"),
    ],
)
def test_the_quick_reader_reads_as_yaml_does_or_not_at_all(change):
    """What isn't in our layout is left to the loader, or means the same."""
    text = TEXT.replace(*change, 1)
    assert text != TEXT

    try:
        interaction = index.read_entry(text, no_files)
    except index.OtherLayout:
        return

    assert interaction == values.interaction(yaml.safe_load(text)[0], no_files)


def test_nothing_is_decoded_before_it_is_needed():
    """A broken entry is noticed when it is needed; the others are played."""
    document = load(codec.render([TEXT, TEXT.replace(b"    status: 201\n", b"    status: [\n")]))

    assert document.entries[1].method == "POST"
    assert document.entries[0].interaction() == INTERACTION
    assert document.entries[0].interaction() is document.entries[0].interaction()
    with pytest.raises(CassetteFormatError, match="line"):
        document.entries[1].interaction()


def test_the_tail_tells_whether_to_append():
    """The last entry's time, where the tail has the whole entry."""
    data = codec.render([TEXT, TEXT])

    assert codec.last_recorded_at(data) == "2026-11-23T07:13:32.123456Z"
    assert codec.last_recorded_at(data[-len(TEXT) :]) == "2026-11-23T07:13:32.123456Z"
    assert codec.last_recorded_at(data[-len(TEXT) + 1 :]) is None
    assert codec.last_recorded_at(data[:-1]) is None
    assert codec.last_recorded_at(data + b"locked: true\n") is None
    assert codec.last_recorded_at(b"") is None


VECTOR = [round(number * 0.618033 - 50, 6) for number in range(160)]


def one_a_line(data):
    """A file as releases before wrote it: each number of an array on a line of its own."""
    lines = []
    for line in data.decode().splitlines():
        blanks = line[: len(line) - len(line.lstrip())]
        is_filled = re.fullmatch(r"[-\d., ]+", line.strip()) and "," in line[:-1]
        numbers = re.findall(r"[^ ,]+,?", line) if is_filled else [line.strip()]
        lines += [blanks + number for number in numbers] if numbers else [""]
    return "\n".join([*lines, ""]).encode()


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
def test_a_long_array_of_numbers_is_wrapped(separators):
    """A line holds as many numbers as it has room for; the bytes stay, whoever reads them."""
    document = {"data": [{"embedding": VECTOR}], "few": [1, 2], "words": ["a"] * 20}
    body = json.dumps(document, separators=separators).encode()
    recorded = respond(body=body)

    data = codec.render([codec.encode(recorded).text])

    of_vector = data.partition(b'"embedding"')[2].partition(b"]")[0]
    assert of_vector.count(b"\n") < 40
    assert re.search(rb"\n +1,\n +2\n", data)  # a short one stays as it was
    assert max(map(len, data.splitlines())) < 90
    assert decoded(data) == [recorded]
    (plain,) = yaml.safe_load(data)["interactions"]
    assert values.interaction(plain, no_files) == recorded


def test_numbers_one_a_line_are_read_as_before():
    """Files of earlier releases: read alike, found by a request's body, and not written anew."""
    body = json.dumps({"input": VECTOR}).encode()
    recorded = INTERACTION._replace(request=INTERACTION.request._replace(body=body))
    data = codec.render([codec.encode(recorded).text])
    before = one_a_line(data)
    assert before.count(b"\n") > data.count(b"\n") + 100

    document = load(before)

    assert [entry.interaction() for entry in document.entries] == [recorded]
    assert codec.render([entry.text for entry in document.entries]) == before
    for each in (load(data), document):
        assert isinstance(each.entries, index.LocatedEntries)
        assert list(each.entries.with_body(recorded.request)) == [0]
