"""Code under test that imports its client where it needs it."""

import os


def order(item):
    import httpx

    answer = httpx.post(f"{os.environ['API']}/orders", json={"item": item})
    return answer.json()


def stock():
    import requests

    return requests.get(f"{os.environ['API']}/stock").json()


async def price():
    import aiohttp

    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{os.environ['API']}/price") as answer,
    ):
        return await answer.json()
