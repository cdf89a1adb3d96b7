import os

import aiohttp
import httpx
import pytest
import requests
from background import queued, run

API = os.environ["API"]


@pytest.mark.parametrize("number", range(3))
def test_loop(cassette, number):
    async def ask():
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{API}/loop/{number}") as answer:
                return await answer.json()

    assert run(ask())["path"] == f"/loop/{number}"
    assert len(cassette.interactions) == 1


@pytest.mark.parametrize("number", range(3))
def test_queue(cassette, number):
    assert queued(requests.get, f"{API}/queue/{number}").json()["path"] == f"/queue/{number}"
    assert len(cassette.interactions) == 1


CLIENT = httpx.AsyncClient(base_url=API)


@pytest.mark.cassette
@pytest.mark.parametrize("number", range(3))
def test_client_of_a_loop(number):
    async def ask():
        return (await CLIENT.get(f"/client/{number}")).json()

    assert run(ask())["path"] == f"/client/{number}"
