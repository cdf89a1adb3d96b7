"""A suite of requests, of each kind one; what its clients saw is compared with ``seen.json``.

It is run as a user's: recorded once, by 0.1.0, and replayed by every version from then on.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import urllib.request
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests
from answers import ANSWERS, BASE, JWT, PORT

SEEN = Path(os.environ["SEEN"])
GETS = sorted(set(ANSWERS) - {"/cut-off", "/echo", "/login", "/moved"})
POSTS = {
    "json": {"json": {"title": "Hello", "tags": [1, {"a": None}]}},
    "form": {"data": {"title": "Hello", "text": "a b&c=é"}},
    "text": {"data": "Grüße\n  two\n".encode(), "headers": {"Content-Type": "text/plain"}},
    "binary": {"data": bytes(range(256))},
    "multipart": {
        "data": b'--b0\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
        b"\x00\xff\r\n--b0--\r\n",
        "headers": {"Content-Type": "multipart/form-data; boundary=b0"},
    },
}


def seen(name, values):
    """Compare what a client saw with what it has seen before; write it down the first time."""
    before = json.loads(SEEN.read_text())
    values = json.loads(json.dumps(values))
    if os.environ.get("WRITE_SEEN"):
        SEEN.write_text(json.dumps(before | {name: values}, indent=1) + "\n")
    else:
        assert values == before[name]


def packed(body):
    return base64.b64encode(body).decode()


def file_name(path):
    return path.strip("/")


def of_requests(answer):
    return {
        "history": [(one.status_code, one.headers.get("Location")) for one in answer.history],
        "status": answer.status_code,
        "reason": answer.reason,
        "version": answer.raw.version,
        "headers": list(answer.raw.headers.items()),
        "cookies": sorted(answer.cookies.items()),
        "body": packed(answer.content),
    }


@pytest.mark.cassette
@pytest.mark.parametrize("path", [*GETS, "/moved"], ids=file_name)
def test_requests(path):
    seen(f"requests-{file_name(path)}", of_requests(requests.get(BASE + path)))


@pytest.mark.cassette("posts")
@pytest.mark.parametrize("kind", POSTS)
def test_posts(kind):
    seen(f"posts-{kind}", of_requests(requests.post(f"{BASE}/echo?kind={kind}", **POSTS[kind])))


def parts():
    yield b'{"part": 1,'
    yield b'"other": 2}'


@pytest.mark.cassette("posts")
def test_posts_in_chunks():
    seen("posts-chunked", of_requests(requests.post(f"{BASE}/echo?kind=chunked", data=parts())))


@pytest.mark.cassette("posts")
@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_methods(method):
    body = b"" if method in {"HEAD", "OPTIONS"} else b"<a/>"
    seen(f"method-{method}", of_requests(requests.request(method, f"{BASE}/echo", data=body)))


@pytest.mark.cassette
def test_secrets(cassette):
    """With a login, whose token is sent and whose values are all redacted."""
    answers = [
        requests.post(
            f"{BASE}/login?api_key=key-0123456789abcdef&page=2",
            json={"user": "ada", "password": "correct horse battery staple"},
            headers={"Authorization": "Basic YWRhOnNlY3JldC1vZi1hZGE="},
        ),
        requests.get(
            f"{BASE}/text", headers={"Authorization": f"Bearer {JWT}", "Cookie": "session=abc123"}
        ),
        requests.get(f"{BASE}/headers", headers={"X-Api-Key": "key-0123456789abcdef"}),
    ]
    seen("secrets", [of_requests(answer) for answer in answers])


@pytest.mark.cassette
def test_repeats():
    """Equal requests, which are played in their order."""
    answers = [requests.get(f"{BASE}/chunked", stream=True) for _ in range(3)]
    seen("repeats", [[packed(part) for part in one.raw.stream(3)] for one in answers])


@pytest.mark.cassette
def test_expect():
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.putrequest("POST", "/echo?expect=1")
    connection.putheader("Expect", "100-continue")
    connection.putheader("Content-Length", "4")
    connection.endheaders(b"body")
    answer = connection.getresponse()
    seen("expect", [answer.status, answer.version, answer.getheaders(), packed(answer.read())])


@pytest.mark.cassette
def test_urllib():
    with urllib.request.urlopen(f"{BASE}/chunked") as answer:
        seen("urllib", [answer.status, answer.headers.items(), packed(answer.read())])


@pytest.mark.cassette
def test_cut_off():
    connection = http.client.HTTPConnection("127.0.0.1", PORT)
    connection.request("GET", "/cut-off")
    answer = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    seen("cut-off", [answer.status, answer.getheaders(), packed(caught.value.partial)])


@pytest.mark.cassette(record_errors=True)
@pytest.mark.parametrize("client", ["requests", "httpx"])
def test_error(client):
    get = {"requests": requests.get, "httpx": httpx.get}[client]
    with pytest.raises((OSError, httpx.ConnectError)) as caught:
        get("http://127.0.0.1:9/refused")
    kind = type(caught.value)
    seen(f"error-{client}", [kind.__module__, kind.__qualname__])


@pytest.mark.cassette(locked=True, record_mode="none", path="cassettes/locked.yaml")
def test_locked(cassette):
    seen("locked", of_requests(requests.get(f"{BASE}/text-one-line")))


def of_httpx(client, path):
    with client.stream("GET", BASE + path) as answer:
        parts = [packed(part) for part in answer.iter_raw()]
    return {
        "status": answer.status_code,
        "reason": answer.reason_phrase,
        "version": answer.http_version,
        "headers": [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw
        ],
        "parts": parts,
    }


@pytest.mark.cassette("httpx")
@pytest.mark.parametrize("path", GETS, ids=file_name)
def test_httpx(path):
    with httpx.Client() as client:
        seen(f"httpx-{file_name(path)}", of_httpx(client, path))


async def of_aiohttp(path):
    session = aiohttp.ClientSession(BASE, auto_decompress=False)
    async with session, session.get(path) as answer:
        return {
            "status": answer.status,
            "reason": answer.reason,
            "version": list(answer.version),
            "headers": [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in answer.raw_headers
            ],
            "body": packed(await answer.read()),
        }


@pytest.mark.cassette("aiohttp")
@pytest.mark.parametrize("path", [path for path in GETS if path != "/teapot"], ids=file_name)
def test_aiohttp(path):
    seen(f"aiohttp-{file_name(path)}", asyncio.run(of_aiohttp(path)))


OF_VCR = ["/json-spaced", "/text-odd", "/binary", "/gzip", "/deflate", "/chunked", "/headers"]


@pytest.mark.vcr
@pytest.mark.parametrize("path", OF_VCR, ids=file_name)
def test_vcr(path):
    seen(f"vcr-{file_name(path)}", of_requests(requests.get(BASE + path)))


@pytest.mark.vcr
@pytest.mark.default_cassette("vcr-posts.yaml")
@pytest.mark.parametrize("kind", POSTS)
def test_vcr_posts(kind):
    seen(f"vcr-posts-{kind}", of_requests(requests.post(f"{BASE}/echo?kind={kind}", **POSTS[kind])))


@pytest.mark.vcr(serializer="json")
def test_vcr_json():
    seen("vcr-json", of_requests(requests.get(f"{BASE}/json-compact")))
