"""The same suite after `reqord docs vcr`, step 2: other names, and a copy of the same cassette."""

import pytest
import requests

API = "http://api.example.test"


@pytest.fixture(scope="module")
def cassette_config():
    return {"match_on": ["method", "uri", "body"]}


@pytest.mark.cassette("posts")
def test_new_post(cassette):
    headers = {"Authorization": "Bearer not needed to replay"}
    answer = requests.post(f"{API}/posts", json={"title": "Hello"}, headers=headers)

    assert answer.status_code == 201
    assert [each.request.method for each in cassette.interactions] == ["POST"]
