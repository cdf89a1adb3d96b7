import os

import pytest
import requests

API = os.environ["API"]


@pytest.mark.vcr
def test_user():
    answer = requests.get(f"{API}/users/1", headers={"Authorization": "Bearer open-sesame"})
    assert answer.json()["path"] == "/users/1"


@pytest.mark.vcr
@pytest.mark.parametrize("page", [1, 2])
def test_page(page):
    assert requests.get(f"{API}/posts?page={page}").json()["query"] == {"page": str(page)}


@pytest.mark.vcr("shared.yaml")
def test_shared(vcr):
    assert requests.get(f"{API}/shared").ok
    assert vcr.play_count in (0, 1)


@pytest.mark.block_network
@pytest.mark.vcr
def test_blocked():
    assert requests.get(f"{API}/blocked").ok
