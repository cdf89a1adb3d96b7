import os
import urllib.request

import aiohttp
import httpx
import pytest
import requests

API = os.environ["API"]
pytestmark = pytest.mark.cassette


def test_requests():
    with requests.Session() as session:
        for number in range(3):
            answer = session.post(f"{API}/collect", json={"number": number}, timeout=10)
            assert answer.json()["body"] == f'{{"number": {number}}}'


def test_urllib():
    with urllib.request.urlopen(f"{API}/collect", b"a=b", timeout=10) as answer:
        assert b"a=b" in answer.read()


def test_httpx():
    assert httpx.post(f"{API}/collect", json={}, timeout=10).json()["body"] == "{}"


@pytest.mark.asyncio
async def test_aiohttp():
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{API}/collect", data=b"abc") as answer:
            assert (await answer.json())["body"] == "abc"
