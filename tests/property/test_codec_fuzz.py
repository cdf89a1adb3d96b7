"""No file, however it was changed, is anything but read or refused with our own error."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings, strategies as st
from strategies import interactions, tries

from pytest_reqord import codec
from pytest_reqord.codec import any_yaml
from pytest_reqord.codec.entries import Source
from pytest_reqord.errors import CassetteFormatError

VCR = b"""\
interactions:
- request:
    body: '{"a": 1}'
    headers:
      Accept:
      - '*/*'
      Cookie: a=b
    method: POST
    uri: https://api.example.com/users?team=7
  response:
    body:
      string: !!binary |
        /wD/AA==
    headers:
      Content-Encoding:
      - gzip
      Content-Length:
      - '4'
    status:
      code: 200
      message: OK
- request:
    body: &id001 !!python/object/new:_io.BytesIO
      state: !!python/tuple
      - !!binary |
        YQ==
      - 0
      - null
    headers: {}
    method: GET
    uri: http://h/
  response:
    body:
      string: "text \\xe9 \\
        more"
    headers: *id001
    status: {code: 204, message: ''}
version: 1
"""
CASSETTER = b"""\
version: 1
interactions:
- request: {method: GET, url: 'http://h/', headers: [[A, b]], body: {type: json, content: {a: [1.5, null]}}}
  response: {status: 200, http_version: HTTP/2, headers: {a: [b]}, body: {type: base64, content: YQ==}}
  recorded_at: 2026-11-23T07:13:32Z
"""
OURS = b"""\
reqord: 1
locked: false
more: {a: 1, b: [x, 1.5]}
interactions:
- recorded_at: '2026-11-23T07:13:32.123456Z'
  recorded_by: test_users.py::test_user
  request:
    method: POST
    uri: https://api.example.com/users
    headers: |
      Host: api.example.com
      Content-Type: application/json
    body:
      json: |
        {
          "name": "Ada"
        }
      spaced: true
  response:
    status: 201
    reason: Created
    http_version: '1.0'
    headers: |-
      Content-Encoding: gzip
    body:
      text: |2-
          hello
         world
      compressed: gzip 6/8 1f8b0800000000000003
    chunks: [10, 20]
    arrivals: [[10, 0.5], [30, 1.25]]
    trailers: |
      X-Sum: a
    interim: [100]
    complete: false
  elapsed: 0.182
- recorded_at: '2026-11-23T07:13:33.000000Z'
  request:
    method: GET
    uri: "http://h/\\xe4"
  error:
    kind: connect
    message: refused
    details:
      errno: '111'
  elapsed: 1
"""
WORDS = [
    b" ", b"  ", b"\t", b"\n", b"\r\n", b"\r", b"- ", b"-", b": ", b"? ", b"#", b" # a\n", b'"', b"'", b"\\",
    b"|", b"|-", b"|+", b"|2", b"|9-", b">", b"&a ", b"*a", b"&id001 ", b"*id001", b"[", b"]", b"{", b"}",
    b", ", b"---\n", b"...\n", b"%YAML 1.1\n", b"<<: *a\n", b"!!binary ", b"!!int ", b"!!python/tuple ",
    b"!!python/object/apply:os.system ", b"! ", b"!a ", b"null", b"~", b"true", b"yes", b"0", b"-1", b"1e999",
    b".inf", b"Infinity", b"NaN", b"1_000", b"9" * 5000, b"\\ud800", b"\\uD83D\\uDE00", b"\\U0010FFFF",
    b"\\U00110000", b"\\x00", b"\x00", b"\x7f", b"\x85", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf",
    b"\xe2\x80\xa8", b"\xc2\x85", b"\xf0\x9f\x92\xa5", b"[" * 200, b"- " * 200, b'{"a":' * 3000, b"<<<<<<< HEAD\n",
    b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59-23:59", b"2026-11-23", b"compressed: gzip 6/8 00\n",
    b"compressed: zlib\n", b"file: ../../etc/passwd\n", b"file: %b.bin\n" % (b"a" * 64), b"base64: '='\n",
    b"body: null\n", b"headers: null\n", b"headers: []\n", b"version: 1\n", b"reqord: 1\n", b"locked: true\n",
    b"interactions:\n", b"- recorded_at: '2026-11-23T07:13:32.123456Z'\n", b"  elapsed: 0.182\n",
    b"- request:\n", b"  response:\n", b"    body:\n", b"      string: ''\n", b"parsed_body: [1]\n",
]  # fmt: skip


KINDS = ["value", "value", "insert", "replace", "delete", "copy", "cut", "line", "indent"]
VALUE = re.compile(rb"(?<=: )[^\s,\]}]+|(?<=- )[^\s:]+|\w+(?=:)|\d+|\"[^\"]*\"|'[^']*'")


def no_files(name):
    raise FileNotFoundError(name)


def as_json(document):
    """A document of VCR.py's as JSON; what has no JSON form is its text."""
    data = yaml.safe_load(document.replace(b"!!python/object/new:_io.BytesIO", b""))
    return json.dumps(data, default=str).encode()


