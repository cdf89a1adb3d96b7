import os

import requests

API = os.environ["API"]


def test_login(cassette):
    key = os.environ["SHOP_KEY"]
    answer = requests.post(
        f"{API}/login?api_key={key}",
        json={"user": "ada", "password": "correct horse battery staple"},
        headers={"Authorization": f"Bearer {key}", "X-Shop": key},
    )
    assert answer.json()["query"]["api_key"]
    assert cassette.interactions[0].request.json()["password"] == "[REDACTED]"
