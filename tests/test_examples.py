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
_OF_VERSIONS = re.compile(r"user-agent|accept-encoding|date|x-amz-.*|amz-sdk-.*", re.IGNORECASE)
_PLUGINS = {"httpx_async": ["asyncio"], "aws": ["asyncio"], "django_celery": ["django"]}
"""Those that a suite needs; one without them is to be free of their warnings."""
_NEEDS = {"aws": ["boto3", "aiobotocore", "s3fs"], "django_celery": ["pytest_django", "celery"]}
_OF_VCRPY = {"vcr_migration"}
"""Suites whose cassettes VCR.py has written."""


def run_pytest(folder: Path, *options: str, live: bool = False, status: int = 0) -> str:
    """Run a suite; its clients find the API, or an address that turns them away."""
    for name in _NEEDS.get(folder.name, ()):
        pytest.importorskip(name, reason=f"reason: the example needs {name}")
    ours = ("REQORD", "CI", "PYTEST", "COVERAGE")
    env = {name: text for name, text in os.environ.items() if not name.upper().startswith(ours)}
    env = {name: text for name, text in env.items() if not name.upper().endswith("_PROXY")}
    env |= {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    env |= {"NO_PROXY": "localhost", "no_proxy": "localhost"}
    env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if live:
        env |= {"BLOG_PASSWORD": PASSWORD, "CHAT_API_KEY": KEY}
    plugins = ["reqord", "xdist", *_PLUGINS.get(folder.name, [])]
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
    assert done.returncode == status, done.stdout
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
    return [*parts, [line for line in lines if not _OF_VERSIONS.fullmatch(line.split(":")[0])]]


def test_the_index():
    """The index of the examples has each folder."""
    index = (EXAMPLES / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| \[(\w+)\]\((?=\1/)", index, re.MULTILINE)) == SUITES
    for path in re.findall(r"^\| \[\w+\]\((.*?)\)", index, re.MULTILINE):
        assert (EXAMPLES / path).is_file()


@pytest.mark.parametrize("suite", [name for name in SUITES if name not in _OF_VCRPY])
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


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_changed_prompt(tmp_path):
    """Drift fails the test and shows both prompts; recorded anew, one cassette has the new one."""
    folder = copy_of("llm_stream", tmp_path)
    edit(folder / "test_chat.py", "Is anybody there?", "Is nobody there?")
    edit(folder / "test_chat.py", '"anybody "', '"nobody "')
    before = cassettes_in(folder)

    output = run_pytest(folder, status=1)
    assert "drifted  POST http://api.example.test/v1/chat/completions" in output
    assert "Is nobody there?" in output

    run_pytest(folder, "--rerecord=POST */chat/completions", live=True)
    after = cassettes_in(folder)
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["cassettes/test_chat/test_the_answer_comes_word_by_word.yaml"]
    run_pytest(folder)


@pytest.mark.parametrize("options", [["test_people.py::test_ada"], ["--rerecord=GET */users/1"]])
def test_one_recorded_anew(options, tmp_path):
    """Of two recordings that are out of date the one that is named is recorded anew."""
    folder = copy_of("rerecord_one", tmp_path)
    ada, grace = (folder / f"cassettes/test_people/test_{name}.yaml" for name in ("ada", "grace"))
    edit(ada, "Ada Lovelace", "Ada Byron")
    edit(grace, "Grace Hopper", "Grace Murray")
    before = grace.read_bytes()

    mode = [] if options[0].startswith("--") else ["--record-mode=all"]
    run_pytest(folder, *options, *mode, live=True)

    assert "Ada Lovelace" in ada.read_text("utf-8")
    assert grace.read_bytes() == before


def test_verify_at_night(tmp_path):
    """The comparison passes while the API is as recorded, fails when a name is gone, writes nothing."""
    folder = copy_of("verify_nightly", tmp_path)
    run_pytest(folder, "--record-mode=verify", live=True)
    assert cassettes_in(folder) == cassettes_in(EXAMPLES / "verify_nightly")

    cassette = folder / "cassettes/test_contract/test_users_have_a_name_and_an_address.yaml"
    edit(cassette, '"email"', '"mail"')
    before = cassettes_in(folder)
    output = run_pytest(folder, "--record-mode=verify", live=True, status=1)

    assert "email" in output
    assert cassettes_in(folder) == before


def test_converted(tmp_path):
    """The cassette that VCR.py wrote plays before and after it is converted."""
    folder = copy_of("vcr_migration", tmp_path)
    reqord = [sys.executable, "-m", "pytest_reqord", "convert", "cassettes/test_after"]
    subprocess.run(reqord, cwd=folder, check=True, stdout=subprocess.PIPE)

    assert b"reqord: 1" in cassettes_in(folder)["cassettes/test_after/posts.yaml"]
    run_pytest(folder)


def test_in_ci(tmp_path):
    """The workflow's commands pass, the hook sees a key in a cassette, git folds cassettes."""
    folder = copy_of("ci", tmp_path)
    steps = yaml.safe_load((folder / "tests.yml").read_text("utf-8"))["jobs"]["tests"]["steps"]
    commands = [step["run"].split() for step in steps if "run" in step]
    for words in (words for words in commands if words[0] == "pytest"):
        run_pytest(folder, *words[1:])
    assert ["reqord", "audit", "cassettes"] in commands

    (hook,) = yaml.safe_load((folder / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    name = "cassettes/test_users/test_one_user.yaml"
    assert re.search(hook["files"], name)
    audit = [sys.executable, "-m", *hook["entry"].replace("reqord", "pytest_reqord").split(), name]
    assert subprocess.run(audit, cwd=folder, check=False).returncode == 0
    edit(folder / name, "Grace Hopper", "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a")
    assert subprocess.run(audit, cwd=folder, check=False).returncode == 1

    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    asked = ["git", "check-attr", "eol", "linguist-generated", "--", name]
    told = subprocess.run(asked, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert told == f"{name}: eol: lf\n{name}: linguist-generated: set\n"


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
