"""A client that is first imported late, wherever that is, is recorded from its first request on.

Each case is a suite of its own in a process of its own, which has imported no client before: it
records, then replays with the server gone.
"""

from __future__ import annotations

import importlib.util
import textwrap

import pytest
from server import reply_json, route, running

CLIENTS = {
    "http.client": """
        import http.client
        ---
        connection = http.client.HTTPConnection(os.environ["API"].partition("//")[2])
        connection.request("GET", "/late/a")
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status
    """,
    "urllib.request": """
        import urllib.request
        ---
        with urllib.request.urlopen(url) as response:
            return response.status
    """,
    "urllib3": """
        import urllib3
        ---
        with urllib3.PoolManager() as pool:
            return pool.request("GET", url).status
    """,
    "urllib3.connection": """
        import urllib3.connection
        ---
        import urllib3
        return urllib3.request("GET", url).status
    """,
    "requests": """
        import requests
        ---
        return requests.get(url).status_code
    """,
    "pip._vendor": """
        from pip._vendor import requests
        ---
        return requests.get(url).status_code
    """,
    "eventlet": """
        os.environ["EVENTLET_NO_GREENDNS"] = "yes"
        from eventlet.green.urllib import request
        ---
        with request.urlopen(url) as response:
            return response.status
    """,
    "httplib2": """
        import httplib2
        ---
        return httplib2.Http().request(url)[0].status
    """,
    "boto3": """
        import boto3
        ---
        s3 = boto3.client("s3", endpoint_url=url, **AWS)
        return s3.head_bucket(Bucket="b")["ResponseMetadata"]["HTTPStatusCode"]
    """,
    "httpx": """
        import httpx
        ---
        return httpx.get(url).status_code
    """,
    "httpx-async": """
        import httpx
        ---
        async def get():
            async with httpx.AsyncClient() as client:
                return (await client.get(url)).status_code
        return run(get())
    """,
    "httpx._transports.default": """
        import httpx._transports.default
        ---
        import httpx
        return httpx.get(url).status_code
    """,
    "httpx2": """
        import httpx2
        ---
        return httpx2.get(url).status_code
    """,
    "httpx-curl-cffi": """
        from httpx_curl_cffi import CurlTransport
        ---
        import httpx
        with httpx.Client(transport=CurlTransport()) as client:
            return client.get(url).status_code
    """,
    "openai": """
        import openai
        ---
        client = openai.OpenAI(api_key="sk-test", base_url=url)
        return 200 if client.models.list().data == [] else 0
    """,
    "openai-async": """
        from openai import AsyncOpenAI
        ---
        async def models():
            async with AsyncOpenAI(api_key="sk-test", base_url=url) as client:
                return (await client.models.list()).data
        return 200 if run(models()) == [] else 0
    """,
    "anthropic": """
        import anthropic
        ---
        client = anthropic.Anthropic(api_key="sk-test", base_url=url)
        return 200 if client.models.list().data == [] else 0
    """,
    "google.genai": """
        from google import genai
        ---
        client = genai.Client(api_key="AIza", http_options={"base_url": url})
        return 200 if list(client.models.list()) == [] else 0
    """,
    "cohere": """
        import cohere
        ---
        client = cohere.ClientV2(api_key="key", base_url=url)
        return 200 if client.models.list().models == [] else 0
    """,
    "authlib": """
        from authlib.integrations.httpx_client import OAuth2Client
        ---
        with OAuth2Client(token={"access_token": "a", "token_type": "bearer"}) as client:
            return client.get(url).status_code
    """,
    "aiohttp": """
        import aiohttp
        ---
        async def get():
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status
        return run(get())
    """,
    "aiohttp.connector": """
        from aiohttp.connector import TCPConnector
        ---
        import aiohttp
        async def get():
            async with aiohttp.ClientSession(connector=TCPConnector()) as session:
                async with session.get(url) as response:
                    return response.status
        return run(get())
    """,
    "aiobotocore": """
        from aiobotocore.session import get_session
        ---
        async def head():
            async with get_session().create_client("s3", endpoint_url=url, **AWS) as s3:
                return (await s3.head_bucket(Bucket="b"))["ResponseMetadata"]["HTTPStatusCode"]
        return run(head())
    """,
    "tornado": """
        from tornado.httpclient import AsyncHTTPClient
        ---
        async def fetch():
            return (await AsyncHTTPClient().fetch(url)).code
        return run(fetch())
    """,
    "niquests": """
        import niquests
        ---
        return niquests.get(url).status_code
    """,
    "niquests-async": """
        import niquests
        ---
        async def get():
            async with niquests.AsyncSession() as session:
                return (await session.get(url)).status_code
        return run(get())
    """,
}
"""What each client's user writes: the import, and a request that gives its status."""

