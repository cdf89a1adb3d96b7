"""The API has changed, and you want to see it in one test first.

pytest test_people.py::test_ada --record-mode=all      one test
pytest --rerecord='GET */users/1'                      one request, in every test that sends it
"""

import pytest
import requests

API = "http://api.example.test"

pytestmark = pytest.mark.cassette


def test_ada():
    assert requests.get(f"{API}/users/1").json()["id"] == 1
    assert requests.get(f"{API}/posts/1").json()["id"] == 1


def test_grace():
    assert requests.get(f"{API}/users/2").json()["id"] == 2