PLAIN_VCR = VCR.replace(b"!!python/tuple", b"")
DOCUMENTS = [OURS, VCR, PLAIN_VCR, CASSETTER, as_json(PLAIN_VCR), as_json(CASSETTER)]


@st.composite
def changed(draw):
    """A cassette of whatever format with a few changes of the kind that hands and attackers make."""
    made = interactions().map(lambda one: codec.render([codec.encode(one).text]))
    data = draw(st.one_of(st.sampled_from(DOCUMENTS), made))
    for _ in range(draw(st.integers(1, 4))):
        data = _change(draw, data)
    return data


def _change(draw, data):
    start = draw(st.integers(0, len(data)))
    end = min(len(data), start + draw(st.integers(0, 40)))
    kind = draw(st.sampled_from(KINDS))
    if kind == "value":
        start, end = draw(
            st.sampled_from([found.span() for found in VALUE.finditer(data)] or [(0, 0)])
        )
    if kind in ("insert", "replace", "value"):
        word = draw(st.one_of(st.sampled_from(WORDS), st.binary(max_size=4)))
        return data[:start] + word + data[start if kind == "insert" else end :]
    if kind == "delete":
        return data[:start] + data[end:]
    if kind == "copy":
        other = draw(st.integers(0, len(data)))
        return data[:other] + data[start:end] + data[other:]
    if kind == "cut":
        return data[:start]
    lines = data.splitlines(keepends=True) or [b""]
    at = draw(st.integers(0, len(lines) - 1))
    if kind == "indent":
        lines[at] = b" " * draw(st.integers(0, 6)) + lines[at].lstrip(b" ")
    else:
        lines.insert(draw(st.integers(0, len(lines))), lines[at] if len(lines) < 999 else b"")
        del lines[at]
    return b"".join(lines)


def read(document):
    """Everything that a run, a save and the commands ask of a file."""
    for entry in document.entries:
        assert isinstance(entry.has_body, bool)
        assert entry.text.endswith(b"\n")
        codec.changed_by_us(entry)
    return [
        (each.interaction(), each.recorded_at, each.recorded_by, each.method, each.uri)
        for each in document.entries
    ]


def long(examples):
    """Have hypothesis try so many, however slow and large they are: a minute in all."""
    return settings(tries(examples), suppress_health_check=list(HealthCheck))


@long(1800)
@given(changed())
def test_a_changed_file_is_read_or_refused_by_name(data):
    """Whatever asks for a part of it gets that, or `CassetteFormatError`; and it can be saved."""
    load_and_render(data)


@long(200)
@given(changed())
def test_the_same_without_libyaml(data):
    """PyYAML's own parser fails in other ways, which are told as one, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader", raising=False)
        load_and_render(data)


def load_and_render(data):
    refused = None
    try:
        document = codec.load(data, "a.yaml", no_files)
        read(document)
    except CassetteFormatError as error:
        refused = error
    if refused is not None:
        assert refused.reason
        assert refused.remedy
        assert refused.line <= len(data.decode(errors="ignore").splitlines()) + 1
        return
    try:
        codec.render_vcr(document.entries, document.extra, is_json=document.is_json)
    except ValueError as error:  # that format has no place for it
        assert re.search("VCR.py's format|JSON", str(error))  # noqa: PT017 -- one message of several


@long(1800)
@given(changed())
def test_a_changed_file_is_never_read_in_two_ways(data):
    """What the quick reader reads, the safe loader reads, and as the same."""
    read_in_one_way(data)


def read_in_one_way(data):
    try:
        document = codec.load(data, "a.yaml", no_files)
        ours = read(document)
    except CassetteFormatError:
        return
    if document.torn is None:
        safely = any_yaml.load_safely(Source(data, "a.yaml", no_files))
        assert read(safely) == ours
        assert (safely.locked, safely.extra) == (document.locked, document.extra)


START = b"- recorded_at: '2026-11-23T07:13:33.000000Z'\n"
FOREIGN = b"""\
- request:
    body: a
    method: GET
    uri: http://h/1
  response:
    status: {code: 200}
"""


@pytest.mark.parametrize(
    "data",
    [
        OURS.replace(START, b"other:\n" + START),
        OURS.replace(b"uri: https:", b'uri: "https:').replace(b'"http://h/\\xe4"', b'http://h/"'),
        OURS + b"other:\n  elapsed: 1\n",
        b"interactions:\n" + FOREIGN + FOREIGN.replace(b"- ", b"  ").replace(b"/1", b"/2"),
        b"interactions:\n"
        + FOREIGN.replace(b"a\n", b"a\n    method: POST\n    uri: http://h/3\n  response:\n", 1),
        b" interactions:\n" + FOREIGN,
        b"interactions:\n" + FOREIGN + b"&a \n",
        b"interactions:\n" + FOREIGN.replace(b": a\n", b': "a \\\n- request:\n        b"\n'),
        OURS.replace(b'"http://h/\\xe4"', b'"http://h/\\ud800"'),
        OURS.replace(b'"http://h/\\xe4"', b'"http://h/\\\n    \tb"'),
    ],
)
def test_what_a_fuzzer_found(data):
    """Starts of entries in texts and under other keys, keys that are there twice."""
    read_in_one_way(data)
    read_in_one_way(data + b"version: 1\n")
