"""VCR.py's options, one a test."""

import json
import os
import re

import pytest
import requests

API = os.environ["API"]


def ask(name, **kwargs):
    return requests.get(f"{API}/json?{name}", timeout=5, **kwargs)


def send(body, **kwargs):
    return requests.post(f"{API}/echo", timeout=5, **kwargs, **body)


def upper(key, value, request):
    assert request.method == "POST"
    assert (key, value) in (("call", "b"), ("call", "CALLED"))
    return "CALLED"


FILTERS = ["gone", ("set", "new"), ("call", upper), ("none", None)]
FIELDS = {"gone": "1", "set": "1", "call": "b", "none": "1", "kept": "1"}
NESTED = {"list": [{"gone": 1, "kept": 2}], "set": {"a": 1}}


@pytest.mark.vcr
def test_config(vcr):
    assert ask("a", headers={"Authorization": "Bearer abcdefghijkl"}).ok
    assert vcr.requests[0].headers["authorization"] == "HIDDEN"


@pytest.mark.vcr(filter_headers=FILTERS)
def test_filter_headers(vcr):
    assert send({"data": "x"}, headers=FIELDS).ok
    shown = vcr.requests[0].headers
    assert {name: shown[name] for name in FIELDS if name in shown} == {
        "set": "new",
        "call": "CALLED",
        "kept": "1",
    }


@pytest.mark.vcr(filter_query_parameters=FILTERS)
def test_filter_query_parameters(vcr):
    assert send({"params": FIELDS}).ok
    assert vcr.requests[0].query == [("call", "CALLED"), ("kept", "1"), ("set", "new")]


@pytest.mark.vcr(filter_post_data_parameters=FILTERS)
@pytest.mark.parametrize("kind", ["data", "json"])
def test_filter_post_data_parameters(vcr, kind):
    assert send({kind: FIELDS}).ok
    body = vcr.requests[0].body
    if kind == "json":
        assert json.loads(body) == {"set": "new", "call": "CALLED", "kept": "1"}
    else:
        assert body == b"set=new&call=CALLED&kept=1"


@pytest.mark.vcr(filter_post_data_parameters=FILTERS, filter_nested_post_data_parameters=True)
def test_nested_fields(vcr):
    assert send({"json": NESTED}).ok
    assert json.loads(vcr.requests[0].body) == {"list": [{"kept": 2}], "set": "new"}


def change_request(request):
    if "drop" in request.uri:
        return None
    request.uri = request.uri.replace("old", "new")
    return request


def change_response(response):
    if response["body"]["string"] == b"":
        return None
    response["headers"]["X-Hook"] = ["a", "b"]
    response["body"]["string"] = b'{"hook": 1}'
    return response


@pytest.mark.vcr(before_record_request=change_request, before_record_response=[change_response])
@pytest.mark.block_network(allowed_hosts=["127.0.0.1"])
def test_hooks(vcr, record_mode):
    assert ask("old").ok
    assert ask("drop").json()["name"] == "Ada"
    assert [request.uri.partition("?")[2] for request in vcr.requests] == ["new"]
    assert vcr.responses[0]["body"]["string"] == b'{"hook": 1}'
    assert vcr.responses[0]["headers"]["X-Hook"] == ["a", "b"]


@pytest.mark.vcr(before_record=change_request)
def test_the_older_name(vcr):
    assert ask("old").ok
    assert vcr.requests[0].uri.endswith("new")


@pytest.mark.vcr(ignore_localhost=True)
def test_ignore_localhost(vcr):
    assert ask("a").ok
    assert len(vcr) == 0


@pytest.mark.vcr(ignore_hosts=["localhost", re.compile(r"127\.0\..*")])
def test_ignore_hosts(vcr):
    assert ask("a").ok
    assert len(vcr) == 0


