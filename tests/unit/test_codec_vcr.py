"""Cassettes in VCR.py's own format: what is written there, kept there, and refused."""

from __future__ import annotations

import gzip
import json

import pytest
import strategies
import yaml
from entries import interaction
from hypothesis import given
from strategies import tries

from pytest_reqord import codec
from pytest_reqord.base.models import Arrival, Failure, Headers

VCR = b"""interactions:
- request:
    body: '{"a": 1}'
    headers:
      B:
      - '1'
      A:
      - '2'
    method: POST
    uri: https://api.example.com/users?a=1
  response:
    body:
      string: "hello\\n world"
    headers:
      set-cookie:
      - a=1
      - b=2
    status:
      code: 200
      message: OK
version: 1
"""


def load(data):
    def no_files(name):
        raise FileNotFoundError(name)

    return codec.load(data, "cassette.yaml", no_files)


def write(*interactions, **options):
    return codec.render_vcr([codec.as_vcr(each) for each in interactions], **options)


def test_layout():
    """It is what VCR.py's emitter writes, but for the headers, which stay in their order."""
    document = load(VCR)

    assert write(*(entry.interaction() for entry in document.entries)) == VCR


@tries(60)
@given(strategies.requests(), strategies.responses())
def test_what_is_written_is_read(request, response):
    """Request, status, headers by name and unpacked body come back, in YAML's fast way too."""
    response = response._replace(complete=True, trailers=Headers())
    written = interaction(1)._replace(request=request, response=response)

    document = load(write(written, written))
    first, second = (entry.interaction() for entry in document.entries)

    assert document.format == "vcr"
    assert first.request == second.request == codec.as_vcr(written).interaction().request
    assert first.response == codec.as_vcr(written).interaction().response
    assert (first.request.method, first.request.uri) == (
        written.request.method,
        written.request.uri,
    )
    assert first.request.body == written.request.body
    assert (first.response.status, first.response.reason) == (
        written.response.status,
        written.response.reason,
    )
    if written.request.method != "HEAD" and written.response.status not in (204, 304):
        assert first.response.content == written.response.content


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Host", "h"), ("User-Agent", "python-requests/2"), ("Connection", "close")], "hello"),
        (
            [("Host", "h"), ("Connection", "close"), ("User-Agent", "MySDK")],
            gzip.compress(b"hello", mtime=0),
        ),
        ([], gzip.compress(b"hello", mtime=0)),
    ],
    ids=["requests", "httpx", "unknown"],
)
def test_packed_body(headers, expected):
    """A packed body lies in the file as VCR.py's stub for its client needs it."""
    packed = gzip.compress(b"hello", mtime=0)
    coded = Headers([("Content-Encoding", "gzip")])
    one = interaction(1, body=packed, headers=coded)
    one = one._replace(request=one.request._replace(headers=Headers(headers)))

    (item,) = yaml.safe_load(write(one))["interactions"]

    found = item["response"]["body"]["string"]
    assert found == (expected if isinstance(expected, str) else packed)
    assert load(write(one)).entries[0].interaction().response.content == b"hello"


def test_plain_body_under_a_coding_stays_plain():
    """What VCR.py wrote plain, and was packed to be played, is plain again."""
    data = VCR.replace(
        b"      set-cookie:\n      - a=1\n", b"      content-encoding:\n      - gzip\n"
    )
    (entry,) = load(data).entries

    (moved,) = load(codec.render([entry.text])).entries
    again = codec.as_vcr(moved.interaction())

    assert yaml.safe_load(codec.render_vcr([again]))["interactions"][0]["response"]["body"] == {
        "string": "hello\n world"
    }


def test_entries_keep_their_text():
    """What was read from such a file is written back to the byte, whatever its layout was."""
    odd = VCR.replace(b"method: POST", b"method:   POST")
    (entry,) = load(odd).entries

    data = codec.render_vcr([entry, codec.as_vcr(interaction(2))])

    assert data.startswith(odd.removesuffix(b"version: 1\n"))
    assert len(load(data).entries) == 2


def test_other_keys_stay():
    """Metadata of VCR.py and keys inside of entries that it doesn't know."""
    data = VCR.replace(b"version: 1\n", b"metadata:\n  a: [1, x]\nversion: 1\n")
    data = data.replace(b"  response:\n", b"  mine: yes\n  response:\n")
    document = load(data)

    again = yaml.safe_load(codec.render_vcr(document.entries, document.extra))

    assert again["metadata"] == {"a": [1, "x"]}
    assert "mine" in again["interactions"][0]


def test_json():
    """VCR.py's JSON, laid out as its serializer does."""
    data = write(interaction(1, body=b"hello"), is_json=True)
    document = load(data)

    assert data == (json.dumps(json.loads(data), indent=4) + "\n").encode()
    assert (document.format, document.is_json) == ("vcr", True)
    assert codec.render_vcr(document.entries, document.extra, is_json=True) == data


def test_json_refuses_bytes():
    """JSON has no place for a body that is no text."""
    with pytest.raises(ValueError, match="isn't text"):
        write(interaction(1, body=b"\xff"), is_json=True)


def test_empty():
    """A file without interactions is one."""
    assert yaml.safe_load(codec.render_vcr([])) == {"interactions": [], "version": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"response": None, "failure": Failure("ssl.SSLError", "x", {})}, "a network error"),
        ({"complete": False}, "cut off"),
        ({"trailers": Headers({"A": "b"})}, "trailers"),
    ],
)
def test_what_it_has_no_place_for_is_refused(change, reason):
    """Nothing that decides a replay is left out in silence."""
    one = interaction(1)
    if "response" in change:
        one = one._replace(**change)
    else:
        one = one._replace(response=one.response._replace(**change))

    with pytest.raises(ValueError, match=reason):
        codec.as_vcr(one)


def test_what_is_left_out_is_named():
    """Times, owners, chunks and arrivals: a replay does without."""
    one = interaction(
        1, body=b"ab", chunks=(1, 1), arrivals=(Arrival(1, 0.1),), interim=(103,), http_version="2"
    )

    assert codec.left_out_by_vcr(one) == [
        "times",
        "the tests that recorded",
        "chunk sizes",
        "arrivals",
        "interim responses",
        "HTTP versions",
    ]
