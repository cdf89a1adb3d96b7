"""``reqord convert``: from VCR.py's format into ours and back, with nothing lost."""

from __future__ import annotations

import json

import pytest
import strategies
import yaml
from entries import interaction
from hypothesis import given
from strategies import tries

from pytest_reqord import codec
from pytest_reqord.base.models import Failure, Headers
from pytest_reqord.cassette_file.cache import read_document
from pytest_reqord.cli import convert, main

VCR = b"""interactions:
- request:
    body: '{"a": 1}'
    headers:
      Accept:
      - '*/*'
    method: POST
    uri: https://api.example.com/users?a=1
  response:
    body:
      string: hello
    headers:
      Set-Cookie:
      - a=1
      - b=2
      content-encoding:
      - gzip
    status:
      code: 201
      message: Created
- request:
    body: null
    headers: {}
    method: GET
    uri: https://api.example.com/
  response:
    body:
      string: !!binary |
        /wA=
    headers: {}
    status:
      code: 200
      message: OK
version: 1
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, *interactions):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(codec.render([codec.encode(each).text for each in interactions]))


def test_a_broken_file_is_not_called_good(tmp_path, capsys):
    """Also where it is in the right format already, and would stay as it is."""
    path = tmp_path / "a.yaml"
    text = codec.render([codec.encode(interaction(0)).text])
    for broken in (text[:-3], text.replace(b"status: 200", b"status: fine")):
        path.write_bytes(broken)

        assert main(["convert", str(path)]) == 1

        assert f"REFUSED   {path}, line 3, column 1: " in capsys.readouterr().out
        assert path.read_bytes() == broken


def test_there_and_back(folder, capsys):
    """A cassette of VCR.py's comes back from our format as it was, to the byte."""
    path = folder / "a.yaml"
    path.write_bytes(VCR)

    assert main(["convert", "a.yaml"]) == 0
    document = read_document(path)
    assert path.read_bytes().startswith(codec.HEADER)
    assert document.entries[0].interaction().response.content == b"hello"
    assert main(["convert", "a.yaml", "--to", "vcr"]) == 0

    assert path.read_bytes() == VCR
    assert capsys.readouterr().out.splitlines() == [
        "converted a.yaml (2 interactions)",
        "converted a.yaml (2 interactions); vcr doesn't keep: times",
    ]


def test_folders_and_output(folder, capsys):
    """Cassettes are found in folders, and written elsewhere under the same names."""
    write(folder / "tests/cassettes/b.yaml", interaction(1))
    (folder / "tests/cassettes/a.yaml").write_bytes(VCR)
    (folder / "tests/other.yaml").write_text("a: 1\n")

    assert main(["convert", "tests", "--to", "vcr", "--output", "out"]) == 0

    assert sorted(p.name for p in (folder / "out/cassettes").iterdir()) == ["a.yaml", "b.yaml"]
    assert read_document(folder / "out/cassettes/b.yaml").format == "vcr"
    assert read_document(folder / "tests/cassettes/b.yaml").format == "reqord"
    assert not (folder / "out/other.yaml").exists()


def test_json(folder):
    """A JSON cassette is brought over, and back to JSON."""
    path = folder / "a.json"
    path.write_bytes(codec.render_vcr([codec.as_vcr(interaction(1))], is_json=True))
    before = path.read_bytes()

    assert main(["convert", "a.json"]) == 0
    assert yaml.safe_load(path.read_bytes())["reqord"] == 1
    assert main(["convert", "a.json", "--to", "vcr"]) == 0

    assert path.read_bytes() == before
    json.loads(before)


def test_what_is_in_that_format_stays(folder, capsys):
    """A second conversion changes nothing."""
    write(folder / "a.yaml", interaction(1))
    before = (folder / "a.yaml").stat().st_mtime_ns

    assert main(["convert", "a.yaml"]) == 0

    assert (folder / "a.yaml").stat().st_mtime_ns == before
    assert capsys.readouterr().out == "unchanged a.yaml: it is in that format\n"


def test_check_writes_nothing(folder, capsys):
    """`--check` says what would be done, and what a format doesn't keep."""
    write(folder / "a.yaml", interaction(1, body=b"ab", chunks=(1, 1)))
    before = (folder / "a.yaml").read_bytes()

    assert main(["convert", "a.yaml", "--to", "vcr", "--check"]) == 0

    assert (folder / "a.yaml").read_bytes() == before
    assert capsys.readouterr().out == (
        "checked   a.yaml (1 interaction);"
        " vcr doesn't keep: times, the tests that recorded, chunk sizes\n"
    )


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (interaction(1)._replace(response=None, failure=Failure("E", "x", {})), "a network error"),
        (interaction(1, complete=False), "cut off"),
        (interaction(1, trailers=Headers({"a": "b"})), "trailers"),
    ],
)
def test_what_would_be_lost_is_refused(folder, capsys, odd, reason):
    """A cassette that the format can't hold stays as it is, others are converted."""
    write(folder / "a.yaml", odd)
    write(folder / "b.yaml", interaction(1))
    before = (folder / "a.yaml").read_bytes()

    assert main(["convert", "a.yaml", "b.yaml", "--to", "vcr"]) == 1

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("REFUSED   a.yaml: ")
    assert reason in first
    assert second.startswith("converted b.yaml")
    assert (folder / "a.yaml").read_bytes() == before


