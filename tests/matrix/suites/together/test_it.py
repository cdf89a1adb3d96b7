import os

import pytest
import requests

API = os.environ["API"]


@pytest.mark.cassette
@pytest.mark.timeout(30)
@pytest.mark.parametrize("number", range(4))
def test_number(number, mocker, monkeypatch):
    spy = mocker.spy(requests.Session, "send")
    monkeypatch.setenv("ANYTHING", "else")
    assert requests.get(f"{API}/numbers/{number}").ok
    assert spy.call_count == 1


@pytest.mark.cassette
def test_frozen(freezer):
    freezer.move_to("2020-02-02")
    assert requests.get(f"{API}/frozen").ok