CODE = """
import os

AWS = dict(region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def load():
{imports}


def ask():
{imports}
    url = os.environ["API"] + "/late/a"
{request}


def run(coroutine):
    import asyncio

    return asyncio.run(coroutine)
"""

HEAD = """
import os
import subprocess
import sys
import threading

import pytest

import code_under_test
from code_under_test import ask

CLIENTS = {"http.client", "urllib3", "requests", "httpx", "httpx2", "aiohttp", "tornado", "niquests"}
assert not CLIENTS & set(sys.modules), "a late import that isn't late shows nothing"


def test_before(cassette):
    pass

"""

FIXTURE = """
@pytest.fixture(scope="{scope}")
def client():
    code_under_test.load()
    return ask


class TestLate:
    def test_it(self, cassette, client):
        assert client() == 200
"""

PLACES = {
    "test": """
def test_it(cassette):
    assert ask() == 200
""",
    **{
        f"{scope}-fixture": FIXTURE.replace("{scope}", scope)
        for scope in ("function", "class", "module", "package", "session")
    },
    "thread": """
def test_it(cassette):
    got = []
    threads = [threading.Thread(target=lambda: got.append(ask())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [200, 200]
""",
    "child": """
def test_it(cassette):
    code = "import code_under_test, sys; sys.exit(code_under_test.ask() != 200)"
    subprocess.run([sys.executable, "-c", code], check=True)
""",
    **{
        f"{method}ed-process": f"""
def test_it(cassette):
    import multiprocessing

    with multiprocessing.get_context("{method}").Pool(1) as pool:
        assert pool.apply(ask) == 200
"""
        for method in ("spawn", "fork")
    },
    "library": """
def test_it(cassette):
    import library

    assert library.ask() == 200
""",
}


@route("late")
def everything(_, __):
    """An answer that every SDK takes for an empty list of models."""
    yield reply_json({"object": "list", "data": [], "models": [], "has_more": False})


@pytest.fixture(scope="module")
def api():
    with running() as server:
        yield server


@pytest.fixture
def suite(pytester, api, monkeypatch):
    api.reset()
    monkeypatch.setenv("API", api.url)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return pytester


EVERYWHERE = frozenset({"requests", "httpx"})
LEFT_OUT = frozenset({("eventlet", "thread")})  # eventlet hangs in threads, without us, too


def pytest_generate_tests(metafunc):
    if {"client", "place"} <= set(metafunc.fixturenames):
        is_full = metafunc.config.getoption("full")
        cases = [
            (client, place)
            for client in CLIENTS
            for place in PLACES
            if (is_full or place == "test" or client in EVERYWHERE)
            and (client, place) not in LEFT_OUT
        ]
        metafunc.parametrize(("client", "place"), cases)


