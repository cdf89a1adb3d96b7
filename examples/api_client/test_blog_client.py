"""The client's tests. No password, token or session cookie is in the cassettes."""

import pytest
import requests
from blog_client import BlogClient, NotAllowed


@pytest.mark.cassette
class TestReading:
    """The marker holds for every test of the class."""

    def test_me(self, blog):
        assert blog.me()["email"] == "ada@example.test"

    def test_posts_are_read_to_the_last_page(self, blog, cassette):
        assert [post["id"] for post in blog.posts()] == list(range(1, 10))
        assert [one.request.uri.partition("?")[2] for one in cassette.interactions] == [
            "page=1&size=4",
            "page=2&size=4",
            "page=3&size=4",
        ]


@pytest.mark.cassette
def test_a_wrong_password_is_said_so():
    with pytest.raises(NotAllowed, match="wrong password"):
        BlogClient("http://api.example.test").log_in("ada", "")


@pytest.mark.cassette
def test_without_a_login():
    with pytest.raises(requests.HTTPError, match="401"):
        BlogClient("http://api.example.test").me()


@pytest.mark.cassette("login_and_ask")
def test_secrets_stay_out_of_the_cassette(cassette):
    client = BlogClient("http://api.example.test")
    client.log_in("ada", "correct horse battery staple")
    client.me()

    login, me = cassette.interactions
    assert login.request.json() == {"user": "ada", "password": "[REDACTED]"}
    assert login.response.json() == {"access_token": "[REDACTED]", "expires_in": 3600}
    assert login.response.headers["Set-Cookie"] == "session=[REDACTED hex 32]; Path=/; HttpOnly"
    assert me.request.headers["Authorization"] == "Bearer [REDACTED]"
