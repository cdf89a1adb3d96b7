import os

import requests

API = os.environ["API"]


def test_report(cassette):
    assert requests.get(f"{API}/report").json()["path"] == "/report"
    assert requests.get(f"{API}/report/details").ok


def test_summary(cassette):
    assert requests.get(f"{API}/summary").ok
