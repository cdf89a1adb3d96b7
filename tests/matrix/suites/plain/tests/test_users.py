import os

import pytest
import requests

API = os.environ["API"]


@pytest.mark.cassette
def test_user():
    assert requests.get(f"{API}/users/1").json()["path"] == "/users/1"


def test_new_post(cassette):
    answer = requests.post(f"{API}/posts", json={"title": "Hello"})
    assert answer.json()["body"] == '{"title": "Hello"}'
    (interaction,) = cassette.interactions
    assert interaction.request.json() == {"title": "Hello"}
    assert interaction.response.status == 200


@pytest.mark.parametrize("page", [1, 2, 3])
def test_page(cassette, page):
    answer = requests.get(f"{API}/posts", params={"page": page})
    assert answer.json()["query"] == {"page": str(page)}


@pytest.mark.cassette
class TestSession:
    @pytest.fixture
    def session(self):
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer not-for-the-cassette"
            yield session

    def test_login(self, session):
        first = session.post(f"{API}/login", data={"password": "open sesame"})
        second = session.get(f"{API}/me")
        assert second.json()["number"] > first.json()["number"]

    def test_errors_are_answers(self, session):
        assert session.get(f"{API}/status/503").status_code == 503

    def test_redirect(self, session):
        answer = session.get(f"{API}/redirect/there")
        assert [each.status_code for each in answer.history] == [302]
        assert answer.json()["path"] == "/there"

    def test_stream(self, session):
        with session.get(f"{API}/stream/3", stream=True) as answer:
            lines = [line for line in answer.iter_lines() if line]
        assert lines == [b"data: 0", b"data: 1", b"data: 2"]

    def test_gzip(self, session):
        assert session.get(f"{API}/gzip").json()["number"]


def test_without_traffic():
    assert API
