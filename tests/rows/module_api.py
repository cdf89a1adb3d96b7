"""VCR.py's own functions and classes, in tests with and without a mark."""

import os
import re

import pytest
import requests
import vcr as vcrpy
import vcr.unittest
from vcr.errors import CannotOverwriteExistingCassetteException, UnhandledHTTPRequestError
from vcr.request import Request

API = os.environ["API"]
MY_VCR = vcrpy.VCR(
    cassette_library_dir="cassettes/mine",
    path_transformer=vcrpy.VCR.ensure_suffix(".yaml"),
    filter_headers=["authorization"],
    record_mode="once",
)


def ask(name):
    return requests.get(f"{API}/json?{name}", timeout=5)


@MY_VCR.use_cassette()
def test_decorated():
    assert ask("decorated").ok


@vcrpy.use_cassette("cassettes/mine/injected.yaml", inject_cassette=True)
def inject(cassette):
    ask("injected")
    return len(cassette)


def test_injected():
    assert inject() == 1


@pytest.mark.vcr
def test_inside_of_the_mark(vcr):
    assert ask("outer").ok
    with MY_VCR.use_cassette("inner") as inner:
        assert ask("inner").ok
    assert (len(vcr), len(inner)) == (1, 1)


@pytest.mark.vcr
def test_errors(vcr):
    assert ask("there").ok
    with pytest.raises(UnhandledHTTPRequestError):
        vcr.play_response(Request("GET", f"{API}/nowhere", None, {}))
    not_recorded = pytest.raises(CannotOverwriteExistingCassetteException, match=re.escape("/json"))
    with MY_VCR.use_cassette("empty", record_mode="none"), not_recorded:
        ask("x")


class TestCase(vcr.unittest.VCRTestCase):
    def _get_vcr_kwargs(self):
        return {"match_on": ["path"]}

    def _get_cassette_library_dir(self):
        return "cassettes/unit"

    def test_it(self):
        assert ask("unit").ok
        assert len(self.cassette) == 1


@pytest.mark.vcr
class TestMarkedCase(TestCase):
    pass
