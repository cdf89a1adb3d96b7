"""The examples are suites of users: each is recorded against its API, and replayed without it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).parents[1] / "examples"
SUITES = sorted(path.parent.name for path in EXAMPLES.glob("*/pytest.ini"))
CASSETTES = sorted(EXAMPLES.glob("*/cassettes/**/*.yaml"))
PASSWORD, KEY = "correct horse battery staple", "sk-live-0123456789abcdefghij"
# what other versions of a client, or of Python, write otherwise
_OF_VERSIONS = {"user-agent", "accept-encoding", "date"}


def run_pytest(folder: Path, *options: str, live: bool = False) -> str:
    """Run a suite; its clients find the API, or an address that turns them away."""
    ours = ("REQORD", "CI", "PYTEST", "COVERAGE")
    env = {name: text for name, text in os.environ.items() if not name.upper().startswith(ours)}
    env = {name: text for name, text in env.items() if not name.upper().endswith("_PROXY")}
    env |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if live:
        env |= {"BLOG_PASSWORD": PASSWORD, "CHAT_API_KEY": KEY}
    # asyncio's only where it is asked for: a suite without it is to be free of its warnings
    plugins = ["reqord", "xdist", *(["asyncio"] if folder.name == "httpx_async" else [])]
    pytest_run = [sys.executable, "-m", "pytest", *(f"-p{name}" for name in plugins), *options]
    api = [sys.executable, "-m", "pytest_reqord", "demo"] if live else []
    done = subprocess.run(
        [*api, *pytest_run],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def copy_of(suite: str, folder: Path, *without: str) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", *without)
    return Path(shutil.copytree(EXAMPLES / suite, folder / suite, ignore=ignored))


def cassettes_in(folder: Path) -> dict[str, bytes]:
    found = folder.rglob("cassettes/**/*.yaml")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def meaning_of(cassette: bytes) -> list[str]:
    """What a cassette tells, whenever and by whatever version of a client it was recorded."""
    return sorted(map(repr, map(_meaning, yaml.safe_load(cassette)["interactions"])))


def _meaning(interaction: dict) -> list:
    request, response = interaction["request"], interaction["response"]
    parts = [interaction.get("recorded_by"), request["method"], request["uri"]]
    parts += [request.get("body"), response["status"], response["reason"]]
    if response.get("complete", True):  # else where it was cut off is chance
        parts.append(response.get("body"))
    lines = [*request["headers"].splitlines(), *response["headers"].splitlines()]
    return [*parts, [line for line in lines if line.split(":")[0].lower() not in _OF_VERSIONS]]


@pytest.mark.parametrize("suite", SUITES)
def test_recorded_anew(suite, tmp_path):
    """Recorded from nothing, a suite's cassettes tell what those in the repository do."""
    folder = copy_of(suite, tmp_path, "cassettes")

    run_pytest(folder, "--record-mode=once", live=True)

    expected = cassettes_in(EXAMPLES / suite)
    recorded = cassettes_in(folder)
    assert recorded.keys() == expected.keys()
    assert {name: meaning_of(text) for name, text in recorded.items()} == {
        name: meaning_of(text) for name, text in expected.items()
    }


@pytest.mark.parametrize("suite", SUITES)
def test_replayed(suite, tmp_path):
    """A suite passes from its cassettes alone, has nothing to say, and changes nothing."""
    folder = copy_of(suite, tmp_path)

    output = run_pytest(folder)

    assert "cassettes ==" not in output
    assert cassettes_in(folder) == cassettes_in(EXAMPLES / suite)


def test_an_unchanged_api_changes_no_cassette(tmp_path):
    """Recorded once more with `all`, not a byte differs, though each login gives a new token."""
    folder = copy_of("api_client", tmp_path, "cassettes")
    run_pytest(folder, "--record-mode=once", live=True)
    before = cassettes_in(folder)

    run_pytest(folder, "--record-mode=all", live=True)

    assert cassettes_in(folder) == before


def test_quickstart():
    """The README's first command records with the API up, replays with it gone, shows both."""
    script = EXAMPLES / "quickstart.py"
    env = os.environ | {"PYTEST_ADDOPTS": "-p no:reqord", "REQORD": "all", "CI": "1"}
    env.pop("COVERAGE_PROCESS_START", None)

    done = subprocess.run(
        [sys.executable, "-W", "ignore", script],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout
    recorded, replayed = done.stdout.split("== 2.")
    assert re.search(r"^saved +cassettes/test_users/test_one_user.yaml", recorded, re.MULTILINE)
    assert "5 passed" in recorded
    assert "5 passed" in replayed


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_cassettes_are_fit_for_a_repository(path):
    """Any YAML loader reads them, pre-commit's hooks leave them alone, and they hold no secret."""
    text = path.read_bytes().decode()

    assert yaml.safe_load(text)["interactions"]
    assert not re.search(r"[ \t]$|\r", text, re.MULTILINE)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "127.0.0.1" not in text
    assert PASSWORD not in text
    assert KEY not in text
