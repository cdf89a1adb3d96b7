import asyncio
import os

import aiohttp
import anyio
import httpx
import pytest

API = os.environ["API"]
pytestmark = pytest.mark.cassette


@pytest.fixture
async def client():
    async with httpx.AsyncClient(base_url=API) as client:
        yield client


@pytest.mark.asyncio
async def test_posts_at_once(client):
    bodies = [f"body {number}" for number in range(10)]
    answers = await asyncio.gather(*(client.post("/posts", content=body) for body in bodies))
    assert [answer.json()["body"] for answer in answers] == bodies


@pytest.mark.asyncio
async def test_stream(client):
    async with client.stream("GET", "/stream/3") as answer:
        lines = [line async for line in answer.aiter_lines() if line]
    assert lines == ["data: 0", "data: 1", "data: 2"]


@pytest.mark.asyncio
async def test_aiohttp():
    async with aiohttp.ClientSession(API) as session:
        async with session.post("/orders", json={"item": 7}) as answer:
            assert (await answer.json())["body"] == '{"item": 7}'
        async with session.get("/gzip") as answer:
            assert (await answer.json())["number"]


def test_own_loop():
    async def ask():
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{API}/own")).json()

    assert asyncio.run(ask())["path"] == "/own"


def test_sync():
    with httpx.Client(base_url=API) as client:
        assert client.get("/sync").json()["path"] == "/sync"


def test_task_group():
    async def ask(client, number):
        assert (await client.get(f"/tasks/{number}")).json()["path"] == f"/tasks/{number}"

    async def main():
        async with httpx.AsyncClient(base_url=API) as client, anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(ask, client, number)

    anyio.run(main)
