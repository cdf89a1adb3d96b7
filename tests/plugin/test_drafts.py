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

    (line,) = [each for each in result.stdout.lines if "1 draft of earlier runs" in each]
    result.stdout.no_fnmatch_line("draft *")
    command = line.partition("lists them, reqord ")[2].removesuffix(" removes them")
    assert "dropped test_it.py::test_it" in reqord(drafted, *command.split()).stdout.str()
    assert "there are no drafts" in reqord(drafted, "keep").stdout.str()


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


TWICE = """
    import os, requests
    from pytest_reqord import use_cassette

    def test_it():
        for n in range(2):
            with use_cassette("twice.yaml"):
                requests.get(os.environ["API"] + f"/json?{n}{os.environ.get('BREAK', '')}")
        assert not os.environ.get("BREAK")
"""


@pytest.mark.parametrize("mode", ["once", "all"])
def test_the_draft_of_a_cassette_that_was_opened_twice(suite, monkeypatch, mode):
    """`reqord keep` saves all that the test recorded into it; in `all` of its last run."""
    suite.makepyfile(TWICE)
    runs = ["a", "b"] if mode == "all" else ["b"]
    for name in runs:
        monkeypatch.setenv("BREAK", name)
        suite.runpytest(f"--record-mode={mode}").assert_outcomes(failed=1)

    assert reqord(suite, "keep", "--all").ret == 0

    text = (suite.path / "twice.yaml").read_text()
    assert [line[-2:] for line in text.splitlines() if "uri:" in line] == ["0b", "1b"]
    assert "there are no drafts" in reqord(suite, "keep").stdout.str()
