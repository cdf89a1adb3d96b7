"""``reqord show``, and what all commands have in common."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata

import pytest

from pytest_reqord import codec
from pytest_reqord.base.models import Failure, Headers, Interaction, Request, Response
from pytest_reqord.cli import main

AT = datetime(2026, 11, 23, 7, 13, 32, tzinfo=timezone.utc)


def entry(number, *, method="GET", body=b"hello", **headers):
    return Interaction(
        Request(method, f"https://api.example.com/{number}", Headers(), b""),
        Response(200, "OK", Headers(headers), body),
        AT,
        "test_a.py::test_a",
        0.5,
    )


def cassette(*interactions):
    return codec.render([codec.encode(each).text for each in interactions])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c").mkdir()
    return tmp_path


def test_what_a_cassette_holds(folder, capsys):
    """Each interaction with its headers and bodies, compressed ones unpacked."""
    packed = entry(2, body=gzip.compress(b"unpacked"), **{"Content-Encoding": "gzip"})
    broken = Interaction(
        entry(3).request, None, AT, "", 0.1, failure=Failure("timeout", "it took too long")
    )
    (folder / "a.yaml").write_bytes(cassette(entry(1), packed, broken))

    assert main(["show", "a.yaml"]) == 0

    shown = capsys.readouterr().out
    assert "2026-11-23T07:13:32.000000Z GET https://api.example.com/1 -> 200 OK (0.5 s)" in shown
    assert "  Content-Encoding: gzip\n\n  unpacked\n" in shown
    assert "GET https://api.example.com/3 -> an error" in shown
    assert "timeout: it took too long" in shown


def test_a_part_of_it(folder, capsys):
    """By method and by a text in the URI, and a line each with --brief."""
    (folder / "a.yaml").write_bytes(cassette(entry(1), entry(2), entry(2, method="POST")))

    assert main(["show", "a.yaml", "--brief", "--grep", "com/2", "--method", "post"]) == 0

    (line,) = capsys.readouterr().out.splitlines()
    assert " POST https://api.example.com/2 " in line


def test_folders(folder, capsys):
    """The cassettes in a folder are shown below their paths."""
    for name in ("a", "b"):
        (folder / f"c/{name}.yaml").write_bytes(cassette(entry(name)))

    assert main(["show", "c", "--brief"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == ["c/a.yaml", "c/b.yaml"]
    assert "api.example.com/b" in lines[3]


def test_no_path(folder, capsys):
    """Without a path all cassettes below the current folder are shown."""
    (folder / "c/a.yaml").write_bytes(cassette(entry(1)))

    assert main(["show", "--brief"]) == 0

    assert "api.example.com/1" in capsys.readouterr().out


@pytest.mark.parametrize("test", ["test_a.py::test_a", "c/test_a.py::test_a"])
def test_of_a_test(folder, capsys, test):
    """A test is named as pytest names it; what others recorded into its cassette is left out."""
    other = entry(2)._replace(recorded_by="test_a.py::test_b")
    (folder / "c/shared.yaml").write_bytes(cassette(entry(1), other))

    assert main(["show", test, "--brief"]) == 0

    (line,) = capsys.readouterr().out.splitlines()
    assert "api.example.com/1" in line
    assert main(["show", "test_a.py::test_none"]) == 1
    assert "there are no cassettes of test_a.py::test_none" in capsys.readouterr().err


def test_of_a_test_in_the_format_of_vcr(folder, capsys):
    """There the name of the cassette tells whose it is."""
    (folder / "cassettes/test_a").mkdir(parents=True)
    (folder / "cassettes/test_a/test_a[1].yaml").write_text(
        "interactions:\n- request: {body: null, headers: {}, method: GET, uri: http://x/}\n"
        "  response: {body: {string: hi}, headers: {}, status: {code: 200, message: OK}}\nversion: 1\n"
    )

    assert main(["show", "test_a.py::test_a[1]"]) == 0

    assert "GET http://x/" in capsys.readouterr().out


def test_grep(folder, capsys):
    """A text is looked for in bodies, too; of each interaction only the lines that have it are shown."""
    (folder / "c/a.yaml").write_bytes(cassette(entry(1, body=b"one\nAda Lovelace\n"), entry(2)))
    (folder / "c/b.yaml").write_bytes(cassette(entry(3)))

    assert main(["show", "c", "--grep", "Ada"]) == 0

    name, title, line = capsys.readouterr().out.splitlines()
    assert (name, line) == ("c/a.yaml", "  Ada Lovelace")
    assert title.endswith("https://api.example.com/1 -> 200 OK (0.5 s)")


STREAMS = {
    "openai": 'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n'
    'data: {"choices": [{"delta": {"content": "Good "}}]}\n\n'
    'data: {"choices": [{"delta": {"content": "day"}}]}\n\ndata: [DONE]\n\n',
    "responses": 'event: a\ndata: {"type": "response.output_text.delta", "delta": "Good "}\n\n'
    'event: a\ndata: {"type": "response.output_text.delta", "delta": "day"}\n\n',
    "anthropic": 'data: {"type": "message_start", "message": {"content": []}}\n\n'
    'data: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Good "}}\n\n'
    'data: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "day"}}\n\n',
    "gemini": 'data: {"candidates": [{"content": {"parts": [{"text": "Good "}]}}]}\r\n\r\n'
    'data: {"candidates": [{"content": {"parts": [{"text": "day"}]}}]}\r\n\r\n',
    "ollama": '{"message": {"content": "Good "}}\n{"message": {"content": "day"}}\n',
}


@pytest.mark.parametrize("api", STREAMS)
def test_a_stream(folder, capsys, api):
    """What a model says piece by piece is shown once more as one text."""
    (folder / "a.yaml").write_bytes(cassette(entry(1, body=STREAMS[api].encode())))

    assert main(["show", "a.yaml"]) == 0

    assert capsys.readouterr().out.endswith("\n  all of the stream as one text:\n  Good day\n\n")


@pytest.mark.parametrize(
    "body", [b'{"delta": "a"}', b"{\n{\n", b'{"a": 1}\n{"a": 2}\n', b"data: x\n"]
)
def test_no_stream(folder, capsys, body):
    """A document, and what is no JSON, have no other text."""
    (folder / "a.yaml").write_bytes(cassette(entry(1, body=body)))

    assert main(["show", "a.yaml"]) == 0

    assert "as one text" not in capsys.readouterr().out


def test_version(capsys):
    """`reqord --version` says which release it is."""
    with pytest.raises(SystemExit):
        main(["--version"])

    assert capsys.readouterr().out == f"pytest-reqord {metadata.version('pytest-reqord')}\n"


@pytest.mark.parametrize("command", ["keep", "show", "audit", "convert", "info", "docs", "demo"])
def test_help_has_examples(command, capsys):
    """Each help ends with commands to copy."""
    with pytest.raises(SystemExit):
        main([command, "--help"])

    assert f"examples:\n  reqord {command} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "none.yaml"], "there is no cassette at none.yaml"),
        (["show", "torn.yaml"], "torn.yaml, line "),
        (["show", "empty"], "there are no cassettes in empty"),
        (["audit", "none.yaml"], "there is no cassette at none.yaml"),
        (["audit", "torn.yaml"], "torn.yaml, line "),
        (["convert", "none.yaml"], "there is no cassette at none.yaml"),
        (["convert", "broken.yaml"], "REFUSED   broken.yaml, line 2, "),
    ],
)
def test_what_cannot_be_read(folder, capsys, words, message):
    """It is named in words, and the exit status is 1."""
    (folder / "empty").mkdir()
    (folder / "broken.yaml").write_text("interactions: [\n")
    (folder / "torn.yaml").write_bytes(cassette(entry(1), entry(2))[:-20])

    assert main(words) == 1

    told = "".join(capsys.readouterr())
    assert message in told
    assert "Errno" not in told
    assert "no known secrets" not in told or "1 file not read" in told


def test_audit_of_nothing(folder, capsys):
    """A folder without cassettes isn't called free of secrets."""
    assert main(["audit", "c"]) == 0
    assert capsys.readouterr().out == "no cassettes\n"


