"""Whatever happens at once, every request is recorded once and everyone gets their own answer."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from urllib.parse import urlsplit

import aiohttp
import anthropic
import boto3
import httplib2
import httpx
import httpx2
import httpx_curl_cffi
import openai
import pytest
import requests
import urllib3
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from contract.crowd import (
    a_run,
    in_anyio,
    in_asyncio,
    in_pool,
    in_threads,
    in_threads_with_loops,
    in_trio,
    record_and_play,
)
from contract.faces import google_genai, llm_sdks
from contract.tape import offline
from google import genai
from server import reply_json, route
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from pytest_reqord.cassette_file.cache import read_document
from pytest_reqord.run.use_cassette import use_cassette

# what aiobotocore and google-genai make of newer releases of what they stand on
pytestmark = [
    pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
]


@route("services")
def services(_, seen):
    """What the services of SDKs answer to what was said, after 0-30 ms."""
    yield zlib.crc32(seen.body) % 30 / 1000
    asked = json.loads(seen.body)
    if "contents" in asked:
        text = asked["contents"][0]["parts"][0]["text"]
        yield reply_json(google_genai.answer(f"You said: {text}"))
    else:
        yield reply_json(llm_sdks.ANSWERS[seen.path.rpartition("/")[2]](seen, asked))


# clients with threads


@contextmanager
def with_http_client(url):
    def post(body):
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        try:
            connection.request("POST", urlsplit(url).path, body)
            return connection.getresponse().read()
        finally:
            connection.close()

    yield post


@contextmanager
def with_urllib_request(url):
    def post(body):
        with urllib.request.urlopen(url, body) as response:
            return response.read()

    yield post


@contextmanager
def with_httplib2(url):
    def post(body):
        with closing(httplib2.Http()) as client:
            return client.request(url, "POST", body)[1]

    yield post


@contextmanager
def with_urllib3(url):
    with urllib3.PoolManager(maxsize=10) as pool:
        yield lambda body: pool.request("POST", url, body=body).data


@contextmanager
def with_requests(url):
    with requests.Session() as session:
        yield lambda body: session.post(url, data=body).content


@contextmanager
def with_botocore(url):
    session = URLLib3Session(max_pool_connections=50)
    yield lambda body: session.send(AWSRequest("POST", url, data=body).prepare()).content
    session.close()


AWS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}
AT_ONCE = {"max_pool_connections": 200, "retries": {"total_max_attempts": 1}}


@contextmanager
def with_boto3(url):
    """A function of Lambda's, which the test server has give back what it is given."""
    config = Config(**AT_ONCE)
    client = boto3.client("lambda", "eu-west-1", endpoint_url=url, config=config, **AWS)
    yield lambda body: client.invoke(FunctionName="same", Payload=body)["Payload"].read()
    client.close()


@contextmanager
def with_httpx(url, library=httpx, **options):
    with library.Client(timeout=60, **options) as client:
        yield lambda body: client.post(url, content=body).content


with_httpx2 = partial(with_httpx, library=httpx2)


@contextmanager
def with_httpx_curl(url):
    with with_httpx(url, transport=httpx_curl_cffi.CurlTransport()) as post:
        yield post


def openai_options(url, body=None):
    if body is None:
        return {"api_key": "example", "base_url": url.replace("shuffle", "services"), "timeout": 60}
    return {"model": "m", "messages": [{"role": "user", "content": body.decode()}]}


@contextmanager
def with_openai(url):
    with openai.OpenAI(**openai_options(url)) as client:
        create = client.chat.completions.create
        yield lambda body: create(**openai_options(url, body)).choices[0].message.content.encode()


@contextmanager
def with_anthropic(url):
    with anthropic.Anthropic(**openai_options(url)) as client:
        create = client.messages.create
        yield (
            lambda body: create(**openai_options(url, body), max_tokens=9).content[0].text.encode()
        )


def genai_client(url):
    options = genai.types.HttpOptions(base_url=url.replace("shuffle", "services"))
    return genai.Client(api_key="example", http_options=options)


@contextmanager
def with_google_genai(url):
    client = genai_client(url)
    ask = client.models.generate_content
    yield lambda body: ask(model="m", contents=body.decode()).text.encode()
    client.close()


# clients with tasks


@asynccontextmanager
async def with_aiohttp(url):
    async with aiohttp.ClientSession() as session:

        async def post(body):
            async with session.post(url, data=body) as response:
                return await response.read()

        yield post


@asynccontextmanager
async def with_aiobotocore(url):
    made = get_session().create_client(
        "lambda", region_name="eu-west-1", endpoint_url=url, config=AioConfig(**AT_ONCE), **AWS
    )
    async with made as client:

        async def post(body):
            return await (await client.invoke(FunctionName="same", Payload=body))["Payload"].read()

        yield post