def test_first_imported_late(suite, api, client, place):
    """Every client, wherever it is imported: the request is recorded, and played."""
    name = client.removesuffix("-async").replace("-", "_").partition(".")[0]
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed in this environment")
    code = textwrap.dedent(CLIENTS[client])
    imports, request = (textwrap.indent(part.strip(), "    ") for part in code.split("---"))
    suite.makepyfile(
        code_under_test=CODE.format(imports=imports, request=request),
        library="import code_under_test\n\ncode_under_test.load()\nask = code_under_test.ask",
        test_late=HEAD + PLACES[place],
    )

    recorded = suite.runpytest_subprocess("-preqord", "--record-mode=once", timeout=120)
    recorded.assert_outcomes(passed=2)
    asked = len(api.seen)
    with api.refusing():
        suite.runpytest_subprocess("-preqord", timeout=120).assert_outcomes(passed=2)
        assert api.refused == 0
    assert asked == (2 if place == "thread" else 1)
    [cassette] = suite.path.rglob("*test_it.yaml")
    assert cassette.read_text().count("\n- recorded_at:") == asked


ANEW = """
import os
import sys

import pytest


def ask(name):
    url = os.environ["API"] + "/late/" + name
    if PACKAGE == "http":
        import urllib.request

        with urllib.request.urlopen(url) as response:
            return response.status
    if PACKAGE == "aiohttp":
        import aiohttp
        import asyncio

        async def get():
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status

        return asyncio.run(get())
    import importlib

    return importlib.import_module(PACKAGE).request("GET", url).status_code


@pytest.mark.parametrize("name", "abc")
def test_it(cassette, name):
    assert ask(name) == 200
    gone = [name for name in sys.modules if name.partition(".")[0] in DELETED]
    for name in gone:
        del sys.modules[name]
"""


@pytest.mark.parametrize(
    ("package", "deleted"),
    [
        ("http", {"http", "urllib"}),
        ("requests", {"requests", "urllib3", "http"}),
        ("requests", {"urllib3", "requests"}),
        ("httpx", {"httpx"}),
        ("httpx", {"httpx", "httpcore"}),
        ("aiohttp", {"aiohttp"}),
    ],
)
def test_deleted_and_imported_anew(suite, api, package, deleted):
    """A client that each test deletes from ``sys.modules`` is recorded after each new import."""
    suite.makepyfile(test_anew=f"PACKAGE, DELETED = {package!r}, {deleted!r}\n{ANEW}")

    recorded = suite.runpytest_subprocess("-preqord", "--record-mode=once", timeout=120)
    recorded.assert_outcomes(passed=3)
    assert len(api.seen) == 3
    with api.refusing():
        suite.runpytest_subprocess("-preqord", timeout=120).assert_outcomes(passed=3)
        assert api.refused == 0


DOUBLES = """
import importlib
import os
import sys
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock

import pytest

NAMES = ["http.client", "httpx", "httpx2", "httpcore", "aiohttp", "tornado.simple_httpclient",
         "urllib3.connection", "urllib3._async.connectionpool", "vcr.cassette",
         "pycurl", "curl_cffi.curl", "grpc._channel", "websockets.sync.client", "websocket._core"]


@pytest.mark.parametrize("make", [lambda name: None, ModuleType, lambda name: SimpleNamespace(),
                                  lambda name: MagicMock()])
@pytest.mark.parametrize("name", NAMES)
def test_double(name, make, monkeypatch, request):
    monkeypatch.setitem(sys.modules, name, make(name))
    request.getfixturevalue("cassette")


def test_after(cassette):
    import httpx

    assert httpx.get(os.environ["API"] + "/late/a").status_code == 200
"""


def test_doubles_in_the_place_of_clients(suite, api):
    """What a test puts into ``sys.modules`` is no client, and costs no test."""
    suite.makepyfile(test_doubles=DOUBLES)

    recorded = suite.runpytest_subprocess("-preqord", "--record-mode=once", timeout=120)
    recorded.assert_outcomes(passed=57)
    assert len(api.seen) == 1
    with api.refusing():
        suite.runpytest_subprocess("-preqord", timeout=120).assert_outcomes(passed=57)
