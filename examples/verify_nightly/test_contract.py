"""The API that the cassettes know: `pytest --record-mode=verify` asks whether it is still the same."""

import pytest
import requests

API = "http://api.example.test"

pytestmark = pytest.mark.cassette


def test_users_have_a_name_and_an_address():
    for user in requests.get(f"{API}/users").json():
        assert user.keys() >= {"name", "email"}


def test_posts_come_in_pages():
    assert len(requests.get(f"{API}/posts", params={"page": 2, "size": 4}).json()) == 4
