"""Whatever happens at once, every request is recorded once and everyone gets their own answer."""

from __future__ import annotations

import asyncio
import http.client
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
import anyio
import boto3
import httpx
import pytest
import requests
import trio
import urllib3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from contract.tape import offline

from pytest_reqord.clock import Clock, format_time
from pytest_reqord.library import read_document
from pytest_reqord.options import Layer
from pytest_reqord.run import Run
from pytest_reqord.runinfo import RunInfo, new_run_id
from pytest_reqord.session import set_run, use_cassette

CLOCK = Clock()
SLACK = timedelta(milliseconds=50)  # between two clocks that were anchored at different times


# clients: each gives a function that posts, for as long as it is open


@contextmanager
def with_requests():
    with requests.Session() as session:
        yield lambda url, body: session.post(url, data=body).content


@contextmanager
def with_urllib3():
    with urllib3.PoolManager(maxsize=10) as pool:
        yield lambda url, body: pool.request("POST", url, body=body).data


@contextmanager
def with_http_client():
    def post(url, body):
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        try:
            connection.request("POST", urlsplit(url).path, body)
            return connection.getresponse().read()
        finally:
            connection.close()

    yield post


@contextmanager
def with_httpx():
    with httpx.Client(timeout=60) as client:
        yield lambda url, body: client.post(url, content=body).content


@contextmanager
def with_botocore():
    session = URLLib3Session(max_pool_connections=50)
    yield lambda url, body: session.send(AWSRequest("POST", url, data=body).prepare()).content
    session.close()


@contextmanager
def with_boto3():
    """A function of Lambda's, which the test server has give back what it is given."""
    made = []

    def post(url, body):
        with making:
            if not made:
                keys = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
                config = Config(max_pool_connections=50, retries={"total_max_attempts": 1})
                made.append(
                    boto3.client("lambda", "eu-west-1", endpoint_url=url, config=config, **keys)
                )
        return made[0].invoke(FunctionName="same", Payload=body)["Payload"].read()

    making = threading.Lock()
    yield post
    made[0].close()


async def with_aiohttp(url, bodies, check):
    async with aiohttp.ClientSession() as session:

        async def post(body):
            async with session.post(url, data=body) as response:
                check(body, await response.read())

        await asyncio.gather(*map(post, bodies))


async def with_async_httpx(url, bodies, check):
    async with httpx.AsyncClient(timeout=60) as client, anyio.create_task_group() as group:

        async def post(body):
            check(body, (await client.post(url, content=body)).content)

        for body in bodies:
            group.start_soon(post, body)


# ways to make many calls at once


def in_pool(client, url, bodies, check):
    with client() as post, ThreadPoolExecutor(50) as pool:
        for body, answer in zip(
            bodies, pool.map(lambda body: post(url, body), bodies), strict=True
        ):
            check(body, answer)


