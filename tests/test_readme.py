"""What stands in code in the README and the manual is run, as a user would run it.

A chapter is a session in a folder of its own. A block that begins with a file's name becomes that
file; a console block is run, and what follows a command has to be in its output. Tests that no
console block ran are recorded and replayed at the end. ``api.example.com`` is the API of the
demo, which is up for commands that record and gone for all others.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import manual
import pytest
import yaml

import pytest_reqord
from pytest_reqord import plugin
from pytest_reqord.cassette_file.cache import read_document
from pytest_reqord.cli import docs, main as reqord
from pytest_reqord.codec import encode
from pytest_reqord.vcr_compat import plugin as compat

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = docs.pages()
MANUAL = "\n".join([README, *(page.text for page in PAGES)])
LIVE, WRITTEN = "http://api.example.test", "https://api.example.com"

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RECORDS = re.compile(r"REQORD=|--record-mode|--rerecord")
_PROBE = f"""
import requests

def test_probe(cassette):
    assert requests.get("{WRITTEN}/users/1").ok
"""


class Block(NamedTuple):
    language: str
    text: str

    @property
    def file(self) -> str:
        """The name that its first line gives; empty where it gives none."""
        match = re.match(r" ?# ([\w.]+\.\w+)\n", self.text)
        return match[1] if match else ""


def chapters() -> dict[str, list[Block]]:
    parts = re.split(r"^#{1,3} (.*)\n", _without_comments(MANUAL), flags=re.MULTILINE)
    found = zip(parts[1::2], parts[2::2], strict=True)
    each = [(title, [Block(*block) for block in _BLOCK.findall(text)]) for title, text in found]
    titles = [title for title, blocks in each if blocks]
    assert len(titles) == len(set(titles)), "two chapters of one name: only one would be run"
    return {title: blocks for title, blocks in each if blocks}


def _without_comments(text: str) -> str:
    """The text with the first lines of its blocks, which give files' names, kept from being headings."""
    return re.sub(r"(?m)^(```\w+\n)# ", r"\1 # ", text)


CHAPTERS = chapters()
NOT_RUN_HERE = {"Install", "The file", "How a request goes"}
FROM_THE_TUTORIAL = {"A miss", "Output"}
"""Chapters that go on where the tutorial's first step ended."""


