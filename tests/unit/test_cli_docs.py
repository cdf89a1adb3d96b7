"""``reqord docs`` and ``reqord demo``."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_reqord.cli import docs, main


def test_list(capsys):
    """Without a topic every page is listed."""
    assert main(["docs"]) == 0

    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line][:-1]
    assert listed == [page.topic for page in docs.pages()]


def test_no_page_is_left_out():
    """Each file of the manual is a page."""
    folder = Path(docs.__file__).parents[1] / "manual"
    assert {path.stem for path in folder.iterdir()} == {page.topic for page in docs.pages()}


@pytest.mark.parametrize("topic", [page.topic for page in docs.pages()])
def test_page(topic, capsys):
    """A page begins with its title."""
    assert main(["docs", topic]) == 0
    assert capsys.readouterr().out.startswith("# ")


def test_part_of_a_page(capsys):
    """A heading is a topic, too: its part of the page is printed, and the page named."""
    assert main(["docs", "drift"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "## Drift and unplayed interactions"
    assert lines[-1] == "from the page matching: reqord docs matching"
    assert [line for line in lines if line.startswith("#")] == lines[:1]


def test_pager(tmp_path):
    """On a terminal a page goes through the user's pager."""
    screen, terminal = pty.openpty()
    env = os.environ | {"PAGER": f"tee {tmp_path / 'paged'}", "TERM": "xterm"}
    command = [sys.executable, "-m", "pytest_reqord", "docs", "limits"]
    shown = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=env)
    os.close(terminal)
    with suppress(OSError):  # Linux's word for the other end being closed
        while os.read(screen, 4096):
            pass
    os.close(screen)

    assert shown.wait() == 0
    assert (tmp_path / "paged").read_text("utf-8").startswith("# What it does not do")


def test_misspelt(capsys):
    """A topic that isn't one brings the nearest."""
    assert main(["docs", "redacting"]) == 1
    assert "did you mean redaction" in capsys.readouterr().err


def test_search(capsys):
    """A word is found in every page that has it, with its heading."""
    assert main(["docs", "--search", "max_age"]) == 0
    found = capsys.readouterr().out
    assert re.search(r"^recording: Expiry: .*max_age", found, re.MULTILINE)
    assert main(["docs", "--search", "no such word"]) == 1


def test_readme_lists_every_page():
    """The README has each page, in the order in which they are read."""
    readme = Path(__file__).parents[2] / "README.md"
    listed = re.findall(
        r"^\| \[([\w-]+)\]\(pytest_reqord/manual/", readme.read_text("utf-8"), re.MULTILINE
    )
    assert listed == [page.topic for page in docs.pages()]


def test_every_link_leads_somewhere():
    """Each link of a page, and of the README, names a file and a heading that exist."""
    package = Path(docs.__file__).parents[1]
    texts = {f"{page.topic}.md": page.text for page in docs.pages()}
    anchors = {
        name: {docs.slug(title) for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        for name, text in texts.items()
    }
    for text in texts.values():
        for file, anchor in re.findall(r"\]\(([\w-]+\.md)?(?:#([\w-]+))?\)", text):
            assert not file or (package / "manual" / file).is_file()
            assert not anchor or anchor in anchors[file]


def test_site(tmp_path, capsys):
    """The site has each page, and its links lead to pages and headings of the site."""
    assert main(["docs", "--html", str(tmp_path / "site")]) == 0
    assert "open" in capsys.readouterr().out
    texts = {path.name: path.read_text("utf-8") for path in (tmp_path / "site").iterdir()}
    assert len(texts) == len(docs.pages()) + 1
    for text in texts.values():
        for file, anchor in re.findall(r'href="([\w-]+\.html)(?:#([\w-]+))?"', text):
            assert file in texts
            assert not anchor or f'id="{anchor}"' in texts[file]


def test_site_without_markdown(tmp_path, capsys, monkeypatch):
    """What the site needs is named where it isn't installed."""
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    assert main(["docs", "--html", str(tmp_path / "site")]) == 1
    assert "pip install markdown-it-py" in capsys.readouterr().err


def test_demo():
    """A command finds the API, and its exit status is the demo's."""
    ask = (
        "import sys, urllib.request as r;"
        "sys.exit(7 if b'Ada' in r.urlopen('http://api.example.test/users/1').read() else 1)"
    )
    assert main(["demo", sys.executable, "-c", ask]) == 7
