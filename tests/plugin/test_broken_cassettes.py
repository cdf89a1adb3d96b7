"""A broken cassette fails the test that needs it, with one error that says what to do."""

from __future__ import annotations

import pytest
from broken import broken

AT_ONCE = 1000
SUITE = """
import asyncio
import signal
import ssl
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests
from broken import REQUESTS

FOLDER = Path(__file__).parent / "files"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to load what it trusts takes httpx 25 ms a request


class Hangs(BaseException):
    pass


def give_up(*_):
    raise Hangs


signal.signal(signal.SIGALRM, give_up)


@pytest.fixture(autouse=True)
def not_for_ever():
    signal.alarm(60)
    yield
    signal.alarm(0)


async def in_a_session(method, url, body):
    async with aiohttp.ClientSession() as session:
        async with session.request(method, url, data=body) as answer:
            await answer.read()


def by_requests(method, url, body):
    requests.request(method, url, data=body).content


def by_httpx(method, url, body):
    httpx.request(method, url, content=body, verify=NO_TLS).read()


def by_aiohttp(method, url, body):
    asyncio.run(in_a_session(method, url, body))


CLIENTS = [by_requests, by_httpx, by_aiohttp]


def native(name):
    return pytest.mark.cassette(path=f"files/{name}")


def foreign(name):
    _, _, kind = name.rpartition(".")
    return [pytest.mark.vcr(serializer=kind), pytest.mark.default_cassette(name)]


@pytest.fixture
def vcr_cassette_dir():
    return str(FOLDER)


def each(marks):
    names = sorted(path.name for path in FOLDER.iterdir())
    return [
        pytest.param(CLIENTS[at % 3], id=name, marks=marks(name)) for at, name in enumerate(names)
    ]


@pytest.mark.parametrize("send", each(native))
def test_cassette(send):
    for request in REQUESTS:
        send(*request)


@pytest.mark.parametrize("send", each(foreign))
def test_vcr(send):
    for request in REQUESTS:
        send(*request)
"""


class Reports:
    """What failed in a run, by test."""

    def __init__(self):
        self.failed = {}
        self.ended = set()

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":
            self.ended.add(report.nodeid)
        if report.failed:
            self.failed.setdefault(report.nodeid, []).append(report)


def seed_of(config):
    """The seed of a hunt, which all random tests share; else one that all runs have."""
    seed = config.getoption("--hypothesis-seed", None)
    return 20261123 if seed in (None, "random") else int(seed)


@pytest.mark.hypothesis  # a hunt looks for these
def test_no_change_ends_in_more_than_one_error(suite, request):
    """Each file under both marks: it plays, or its test fails once and names it; all others run.

    What an assertion names is made again by `broken.broken`, of its seed and its number.
    """
    seed = seed_of(request.config)
    folder = suite.mkdir(f"seed-{seed}")
    folder.joinpath("files").mkdir()
    for number in range(AT_ONCE):
        name, data = broken(seed, number)
        folder.joinpath("files", name).write_bytes(data)
    folder.joinpath(f"test_{seed}.py").write_text(SUITE)

    reports = Reports()
    result = suite.inline_run(
        *("-q", "--tb=native", "--no-summary", "-p", "no:cacheprovider", folder), plugins=[reports]
    )

    assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), seed
    assert len(reports.ended) == 2 * AT_ONCE
    for nodeid, failed in reports.failed.items():
        assert len(failed) == 1, nodeid
        said = failed[0].longreprtext + "".join(text for _, text in failed[0].sections)
        assert "/files/" in said, nodeid
        assert "Hangs" not in said, nodeid
