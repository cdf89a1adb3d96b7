import os

import pytest
import requests

API = os.environ["API"]


@pytest.mark.cassette(verify_ignore=["number"])
def test_same():
    assert requests.get(f"{API}/same").ok


@pytest.mark.cassette
def test_number():
    assert requests.get(f"{API}/number").ok
