"""Forty secrets in forty places: none is in the cassette."""

import base64
import gzip
import json
import zlib
from datetime import datetime, timezone
from urllib.parse import quote

import brotli
import pytest

from pytest_reqord import codec
from pytest_reqord.base.models import Failure, Headers, Interaction, Request, Response
from pytest_reqord.redaction import Redactor

WHEN = datetime(2026, 11, 23, tzinfo=timezone.utc)
SECRET = "Pl4nted+Secret/Value=99"
ENCODED = quote(SECRET, safe="")
FORM = "application/x-www-form-urlencoded"


def basic(user_info):
    return "Basic " + base64.b64encode(user_info.encode()).decode()


def request(uri="https://a.example/", headers=(), body=b""):
    return Request("POST", uri, Headers(headers), body)


def response(body=b"", headers=(), **more):
    return Response(200, "OK", Headers(headers), body, **more)


def of(sent=None, answer=None, **more):
    return Interaction(sent or request(), answer or response(), WHEN, **more)


def jwt():
    part = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "s": SECRET}).encode())
    text = part.decode().rstrip("=")
    return f"{text}.{text}.c2lnbmF0dXJl"


PLACES = {
    "bearer": of(request(headers=[("Authorization", f"Bearer {SECRET}")])),
    "basic": of(request(headers=[("Authorization", basic(f"ada:{SECRET}"))])),
    "raw authorization": of(request(headers=[("Authorization", SECRET)])),
    "digest": of(request(headers=[("Authorization", f'Digest username="{SECRET}", realm="r"')])),
    "oauth 1": of(request(headers=[("Authorization", f'OAuth oauth_token="{ENCODED}"')])),
    "aws": of(request(headers=[("Authorization", f"AWS4-HMAC-SHA256 Credential={SECRET[:7]}xxxxx/d/r/s/aws4_request, SignedHeaders=host, Signature={SECRET}")])),
    "proxy": of(request(headers=[("Proxy-Authorization", basic(f"ada:{SECRET}"))])),
    "api key header": of(request(headers=[("X-API-KEY", SECRET)])),
    "token header": of(request(headers=[("X-Acme-Token", SECRET)])),
    "cookie": of(request(headers=[("Cookie", f"theme=dark; sid={SECRET}")])),
    "user info": of(request(f"https://ada:{ENCODED}@a.example/")),
    "token as user": of(request(f"https://{ENCODED}@a.example/")),
    "query": of(request(f"https://a.example/?x=1&access_token={ENCODED}")),
    "bracket query": of(request(f"https://a.example/?user[password]={ENCODED}")),
    "signed url": of(request(f"https://a.example/?X-Amz-Signature={ENCODED}")),
    "nested url": of(request(f"https://a.example/?next={quote(f'https://b.example/?api_key={ENCODED}', safe='')}")),
    "graphql get": of(request(f"https://a.example/?variables={quote(json.dumps({'password': SECRET}))}")),
    "json": of(request(body=json.dumps({"a": [{"password": SECRET}]}).encode())),
    "json in json": of(request(body=json.dumps({"a": json.dumps({"client_secret": SECRET})}).encode())),
    "ndjson": of(request(body=f'{{"a":1}}\n{{"api_key":"{SECRET}"}}\n'.encode())),
    "graphql variables": of(request(body=json.dumps({"query": "query", "variables": {"token": SECRET}}).encode())),
    "graphql literal": of(request(body=json.dumps({"query": f'mutation {{ a(password: "{SECRET}") }}'}).encode())),
    "form": of(request(body=f"a=1&client_secret={ENCODED}".encode(), headers=[("Content-Type", FORM)])),
    "json in a form": of(request(body=f"payload={quote(json.dumps({'token': SECRET}))}".encode(), headers=[("Content-Type", FORM)])),
    "multipart": of(request(body=f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--b--\r\n'.encode(), headers=[("Content-Type", "multipart/form-data; boundary=b")])),
    "gzipped request": of(request(body=gzip.compress(json.dumps({"password": SECRET}).encode()), headers=[("Content-Encoding", "gzip")])),
    "set-cookie": of(answer=response(headers=[("Set-Cookie", f"session={SECRET}; Path=/")])),
    "location query": of(answer=response(headers=[("Location", f"https://a.example/?code={ENCODED}")])),
    "location fragment": of(answer=response(headers=[("Location", f"/#access_token={ENCODED}")])),
    "response token header": of(answer=response(headers=[("X-Auth-Token", SECRET)])),
    "trailer": of(answer=response(trailers=Headers([("X-Api-Key", SECRET)]), chunks=())),
    "response json": of(answer=response(json.dumps({"refresh_token": SECRET}).encode())),
    "escaped json": of(answer=response(json.dumps({"password": SECRET}).replace("/", "\\/").encode())),
    "sse": of(answer=response(f'data: {{"access_token":"{SECRET}"}}\n\n'.encode(), chunks=(10, 36))),
    "xml": of(answer=response(f"<a><SessionToken>{SECRET}</SessionToken></a>".encode())),
    "html": of(answer=response(f'<input name="csrf_token" value="{SECRET}">'.encode())),
    "form response": of(answer=response(f"access_token={ENCODED}&scope=a".encode())),
    "gzip": of(answer=response(gzip.compress(json.dumps({"password": SECRET}).encode()), [("Content-Encoding", "gzip")])),
    "deflate": of(answer=response(zlib.compress(json.dumps({"password": SECRET}).encode()), [("Content-Encoding", "deflate")])),
    "br": of(answer=response(brotli.compress(json.dumps({"password": SECRET}).encode()), [("Content-Encoding", "br")])),
    "jwt": of(answer=response(json.dumps({"anything": jwt()}).encode())),
    "url in json": of(answer=response(json.dumps({"url": f"https://a.example/?sig={ENCODED}"}).encode())),
    "echo in the answer": of(request(headers=[("X-Api-Key", SECRET)]), response(json.dumps({"you sent": SECRET}).encode())),
    "echo of basic": of(request(headers=[("Authorization", basic(f"ada:{SECRET}"))]), response(basic(f"ada:{SECRET}").encode())),
    "failure": Interaction(request(), None, WHEN, failure=Failure("E", f"https://a.example/?api_key={ENCODED}")),
}  # fmt: skip


def spellings():
    """The secret, its encodings and its inside in base64, at each of the three offsets."""
    yield from (SECRET, ENCODED, SECRET.replace("/", "\\/"))
    for offset in range(3):
        text = base64.b64encode(b" " * offset + SECRET.encode()).decode()
        yield text[4:-4]


@pytest.mark.parametrize("place", PLACES)
def test_no_planted_secret_is_in_the_cassette(place):
    """The encoded entry, the bodies beside it, and what reading it back gives."""
    encoded = codec.encode(Redactor().interaction(PLACES[place]), inline_limit=20)
    document = codec.load(codec.render([encoded.text]), "a.yaml", encoded.bodies.__getitem__)
    interaction = document.entries[0].interaction()
    answer = interaction.response
    found = b"\n".join(
        (
            encoded.text,
            *encoded.bodies.values(),
            interaction.request.content,
            answer.content if answer else b"",
        )
    ).decode("latin-1")
    assert [spelling for spelling in spellings() if spelling in found] == []
    assert SECRET[4:16] not in found


def test_there_are_forty_places():
    """And each of them would have leaked."""
    assert len(PLACES) >= 40
    for interaction in PLACES.values():
        assert Redactor().interaction(interaction) != interaction
