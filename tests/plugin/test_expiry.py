"""``max_age`` and ``on_expiry``: interactions that are too old."""

from __future__ import annotations

import pytest
import yaml

SUITE = """
    import os, requests, pytest

    API = os.environ["API"]

    def test_one(cassette):
        assert requests.get(API + "/json?old").ok
        assert requests.get(API + "/json?new").ok

    @pytest.mark.cassette("other", max_age="")
    def test_two(cassette):
        assert requests.get(API + "/json?never").ok
"""


@pytest.fixture
def aged(suite, api):
    """A suite with a cassette whose first interaction is from 2020."""
    suite.makeini("[pytest]\nreqord_max_age = 30d\n")
    suite.makepyfile(SUITE)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)
    for path in suite.path.rglob("cassettes/**/*.yaml"):
        head, mark, rest = path.read_text().partition("- recorded_at: '")
        path.write_text(f"{head}{mark}2020{rest[4:]}")
    api.seen.clear()
    return suite


def years(cassettes, name="test_one.yaml"):
    items = yaml.safe_load(cassettes()[name])["interactions"]
    return {
        item["request"]["uri"].partition("?")[2]: item.get("rerecorded_at", item["recorded_at"])[:4]
        for item in items
    }


def test_warn(aged, api):
    """What was played and has expired stands in the summary; the rest doesn't."""
    result = aged.runpytest()

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "expired   *::test_one played 1 old interaction of *test_one.yaml",
            "*GET http://*/json?old, recorded 2020-*",
        ]
    )
    result.stdout.no_fnmatch_line("*json?new*")
    result.stdout.no_fnmatch_line("*test_two played*")
    assert api.seen == []


def test_fail(aged):
    """With `fail` the test fails, and says what has expired."""
    result = aged.runpytest("-o", "reqord_on_expiry=fail")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["expired  GET */json?old, *", "*test_one.yaml (on_expiry = fail)"])


@pytest.mark.parametrize("mode", ["once", "new_episodes"])
def test_rerecord(aged, api, cassettes, mode):
    """With `rerecord` what has expired is recorded anew, and replaced; the rest is played."""
    before = years(cassettes)["new"]

    result = aged.runpytest(f"--record-mode={mode}", "-o", "reqord_on_expiry=rerecord")

    result.assert_outcomes(passed=2)
    assert len(api.seen) == 1
    assert years(cassettes)["old"] != "2020"
    assert years(cassettes)["new"] == before
    assert len(years(cassettes)) == 2
    result.stdout.no_fnmatch_line("expired*")


def test_rerecord_needs_a_recording_run(aged, api, cassettes):
    """A plain run with `rerecord` warns, and never touches the network."""
    result = aged.runpytest("-o", "reqord_on_expiry=rerecord")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["expired   *"])
    assert api.seen == []
    assert years(cassettes)["old"] == "2020"


def test_once_records_nothing_else(aged, api):
    """In `once` what isn't in the cassette is a miss all the same."""
    aged.makepyfile(SUITE.replace("?new", "?unknown"))

    result = aged.runpytest("--record-mode=once", "-o", "reqord_on_expiry=rerecord", "-k", "one")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*json[?]unknown is not in *"])


def test_what_was_not_recorded_anew_stays(aged, api, cassettes):
    """The recording of a failed test replaces nothing."""
    aged.makepyfile(SUITE.replace("?new", "?unknown"))

    aged.runpytest("--record-mode=once", "-o", "reqord_on_expiry=rerecord")

    assert years(cassettes)["old"] == "2020"


def test_cassettes_without_times(aged):
    """Interactions of VCR.py's have no time, and don't expire."""
    for path in aged.path.rglob("cassettes/**/*.yaml"):
        from pytest_reqord.cli import main

        assert main(["convert", str(path), "--to", "vcr"]) == 0

    result = aged.runpytest("-o", "reqord_on_expiry=fail")

    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("age", ["30", "d", "1 month", "-1d", "0m", "99999999w"])
def test_wrong_age(suite, age):
    """What is no age is a usage error that says what is."""
    suite.makepyfile(SUITE)

    result = suite.runpytest("-o", f"reqord_max_age={age}")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*max_age = *a number, 1 or more, with w, d, h or m behind it, *"])