def in_threads(client, url, bodies, check):
    with client() as post:
        threads = [
            threading.Thread(target=lambda body=body: check(body, post(url, body)))
            for body in bodies
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def in_asyncio(client, url, bodies, check):
    asyncio.run(client(url, bodies, check))


def in_trio(client, url, bodies, check):
    trio.run(client, url, bodies, check)


def in_threads_with_loops(client, url, bodies, check):
    with ThreadPoolExecutor(5) as pool:
        parts = [bodies[at::5] for at in range(5)]
        list(pool.map(lambda part: in_asyncio(client, url, part, check), parts))


WAYS = [
    *(
        (in_pool, client, 50)
        for client in (with_requests, with_urllib3, with_http_client, with_botocore, with_boto3)
    ),
    *((in_threads, client, 50) for client in (with_requests, with_httpx)),
    *((in_asyncio, client, 200) for client in (with_aiohttp, with_async_httpx)),
    (in_trio, with_async_httpx, 50),
    (in_threads_with_loops, with_aiohttp, 100),
    (in_threads_with_loops, with_async_httpx, 50),
]


@pytest.fixture
def run_in(tmp_path):
    """Makes runs, one after the other."""

    @contextmanager
    def make(mode):
        started_at = format_time(Clock().now())
        info = RunInfo(new_run_id(), tmp_path / "staging", tmp_path, started_at)
        run = Run(info, weak=[Layer("the test", {"record_mode": mode})])
        set_run(run)
        try:
            yield tmp_path
        finally:
            run.finish()
            run.stop()
            set_run(None)

    return make


def bodies_of(number):
    return [b"%d" % at for at in range(number)]


@pytest.mark.parametrize(
    ("way", "client", "number"),
    [pytest.param(*way, id=f"{way[0].__name__}-{way[1].__name__}") for way in WAYS],
)
def test_many_at_once(place_of, run_in, way, client, number):
    """Every request is recorded once, in order of its start; in any order all get their own."""
    place = place_of("plain")
    url, bodies, began, answers = f"{place.url}/shuffle", bodies_of(number), {}, {}

    def note(body, answer):
        answers[body] = answer

    with run_in("once") as folder, use_cassette("many.yaml"):
        began["first"] = CLOCK.now()
        way(client, url, bodies, note)
        began["last"] = CLOCK.now()

    assert answers == {body: body for body in bodies}
    entries = read_document(folder / "many.yaml").entries
    stored = [entry.interaction() for entry in entries]
    assert sorted(int(one.request.body) for one in stored) == list(range(number))
    assert all(one.request.body == one.response.body for one in stored)
    times = [one.recorded_at for one in stored]
    assert times == sorted(set(times))
    assert began["first"] - SLACK <= times[0]
    assert times[-1] <= began["last"] + SLACK

    answers.clear()
    random.Random(number).shuffle(bodies)
    with run_in("none"), place.server.refusing(), offline() as tried:
        with use_cassette("many.yaml") as cassette:
            way(client, url, bodies, note)
        assert cassette.play_count == number
        assert cassette.all_played
    assert answers == {body: body for body in bodies}
    assert tried == []


def test_the_file_is_in_order_of_start(place_of, run_in):
    """A request that started first comes first, though its answer came last."""
    place = place_of("plain")
    second_is_over = threading.Event()

    def first():
        connection = http.client.HTTPConnection(urlsplit(place.url).netloc)
        connection.request("GET", "/json?first")
        started.set()
        second_is_over.wait(10)
        connection.getresponse().read()
        connection.close()

    started = threading.Event()
    with run_in("once") as folder, use_cassette("order.yaml") as cassette:
        thread = threading.Thread(target=first)
        thread.start()
        started.wait(10)
        requests.get(f"{place.url}/json?second").json()
        cassette.flush()
        second_is_over.set()
        thread.join()

    uris = [entry.uri[-6:] for entry in read_document(folder / "order.yaml").entries]
    assert uris == ["?first", "second"]


def test_two_cassettes_in_two_tasks(place_of, run_in):
    """Two tasks with a cassette each, and threads that they start, keep apart."""
    place = place_of("plain")
    url = f"{place.url}/shuffle"

    async def work(name, together):
        async with use_cassette(f"{name}.yaml"), aiohttp.ClientSession() as session:
            for number in range(10):
                await together.wait()
                async with session.post(url, data=f"{name} {number}") as response:
                    assert await response.text() == f"{name} {number}"
                answer = await asyncio.to_thread(requests.post, url, data=f"{name} in a thread")
                assert answer.text == f"{name} in a thread"

    async def both():
        together = Barrier(2)
        await asyncio.gather(work("one", together), work("two", together))

    with run_in("once") as folder:
        asyncio.run(both())
    for name in ("one", "two"):
        entries = read_document(folder / f"{name}.yaml").entries
        bodies = [entry.interaction().request.body.decode() for entry in entries]
        assert len(bodies) == 20
        assert all(body.startswith(name) for body in bodies)
    with run_in("none"), offline() as tried:
        asyncio.run(both())
    assert tried == []


class Barrier:
    """What asyncio has since Python 3.11: all go on when the last one has come."""

    def __init__(self, number):
        self.number = number
        self.waiting = []

    async def wait(self):
        if len(self.waiting) == self.number - 1:
            for future in self.waiting:
                future.set_result(None)
            self.waiting = []
        else:
            self.waiting.append(asyncio.get_running_loop().create_future())
            await self.waiting[-1]
