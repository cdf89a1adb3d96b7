"""What one of VCR.py and us records, the other plays, with every header matched."""

from __future__ import annotations

import os
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from server import running

SUITE = '''
import asyncio, http.client, os, urllib.request
from urllib.parse import urlsplit

import aiohttp, boto3, botocore.config, httplib2, httpx, pytest, requests, urllib3
from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

pytestmark = pytest.mark.vcr(match_on=["method", "uri", "headers", "body"])
URL = os.environ["API"] + "/echo/text"
ONE = {"X-One": "1"}


async def with_aiohttp(method, session=None, **options):
    async with aiohttp.ClientSession(**(session or {})) as made:
        async with made.request(method, URL, **options) as answer:
            await answer.read()


@pytest.mark.parametrize(
    "options",
    [
        {"method": "GET"},
        {"method": "GET", "headers": ONE, "cookies": {"a": "1"}},
        {"method": "GET", "session": {"headers": {"User-Agent": "me", "Accept": "*/*"}}},
        {"method": "POST", "json": {"a": 1}},
        {"method": "POST", "data": {"a": "1"}, "headers": ONE},
        {"method": "POST", "data": b"{}", "headers": {"Content-Type": "application/json"}},
        {"method": "POST", "data": "text"},
        {"method": "POST"},
        {"method": "GET", "params": {"q": "a b"}},
        {"method": "POST", "json": ["a", 1, None, {"é": 1.5}]},
        {"method": "POST", "json": ["a", "b"]},
        {"method": "POST", "json": {}},
        {"method": "POST", "json": "text"},
        {"method": "POST", "json": "é"},
        {"method": "POST", "json": 5},
        {"method": "POST", "json": {"a": 1}, "headers": {"Content-Type": "application/vnd.api+json"}},
        {"method": "POST", "data": {"a": "", "b": "é &"}},
        {"method": "POST", "data": [("a", "1"), ("b", "2")]},
    ],
    ids=range(18),
)
def test_aiohttp(options):
    asyncio.run(with_aiohttp(**options))


@pytest.mark.parametrize("body", [None, b"bytes", "text"], ids=range(3))
@pytest.mark.parametrize(
    "headers",
    [{}, ONE, {"Accept-Encoding": "gzip"}, {"Connection": "close"}, {"Host": "other.invalid"}],
    ids=range(5),
)
def test_http_client(headers, body):
    connection = http.client.HTTPConnection(urlsplit(URL).netloc)
    connection.request("GET" if body is None else "POST", "/echo/text", body, headers)
    assert connection.getresponse().read()


@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip", "User-Agent": "me"}, ONE], ids=range(3))
@pytest.mark.parametrize("data", [None, b"a=1"], ids=range(2))
def test_urllib(headers, data):
    urllib.request.urlopen(urllib.request.Request(URL, data, headers)).read()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"headers": ONE},
        {"headers": {"User-Agent": "me"}},
        {"body": b"bytes"},
        {"fields": {"a": "1"}, "encode_multipart": False},
        {"json": {"a": 1}},
    ],
    ids=range(6),
)
def test_urllib3(options):
    urllib3.PoolManager().request("POST", URL, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"json": {"a": 1}},
        {"data": {"a": "1"}, "headers": ONE},
        {"headers": {"Accept-Encoding": None, "User-Agent": None, "Connection": None}},
        {"headers": {"Host": "other.invalid"}},
        {"data": b"bytes", "cookies": {"a": "1"}},
    ],
    ids=range(6),
)
def test_requests(options):
    requests.post(URL, **options)


@pytest.mark.parametrize("options", [{}, {"json": {"a": 1}}, {"data": {"a": "1"}, "headers": ONE}], ids=range(3))
def test_httpx(options):
    httpx.post(URL, **options)


async def with_httpx(options):
    async with httpx.AsyncClient() as client:
        await client.post(URL, **options)


def test_httpx_async():
    asyncio.run(with_httpx({"headers": ONE, "content": b"bytes"}))


@pytest.mark.vcr(match_on=["method", "uri", "body"])
def test_httpx_without_a_body():
    httpx.get(URL)


@pytest.mark.parametrize("options", [{}, {"method": "POST", "body": "text", "headers": ONE}], ids=range(2))
def test_httplib2(options):
    httplib2.Http().request(URL, **options)


async def with_tornado(options):
    await SimpleAsyncHTTPClient(force_instance=True).fetch(HTTPRequest(URL, **options))


@pytest.mark.parametrize(
    "options", [{}, {"headers": ONE, "user_agent": "me"}, {"method": "POST", "body": "text"}], ids=range(3)
)
def test_tornado(options):
    asyncio.run(with_tornado(options))


def target(one, other):
    assert one.headers["X-Amz-Target"] == other.headers["X-Amz-Target"]


@pytest.mark.vcr(match_on=["method", "uri", "target"])
@pytest.mark.parametrize("operation", ["list_tables", "describe_limits"])
def test_boto(operation, vcr):
    client = boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url=os.environ["API"],
        aws_access_key_id="id",
        aws_secret_access_key="key",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )
    try:
        getattr(client, operation)()
    except Exception as error:
        assert "verwrite" not in repr(error) and "recorded" not in repr(error)
    assert isinstance(vcr.requests[0].headers["X-Amz-Target"], bytes)


@pytest.mark.parametrize("client", ["requests", "urllib", "httpx", "aiohttp", "aiohttp-packed"])
def test_packed(client, vcr):
    """A packed body is kept as each client's stub has it, and unpacked by whoever does that."""
    url = os.environ["API"] + "/encoded/gzip"
    text = CLIENTS[client](url)
    assert len(text) > 20
    shown = vcr.responses[0]["body"]["string"]
    assert (shown[:2] == b"\\x1f\\x8b") == (client in ("urllib", "httpx", "aiohttp-packed"))


def by_requests(url):
    return requests.get(url).text


def by_httpx(url):
    return httpx.get(url).text


def by_urllib(url):
    with urllib.request.urlopen(url) as answer:
        data = answer.read()
    assert data[:2] == b"\\x1f\\x8b"
    return data


def by_aiohttp(url):
    async def ask():
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.text()

    return asyncio.run(ask())


def by_aiohttp_packed(url):
    async def ask():
        async with aiohttp.ClientSession(auto_decompress=False) as session, session.get(url) as answer:
            return await answer.read()

    data = asyncio.run(ask())
    assert data[:2] == b"\\x1f\\x8b"
    return data


CLIENTS = {
    "requests": by_requests,
    "urllib": by_urllib,
    "httpx": by_httpx,
    "aiohttp": by_aiohttp,
    "aiohttp-packed": by_aiohttp_packed,
}
'''

