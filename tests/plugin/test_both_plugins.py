"""Sample suites, one for each row of pytest-recording's surface, run under both plugins.

The suites are `tests/rows`. Each run of them under pytest-recording is done again with nothing
but the plugin swapped: the tests have to end alike, ask the API for the same, and leave the same
interactions in the same cassettes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest
from server import running

from pytest_reqord.cassette_file.cache import read_document
from pytest_reqord.errors import ReqordError

ROWS = Path(__file__).parents[1] / "rows"
SUITES = sorted(path.stem for path in ROWS.glob("*.py") if path.stem != "shared_conftest")
PLUGINS = {"theirs": "pytest_recording.plugin", "ours": "reqord"}
RUNS = {
    "once": ({"MODE": "1"}, ["--record-mode=once"]),
    "none": ({"MORE": "1"}, []),
    "blocked": ({"MORE": "1"}, ["--block-network"]),
    "allowed": ({"MORE": "1"}, ["--block-network", "--allowed-hosts=example.com,127.0.0.1"]),
    "new_episodes": ({"MORE": "1", "MODE": "1", "ROUND": "2"}, ["--record-mode=new_episodes"]),
    "rewrite": ({"MORE": "1", "MODE": "1", "ROUND": "3"}, ["--record-mode=rewrite"]),
    "again": ({"MORE": "1", "MODE": "1", "ROUND": "3"}, ["--record-mode=once"]),
    "all": ({"MORE": "1", "MODE": "1", "ROUND": "3"}, ["--record-mode=all"]),
    "disabled": ({"MORE": "1"}, ["--disable-recording"]),
}


class Seen(NamedTuple):
    """What a run was seen to do, by suite."""

    outcomes: dict[str, dict[str, str]]
    asked: Counter[str]
    kept: dict[str, list[tuple[object, ...]]]


def run(folder: Path, plugin: str, name: str, api) -> Seen:
    variables, options = RUNS[name]
    env = {key: text for key, text in os.environ.items() if not key.startswith(("REQORD", "CI"))}
    env |= {"API": api.url, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables}
    api.reset()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", PLUGINS[plugin], "--junitxml=seen.xml", *options],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stdout
    asked = Counter(one.raw.split(b" HTTP", 1)[0].decode() for one in api.seen if one.raw)
    return Seen(outcomes(folder / "seen.xml"), asked, interactions(folder))


def outcomes(report: Path) -> dict[str, dict[str, str]]:
    """How each test ended, by suite."""
    found: dict[str, dict[str, str]] = {}
    for case in ET.parse(report).iter("testcase"):
        suite, _, owner = case.get("classname", "").partition(".")
        tags = sorted({child.tag for child in case} & {"failure", "error", "skipped"})
        found.setdefault(suite, {})[f"{owner}.{case.get('name')}"] = " ".join(tags) or "passed"
    return found


def interactions(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """What the cassettes hold, whoever's format they are in."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for path in sorted(folder.rglob("*.*")):
        if path.suffix in (".yaml", ".json"):
            try:
                entries = [entry.interaction() for entry in read_document(path).entries]
            except ReqordError:
                continue
            found[str(path.relative_to(folder))] = [
                (
                    one.request.method,
                    one.request.uri,
                    one.request.body,
                    one.response and one.response.status,
                )
                for one in entries
            ]
    return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """All runs under both plugins, one after the other in a folder of each."""
    made: dict[str, dict[str, Seen]] = {}
    with running() as api:
        for plugin in PLUGINS:
            folder = tmp_path_factory.mktemp(plugin)
            shutil.copy(ROWS / "shared_conftest.py", folder / "conftest.py")
            for suite in SUITES:
                shutil.copy(ROWS / f"{suite}.py", folder / f"test_{suite}.py")
            made[plugin] = {name: run(folder, plugin, name, api) for name in RUNS}
    return made


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", RUNS)
def test_they_end_alike(seen, suite, name):
    """Each test passes, fails or errs as under pytest-recording."""
    expected = seen["theirs"][name].outcomes[f"test_{suite}"]

    assert seen["ours"][name].outcomes[f"test_{suite}"] == expected
    assert "passed" in expected.values()


@pytest.mark.parametrize("name", RUNS)
def test_they_ask_alike(seen, name):
    """The same requests go live."""
    assert seen["ours"][name].asked == seen["theirs"][name].asked


@pytest.mark.parametrize("name", RUNS)
def test_they_keep_alike(seen, name):
    """The cassettes have the same names, and the same interactions in the same order."""
    assert seen["ours"][name].kept == seen["theirs"][name].kept
