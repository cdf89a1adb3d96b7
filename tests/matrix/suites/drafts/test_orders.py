import os

import requests

API = os.environ["API"]


def test_order(cassette):
    order = requests.post(f"{API}/orders", json={"item": 7}).json()
    assert order["path"] == "/order"


def test_total(cassette):
    assert requests.get(f"{API}/total").ok
