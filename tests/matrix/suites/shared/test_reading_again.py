import os

import pytest
import requests

API = os.environ["API"]
pytestmark = pytest.mark.cassette(path="cassettes/catalogue.yaml")


@pytest.mark.parametrize("number", range(6))
def test_book(number):
    assert requests.get(f"{API}/books/{number}").json()["path"] == f"/books/{number}"


@pytest.mark.parametrize("number", range(3))
def test_shelf(number):
    first = requests.get(f"{API}/shelf").json()
    second = requests.get(f"{API}/shelf").json()
    assert first["number"] < second["number"]
