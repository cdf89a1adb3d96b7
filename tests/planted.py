"""Secrets in every place of real requests and responses, each with a secret of its own.

Suites under test import it, so that no secret stands in their text; `left_in` finds what of them
is left in any spelling.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import brotli
import requests

__all__ = ["ANSWERS", "PLACES", "VARIABLE", "answered", "core", "left_in", "secret", "send"]

VARIABLE = "PLANTED_KEY"
"""A variable for ``reqord_secrets``."""


def core(place: str) -> str:
    """The part of a secret that every text encoding leaves alone."""
    return "Zq7" + hashlib.sha256(place.encode()).hexdigest()[:29]


def secret(place: str) -> str:
    """The secret of a place; every encoding spells it in another way."""
    return f'{core(place)}+/"='


def left_in(data: bytes) -> list[str]:
    """The places whose secret is in the data: plain or escaped, or in base64 at any offset."""
    return [place for place in PLACES if any(one in data for one in _spellings(place))]


def _spellings(place: str) -> Iterator[bytes]:
    plain = core(place).encode()
    yield plain
    for offset in range(3):
        yield base64.b64encode(b" " * offset + plain)[4:-4]


def _jwt(place: str) -> str:
    part = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "jti": core(place)}).encode())
    text = part.decode().rstrip("=")
    return f"{text}.{text}.{core(place)}"


# -- sent: each place is echoed by the server, the request line and the headers, too --------------

FORM = "application/x-www-form-urlencoded"
_Sent = Callable[[str], dict[str, Any]]


def _header(name: str, form: str = "{}") -> _Sent:
    return lambda s: {"headers": {name: form.format(s)}}


def _body(make: Callable[[str], str], kind: str = "application/json") -> _Sent:
    return lambda s: {"data": make(s).encode(), "headers": {"Content-Type": kind}}


def _url(form: str) -> _Sent:
    return lambda s: {"path": form.format(quote(s, safe=""))}


def _nested(s: str) -> str:
    return json.dumps({"a": [{"b": {"c": [[{"d": {"password": s, "n": 1}}]]}}]})


def _multipart(s: str) -> str:
    return f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{s}\r\n--b--\r\n'


def _soap(s: str) -> str:
    return f"<e:Body><Login><Password>{s.replace(chr(34), '&quot;')}</Password></Login></e:Body>"


SENT: dict[str, _Sent] = {
    "bearer": _header("Authorization", "Bearer {}"),
    "basic": lambda s: {"auth": ("ada", s)},
    "raw authorization": _header("Authorization"),
    "aws signature": lambda s: {
        "headers": {
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIAX/20260101/eu/s3/aws4_request,"
            f" SignedHeaders=host, Signature={core('aws signature')}"
        }
    },
    "digest": lambda s: {
        "headers": {"Authorization": f'Digest username="ada", response="{core("digest")}"'}
    },
    "proxy": _header("Proxy-Authorization", "Bearer {}"),
    "key header": _header("X-API-KEY"),
    "token header": _header("X-Acme-Token"),
    "cookie": _header("Cookie", "theme=dark; sid={}"),
    "query": _url("?x=1&access_token={}"),
    "bracket": _url("?user[password]={}"),
    "presigned": _url("?X-Amz-Expires=60&X-Amz-Signature={}"),
    "nested url": lambda s: {
        "path": "?next=" + quote(f"https://b.example/?api_key={quote(s, safe='')}", safe="")
    },
    "graphql get": lambda s: {"path": "?variables=" + quote(json.dumps({"password": s}))},
    "path": lambda s: {"path": f"/bot12345678:{core('path')}/getMe"},
    "deep json": _body(_nested),
    "json in json": _body(lambda s: json.dumps({"a": json.dumps({"client_secret": s})})),
    "ndjson": _body(lambda s: f'{{"a":1}}\n{json.dumps({"api_key": s})}\n', "application/x-ndjson"),
    "graphql variables": _body(
        lambda s: json.dumps({"query": "query", "variables": {"input": {"token": s}}})
    ),
    "graphql literal": _body(
        lambda s: json.dumps({"query": f"mutation {{ login(password: {json.dumps(s)}) }}"})
    ),
    "url in json": _body(
        lambda s: json.dumps({"dsn": f"https://ada:{quote(s, safe='')}@b.example/"})
    ),
    "form": _body(lambda s: f"a=1&client_secret={quote(s, safe='')}", FORM),
    "json in a form": _body(lambda s: f"payload={quote(json.dumps({'token': s}))}", FORM),
    "multipart": _body(_multipart, "multipart/form-data; boundary=b"),
    "soap": _body(_soap, "text/xml"),
    "gzipped": lambda s: {
        "data": gzip.compress(json.dumps({"password": s}).encode(), mtime=0),
        "headers": {"Content-Encoding": "gzip", "Content-Type": "application/json"},
    },
    "jwt": _body(lambda _: json.dumps({"anything": _jwt("jwt")})),
    "big": _body(lambda s: json.dumps({"password": s, "text": "long " * 400})),
    "named": _body(lambda s: f"in the middle of {s} a text", "text/plain"),
    "own header": _header("X-Mine"),
    "own field": _body(lambda s: json.dumps({"nickname": s})),
    "own parameter": _url("?shibboleth={}"),
    "own pattern": _body(lambda s: f"the number is PIN-{s} here", "text/plain"),
}

# -- answered -------------------------------------------------------------------------------------


def _answer(body: str | bytes, *lines: str, kind: str = "application/json") -> bytes:
    data = body if isinstance(body, bytes) else body.encode()
    head = [f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


def answered(said: str, *, packed: bool) -> bytes:
    """An answer with this text."""
    if packed:
        return _answer(brotli.compress(said.encode()), "Content-Encoding: br", kind="text/plain")
    return _answer(said, kind="text/plain")


def _moved(place: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()


def _streamed(*pieces: str, kind: str, trailer: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece.encode()) for piece in pieces]
    return head + b"".join(chunks) + b"0\r\n" + trailer.encode() + b"\r\n"


ANSWERED: dict[str, Callable[[str], bytes]] = {
    "set-cookie": lambda s: _answer("{}", f"Set-Cookie: session={core('set-cookie')}; Path=/"),
    "token answered": lambda s: _answer("{}", f"X-Auth-Token: {s}"),
    "location": lambda s: _moved(f"/echo?state=1&code={quote(s, safe='')}"),
    "location fragment": lambda s: _moved(f"/echo#access_token={quote(s, safe='')}"),
    "location user": lambda s: _moved(f"/echo?to=https://ada:{quote(s, safe='')}@b.example/"),
    "trailer": lambda s: _streamed("{}", kind="text/plain", trailer=f"X-Api-Key: {s}\r\n"),
    "json answered": lambda s: _answer(json.dumps({"data": [{"refresh_token": s}]})),
    "escaped": lambda s: _answer(json.dumps({"password": s}).replace("/", "\\/")),
    "sse": lambda s: _streamed(
        "event: a\n\n",
        "data: " + json.dumps({"access_token": s}) + "\n\n",
        "data: [DONE]\n\n",
        kind="text/event-stream",
    ),
    "ndjson answered": lambda s: _streamed(
        '{"a":1}\n', json.dumps({"api_key": s}) + "\n", kind="application/x-ndjson"
    ),
    "sts": lambda s: _answer(
        f"<Credentials><SessionToken>{s}</SessionToken></Credentials>", kind="text/xml"
    ),
    "html": lambda s: _answer(f"<input name='csrf_token' value='{s}'>", kind="text/html"),
    "form answered": lambda s: _answer(f"access_token={quote(s, safe='')}&scope=a", kind=FORM),
    "gzip": lambda s: _answer(
        gzip.compress(json.dumps({"password": s}).encode()), "Content-Encoding: gzip"
    ),
    "br": lambda s: _answer(
        brotli.compress(json.dumps({"password": s}).encode()), "Content-Encoding: br"
    ),
    "deflate": lambda s: _answer(
        zlib.compress(json.dumps({"password": s}).encode()), "Content-Encoding: deflate"
    ),
    "jwt answered": lambda _: _answer(json.dumps({"anything": _jwt("jwt answered")})),
    "signed url": lambda s: _answer(json.dumps({"url": f"https://b.example/?sig={quote(s)}"})),
    "big answer": lambda s: _answer(json.dumps({"password": s, "text": "long " * 400})),
    "echo plain": lambda s: _answer(f"you sent {s}, didn't you", kind="text/plain"),
    "echo percent": lambda s: _answer(f"you sent {quote(s, safe='')}", kind="text/plain"),
    "echo base64": lambda s: _answer(
        "you sent " + base64.b64encode(f"ada:{s}".encode()).decode(), kind="text/plain"
    ),
    "echo escaped": lambda s: _answer(f'{{"error": "bad key: {json.dumps(s)[1:-1]}"}}'),
    "echo in reason": lambda s: _answer("{}").replace(b"200 OK", f"401 bad key {s}".encode()),
    "echo html": lambda s: _answer(
        f"<p>{s.replace(chr(34), '&quot;').replace('/', '&#x2F;')}</p>", kind="text/html"
    ),
    "echo in a header": lambda s: _answer("{}", f"X-Received: {s}"),
    "echo in location": lambda s: _moved(f"/body/{quote(s, safe='')}"),
    "late echo": lambda s: _answer(f"it will be {s}", kind="text/plain"),
}
ANSWERS = {place: make(secret(place)) for place, make in ANSWERED.items()}
"""What a server answers at ``/planted/<place>``, to the byte."""

PLACES = (*SENT, *ANSWERED)
_ECHOES = tuple(place for place in ANSWERED if place.startswith("echo "))


def send(api: str, place: str) -> bytes:
    """Send and receive the secret of a place.

    :param api: where the server is.
    :returns: what came back; while recording the secret is in it.
    """
    with requests.Session() as session:
        session.trust_env = False
        if place in SENT:
            options = {"path": "", **SENT[place](secret(place))}
            url = f"{api}/echo{options.pop('path')}"
            return session.post(url, **options, timeout=10).content
        url = f"{api}/planted/{place}"
        if place == "late echo":
            first = session.get(url, timeout=10).content
            return first + session.get(url, headers={"X-Api-Key": secret(place)}).content
        auth = ("ada", secret(place)) if place in _ECHOES else None
        answer = session.get(url, auth=auth, timeout=10)
        told = f"{answer.reason} {answer.headers} {answer.url}"
        return answer.content + told.encode()
