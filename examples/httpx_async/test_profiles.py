"""httpx's async client under pytest-asyncio: tasks that run at once get their own answers back."""

import asyncio

import httpx
import pytest

pytestmark = pytest.mark.cassette  # every test of the module


@pytest.fixture
async def client():
    """The cassette is open before this fixture: what it asks is recorded, too."""
    async with httpx.AsyncClient(base_url="http://api.example.test") as client:
        assert (await client.get("/users")).is_success
        yield client


async def profile(client, user):
    """Ask for a user and the user's posts at once."""
    answers = await asyncio.gather(
        client.get(f"/users/{user}"), client.get("/posts", params={"user": user})
    )
    person, posts = (answer.json() for answer in answers)
    return person["name"], sum(post["words"] for post in posts)


async def test_one_profile(client):
    assert await profile(client, 1) == ("Ada Lovelace", 720)


async def test_all_profiles_at_once(client):
    profiles = await asyncio.gather(*(profile(client, user) for user in (1, 2, 3)))

    assert profiles == [("Ada Lovelace", 720), ("Grace Hopper", 480), ("Katherine Johnson", 600)]


async def test_five_posts_to_one_url(client, cassette):
    """Which answer belongs to which request is seen in the bodies."""
    titles = ["one", "two", "three", "four", "five"]
    answers = await asyncio.gather(
        *(client.post("/posts", json={"title": title}) for title in titles)
    )

    assert [answer.json()["title"] for answer in answers] == titles
    assert len(cassette.interactions) == 1 + len(titles)