@asynccontextmanager
async def with_async_httpx(url, library=httpx, **options):
    async with library.AsyncClient(timeout=60, **options) as client:

        async def post(body):
            return (await client.post(url, content=body)).content

        yield post


with_async_httpx2 = partial(with_async_httpx, library=httpx2)


@asynccontextmanager
async def with_async_httpx_curl(url):
    transport = httpx_curl_cffi.AsyncCurlTransport()
    async with with_async_httpx(url, transport=transport) as post:
        yield post


@asynccontextmanager
async def with_tornado(url):
    client = SimpleAsyncHTTPClient(force_instance=True, max_clients=200)

    async def post(body):
        return (await client.fetch(url, method="POST", body=body, request_timeout=60)).body

    yield post
    client.close()


@asynccontextmanager
async def with_async_openai(url):
    async with openai.AsyncOpenAI(**openai_options(url)) as client:

        async def post(body):
            answer = await client.chat.completions.create(**openai_options(url, body))
            return answer.choices[0].message.content.encode()

        yield post


@asynccontextmanager
async def with_async_anthropic(url):
    async with anthropic.AsyncAnthropic(**openai_options(url)) as client:

        async def post(body):
            answer = await client.messages.create(**openai_options(url, body), max_tokens=9)
            return answer.content[0].text.encode()

        yield post


@asynccontextmanager
async def with_async_google_genai(url):
    client = genai_client(url).aio

    async def post(body):
        return (
            await client.models.generate_content(model="m", contents=body.decode())
        ).text.encode()

    yield post
    await client.aclose()


THREADED = (
    with_http_client,
    with_urllib_request,
    with_httplib2,
    with_urllib3,
    with_requests,
    with_botocore,
    with_boto3,
    with_httpx,
    with_httpx2,
    with_httpx_curl,
    with_openai,
    with_anthropic,
    with_google_genai,
)
ON_ASYNCIO = (
    with_aiohttp,
    with_aiobotocore,
    with_async_httpx_curl,
    with_tornado,
    with_async_google_genai,
)
ON_ANYIO = (with_async_httpx, with_async_httpx2, with_async_openai, with_async_anthropic)
WAYS = [
    *((way, client, 50) for client in THREADED for way in (in_pool, in_threads)),
    *((in_asyncio, client, 200) for client in (*ON_ASYNCIO, *ON_ANYIO)),
    *((in_threads_with_loops, client, 50) for client in (*ON_ASYNCIO, *ON_ANYIO)),
    *((way, client, 50) for client in ON_ANYIO for way in (in_anyio, in_trio)),
]


def name_of(client):
    return getattr(client, "__name__", "") or f"{client.func.__name__}2"


@pytest.mark.parametrize(
    ("way", "client", "number"),
    [pytest.param(*way, id=f"{way[0].__name__}-{name_of(way[1])}") for way in WAYS],
)
def test_many_at_once(place_of, tmp_path, way, client, number):
    """Every request is recorded once, in order of its start; in any order all get their own."""
    place = place_of("plain")

    record_and_play(place, tmp_path, number, partial(way, client, f"{place.url}/shuffle"))


def test_threads_and_loops_at_once(place_of, tmp_path):
    """Bare threads, a pool, tasks of asyncio and of trio record into one cassette, and play it."""
    place = place_of("plain")
    url = f"{place.url}/shuffle"
    ways = (
        (in_threads, with_requests),
        (in_pool, with_httpx),
        (in_asyncio, with_aiohttp),
        (in_trio, with_async_httpx2),
        (in_threads_with_loops, with_tornado),
    )

    def mixed(bodies, check):
        with ThreadPoolExecutor(len(ways)) as pool:
            working = [
                pool.submit(way, client, url, bodies[at :: len(ways)], check)
                for at, (way, client) in enumerate(ways)
            ]
            for work in working:
                work.result()

    record_and_play(place, tmp_path, 150, mixed)


def test_the_file_is_in_order_of_start(place_of, tmp_path):
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
    with a_run(tmp_path, "once"), use_cassette("order.yaml") as cassette:
        thread = threading.Thread(target=first)
        thread.start()
        started.wait(10)
        requests.get(f"{place.url}/json?second").json()
        cassette.flush()
        second_is_over.set()
        thread.join()

    uris = [entry.uri[-6:] for entry in read_document(tmp_path / "order.yaml").entries]
    assert uris == ["?first", "second"]


def test_two_cassettes_in_two_tasks(place_of, tmp_path):
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

    with a_run(tmp_path, "once"):
        asyncio.run(both())
    for name in ("one", "two"):
        entries = read_document(tmp_path / f"{name}.yaml").entries
        bodies = [entry.interaction().request.body.decode() for entry in entries]
        assert len(bodies) == 20
        assert all(body.startswith(name) for body in bodies)
    with a_run(tmp_path, "none"), offline() as tried:
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
