"""What ``reqord convert`` has written is played by VCR.py itself, to each client as it was live."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from pytest_reqord.cli import main

PROGRAM = '''
"""python asks.py TOOL MODE FOLDER: what each client gets of each kind, as JSON."""

import asyncio, base64, http.client, json, os, sys, urllib.error, urllib.request, warnings

import aiohttp, httplib2, httpx, requests, urllib3
from tornado.httpclient import AsyncHTTPClient

warnings.simplefilter("ignore")
API = os.environ["API"]
OWN = {"User-Agent": "my/1.0"}


def with_requests(method, path, body, headers={}):
    answer = requests.request(method, API + path, data=body, headers=headers)
    return answer.status_code, answer.content


def with_urllib3(method, path, body):
    headers = {"accept-encoding": "gzip, deflate, br", "user-agent": "my/1.0"}
    answer = urllib3.PoolManager().request(method, API + path, body=body, headers=headers)
    return answer.status, answer.data


def with_urllib(method, path, body):
    request = urllib.request.Request(API + path, body, OWN, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def with_http_client(method, path, body):
    connection = http.client.HTTPConnection(API.removeprefix("http://"))
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def with_httplib2(method, path, body):
    answer, content = httplib2.Http().request(API + path, method, body)
    return answer.status, content


def with_httpx(method, path, body, headers={}):
    answer = httpx.request(method, API + path, content=body, headers=headers, follow_redirects=True)
    return answer.status_code, answer.content


async def in_httpx(method, path, body):
    async with httpx.AsyncClient(follow_redirects=True) as client:
        answer = await client.request(method, API + path, content=body)
        return answer.status_code, answer.content


async def in_aiohttp(method, path, body, headers={}):
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.request(method, API + path, data=body) as answer:
            return answer.status, await answer.read()


async def in_tornado(method, path, body):
    answer = await AsyncHTTPClient().fetch(API + path, method=method, body=body, raise_error=False)
    return answer.code, answer.body


CLIENTS = {
    "requests": with_requests,
    "requests-own": lambda *asked: with_requests(*asked, OWN),
    "urllib3": with_urllib3,
    "urllib": with_urllib,
    "http.client": with_http_client,
    "httplib2": with_httplib2,
    "httpx": with_httpx,
    "httpx-own": lambda *asked: with_httpx(*asked, OWN),
    "httpx-async": lambda *asked: asyncio.run(in_httpx(*asked)),
    "aiohttp": lambda *asked: asyncio.run(in_aiohttp(*asked)),
    "aiohttp-own": lambda *asked: asyncio.run(in_aiohttp(*asked, OWN)),
    "tornado": lambda *asked: asyncio.run(in_tornado(*asked)),
}
MATCH_ON = ["method", "uri", "headers", "body"]
KINDS = {
    "plain": ("GET", "/json", None),
    "gzip": ("GET", "/encoded/gzip", None),
    "gzip-chunked": ("GET", "/encoded/gzip?chunked=7", None),
    "deflate": ("GET", "/encoded/deflate", None),
    "br": ("GET", "/encoded/br", None),
    "binary": ("GET", "/binary/700", None),
    "cookies": ("GET", "/cookies/set", None),
    "missing": ("GET", "/status/404/No%20Such%20Thing", None),
    "moved": ("GET", "/redirect/1", None),
    "json": ("POST", "/echo", b\'{"a": [1, null]}\'),
    "bytes": ("POST", "/echo", bytes(range(256))),
    "empty": ("POST", "/echo", b""),
    "head": ("HEAD", "/json", None),
}


def opened(tool, mode, path):
    if tool == "vcr":
        import vcr

        return vcr.use_cassette(path, record_mode=mode, match_on=MATCH_ON)
    from pytest_reqord import use_cassette

    return use_cassette(path, record_mode=mode)


if __name__ == "__main__":
    tool, mode, folder = sys.argv[1:]
    seen = {}
    for name, ask in CLIENTS.items():
        for kind, asked in KINDS.items():
            path = f"{folder}/{name}-{kind}.yaml"
            try:
                with opened(tool, mode, path):
                    status, body = ask(*asked)
                seen[f"{name}-{kind}"] = [status, base64.b64encode(body or b"").decode()]
            except BaseException as error:
                seen[f"{name}-{kind}"] = [type(error).__qualname__, str(error).replace(path, "")[:200]]
    json.dump(seen, sys.stdout)
'''


@pytest.fixture
def ask(suite, monkeypatch):
    """Run that program."""
    suite.path.joinpath("asks.py").write_text(PROGRAM)
    monkeypatch.chdir(suite.path)

    def run(tool, mode, folder):
        done = subprocess.run(
            [sys.executable, "asks.py", tool, mode, folder],
            env=os.environ,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0
        return json.loads(done.stdout)

    return run


def differing(one, other):
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


def test_what_we_recorded(ask, capsys):
    """Bodies are packed or plain as VCR.py has to have them for each client."""
    live = ask("reqord", "once", "ours")

    assert main(["convert", "ours", "--to", "vcr", "--output", "theirs"]) == 0

    # VCR.py takes tornado's client above its redirects, and we below them; and what a client was
    # called with, where a body of no bytes isn't none
    out, named = capsys.readouterr()
    assert re.search(r"tornado-moved\.yaml, .*that tornado follows the redirect", named)
    assert re.search(r"aiohttp-gzip\.yaml .*how response bodies were packed", out)
    different = set(differing(live, ask("vcr", "none", "theirs")))
    assert {name for name in different if not name.endswith("-empty")} <= {"tornado-moved"}


def test_there_and_back(ask, suite, capsys):
    """A file of VCR.py's plays as it did, is the same to the byte, or what isn't is named."""
    ask("vcr", "once", "theirs")
    by_itself = ask("vcr", "none", "theirs")

    assert main(["convert", "theirs", "--output", "ours"]) == 0
    named = capsys.readouterr().err
    assert main(["convert", "ours", "--to", "vcr", "--output", "back"]) == 0

    # none is kept of a body of no bytes, and that is named
    different = differing(by_itself, ask("vcr", "none", "back"))
    assert {name.rpartition("-")[2] for name in different} == {"empty"}
    for name in different:
        assert re.search(rf"{name}\.yaml, .*request\.body", named)
    for path in suite.path.joinpath("theirs").iterdir():
        is_same = path.read_bytes() == suite.path.joinpath("back", path.name).read_bytes()
        assert is_same != (f"theirs/{path.name}, interaction" in named), path.name
    assert "requests-gzip" not in named
    assert "response.headers.content-encoding" in named  # of br, which isn't packed again here


def test_what_it_was_converted_to(ask):
    """Both read the same: the file of VCR.py's, and ours that was made of it."""
    ask("vcr", "once", "theirs")

    assert main(["convert", "theirs", "--output", "ours"]) == 0

    assert differing(ask("reqord", "none", "theirs"), ask("reqord", "none", "ours")) == {}
