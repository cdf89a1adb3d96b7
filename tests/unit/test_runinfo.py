"""What a run is called."""

from __future__ import annotations

import time

from pytest_reqord.recording.run_info import new_run_id


def test_names_sort_by_time_in_every_zone(monkeypatch):
    """The zone, which Django sets for a test run, doesn't change when a run seems to begin."""
    moments = []
    for zone in ("Asia/Tokyo", "America/Chicago"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        moments.append(new_run_id()[: len("20261123-071332")])
    monkeypatch.undo()
    time.tzset()

    assert moments == sorted(moments)
