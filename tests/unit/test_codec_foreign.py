"""Cassettes of other tools are read as they are."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from pytest_reqord import codec
from pytest_reqord.codec import any_yaml, vcr_read
from pytest_reqord.codec.entries import Source
from pytest_reqord.errors import CassetteFormatError

VCR = b"""\
interactions:
- request:
    body: '{"a": 1}'
    headers:
      Accept:
      - '*/*'
      Content-Length:
      - '8'
    method: POST
    uri: https://api.example.com/users?a=1
  response:
    body:
      string: "hello\\n\\
        \\ world"
    headers:
      Content-Length:
      - '5'
      Set-Cookie:
      - a=1
      - b=2
    status:
      code: 201
      message: Created
- request:
    body: null
    headers: {}
    method: GET
    uri: 'https://api.example.com/: '
  response:
    body:
      string: !!binary |
        /wA=
    headers: {}
    status:
      code: 204
      message: No Content
version: 1
"""


def no_files(name):
    raise FileNotFoundError(name)


def load(data):
    return codec.load(data, "cassette.yaml", no_files)


def decoded(data):
    return [entry.interaction() for entry in load(data).entries]


def vcr(request=b"body: null", response=b"body: {string: ''}", headers=b"{}", method=b"GET"):
    (interaction,) = decoded(
        b"interactions:\n- request:\n    %b\n    headers: {}\n    method: %b\n    uri: http://h/\n"
        b"  response:\n    %b\n    headers: %b\n    status: {code: 200, message: OK}\nversion: 1\n"
        % (request, method, response, headers)
    )
    return interaction


@pytest.mark.parametrize(
    "change", [bytes, lambda data: data.replace(b"\n", b"\r\n"), lambda data: b"# vcr\n" + data]
)
def test_yaml_of_vcrpy_is_read(change):
    """As its emitter writes it, and laid out otherwise."""
    document = load(change(VCR))
    first, second = [entry.interaction() for entry in document.entries]

    assert document.format == "vcr"
    assert [entry.method for entry in document.entries] == ["POST", "GET"]
    assert document.entries[0].uri == "https://api.example.com/users?a=1"
    assert document.entries[1].uri == "https://api.example.com/: "
    assert first.request.body == b'{"a": 1}'
    assert first.response.body == b"hello\n world"
    assert first.response.headers.get_all("set-cookie") == ("a=1", "b=2")
    assert first.response.headers["content-length"] == "12"
    assert (second.response.status, second.response.reason) == (204, "No Content")
    assert second.response.body == b"\xff\x00"
    assert first.recorded_at < second.recorded_at


CASSETTER = b"""\
version: 1
interactions:
- request:
    method: GET
    uri: https://api.example.com/users
    headers:
      accept:
      - "*/*"
    body:
      type: none
  response:
    status: 200
    headers:
      content-type:
      - application/json
    body:
      type: json
      content:
        name: Ada
        text: |+
          two


          paragraphs

  recorded_at: 2026-11-26T01:51:36.781315+00:00
- request:
    method: POST
    uri: https://api.example.com/users
    headers: {}
    body:
      type: text
      content: a=1
  response:
    status: 204
    headers: {}
    body:
      type: none
  recorded_at: 2026-11-26T01:51:37.781315+00:00
