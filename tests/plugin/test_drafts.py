"""Drafts that have had their day."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

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
    unclear = reqord(drafted, "keep", "--drop")
    assert unclear.ret == 2
    unclear.stderr.fnmatch_lines(["reqord: which draft is to be dropped? *--all"])

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


STEPS = """
    import os, requests

    def test_it(cassette):
        for n in range(4):
            requests.get(os.environ["API"] + os.environ.get(f"PATH_{{n}}", f"/json?{{n}}"))
            assert n != int(os.environ.get("FAILS_AT", -1)){more}
"""
ONE_STEP_EACH = STEPS.format(more="")
A_CASSETTE_A_STEP = (
    STEPS.replace("(cassette)", "()")
    .format(more="")
    .replace("            requests", '            with use_cassette("steps.yaml"): requests')
    .replace(
        "import os, requests", "import os, requests\n    from pytest_reqord import use_cassette"
    )
)


SHARED_STEPS = STEPS.replace("(cassette)", "()").format(
    more="""

    def test_other():
        requests.get(os.environ["API"] + "/json?other")

    import pytest
    pytestmark = pytest.mark.cassette("shared")
"""
)


@pytest.mark.parametrize("text", [ONE_STEP_EACH, A_CASSETTE_A_STEP], ids=["one", "a step each"])
def test_a_test_that_fails_a_step_further_each_time(suite, api, monkeypatch, text):
    """All its drafts are played: nothing is asked for twice, and the cassette has it all."""
    suite.makepyfile(test_it=text)
    for n in range(3):
        monkeypatch.setenv("FAILS_AT", str(n))
        suite.runpytest("--record-mode=once").assert_outcomes(failed=1)
        assert asked(api) == [f"/json?{each}" for each in range(n + 1)]
    monkeypatch.delenv("FAILS_AT")

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    assert asked(api) == [f"/json?{each}" for each in range(4)]
    suite.runpytest().assert_outcomes(passed=1)
    assert len(api.seen) == 4
    assert "there are no drafts" in reqord(suite, "keep").stdout.str()


def test_a_draft_with_a_refusal_between_others(suite, api, monkeypatch):
    """It is left out; what the one before it has is played all the same."""
    suite.makepyfile(test_it=ONE_STEP_EACH)
    for n in range(2):
        monkeypatch.setenv("FAILS_AT", str(n))
        monkeypatch.setenv("PATH_1", "/status/503")
        suite.runpytest("--record-mode=once").assert_outcomes(failed=1)
    monkeypatch.delenv("FAILS_AT")
    monkeypatch.delenv("PATH_1")

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    assert asked(api) == ["/json?0", "/status/503", "/json?1", "/json?2", "/json?3"]


def test_a_whole_draft_takes_the_place_of_those_before_it(suite, api, monkeypatch):
    """In `all` nothing was played, so that the draft of it is played alone."""
    suite.makepyfile(test_it=ONE_STEP_EACH)
    for n, mode in enumerate(["once", "all"]):
        monkeypatch.setenv("FAILS_AT", str(n))
        suite.runpytest(f"--record-mode={mode}").assert_outcomes(failed=1)
    monkeypatch.setenv("FAILS_AT", "-1")
    before = len(list(suite.path.rglob(".pytest_cache/reqord/*/*.yaml")))

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    assert before == 2
    assert asked(api) == ["/json?0", "/json?0", "/json?1", "/json?2", "/json?3"]
    text = (suite.path / "cassettes/test_it/test_it.yaml").read_text()
    assert text.count("/json?0") == 1


@pytest.mark.parametrize("mode", ["once", "new_episodes"])
def test_the_draft_of_a_test_that_was_recorded_anew(suite, api, monkeypatch, mode):
    """It is played instead of what the cassette has of the test, and takes its place."""
    suite.makepyfile(test_it=SHARED_STEPS)
    monkeypatch.setenv("PATH_0", "/flaky/new/201,202,203")
    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)
    monkeypatch.setenv("FAILS_AT", "1")
    suite.runpytest("--record-mode=all").assert_outcomes(passed=1, failed=1)
    monkeypatch.setenv("FAILS_AT", "-1")
    asked_before = len(api.seen)

    result = suite.runpytest(f"--record-mode={mode}", "test_it.py::test_it")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("unplayed *")
    assert asked(api)[asked_before:] == ["/json?2", "/json?3"]
    stored = yaml.safe_load((suite.path / "cassettes/test_it/shared.yaml").read_bytes())
    told = [(one["recorded_by"], one["response"]["status"]) for one in stored["interactions"]]
    of_it = [("test_it.py::test_it", status) for status in (200, 200, 200, 202)]
    assert sorted(told) == [*of_it, ("test_it.py::test_other", 200)]
    suite.runpytest().assert_outcomes(passed=2)


@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_draft_that_is_older_than_the_cassette(suite, api, cassettes, monkeypatch, mode):
    """After `git pull` has brought a newer recording of the test it isn't played, but stays."""
    suite.makepyfile(test_it=ONE_STEP_EACH)
    monkeypatch.setenv("FAILS_AT", "1")
    suite.runpytest(f"--record-mode={mode}").assert_outcomes(failed=1)
    monkeypatch.setenv("FAILS_AT", "-1")
    (folder,) = suite.path.glob(".pytest_cache/reqord/*")
    folder.rename(suite.path / "away")
    suite.runpytest("--record-mode=all").assert_outcomes(passed=1)
    before = cassettes()
    (suite.path / "away").rename(folder)

    result = suite.runpytest("--record-mode=once")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("unplayed *")
    assert cassettes() == before
    assert len(api.seen) == 2 + 4
    assert "test_it.py::test_it" in reqord(suite, "keep").stdout.str()