@pytest.mark.parametrize("to", ["vcr", "reqord"])
def test_a_length_that_is_wrong_is_kept(folder, to):
    """It is what somebody has recorded; who plays it corrects it."""
    odd = interaction(1, headers=Headers({"Content-Length": "7"}))
    write(folder / "a.yaml", odd)

    for there in ("vcr", "reqord", "vcr", to):
        assert main(["convert", "a.yaml", "--to", there]) == 0

    assert b"7" in (folder / "a.yaml").read_bytes()
    (entry,) = read_document(folder / "a.yaml").entries
    assert entry.as_ours().response.headers["Content-Length"] == "7"


def test_locked(folder, capsys):
    """VCR.py's format can't say that a cassette is locked."""
    write(folder / "a.yaml", interaction(1))
    data = (folder / "a.yaml").read_bytes().replace(b"reqord: 1\n", b"reqord: 1\nlocked: true\n")
    (folder / "a.yaml").write_bytes(data)

    assert main(["convert", "a.yaml", "--to", "vcr"]) == 1
    assert "locked" in capsys.readouterr().out


def test_metadata_goes_along(folder):
    """What VCR.py keeps beside the interactions is there, and comes back."""
    data = VCR.replace(b"version: 1\n", b"metadata:\n  a: 1\nversion: 1\n")
    (folder / "a.yaml").write_bytes(data)

    main(["convert", "a.yaml"])
    assert yaml.safe_load((folder / "a.yaml").read_bytes())["metadata"] == {"a": 1}
    main(["convert", "a.yaml", "--to", "vcr"])

    assert yaml.safe_load((folder / "a.yaml").read_bytes()) == yaml.safe_load(data)


def test_keys_that_nothing_reads_are_named(folder, capsys):
    """What another tool wrote into its entries, and we don't read."""
    data = VCR.replace(b"    status:\n", b"    mine: 1\n    status:\n", 1)
    (folder / "a.yaml").write_bytes(data)

    assert main(["convert", "a.yaml"]) == 0
    assert "reqord doesn't keep: response.mine" in capsys.readouterr().out


def test_what_is_not_kept_exactly_is_named(folder, capsys):
    """By interaction, on standard error, with its place; the rest of the file is as it was."""
    data = VCR.replace(b"'{\"a\": 1}'", b"{model: m}").replace(
        b"      message: OK\n", b"      message: OK\n    at: 1\n"
    )
    (folder / "a.yaml").write_bytes(data)

    assert main(["convert", "a.yaml"]) == 0
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "a.yaml, interaction 1 (POST https://api.example.com/users?a=1): not kept exactly: request.body",
        "a.yaml, interaction 2 (GET https://api.example.com/): not kept exactly: response.at",
    ]
    assert "reqord doesn't keep: request.body, response.at" in said.out
    assert read_document(folder / "a.yaml").entries[0].interaction().request.json() == {
        "model": "m"
    }
    assert main(["convert", "a.yaml", "--to", "vcr"]) == 0

    expected = VCR.replace(b"'{\"a\": 1}'", b'\'{"model": "m"}\'')
    assert (folder / "a.yaml").read_bytes() == expected


def test_a_body_that_cannot_be_unpacked(folder, capsys, monkeypatch):
    """VCR.py needs what requests unpacks unpacked: without a package for it that is refused."""
    headers = Headers({"User-Agent": "python-requests/2", "Connection": "close"})
    one = interaction(1, body=b"\x0b\x02\x80hello\x03", headers=Headers({"Content-Encoding": "br"}))
    write(folder / "a.yaml", one._replace(request=one.request._replace(headers=headers)))
    assert main(["convert", "a.yaml", "--to", "vcr", "--output", "there"]) == 0
    monkeypatch.setattr("pytest_reqord.base.content_coding.decode", lambda *_: None)

    assert main(["convert", "a.yaml", "--to", "vcr"]) == 1

    assert "no package for br: install brotli" in capsys.readouterr().out
    body = yaml.safe_load((folder / "there/a.yaml").read_bytes())["interactions"][0]["response"][
        "body"
    ]
    assert body == {"string": "hello"}


def test_large_bodies(folder):
    """A body that is to lie beside a cassette of ours does, and is back in the file afterwards."""
    path = folder / "a.yaml"
    path.write_bytes(codec.render_vcr([codec.as_vcr(interaction(1, body=b"\xff" * (2 << 20)))]))

    assert main(["convert", "a.yaml"]) == 0
    assert len(list((folder / "a.bodies").iterdir())) == 1
    assert path.stat().st_size < 1000
    assert main(["convert", "a.yaml", "--to", "vcr"]) == 0

    assert not (folder / "a.bodies").exists()
    assert len(read_document(path).entries[0].interaction().response.body) == 2 << 20


def test_broken_cassette(folder, capsys):
    """One that can't be read is named, with its line."""
    (folder / "a.yaml").write_text("interactions: [\n")

    assert main(["convert", "a.yaml"]) == 1
    assert capsys.readouterr().out.startswith("REFUSED   a.yaml, line 2, ")


@tries(50)
@given(strategies.requests(), strategies.responses())
def test_nothing_is_lost_in_silence(request, response):
    """Whatever was recorded either comes back from VCR.py's format or is refused."""
    response = response._replace(complete=True, trailers=Headers())
    one = interaction(1)._replace(request=request, response=response)
    document = codec.Document([codec.Entry(one)])
    try:
        there = convert.convert(document, "vcr")
    except ValueError:
        return
    read = codec.load(there.data, "there", {}.__getitem__)
    back = convert.convert(read, "reqord")

    (entry,) = codec.load(back.data, "back", back.bodies.__getitem__).entries
    found = entry.interaction()
    assert (found.request.method, found.request.uri) == (request.method, request.uri)
    assert found.request.body == request.body
    assert found.response.content == response.content
