import os

import pytest
import requests

API = os.environ["API"]
NAMES = ["ada"]


@pytest.mark.cassette
def test_names():
    for name in NAMES:
        assert requests.get(f"{API}/names/{name}").json()["path"] == f"/names/{name}"


@pytest.mark.cassette(locked=True)
def test_locked():
    assert requests.get(f"{API}/locked").ok
