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
