import asyncio
import os
import threading

import pytest
from shop import order, price, stock

API = os.environ["API"]


def test_in_the_code_under_test(cassette):
    assert order(7)["path"] == "/orders"
    assert len(cassette.interactions) == 1


def test_in_a_thread(cassette):
    thread = threading.Thread(target=stock)
    thread.start()
    thread.join()
    assert len(cassette.interactions) == 1


def test_in_a_loop(cassette):
    assert asyncio.run(price())["path"] == "/price"
    assert len(cassette.interactions) == 1


@pytest.fixture
def client():
    import httpx

    with httpx.Client(base_url=API) as client:
        yield client


def test_in_a_fixture(cassette, client):
    assert client.get("/fixture").json()["path"] == "/fixture"
    assert len(cassette.interactions) == 1


def test_in_an_sdk(cassette):
    import openai

    client = openai.OpenAI(base_url=f"{API}/v1", api_key="sk-0", max_retries=0)
    assert client.models.with_raw_response.list().http_response.json()["path"] == "/v1/models"
    assert len(cassette.interactions) == 1
