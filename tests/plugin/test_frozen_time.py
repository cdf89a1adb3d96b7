"""Tests that stop the clock: freezegun and time-machine, and `cassette.recorded_at`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

SUITE = """
    import datetime, os

    import pytest, requests, time_machine
    from freezegun import freeze_time

    FREEZE = {
        "freezegun": freeze_time,
        "ticking": lambda at: freeze_time(at, tick=True),
        "time_machine": lambda at: time_machine.travel(at, tick=False),
    }
    each_tool = pytest.mark.parametrize("tool", FREEZE)

    def ask():
        assert requests.get(f"{os.environ['API']}/json?{datetime.date.today()}").ok

    @each_tool
    def test_at_the_recording(cassette, tool):
        with FREEZE[tool](cassette.recorded_at):
            ask()
            ask()

    @each_tool
    @pytest.mark.parametrize("year", [1999, 2099])
    def test_at_another_time(cassette, tool, year):
        with FREEZE[tool](f"{year}-01-01"):
            ask()
        assert cassette.recorded_at.year not in (1999, 2099)

    @pytest.fixture(scope="class", params=FREEZE)
    def frozen(request):
        with FREEZE[request.param]("2031-01-01"):
            yield

    @pytest.mark.usefixtures("frozen")
    class TestFrozenAllAlong:
        @pytest.mark.vcr
        def test_it(self):
            ask()
"""


def test_times_are_those_of_the_world(suite, api, cassettes):
    """What is recorded while a test has stopped the clock has the time when it really was."""
    suite.makepyfile(test_it=SUITE)
    before = datetime.now(timezone.utc)

    suite.runpytest_subprocess("--record-mode=once", "-n2").assert_outcomes(passed=12)
    texts = b"".join(cassettes().values()).decode()
    times = [datetime.fromisoformat(each) for each in re.findall(r"recorded_at: '(.*)Z'", texts)]
    elapsed = [float(each) for each in re.findall(r"elapsed: (.*)", texts)]

    after = datetime.now(timezone.utc) + timedelta(seconds=1)
    assert len(times) == 15
    assert all(before < time.replace(tzinfo=timezone.utc) < after for time in times)
    assert all(0 < seconds < 60 for seconds in elapsed)
    suite.runpytest_subprocess().assert_outcomes(passed=12)
    assert len(api.seen) == 15
