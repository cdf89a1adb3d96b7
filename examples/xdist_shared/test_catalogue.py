"""Tests that share one cassette, spread over two processes: one file, in order of time."""

import pytest
import requests

API = "http://api.example.test"

pytestmark = pytest.mark.cassette("catalogue")


@pytest.mark.parametrize("number", range(1, 10))
def test_post(number):
    post = requests.get(f"{API}/posts/{number}").json()

    assert post["words"] == 40 * number


def test_everybody_asks_for_the_users():
    assert len(requests.get(f"{API}/users").json()) == 3


def test_and_each_test_has_its_own_answer(cassette):
    """Played is only what this test recorded; the cassette holds what all of them did."""
    assert requests.get(f"{API}/users").json()[0]["id"] == 1
    assert len(cassette.recorded) + len(cassette.played) == 1