class Session:
    """A user in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[str] = []

    def write(self, block: Block) -> None:
        assert block.file, f"a block without a file's name:\n{block.text}"
        (self.folder / block.file).write_text(
            block.text.lstrip(" ").replace(WRITTEN, LIVE), "utf-8"
        )
        self.files.append(block.file)

    def console(self, block: Block) -> None:
        self.files.clear()
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            self.run(command, *expected.splitlines())

    def run(self, command: str, *expected: str) -> None:
        """Run a command; with nothing expected of its output, it has to end well."""
        api = [sys.executable, "-m", "pytest_reqord", "demo"]
        words = ["bash", "-c", command]
        is_live = bool(_RECORDS.search(command)) and "reqord demo" not in command
        done = subprocess.run(
            [*api, *words] if is_live else words,
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        assert expected or done.returncode == 0, done.stdout
        lines = [_plain(line) for line in done.stdout.replace(LIVE, WRITTEN).splitlines()]
        patterns = [
            _plain(line.replace(LIVE, WRITTEN)).replace("[", "[[]")
            for line in expected
            if line != "..."
        ]
        pytest.LineMatcher(lines).fnmatch_lines(patterns)

    def end(self) -> None:
        """Record and replay what no console block ran."""
        tests = [name for name in self.files if name.startswith("test_")]
        if self.files and not tests and not any(name.endswith("s.py") for name in self.files):
            self.write(Block("python", f"# test_probe.py\n{_PROBE}"))
            tests = ["test_probe.py"]
        if tests:
            self.run(f"pytest --record-mode=once {shlex.join(tests)}")
            self.run(f"pytest {shlex.join(tests)}")


def _plain(line: str) -> str:
    """A line without what differs from run to run: widths and times."""
    line = re.sub(r"\b\d+\.\d+s\b", "N s", line)
    return re.sub(r"={2,}", "=", re.sub(r"\s+", " ", line)).strip()


def _environment() -> dict[str, str]:
    ours = ("REQORD", "CI", "PROXY", "CA_BUNDLE", "NETRC", "PYTEST", "COVERAGE")
    env = {name: text for name, text in os.environ.items() if not name.upper().startswith(ours)}
    for name in [name for name in env if name.upper().endswith("_PROXY")]:
        del env[name]
    # the discard port: a replay that asks anybody is turned away at once
    env |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    return env | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "-p reqord -p xdist",
    }


@pytest.mark.parametrize("title", [title for title in CHAPTERS if title not in NOT_RUN_HERE])
def test_chapter(title, tmp_path):
    """Each block of a chapter is run, and does what the text says."""
    session = Session(tmp_path)
    if title in FROM_THE_TUTORIAL:
        first = CHAPTERS["Tutorial"][0]
        session.write(first)
        session.run("pytest -q --record-mode=once")
        if title == "A miss":
            session.write(Block("python", first.text.replace("/users/1", "/users/1?full=1")))
        session.files.clear()

    for block in CHAPTERS[title]:
        if block.language == "console":
            session.console(block)
        else:
            session.write(block)
    session.end()


def test_snippets_have_types(tmp_path):
    """Each block of Python passes mypy --strict, but for tests, which need no annotations."""
    for number, blocks in enumerate(CHAPTERS.values()):
        folder = tmp_path / f"chapter_{number}"
        folder.mkdir()
        for block in blocks:
            if block.language == "python":
                (folder / block.file).write_text(block.text.lstrip(" "), "utf-8")
    options = [
        *("--strict", "--check-untyped-defs"),
        *(f"--allow-{what}" for what in ("untyped-defs", "incomplete-defs", "untyped-calls")),
        "--ignore-missing-imports",  # clients without types
        "--explicit-package-bases",  # modules of one name in several chapters
        "--cache-dir=.cache",
    ]

    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "."],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_the_file_is_as_we_write_it(tmp_path):
    """The cassette in the manual is, to the byte, what its interaction is written as."""
    (block,) = CHAPTERS["The file"]
    path = tmp_path / "cassette.yaml"
    path.write_text(block.text, "utf-8")

    (entry,) = read_document(path).entries

    assert entry.text.decode() in block.text
    assert encode(entry.interaction()).text.decode() == entry.text.decode()
    assert len(yaml.safe_load(block.text)["interactions"]) == 1


def test_every_block_is_run():
    """No block is of a kind that nothing runs."""
    assert {"python", "console", "ini", "toml", "yaml", "mermaid"} >= {
        block.language for blocks in CHAPTERS.values() for block in blocks
    }
    assert len(CHAPTERS["Install"]) == 2  # .ci/run runs both, word for word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.topic)
def test_parts_from_the_code(page):
    """What a page has from the code is what the code says: `python tests/manual.py` writes it."""
    assert page.text == manual.with_parts(page.topic, page.text)


def test_each_message_is_one_of_ours():
    """Every message that the page of messages explains is said somewhere in the package."""
    (page,) = (page for page in PAGES if page.topic == "troubleshooting")
    explained = re.findall(r"^### `(.*)`$", page.text, re.MULTILINE)
    package = Path(pytest_reqord.__file__).parent
    said = "\n".join(_texts(ast.parse(path.read_text("utf-8"))) for path in package.rglob("*.py"))

    assert len(explained) > 20
    assert [message for message in explained if message not in said] == []


def _texts(tree: ast.AST) -> str:
    """The texts in a module, each on a line of its own."""
    return "\n".join(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize("name", pytest_reqord.__all__)
def test_public_names(name):
    """What can be imported from the package stands in the manual."""
    assert name in MANUAL


def test_options(request):
    """Every command line option of the plugin stands in the manual."""
    parser = pytest.Parser(_ispytest=True)
    plugin.pytest_addoption(parser)
    compat.pytest_addoption(parser)

    names = [name for option in parser.getgroup("reqord").options for name in option.names()]
    assert names
    assert [name for name in names if name not in MANUAL] == []


def test_commands(capsys):
    """Every subcommand of `reqord` stands in the manual."""
    with pytest.raises(SystemExit):
        reqord(["--help"])

    commands = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert commands
    assert [command for command in commands if f"`reqord {command}" not in MANUAL] == []
