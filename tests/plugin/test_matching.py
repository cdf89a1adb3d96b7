"""What counts and what doesn't where a request is matched, as suites see it."""

from __future__ import annotations

import pytest

UPLOADS = """
import asyncio, os, aiohttp, httpx, pytest, requests

URL = os.environ["API"] + "/echo"

def by_requests():
    return requests.post(URL, files={"a": ("x.bin", b"data")}, data={"b": "1"}).status_code

def by_httpx():
    return httpx.post(URL, files={"a": ("x.bin", b"data")}, data={"b": "1"}).status_code

def by_aiohttp():
    async def post():
        form = aiohttp.FormData()
        form.add_field("a", b"data", filename="x.bin")
        form.add_field("b", "1")
        async with aiohttp.ClientSession() as session:
            async with session.post(URL, data=form) as response:
                return response.status
    return asyncio.run(post())

each = pytest.mark.parametrize("upload", [by_requests, by_httpx, by_aiohttp])

@each
@pytest.mark.cassette(match_on=["method", "uri", "body", "headers"], on_drift="fail")
def test_native(upload):
    assert upload() == 200

@each
@pytest.mark.vcr(match_on=["method", "uri", "body"])
def test_vcr(upload):
    assert upload() == 200
"""


def test_uploads_match_with_another_boundary(suite, api):
    """Of each client, in body and header, and are no drift."""
    suite.makepyfile(UPLOADS)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=6)
    with api.refusing():
        suite.runpytest().assert_outcomes(passed=6)


IGNORED = """
import itertools, os, time, pytest, requests
from pytest_reqord import use_cassette

URL = os.environ["API"] + "/echo"
STRICT = ["method", "uri", "body", "headers"]

def ask():
    now = str(time.time_ns())
    headers = {"X-Trace-Id": now}
    return requests.post(URL, params={"nonce": now}, json={"a": 1, "at": [now]}, headers=headers)

@pytest.mark.cassette(match_on=STRICT, on_drift="fail")
def test_ini():
    assert ask().ok

@pytest.mark.vcr(match_on=STRICT)
def test_vcr():
    assert ask().ok

def test_use_cassette(tmp_path_factory):
    with use_cassette("cassettes/own.yaml", match_on=STRICT, match_ignore=["at", "nonce", "x-trace-id"]):
        assert ask().ok

@pytest.mark.cassette(match_on=STRICT, match_ignore=["a"])
def test_marker():
    assert ask().ok
"""


def test_what_is_ignored_by_the_ini_file_a_marker_or_use_cassette(suite, api):
    """Fields, parameters and headers, natively and in suites of VCR.py's; a marker's word is last."""
    suite.makeini("[pytest]\nreqord_match_ignore = at nonce X-Trace-Id\n")
    suite.makepyfile(IGNORED)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=4)

    with api.refusing():
        result = suite.runpytest()

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*header x-trace-id: sent '*', recorded '*'*"])


def test_a_wrong_ignore_is_an_error(suite):
    """It names the key and the place."""
    suite.makepyfile("import pytest\n@pytest.mark.cassette(match_ignore=3)\ndef test_it(): pass")
    result = suite.runpytest()
    result.stdout.fnmatch_lines(["*match_ignore = 3 (*): it has to be a list of words*"])


CALLS = """
import os, pytest, requests

ORDER, FIRST = eval(os.environ["CALLS"])
URL = os.environ["API"] + "/echo"

@pytest.mark.cassette
def test_it(cassette):
    for number, method in enumerate(ORDER, FIRST):
        call = {"jsonrpc": "2.0", "id": number, "method": method, "params": [method]}
        assert requests.post(URL, json=call).ok
    found = [one.request.json()["method"] for one in cassette.played]
    assert found in ([], list(ORDER))
"""


