"""The ``conftest.py`` of the sample suites: VCR.py's options and hook as suites use them."""

import json

import pytest


class Parsed:
    """A serializer of the suite's own."""

    @staticmethod
    def serialize(cassette):
        for each in cassette["interactions"]:
            each["response"]["parsed_body"] = json.loads(each["response"].pop("body")["string"])
        return json.dumps(cassette)

    @staticmethod
    def deserialize(text):
        cassette = json.loads(text)
        for each in cassette["interactions"]:
            body = json.dumps(each["response"].pop("parsed_body"))
            each["response"]["body"] = {"string": body}
        return cassette


def by_number(r1, r2):
    assert r1.query == r2.query
    return r1.headers.get("X-Number") == r2.headers.get("X-Number")


@pytest.fixture(scope="module")
def vcr_config():
    return {"filter_headers": [("authorization", "HIDDEN")], "ignore_hosts": ["nowhere.invalid"]}


def pytest_recording_configure(config, vcr):
    assert config.rootpath
    vcr.register_matcher("number", by_number)
    vcr.register_serializer("parsed", Parsed)
