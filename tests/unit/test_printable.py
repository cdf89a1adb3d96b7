"""What a cassette holds does nothing to the terminal or to the CI that shows it."""

from __future__ import annotations

import pytest
from entries import interaction

from pytest_reqord import codec, report
from pytest_reqord.base.models import Headers, Request, Response
from pytest_reqord.base.notes import Notes
from pytest_reqord.base.printable import printable
from pytest_reqord.cli import main
from pytest_reqord.errors import (
    AmbiguousRequest,
    CassetteClosed,
    CassetteFormatError,
    CassetteMiss,
    CassetteMissError,
    SequenceMismatchError,
)
from pytest_reqord.interceptors.framing import parse_response, to_wire

HOSTILE = "\x1b[2J\x9b31m\r\n::error::gone\x00\x07\u202e\u2028##[error]x\x85y"
URI = f"https://api.example.com/{HOSTILE}"
REQUEST = Request("GET", URI, Headers(), b"")


def is_harmless(text):
    """Whether nothing in it is more than text and the ends of our own lines."""
    return all(
        line.isprintable() and not line.lstrip().startswith("::") and "##[" not in line
        for line in text.split("\n")
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("日本\u3000é\xa0\t👩\u200d💻", "日本\u3000é\xa0\t👩\u200d💻"),
        ("a\x1b[0m\x9b\r\nb\x7f", r"a\x1b[0m\x9b\r\nb\x7f"),
        ("\u202eabc\u2028\ud800", r"\u202eabc\u2028\ud800"),
        ("::error::x", r"\x3a:error::x"),
        ("  ::set-output", r"  \x3a:set-output"),
        ("a::b", "a::b"),
        ("a ##[error]b ##vso[c", r"a \x23#[error]b \x23#vso[c"),
    ],
)
def test_what_is_no_text_is_escaped(text, shown):
    """Everything else stays, in any script."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    "error",
    [
        CassetteMissError(REQUEST, "c.yaml", [f"nearest: {URI}"], ["pytest"]),
        CassetteMiss(REQUEST, "c.yaml", [f"nearest: {URI}"], ["pytest"]),
        SequenceMismatchError(REQUEST, "c.yaml", f"GET {URI}", 3),
        CassetteClosed(REQUEST, "c.yaml", "test_it"),
        AmbiguousRequest(REQUEST, ["a.yaml", "b.yaml"], "worker"),
        CassetteFormatError("c.yaml", 1, 2, f"unknown key {HOSTILE}", "Mend it"),
    ],
)
def test_errors_are_harmless(error):
    """Whatever the request or the file has in it."""
    assert is_harmless(str(error))


def test_the_summary_is_harmless():
    """Each of its lines is one line."""
    notes = Notes()
    notes.problems.append(f"c.yaml: {URI}")
    notes.drifted.append(("test_it", "c.yaml", f"GET {URI}", ["body.x: sent 'a', recorded 'b'"]))
    notes.saved.append(("c.yaml", 1, 0))

    lines = report.summary(notes, is_recording=True)

    assert any("gone" in line for line in lines)
    assert all(is_harmless(line) and "\n" not in line for line in lines)


@pytest.mark.parametrize("command", [["show"], ["audit"], ["convert", "--to", "vcr"]])
def test_commands_are_harmless(tmp_path, monkeypatch, capsys, command):
    """URIs, reasons, headers and bodies with anything in them, and files that can't be read."""
    monkeypatch.chdir(tmp_path)
    hostile = interaction(0, body=f"ghp_{'aB3' * 12}\n::error::x\n{HOSTILE}".encode())
    hostile = hostile._replace(
        request=REQUEST,
        response=hostile.response._replace(reason=HOSTILE.replace("\u202e\u2028", "")),
    )
    text = codec.encode(hostile).text
    (tmp_path / "c.yaml").write_bytes(codec.render([text]))
    (tmp_path / "bad.yaml").write_bytes(
        codec.render([text.replace(b"status:", b"sta\xc2\x9btus:")])
    )

    main([*command, "c.yaml", "bad.yaml"])

    said = "".join(capsys.readouterr())
    assert "c.yaml" in said or "api.example.com" in said
    assert is_harmless(said)


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_one_header_stays_one(ending):
    """Line breaks in its value, its name and the reason are blanks when it is played or written."""
    headers = Headers([("X-A", f"1{ending}X-Evil: 2"), (f"X-B{ending}X-Evil", "3"), ("X-C", "4")])
    answer = Response(200, f"OK{ending}X-Evil: 1", headers, b"")

    played = parse_response(b"".join(to_wire(answer, "GET")), "GET", is_ended=True)
    written = Headers.parse(headers.text)

    for found in (played.headers, written):
        assert "x-evil" not in found
        assert found["x-c"] == "4"
        assert found["x-a"].split() == ["1", "X-Evil:", "2"]


def test_a_folded_header_stays_as_it_came():
    """RFC 9112, section 5.2: a line that begins with a blank goes on with the value before."""
    headers = Headers.parse("X-A: 1\n 2\n\t3\nX-B: 4\n")
    assert headers.text == "X-A: 1\n 2\n\t3\nX-B: 4\n"
    assert headers["x-a"] == "1\n 2\n\t3"