CONFTEST = """
def pytest_recording_configure(config, vcr):
    from test_it import target
    vcr.register_matcher("target", target)
"""
PLUGINS = {"theirs": "pytest_recording.plugin", "ours": "reqord"}


def run(folder, plugin, url, *options):
    env = {key: text for key, text in os.environ.items() if not key.startswith(("REQORD", "CI"))}
    env |= {"API": url, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", PLUGINS[plugin], "--junitxml=seen.xml"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stdout
    cases = list(ET.parse(folder / "seen.xml").iter("testcase"))
    failed = [case.get("name") for case in cases if case.find("failure") is not None]
    return len(cases), failed, done.stdout


@pytest.mark.parametrize(
    ("recorder", "player"), [("ours", "theirs"), ("theirs", "ours"), ("ours", "ours")]
)
def test_both_ways(tmp_path, recorder, player):
    """Each client's requests match, header for header, under the one that didn't record them."""
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    layout = ["-o", "reqord_format=vcr"] if recorder == "ours" else []
    with running() as api:
        count, failed, text = run(tmp_path, recorder, api.url, "--record-mode=once", *layout)
        assert (count, failed) == (68, []), text

    count, failed, text = run(tmp_path, player, api.url)

    # whether the fields of a form came as a mapping or as pairs nobody knows from the request
    unknown = ["test_aiohttp[17]"] if (recorder, player) == ("ours", "theirs") else []
    assert (count, failed) == (68, unknown), text


@pytest.mark.parametrize("options", ["", "strict_order=True", "allow_playback_repeats=True"])
def test_parameters_that_were_filtered(suite, cassettes, options):
    """Recorded with `filter_query_parameters`, played by a native mark; others count as ever."""
    test = """
        import os, pytest, requests

        MARK
        def test_it():
            for user in "12":
                question = {"user": user, "api_key": "0123456789abcdef", "access_token": "secret" * 4}
                requests.get(os.environ["API"] + "/json", params=question)
    """
    filtered = "@pytest.mark.vcr(filter_query_parameters=['api_key', 'access_token'])"
    suite.makepyfile(test_it=test.replace("MARK", filtered))
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    assert b"api_key" not in b"".join(cassettes().values())

    suite.makepyfile(test_it=test.replace("MARK", f"@pytest.mark.cassette({options})"))
    suite.runpytest().assert_outcomes(passed=1)

    suite.makepyfile(test_it=test.replace("MARK", "@pytest.mark.cassette").replace('"12"', '"23"'))
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*user=3*"])
