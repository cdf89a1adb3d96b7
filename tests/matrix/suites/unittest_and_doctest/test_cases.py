import os
import unittest

import pytest
import requests

API = os.environ["API"]


@pytest.mark.cassette
class TestUsers(unittest.TestCase):
    def setUp(self):
        self.user = requests.get(f"{API}/users/1").json()

    def tearDown(self):
        requests.delete(f"{API}/users/1")

    def test_path(self):
        assert self.user["path"] == "/users/1"

    def test_number(self):
        assert self.user["number"] > 0

    @unittest.expectedFailure
    def test_wrong(self):
        assert self.user["path"] == "/users/2"

    @unittest.skip("not today")
    def test_skipped(self):
        raise AssertionError


@pytest.mark.cassette
@pytest.mark.xfail
def test_expected_failure():
    assert requests.get(f"{API}/status/404").ok


@pytest.mark.cassette
def test_skipped_midway():
    requests.get(f"{API}/before")
    pytest.skip("enough")
