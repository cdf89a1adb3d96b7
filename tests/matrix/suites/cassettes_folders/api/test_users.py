import pytest
import requests


@pytest.mark.cassette
def test_committed():
    assert requests.get("https://api.example.test/users/1").json() == {"name": "Ada"}


@pytest.mark.vcr
def test_committed_long_ago():
    assert requests.get("https://api.example.test/users/2").json() == {"name": "Grace"}
