"""A replay waits for nothing: the code under test asks as often as when it was recorded."""

import jobs
import pytest


@pytest.fixture
def no_pause(cassette, monkeypatch):
    """Wait between two questions only while an API answers them."""
    if cassette.record_mode == "none":
        monkeypatch.setattr(jobs, "PAUSE", 0)


@pytest.mark.usefixtures("no_pause")
def test_finished(cassette):
    assert jobs.finished() == {"id": 7, "state": "done"}

    states = [each.response.json()["state"] for each in cassette.interactions]
    assert states == ["running", "running", "running", "done"]
