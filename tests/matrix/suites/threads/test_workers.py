import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

API = os.environ["API"]


@pytest.mark.cassette
def test_everyone_gets_their_own_answer():
    def ask(number):
        answer = requests.post(f"{API}/jobs", json={"number": number}).json()
        return answer["body"]

    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(ask, range(24)))
    assert bodies == [f'{{"number": {number}}}' for number in range(24)]


def test_thread(cassette):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(requests.get(f"{API}/thread").json()))
    thread.start()
    thread.join()
    assert seen[0]["path"] == "/thread"
    assert len(cassette.interactions) == 1


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.mark.cassette
@pytest.mark.parametrize("number", range(3))
def test_pool_of_a_fixture(pool, number):
    assert pool.submit(requests.get, f"{API}/pool/{number}").result().ok
