"""What a mock answers is neither recorded nor refused; other tools' teardowns undo nothing."""

from __future__ import annotations

import pytest

MOCKED = """
    import os, pytest, httpx, requests, respx, responses, aiohttp, boto3
    from aioresponses import aioresponses
    from moto import mock_aws
    API = os.environ["API"]

    pytestmark = pytest.mark.cassette

    def test_pytest_httpx(httpx_mock):
        httpx_mock.add_response(url="http://mocked/", text="mock")
        assert httpx.get("http://mocked/").text == "mock"

    @respx.mock
    def test_respx():
        respx.get("http://mocked/").respond(text="mock")
        assert httpx.get("http://mocked/").text == "mock"

    @responses.activate
    def test_responses():
        responses.get("http://mocked/", body="mock")
        assert requests.get("http://mocked/").text == "mock"

    def test_requests_mock(requests_mock):
        requests_mock.get("http://mocked/", text="mock")
        assert requests.get("http://mocked/").text == "mock"

    def test_aioresponses():
        import asyncio

        async def main():
            with aioresponses() as mocked:
                # aioresponses 0.7.9 can't build a response of aiohttp 3.14, but it can raise
                mocked.get("http://mocked/", exception=ValueError("mock"))
                async with aiohttp.ClientSession() as session:
                    await session.get("http://mocked/")

        with pytest.raises(ValueError, match="mock"):
            asyncio.run(main())

    @mock_aws
    def test_moto(monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        assert client.list_buckets()["Buckets"][0]["Name"] == "bucket"

    def test_after_all_of_them():
        import asyncio

        async def fetch():
            async with aiohttp.ClientSession() as session:
                return (await session.get(API + "/json?aiohttp")).status

        assert httpx.get(API + "/json?httpx").status_code == 200
        assert requests.get(API + "/json?requests").status_code == 200
        assert asyncio.run(fetch()) == 200
"""


@pytest.fixture
def beside(suite, monkeypatch):
    monkeypatch.setenv(
        "PYTEST_ADDOPTS", "-p reqord -p pytest_httpx -p requests_mock.contrib._pytest_plugin"
    )
    suite.makepyfile(MOCKED)
    return suite


def test_mocks_are_left_alone(beside, api, cassettes):
    """Recording, only what reached the network is in a cassette; replaying, mocks still answer."""
    beside.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=7)
    assert list(cassettes()) == ["test_after_all_of_them.yaml"]
    assert len(api.seen) == 3

    beside.runpytest_subprocess().assert_outcomes(passed=7)
    assert len(api.seen) == 3


def test_pytest_socket(suite, api, monkeypatch):
    """A replay opens no socket, so pytest-socket has nothing to forbid."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p pytest_socket")
    suite.makepyfile("""
        import os, httpx, requests
        API = os.environ["API"]

        def test_it(cassette):
            assert requests.get(API + "/json").status_code == 200
            assert httpx.get(API + "/json").status_code == 200
    """)
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    suite.runpytest_subprocess("--disable-socket").assert_outcomes(passed=1)

    assert len(api.seen) == 2