def test_a_draft_that_was_recorded_anew(suite, api, monkeypatch):
    """What a later draft has because of `--rerecord` is played instead of the earlier one's."""
    suite.makepyfile(test_it=ONE_STEP_EACH)
    for option in ([], ["--rerecord=GET *?0"]):
        monkeypatch.setenv("FAILS_AT", "1")
        suite.runpytest("--record-mode=once", *option).assert_outcomes(failed=1)
    monkeypatch.delenv("FAILS_AT")
    drafts = sorted(suite.path.rglob(".pytest_cache/reqord/*/*.yaml"), key=mtime)
    times = [re.findall("recorded_at: (.*)", each.read_text()) for each in drafts]

    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)

    assert asked(api) == ["/json?0", "/json?1", "/json?0", "/json?2", "/json?3"]
    text = (suite.path / "cassettes/test_it/test_it.yaml").read_text()
    assert re.findall("uri: .*[?](.)", text) == ["0", "1", "2", "3"]
    # the second was played after the first was recorded, and is as old as it was
    assert re.findall("^- recorded_at: (.*)", text, re.MULTILINE)[0] == times[1][0]
    assert re.findall("  rerecorded_at: (.*)", text) == [times[0][1]]


def mtime(path):
    return path.stat().st_mtime_ns


def asked(api):
    return [request.target for request in api.seen]


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


def test_what_a_test_no_longer_asks_for_of_a_draft(suite, cassettes):
    """It is neither an interaction of the cassette nor unplayed, and isn't saved."""
    text = """
        import os, requests

        def test_it(cassette):
            requests.get(os.environ["API"] + "/{path}")
            (interaction,) = cassette.interactions
            assert interaction.request.uri.endswith("/json")
            assert cassette.all_played
    """
    suite.makeini("[pytest]\nreqord_on_unplayed = fail")
    suite.makepyfile(test_it=text.format(path="text"))
    suite.runpytest("--record-mode=once").assert_outcomes(failed=1)
    suite.makepyfile(test_it=text.format(path="json"))

    result = suite.runpytest("--record-mode=once")

    result.assert_outcomes(passed=1)
    assert cassettes()["test_it.yaml"].count(b"\n- recorded_at:") == 1


def test_a_draft_that_is_kept_outdates_those_before_it(suite, cassettes):
    """What an earlier run tried, and the test has not gone on from, is not saved with it."""
    text = """
        import os, requests

        def test_it(cassette):
            assert requests.get(os.environ["API"] + "/{path}").status_code == 0
    """
    for path in ("status/404", "status/500", "json"):
        suite.makepyfile(test_it=text.format(path=path))
        suite.runpytest("--record-mode=once").assert_outcomes(failed=1)

    kept = reqord(suite, "keep", "test_it.py::test_it")
    kept.stdout.fnmatch_lines(["saved *(1 interaction)"])

    assert b"/json\n" in cassettes()["test_it.yaml"]
    assert "there are no drafts" in reqord(suite, "keep").stdout.str()


def test_the_report_says_what_was_played_from_a_draft(suite):
    """Or who reads it looks for an answer that the API no longer gives."""
    suite.makepyfile(
        """
        import os, requests

        def test_it(cassette):
            requests.get(os.environ["API"] + "/json")
            assert False
        """
    )
    suite.runpytest("--record-mode=once").assert_outcomes(failed=1)

    result = suite.runpytest("--record-mode=once")

    result.stdout.fnmatch_lines(["played * -> 200 OK, from a draft: reqord keep --drop *"])
