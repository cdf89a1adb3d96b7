"""``reqord audit``: known secrets in cassettes that exist."""

import argparse
import io
import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml

from pytest_reqord import codec
from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.cli import audit

TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdE"
KEY = "AKIA" + "QYLPMN5HFIQR7BBB"
VCR = f"""interactions:
- request:
    body: null
    headers:
      Authorization:
      - token {TOKEN}
    method: GET
    uri: https://api.example.com/?api_key=abcdefgh
  response:
    body:
      string: '{{"ok": true}}'
    headers: {{}}
    status:
      code: 200
      message: OK
version: 1
"""


def entry(body, uri="https://api.example.com/"):
    return Interaction(
        Request("GET", uri, Headers(), b""),
        Response(200, "OK", Headers([("Content-Type", "text/plain")]), body),
        datetime(2026, 11, 23, tzinfo=timezone.utc),
        "test_a.py::test_a",
    )


def write(path, *interactions, inline_limit=1 << 20):
    encoded = [codec.encode(each, inline_limit=inline_limit) for each in interactions]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(codec.render([each.text for each in encoded]))
    for each in encoded:
        for name, data in each.bodies.items():
            folder = path.with_name(path.stem + ".bodies")
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)


def audited(*paths, **options):
    out = io.StringIO()
    status = audit.audit([Path(path) for path in paths], out=out, **options)
    return status, out.getvalue()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_cassettes_without_secrets_pass(folder):
    """Exit status 0 and one line."""
    write(folder / "cassettes/a.yaml", entry(b"hello"))
    assert audited("cassettes") == (0, "1 cassette, no known secrets\n")


def test_a_secret_is_named_but_not_shown(folder):
    """Cassette, interaction, request, kind and place; nothing of the line that it stands in."""
    write(folder / "cassettes/a.yaml", entry(b"hello"), entry(f"x\nis {TOKEN} ok".encode()))
    status, text = audited("cassettes")
    assert status == 1
    assert text.splitlines()[0] == (
        "cassettes/a.yaml: interaction 2, GET https://api.example.com/:"
        " GitHub token in response body, line 2"
    )
    assert TOKEN not in text


def test_cassettes_of_vcrpy_are_read(folder):
    """Theirs in YAML and in JSON; what is secret by name isn't shown either."""
    for name, data in (("a.yaml", VCR), ("b.json", json.dumps(yaml.safe_load(VCR)))):
        (folder / name).write_text(data)
    status, text = audited(".")
    assert status == 1
    assert text.count("GitHub token in request header Authorization") == 2
    assert "abcdefgh" not in text
    assert TOKEN not in text


def test_bodies_beside_the_cassette_are_read(folder):
    """A large body is scanned through its cassette, not as a file."""
    write(folder / "c/a.yaml", entry(b"x" * 500 + b"\n" + KEY.encode()), inline_limit=100)
    assert list(folder.glob("c/a.bodies/*"))
    status, text = audited("c")
    assert status == 1
    assert "1 cassette, 1 known secret." in text
    assert "AWS access key id in response body, line 2" in text


def test_json_has_the_findings(folder):
    """For other programs: counts, findings and errors."""
    write(folder / "a.yaml", entry(TOKEN.encode()))
    status, text = audited("a.yaml", as_json=True)
    assert status == 1
    assert json.loads(text) == {
        "cassettes": 1,
        "leaks": [
            {
                "path": "a.yaml",
                "interaction": 1,
                "request": "GET https://api.example.com/",
                "recorded_by": "test_a.py::test_a",
                "kind": "GitHub token",
                "place": "response body",
            }
        ],
        "errors": [],
    }


def test_a_secret_in_the_uri_is_not_shown(folder):
    """The request's URI is shown without the part that leaked."""
    write(folder / "a.yaml", entry(b"", uri=f"https://api.example.com/{TOKEN}"))
    status, text = audited("a.yaml")
    assert status == 1
    assert "GET https://api.example.com/[REDACTED]: GitHub token in request URI" in text
    assert TOKEN not in text


def test_kinds_can_be_allowed(folder):
    """A kind that is no leak in this project isn't reported."""
    write(folder / "a.yaml", entry(TOKEN.encode()))
    assert audited("a.yaml", allowed=["GitHub token"])[0] == 0


def test_a_file_that_cannot_be_read_fails(folder):
    """The others are audited all the same."""
    (folder / "broken.yaml").write_text("interactions: [\n")
    write(folder / "good.yaml", entry(b"hello"))
    status, text = audited("broken.yaml", "good.yaml", "none.yaml")
    assert status == 1
    assert "broken.yaml" in text
    assert "there is no cassette at none.yaml" in text
    assert "1 cassette, 2 files not read, no known secrets" in text


def test_only_cassettes_are_looked_for_in_a_folder(folder):
    """Other YAML, hidden folders and bodies are passed over."""
    (folder / "compose.yaml").write_text(f"services: {TOKEN}\n")
    (folder / ".git").mkdir()
    (folder / ".git/a.yaml").write_text(VCR)
    assert audited(".") == (0, "no cassettes\n")


def test_the_command_takes_words(folder, capsys):
    """No path is the current folder."""
    (folder / "a.yaml").write_text(VCR)
    parser = argparse.ArgumentParser()
    audit.add_arguments(parser)
    assert audit.run(parser.parse_args([])) == 1
    assert audit.run(parser.parse_args(["--allow", "GitHub token", "--json"])) == 0
    assert "GitHub token in request header" in capsys.readouterr().out


def test_the_pre_commit_hook_takes_cassettes():
    """It runs the command on the files that are cassettes by their place."""
    root = Path(__file__).parents[2]
    (hook,) = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"] == "reqord audit"
    assert re.search(hook["files"], "tests/cassettes/test_a/test_b.yaml")
    assert not re.search(hook["files"], "tests/data/test_b.yaml")
    assert re.search(hook["exclude"], "tests/cassettes/test_a/test_b.bodies/0f.json")
