"""The first suite: plain functions, plain requests, one cassette a test."""

import pytest
import requests

API = "http://api.example.test"


@pytest.mark.cassette
def test_one_user():
    user = requests.get(f"{API}/users/1").json()

    assert user["name"] == "Ada Lovelace"


@pytest.mark.cassette
def test_no_such_user():
    response = requests.get(f"{API}/users/99")

    assert response.status_code == 404
    assert response.reason == "Not Found"


@pytest.mark.cassette
@pytest.mark.parametrize("user", [1, 2])
def test_posts_of_a_user(user):
    posts = requests.get(f"{API}/posts", params={"user": user, "size": 2}).json()

    assert {post["user"] for post in posts} == {user}


def test_a_new_post(cassette):
    """The fixture turns it on, too, and tells what went on."""
    response = requests.post(f"{API}/posts", json={"user": 1, "title": "Hello"})

    assert response.status_code == 201
    assert response.json() == {"id": 10, "user": 1, "title": "Hello"}
    assert [one.request.method for one in cassette.interactions] == ["POST"]
