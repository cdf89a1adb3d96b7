"""Hosts that a suite ignores: every client reaches them, with a body and without, in each mode."""

from __future__ import annotations

import pytest

SUITE = """
import asyncio, http.client, os, urllib.request
import aiohttp, boto3, httplib2, httpx, httpx2, pytest, requests, tornado.httpclient, urllib3

API = os.environ["API"]
BODIES = [None, b"", b"body", b"body" * 50_000]


def by_http_client(bodies):
    connection = http.client.HTTPConnection(API.partition("//")[2], timeout=5)
    for body in bodies:
        connection.request("POST", "/shuffle", body)
        yield connection.getresponse().read()
    connection.close()


def by_pieces(bodies):
    connection = http.client.HTTPConnection(API.partition("//")[2], timeout=5)
    for body in bodies:
        connection.request("POST", "/shuffle", iter([body or b"", b""]), encode_chunked=True)
        yield connection.getresponse().read()
    connection.close()


def by_urllib(bodies):
    for body in bodies:
        request = urllib.request.Request(API + "/shuffle", body, method="POST")
        with urllib.request.urlopen(request, timeout=5) as response:
            yield response.read()


def by_urllib3(bodies):
    with urllib3.PoolManager(timeout=5) as pools:
        for body in bodies:
            yield pools.request("POST", API + "/shuffle", body=body).data


def by_requests(bodies):
    with requests.Session() as session:
        for body in bodies:
            yield session.post(API + "/shuffle", body, timeout=5).content


def by_httplib2(bodies):
    client = httplib2.Http(timeout=5)
    for body in bodies:
        yield client.request(API + "/shuffle", "POST", body)[1]
    client.close()


def by_httpx(bodies, library=httpx):
    with library.Client(timeout=5) as client:
        for body in bodies:
            yield client.post(API + "/shuffle", content=body).content


def by_httpx2(bodies):
    return by_httpx(bodies, httpx2)


def by_async_httpx(bodies):
    async def post():
        async with httpx.AsyncClient(timeout=5) as client:
            return [(await client.post(API + "/shuffle", content=body)).content for body in bodies]

    return asyncio.run(post())


def by_aiohttp(bodies):
    async def post():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session:
            responses = [await session.post(API + "/shuffle", data=body) for body in bodies]
            return [await response.read() for response in responses]

    return asyncio.run(post())


def by_tornado(bodies):
    async def post():
        client = tornado.httpclient.AsyncHTTPClient(force_instance=True)
        posts = [
            await client.fetch(API + "/shuffle", method="POST", body=body or b"", request_timeout=5)
            for body in bodies
        ]
        client.close()
        return [response.body for response in posts]

    return asyncio.run(post())


def by_boto3(bodies):
    config = boto3.session.Config(s3={"addressing_style": "path"}, read_timeout=5)
    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret"}
    client = boto3.client("s3", "eu-west-1", endpoint_url=API, config=config, **keys)
    for body in bodies:  # the answer has no body
        client.put_object(Bucket="empty", Key="200", Body=body or b"")
        yield body or b""
    client.close()


CLIENTS = [function for name, function in list(globals().items()) if name.startswith("by_")]


@pytest.mark.MARK
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("order", [1, -1])
def test_post(client, order):
    bodies = BODIES[::order]
    assert list(client(bodies)) == [body or b"" for body in bodies]
"""
VCR = "import pytest\n\n@pytest.fixture(scope='module')\ndef vcr_config():\n    return %r\n"


OPTIONS = {
    "localhost": ("cassette", ["-o", "reqord_ignore_localhost=true"], ""),
    "hosts": ("cassette", ["-o", "reqord_ignore_hosts=127.0.0.1"], ""),
    "vcr-localhost": ("vcr", [], VCR % {"ignore_localhost": True}),
    "vcr-hosts": ("vcr", [], VCR % {"ignore_hosts": ["127.0.0.1"]}),
}


@pytest.mark.parametrize(
    ("how", "mode"),
    [
        ("localhost", "none"),
        ("localhost", "once"),
        ("hosts", "new_episodes"),
        ("hosts", "all"),
        ("vcr-localhost", "none"),
        ("vcr-localhost", "new_episodes"),
        ("vcr-hosts", "none"),
        ("vcr-hosts", "once"),
    ],
)
def test_every_client_reaches_them(suite, cassettes, how, mode):
    """Requests with and without a body get their answers, and no cassette is written."""
    mark, options, config = OPTIONS[how]
    suite.makepyfile(test_it=SUITE.replace("MARK", mark))
    suite.makeconftest(config)

    result = suite.runpytest(*options, f"--record-mode={mode}")

    result.assert_outcomes(passed=24)
    assert cassettes() == {}


def test_a_host_with_a_port_is_ignored_there_alone(suite, api):
    """Another port of it is recorded."""
    suite.makeini(f"[pytest]\nreqord_ignore_hosts = {api.url.removeprefix('http://')}\n")
    suite.makepyfile(
        """
        import os, pytest, requests

        @pytest.mark.cassette
        def test_it(cassette):
            url = os.environ["API"]
            assert requests.get(url + "/json").ok
            other = url.rpartition(":")[0] + ":1/json"
            with pytest.raises(BaseException, match="is not in"):
                requests.get(other)
            cassette.take_refusals()
        """
    )
    suite.runpytest().assert_outcomes(passed=1)
