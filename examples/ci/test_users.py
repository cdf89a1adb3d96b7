"""A suite that a service replays: with CI set no ini file or marker makes a run record."""

import pytest
import requests


@pytest.mark.cassette
def test_one_user():
    assert requests.get("http://api.example.test/users/2").json()["name"] == "Grace Hopper"
