import asyncio
import os

import aiohttp
import httpx
import pytest

API = os.environ["API"]


@pytest.mark.cassette
@pytest.mark.parametrize("number", range(2))
def test_httpx(number):
    async def ask():
        async with httpx.AsyncClient() as client:
            answers = [client.post(f"{API}/posts/{number}", json=each) for each in range(12)]
            return [answer.json()["body"] for answer in await asyncio.gather(*answers)]

    assert asyncio.run(ask()) == [str(each) for each in range(12)]


@pytest.mark.cassette
def test_aiohttp():
    async def ask():
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{API}/one") as answer:
                return await answer.json()

    assert asyncio.run(ask())["path"] == "/one"
