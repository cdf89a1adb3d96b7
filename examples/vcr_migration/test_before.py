"""A suite of pytest-recording's, with a cassette that VCR.py wrote. It runs here as it is."""

import pytest
import requests

API = "http://api.example.test"


@pytest.fixture(scope="module")
def vcr_config():
    return {"filter_headers": ["authorization"], "match_on": ["method", "uri", "body"]}


@pytest.mark.vcr
@pytest.mark.default_cassette("posts.yaml")
def test_new_post(vcr):
    headers = {"Authorization": "Bearer not needed to replay"}
    answer = requests.post(f"{API}/posts", json={"title": "Hello"}, headers=headers)

    assert answer.status_code == 201
    assert [request.method for request in vcr.requests] == ["POST"]