"""


@pytest.mark.parametrize(
    ("data", "tool", "extra"),
    [
        (VCR, "vcr", {}),
        (VCR.replace(b"version", b"metadata:\n  at: 2026-01-02 03:04:05\nversion"), "vcr", None),
        (b"version: 1\n" + VCR.replace(b"version: 1\n", b""), "vcr", {}),
        (b"# by hand\nowner: Ada\n" + VCR, "vcr", {"owner": "Ada"}),
        (
            VCR.replace(b"body: null", b"parsed_body:\n      a: |-\n        b\n\n\n        c"),
            "vcr",
            {},
        ),
        (VCR.replace(b"- '*/*'", b"- !!python/str '*/*'"), "vcr", {}),
        (CASSETTER, "cassetter", {}),
        (CASSETTER + b"owner: Ada\n", "cassetter", {"owner": "Ada"}),
    ],
    ids=[
        "plain",
        "metadata",
        "version-first",
        "comment",
        "blank-lines",
        "tags",
        "cassetter",
        "extra",
    ],
)
def test_files_of_other_tools_are_read_as_far_as_they_are_played(monkeypatch, data, tool, extra):
    """Their entries are found by a scan, decoded one by one, and equal what a loader makes of all."""
    whole = any_yaml.load_safely(Source(data, "cassette.yaml", no_files))
    read = []
    decode = vcr_read.to_interaction
    monkeypatch.setattr(vcr_read, "to_interaction", lambda *a: read.append(a) or decode(*a))

    document = load(data)
    places = [(entry.method, entry.uri) for entry in document.entries]

    assert len(read) == ("/: " in places[1][1])  # not as it stands in the file
    assert (document.format, document.extra, document.head) == (
        whole.format,
        whole.extra,
        whole.head,
    )
    assert extra in (None, document.extra)
    for one, other in zip(document.entries, whole.entries, strict=True):
        assert one.interaction() == other.interaction()
        assert one.text == other.text
    assert places == [(entry.method, entry.uri) for entry in whole.entries]
    assert codec.render_vcr(document.entries, document.extra)


@pytest.mark.parametrize("end", [b"version: 2\n", b"interactions: []\nversion: 1\n", b"", b"- 1\n"])
def test_what_only_looks_like_it_is_left_to_the_loader(end):
    """A file that isn't all of entries and keys is read by the loader, or refused by it."""
    data = VCR.replace(b"version: 1\n", end)

    assert vcr_read.index(Source(data, "cassette.yaml", no_files)) is None


def test_a_foreign_entry_can_be_moved_to_a_cassette_of_ours():
    """Its text is in our layout, and has the length that its file says, to the letter."""
    document = load(VCR)

    again = load(codec.render([entry.text for entry in document.entries]))

    assert again.format == "reqord"
    assert [entry.interaction() for entry in again.entries] == [
        entry.as_ours() for entry in document.entries
    ]
    response = again.entries[0].interaction().response
    assert response.headers["Content-Length"] == "5"
    assert response.body == b"hello\n world"
    assert [entry.recorded_at for entry in again.entries] == [
        entry.recorded_at for entry in document.entries
    ]


@pytest.mark.parametrize(
    ("written", "body"),
    [
        (b"body: null", b""),
        (b"body: ''", b""),
        (b"body: a=1", b"a=1"),
        (b"body: 12", b"12"),
        (b"body: !!binary YWI=", b"ab"),
        (b"body: !!python/str 'ab'", b"ab"),
        (b"body: !!python/unicode 'ab'", b"ab"),
        (b"body: {string: ab}", b"ab"),
        (b"body: {base64_string: YWI=}", b"ab"),
        (b"body: !!python/object/new:_io.BytesIO {state: !!python/tuple [!!binary YWI=, 0, null]}", b"ab"),
        (b"body: !!python/object/apply:builtins.iter {args: [[!!binary YQ==, !!binary Yg==]], state: 0}", b"ab"),
        (b"body: !!python/object/apply:builtins.iter [[!!binary YWI=]]", b"ab"),
        (b"parsed_body: {a: [1, 1.5, true, null, '1']}", b'{"a": [1, 1.5, true, null, "1"]}'),
        (b"body: {type: json, content: {a: 1}}", b'{"a": 1}'),
        (b"body: {type: text, content: ab}", b"ab"),
        (b"body: {type: base64, content: YWI=}", b"ab"),
        (b"body: a\n    body: b", b"b"),
    ],
)  # fmt: skip
def test_bodies_are_read_in_every_form(written, body):
    """Text, bytes, streams and parsed JSON; of a key that stands twice, the last."""
    assert vcr(request=written, method=b"POST").request.body == body
    assert vcr(response=written).response.body == body


@pytest.mark.parametrize(
    ("written", "body"),
    [
        (b"body: {model: m, stream: false}", b'{"model": "m", "stream": false}'),
        (b"body: {text: ab}", b'{"text": "ab"}'),
        (b"body: {string: ab, n: 1}", b'{"string": "ab", "n": 1}'),
        (b"body: {type: message, content: ab}", b'{"type": "message", "content": "ab"}'),
        (b"body: {}", b"{}"),
        (b"body: {encoding: utf-8, string: ab}", b"ab"),
    ],
)
def test_a_mapping_is_a_body_of_json(written, body):
    """A client was called with one, or a hook has left it: of a request, not of a response."""
    assert vcr(request=written, method=b"POST").request.body == body


def test_a_response_without_a_text_is_broken():
    """Its body would be lost without a word."""
    with pytest.raises(CassetteFormatError, match=r"line 2.* a body has no string"):
        vcr(response=b"body: {model: m}")


