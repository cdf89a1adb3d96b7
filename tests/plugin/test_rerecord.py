from __future__ import annotations

import pytest

POSTS = """
    import os, requests, pytest

    API = os.environ["API"]

    @pytest.mark.cassette(locked=LOCKED)
    def test_one(cassette):
        requests.get(API + "/json?kept")
        requests.get(API + "/json?again")
        assert len(cassette.interactions) == 2
        assert cassette.all_played
"""


@pytest.fixture
def recorded(suite, api):
    """A suite with its cassette, and nothing noted at the API."""
    suite.makepyfile(test_it=POSTS.replace("LOCKED", "False"))
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    api.reset()
    return suite


@pytest.mark.parametrize(
    ("option", "asked"), [("--record-mode=all", 2), ("--rerecord=GET *again", 1)]
)
def test_what_is_recorded_anew_takes_the_place_of_the_old(recorded, api, option, asked):
    """A test sees each interaction once, and nothing is called unplayed."""
    result = recorded.runpytest(option)

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("unplayed*")
    assert len(api.seen) == asked


@pytest.mark.parametrize("option", ["--record-mode=all", "--rerecord=*"])
def test_a_locked_cassette_is_never_recorded_anew(recorded, api, cassettes, option):
    """With `locked` everything is played, whatever the command line asks for."""
    before = cassettes()
    recorded.makepyfile(test_it=POSTS.replace("LOCKED", "True"))

    recorded.runpytest(option).assert_outcomes(passed=1)

    assert not api.seen
    assert cassettes() == before


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n2")])
def test_a_pattern_that_names_no_request_is_told(recorded, cassettes, workers):
    """A pattern that matched nothing stands in the summary; one that did doesn't."""
    before = cassettes()

    result = recorded.runpytest_subprocess(*workers, "--rerecord=GET *again", "--rerecord=PUT *")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["unmatched --rerecord='PUT [*]' named no request that may be *"])
    result.stdout.no_fnmatch_line("unmatched *again*")
    assert cassettes() == before


def test_a_pattern_that_only_a_child_process_heeds(suite):
    """What a child process recorded anew counts as matched."""
    suite.makepyfile(
        asking="""
        import os, urllib.request
        urllib.request.urlopen(os.environ["API"] + "/json").read()
        """,
        test_it="""
        import subprocess, sys

        def test_it(cassette):
            subprocess.run([sys.executable, "asking.py"], check=True)
        """,
    )
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    result = suite.runpytest_subprocess("--rerecord=GET *json")

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("unmatched *")


def test_a_locked_cassette_matches_no_pattern(recorded):
    """A pattern that only names requests to locked cassettes is told."""
    recorded.makepyfile(test_it=POSTS.replace("LOCKED", "True"))

    result = recorded.runpytest("--rerecord=*")

    result.stdout.fnmatch_lines(["unmatched --rerecord='[*]' named no request that may be *"])