@pytest.mark.vcr(match_on=["method", "path"], additional_matchers=["number"])
def test_matchers(vcr, record_mode):
    order = ("1", "2") if record_mode != "none" else ("2", "1")
    for number in order:
        assert ask("a", headers={"X-Number": number}).ok
    assert [request.headers["x-number"] for request in vcr.requests] == ["1", "2"]


@pytest.mark.vcr(match_on=["nope"])
def test_no_such_matcher():
    pass


@pytest.mark.vcr(match_on=["method", "uri", "body"])
def test_bodies(record_mode):
    bodies = [{"n": 1, "m": 2}, {"n": 2}]
    if record_mode == "none":
        bodies = [bodies[1], {"m": 2, "n": 1}]
    answers = [json.loads(send({"json": body}).json()["body"]) for body in bodies]
    assert answers == bodies


@pytest.mark.vcr(allow_playback_repeats=True)
def test_repeats(vcr, record_mode):
    for _ in range(1 if record_mode != "none" else 3):
        assert ask("a").ok
    assert len(vcr) == 1


@pytest.mark.vcr(decode_compressed_response=True)
def test_decoded(vcr):
    assert requests.get(f"{API}/encoded/gzip", timeout=5).json()["name"] == "Ada"
    assert json.loads(vcr.responses[0]["body"]["string"])["name"] == "Ada"
    assert "content-encoding" not in {name.lower() for name in vcr.responses[0]["headers"]}


@pytest.mark.vcr
def test_compressed(vcr):
    assert requests.get(f"{API}/encoded/gzip", timeout=5).json()["name"] == "Ada"


@pytest.mark.vcr(drop_unused_requests=True)
def test_drop_unused(record_mode):
    if record_mode in ("once", "none") and "ROUND" not in os.environ:
        assert ask("first").ok
    assert ask("second").ok


@pytest.mark.vcr(serializer="json")
def test_json(vcr):
    assert ask("a").ok
    assert vcr._path.endswith("test_json.json")


@pytest.mark.vcr(serializer="parsed")
def test_own_serializer(vcr):
    assert ask("a").json()["name"] == "Ada"
    assert vcr._path.endswith("test_own_serializer.parsed")


@pytest.mark.vcr(serializer="nope")
def test_no_such_serializer():
    pass


# pytest-recording's `rewrite` looks for these elsewhere, and plays them
not_rewritten = pytest.mark.skipif(os.environ.get("ROUND") == "3", reason="not rewritten there")


@not_rewritten
@pytest.mark.vcr(path_transformer=lambda path: f"{path}.moved.yaml")
def test_path_transformer(vcr):
    assert ask("a").ok
    assert vcr._path.endswith("test_path_transformer.moved.yaml")


@not_rewritten
@pytest.mark.vcr(cassette_library_dir="cassettes/library")
def test_library(vcr):
    assert ask("a").ok
    assert vcr._path == "cassettes/library/test_library.yaml" or os.path.isabs(vcr._path)  # noqa: PTH117 -- as suites write it


@pytest.mark.vcr(filter_sensitive_data={"<KEY>": "hunter22"})
def test_sensitive_data(vcr):
    assert ask("key=hunter22").ok
    assert vcr.requests[0].query == [("key", "hunter22")]


def count(request, response, cassette):
    cassette_or_none = cassette
    assert cassette_or_none is None or hasattr(cassette_or_none, "requests")
    response["headers"]["X-Seen"] = ["yes"]
    return request, response


@pytest.mark.vcr(before_save_interaction=count, after_load_interaction=[count])
def test_interaction_hooks(vcr, record_mode):
    assert ask("a").ok
    if record_mode == "none":
        assert vcr.responses[0]["headers"]["X-Seen"] == ["yes"]


@pytest.mark.vcr(record_on_exception=True, inject_cassette=True, func_path_generator=None)
def test_options_of_decorators(vcr):
    assert ask("a").ok


@pytest.mark.vcr(allowed_hosts=["127.0.0.1"], custom_matchers=["x"])
def test_unknown_options(vcr):
    assert ask("a").ok