def test_flat_responses_of_old_httpx_stubs_are_read():
    """``status_code``, ``content`` and ``http_version`` beside the headers."""
    data = (
        b"interactions:\n- request: {body: '', headers: {a: b}, method: GET, uri: 'http://h/'}\n"
        b"  response:\n    content: hello\n    headers: !!python/tuple [[a, b], [a, c]]\n"
        b"    http_version: HTTP/1.0\n    status_code: 200\nversion: 1\n"
    )

    (interaction,) = decoded(data)

    assert interaction.response.status == 200
    assert interaction.response.body == b"hello"
    assert interaction.response.http_version == "1.0"
    assert interaction.response.headers.get_all("a") == ("b", "c")


def test_json_of_vcrpy_is_read():
    """The JSON serializer's files have the same values."""
    data = {
        "version": 1,
        "interactions": [
            {
                "request": {"method": "GET", "uri": "http://h/", "body": None, "headers": {"a": ["b"]}},
                "response": {
                    "status": {"code": 200, "message": None},
                    "headers": {"n": [1]},
                    "body": {"string": "é"},
                },
            }
        ],
    }  # fmt: skip

    (interaction,) = decoded(json.dumps(data).encode())

    assert interaction.request.headers["a"] == "b"
    assert interaction.response.headers["n"] == "1"
    assert interaction.response.body == "é".encode()
    assert interaction.response.reason == ""


def test_a_cassette_of_cassetter_is_read():
    """Its statuses are numbers, and it knows when a request was made."""
    data = (
        b"version: 1\ninteractions:\n- request: {method: GET, uri: 'http://h/', headers: {}}\n"
        b"  response: {status: 200, headers: {a: [b]}, body: {type: text, content: hello}}\n"
        b"  recorded_at: '2026-01-02T03:04:05Z'\n"
    )

    document = load(data)

    assert document.format == "cassetter"
    assert document.entries[0].recorded_at == "2026-01-02T03:04:05.000000Z"
    assert document.entries[0].interaction().response.body == b"hello"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "GZIP"])
def test_a_plain_body_under_a_coding_is_packed(coding):
    """A client that undoes the coding gets the body that the file has."""
    headers = f"{{Content-Encoding: [{coding}], Content-Length: ['5']}}".encode()

    response = vcr(response=b"body: {string: hello}", headers=headers).response

    assert response.body != b"hello"
    assert response.content == b"hello"
    assert response.headers["content-length"] == str(len(response.body))


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", gzip.compress(b"hello", mtime=0)), ("deflate", zlib.compress(b"hello"))],
)
def test_a_packed_body_stays_as_it_is(coding, body):
    """What was on the wire is replayed as it was."""
    from base64 import b64encode

    response = vcr(
        response=b"body: {string: !!binary %b}" % b64encode(body),
        headers=f"{{Content-Encoding: [{coding}]}}".encode(),
    ).response

    assert response.body == body


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_a_plain_body_loses_a_coding_that_we_cant_write(coding):
    """A client would fail to undo br or zstd; without the header it takes the body as it is."""
    headers = f"{{Content-Encoding: [{coding}], A: [b]}}".encode()

    response = vcr(response=b"body: {string: hello}", headers=headers).response

    assert response.headers.pairs == (("A", "b"),)
    assert response.body == b"hello"


def test_a_response_to_head_keeps_its_length():
    """The length of a body that isn't there is the point of HEAD."""
    headers = b"{Content-Length: ['100'], Content-Encoding: [gzip]}"

    response = vcr(headers=headers, method=b"HEAD").response

    assert response.headers["content-length"] == "100"
    assert response.body == b""


def test_a_chunked_response_is_one_chunk():
    """VCR.py keeps the header but not the chunks."""
    response = vcr(
        response=b"body: {string: hello}", headers=b"{Transfer-Encoding: [chunked]}"
    ).response

    assert response.chunks == (5,)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"    method: POST\n", b"", "no method"),
        (b"    status:\n      code: 201\n      message: Created\n", b"", "no status"),
        (b"'*/*'", b"[a]", "Accept is not text"),
        (b"'{\"a\": 1}'", b"!!python/object/apply:os.system [ls]", "is not read"),
    ],
)
def test_a_broken_foreign_file_is_one_error(old, new, reason):
    """With the entry's line."""
    data = VCR.replace(old, new, 1)
    assert data != VCR

    with pytest.raises(CassetteFormatError, match=reason) as caught:
        decoded(data)

    assert caught.value.line >= 2
