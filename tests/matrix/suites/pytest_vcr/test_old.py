import os

import pytest
import requests

API = os.environ["API"]


@pytest.mark.vcr()
def test_user():
    assert requests.get(f"{API}/users/1?key=1", headers={"Authorization": "Bearer x"}).ok


@pytest.mark.vcr(match_on=["anything"])
def test_matched_by_a_matcher_of_its_own():
    assert requests.get(f"{API}/anything").ok


@pytest.mark.vcr()
class TestNamed:
    @pytest.fixture
    def vcr_cassette_name(self):
        return "a_name_of_its_own"

    def test_name(self):
        assert requests.get(f"{API}/name").ok


class TestClass:
    @pytest.mark.vcr()
    def test_method(self, vcr_cassette, request):
        assert requests.get(f"{API}/method").ok
        assert len(vcr_cassette) == (0 if request.config.getoption("--disable-vcr") else 1)


@pytest.fixture(scope="module")
def login(request):
    with request.getfixturevalue("vcr").use_cassette("login"):
        return requests.get(f"{API}/login").json()["path"]


def test_login(login):
    assert login == "/login"


def test_opens_its_own(vcr):
    with vcr.use_cassette("own.yaml", match_on=["path"]) as cassette:
        assert requests.get(f"{API}/own?page={os.getpid()}").ok
    assert cassette.write_protected or len(cassette) < 2