def test_the_command_as_a_module():
    """`python -m pytest_reqord` is the command, where its script isn't on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_reqord", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("usage: reqord [-h] [--version] COMMAND")


def test_a_reader_that_has_seen_enough(folder):
    """A pipe that is closed early, as by `head`, ends the command without a traceback."""
    (folder / "a.yaml").write_bytes(cassette(*(entry(n, body=b"x" * 5000) for n in range(100))))

    with subprocess.Popen(
        [sys.executable, "-m", "pytest_reqord", "show", "a.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read() == b""

    assert command.returncode == 141


def test_a_file_that_cannot_be_read(folder, capsys):
    """It is named, and the others are shown; the exit status tells."""
    (folder / "a.yaml").write_bytes(cassette(entry(1)))
    (folder / "b.yaml").write_text("interactions: [\n")
    (folder / "c.yaml").write_bytes(cassette(entry(2)).replace(b"status: 200", b"status: fine"))
    os.mkfifo(folder / "d.yaml")
    (folder / "e.yaml").symlink_to("nowhere.yaml")
    (folder / "f.yaml").write_bytes(cassette(entry(3)))

    assert main(["show", ".", "--brief"]) == 1

    said = capsys.readouterr()
    assert [each for each in said.out.splitlines() if "-> 200" in each] == [
        each for each in said.out.splitlines() if "/1 " in each or "/3 " in each
    ]
    assert [each.split(".yaml")[0] for each in said.err.splitlines()] == [
        "reqord: b", "reqord: c", "reqord: d", "reqord: there is no cassette at e",
    ]  # fmt: skip
