"""Drafts that have had their day."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

SUITE = """
    import os, requests

    def test_it(cassette):
        requests.get(os.environ["API"] + "/json")
        assert not os.environ.get("BREAK")
"""


@pytest.fixture
def drafted(suite, monkeypatch):
    """A suite whose test has left a draft."""
    suite.makepyfile(test_it=SUITE)
    monkeypatch.setenv("BREAK", "1")
    suite.runpytest("--record-mode=all").assert_outcomes(failed=1)
    return suite


def reqord(suite, *arguments: str):
    return suite.run(Path(sys.executable).parent / "reqord", *arguments)


@pytest.mark.parametrize("mode", ["once", "all", "new_episodes"])
def test_a_saved_recording_outdates_the_drafts_before_it(drafted, monkeypatch, mode):
    """Once the test is saved no draft is left that could undo the newer recording."""
    monkeypatch.delenv("BREAK")

    result = drafted.runpytest(f"--record-mode={mode}")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("draft *")
    assert "there are no drafts" in reqord(drafted, "keep").stdout.str()


def test_drafts_of_earlier_runs_are_counted_not_listed(drafted):
    """A later recording run says how many drafts there are, in one line."""
    drafted.makepyfile(test_other="def test_other(cassette): pass")

    result = drafted.runpytest("--record-mode=all", "test_other.py")

    result.stdout.fnmatch_lines(["1 draft of earlier runs: reqord keep lists them*"])
    result.stdout.no_fnmatch_line("draft *")


def test_a_draft_can_be_thrown_away(drafted):
    """`reqord keep --drop` removes it and saves nothing."""
    dropped = reqord(drafted, "keep", "--drop", "test_it.py::test_it")

    assert dropped.ret == 0
    dropped.stdout.fnmatch_lines(["dropped test_it.py::test_it"])
    assert "there are no drafts" in reqord(drafted, "keep").stdout.str()
    assert not list(drafted.path.rglob("cassettes/**/*.yaml"))


def test_drafts_of_another_project_are_left_alone(drafted, monkeypatch):
    """`reqord keep` below a project with a configuration of its own doesn't reach out of it."""
    inner = drafted.path / "inner"
    inner.mkdir()
    (inner / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(inner)

    result = reqord(drafted, "keep", "--all")

    assert "there are no drafts" in result.stdout.str()


@pytest.mark.parametrize("pattern", ["", "POST", "FOO bar baz", "GET */x y"])
def test_patterns_that_can_match_nothing_are_usage_errors(suite, pattern):
    """`--rerecord` takes a method and a pattern of URIs, and says so."""
    suite.makepyfile("def test_it(): pass")

    result = suite.runpytest(f"--rerecord={pattern}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--rerecord=*a method and a pattern of URIs*"])