@pytest.mark.parametrize("calls", [("cab", 1), ("bca", 2), ("abc", 77)])
def test_json_rpc_calls_get_their_own_answers(suite, monkeypatch, calls):
    """In another order, with ids that count on; ids that differ are drift."""
    suite.makepyfile(CALLS)
    monkeypatch.setenv("CALLS", repr(("abc", 1)))
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    monkeypatch.setenv("CALLS", repr(calls))

    result = suite.runpytest()

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*drifted*test_it*", "*body.id: sent *, recorded *"])
    result = suite.runpytest("-o", "reqord_match_ignore=id")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*drifted*")


SIGNED = """
import os, boto3, pytest, requests, time_machine

@pytest.mark.parametrize("version", ["s3v4", "s3"])
@pytest.mark.cassette
def test_it(version):
    from botocore.client import Config
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    client = boto3.client("s3", endpoint_url=os.environ["API"], region_name="eu-west-1",
                          config=Config(signature_version=version), **keys)
    with time_machine.travel(os.environ["TODAY"], tick=True):
        place = {"Bucket": "echo", "Key": "k"}
        url = client.generate_presigned_url("get_object", place, ExpiresIn=int(os.environ["AGE"]))
    assert requests.get(url).ok
"""


def test_a_presigned_url_matches_on_another_day(suite, api, monkeypatch):
    """As boto3 signs it, in both versions, redacted or not."""
    suite.makepyfile(SIGNED)
    for redact in ("true", "false"):
        option = ("-o", f"reqord_redact={redact}", "-o", "reqord_on_leak=ignore")
        monkeypatch.setenv("TODAY", "2026-11-23")
        monkeypatch.setenv("AGE", "3600")
        suite.runpytest("--record-mode=all", *option).assert_outcomes(passed=2)
        monkeypatch.setenv("TODAY", "2026-12-24")
        monkeypatch.setenv("AGE", "60")
        with api.refusing():
            suite.runpytest(*option).assert_outcomes(passed=2)


RANGES = """
import os, pytest, requests

ORDER = [int(one) for one in os.environ["ORDER"].split()]

def ask():
    url = os.environ["API"] + "/echo"
    for start in ORDER:
        said = requests.get(url, headers={"Range": f"bytes={start}-{start + 3}"}).json()
        yield dict(said["headers"])["Range"] == f"bytes={start}-{start + 3}"

@pytest.mark.vcr
def test_vcr():
    assert [*ask()] == [one != 500 for one in ORDER]

@pytest.mark.cassette(match_on=["method", "uri"])
def test_native():
    assert [*ask()] == [one != 500 for one in ORDER]
"""


def test_where_ranges_need_not_be_equal_an_equal_one_comes_first(suite, api, monkeypatch):
    """Under the vcr mark, and where ``match_on`` is without them: another range is no miss."""
    suite.makepyfile(RANGES)
    monkeypatch.setenv("ORDER", "0 1000")
    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)
    with api.refusing():
        monkeypatch.setenv("ORDER", "1000 0")
        suite.runpytest().assert_outcomes(passed=2)
        monkeypatch.setenv("ORDER", "500 1000")
        suite.runpytest().assert_outcomes(passed=2)


OAUTH = """
import os, pytest, requests
from authlib.integrations.requests_client import OAuth1Auth

STRICT = ["method", "uri", "body", "headers"]
KINDS = ["HEADER", "QUERY", "BODY"]

def post(kind):
    keys = {"client_secret": "cs", "token": "a-token-of-ada", "token_secret": "ts"}
    auth = OAuth1Auth("ck", **keys, signature_type=kind, force_include_body=kind == "BODY")
    form = {"status": "hi"} if kind == "BODY" else None
    return requests.post(os.environ["API"] + "/echo", data=form, auth=auth)

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.cassette(match_on=STRICT, on_drift="fail")
def test_native(kind):
    assert post(kind).ok

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.vcr(match_on=["method", "uri"])
def test_vcr(kind):
    assert post(kind).ok
"""


def test_requests_signed_with_oauth_match_at_any_time(suite, api):
    """In header, URL and form."""
    suite.makepyfile(OAUTH)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=6)
    with api.refusing():
        suite.runpytest().assert_outcomes(passed=6)
