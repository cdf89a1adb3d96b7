"""Cassettes as they are committed: what git and pre-commit make of them, and a fresh clone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

ODD_BODIES = r"""
    import json, os, pytest, requests

    BODIES = [
        b"", b" ", b"\n", b"no end", b"ends\n", b"ends twice\n\n", b"trailing \nblanks\t\n  \n",
        b"\r\n", b"a\r\nb\rc\n\r", b"\xef\xbb\xbfbom", "\u0085 \u2028 \u2029".encode(),
        b"\x00\x01\xff\xfe", b"---\n...\n", b"<<<<<<< ours\n=======\n>>>>>>> theirs\n",
        b"- - -\n? a\n: b\n# no comment\n%YAML 9\n", b"\ttabs\n\t", b"x" * 5000,
        json.dumps({"a ": [" ", "\n", {}, [], 1e400, "\u2028"]}).encode(),
    ]

    @pytest.mark.cassette
    @pytest.mark.parametrize("n", range(len(BODIES)))
    def test_it(n):
        headers = {"Content-Type": "application/json" if n % 2 else "text/plain", "X-Odd": "a  b "}
        response = requests.post(os.environ["API"] + "/echo?q=%20", BODIES[n], headers=headers)
        assert response.status_code == 200
        assert requests.get(os.environ["API"] + "/binary/300").content
"""

HOOKS = [
    ["trailing_whitespace_fixer"],
    ["end_of_file_fixer"],
    ["mixed_line_ending"],
    ["mixed_line_ending", "--fix=lf"],
    ["fix_byte_order_marker"],
    ["check_yaml"],
    ["check_merge_conflict", "--assume-in-merge"],
    ["check_case_conflict"],
    ["check_added_large_files"],
    ["detect_private_key"],
]


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)


def git(suite, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "core.autocrlf=false")
    done = run("git", *identity, *arguments, cwd=suite.path)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def committed(suite, cassettes):
    """A suite with its recordings, committed."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    suite.makepyfile(ODD_BODIES)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=18)
    assert len(cassettes()) == 18
    git(suite, "init", "-q")
    git(suite, "add", "cassettes", "*.py")
    git(suite, "commit", "-qm", "first")
    return suite


def test_the_hooks_of_pre_commit(committed, cassettes):
    """The standard hooks find nothing in a cassette, and `yaml.safe_load` reads it."""
    before = cassettes()
    names = [str(path.relative_to(committed.path)) for path in committed.path.rglob("*.yaml")]

    for hook, *options in HOOKS:
        module = f"pre_commit_hooks.{hook}"
        done = run(sys.executable, "-m", module, *options, *names, cwd=committed.path)
        assert done.returncode == 0, (hook, done.stdout, done.stderr)

    assert cassettes() == before
    assert all(len(yaml.safe_load(text)["interactions"]) == 2 for text in before.values())


def test_a_second_recording_of_an_unchanged_api(committed):
    """`all` once more against the same API leaves `git status` as clean as it was."""
    committed.runpytest("--record-mode=all").assert_outcomes(passed=18)

    assert git(committed, "status", "--porcelain", "cassettes") == ""


def test_a_fresh_clone_without_a_network(committed, tmp_path):
    """A clone replays where there is no network at all, not even loopback."""
    unshare = shutil.which("unshare")
    if unshare is None or run(unshare, "-rn", "true", cwd=tmp_path).returncode:
        pytest.skip("this system gives a user no network namespace of his own")
    clone = tmp_path / "clone"
    git(committed, "clone", "-q", ".", str(clone))

    done = run(unshare, "-rn", sys.executable, "-m", "pytest", "-q", cwd=clone)

    assert "18 passed" in done.stdout, done.stdout
