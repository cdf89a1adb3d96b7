"""What users are told of clients that can't be recorded."""

from __future__ import annotations

import pytest

pytest.importorskip("curl_cffi")

SUITE = """
import os
import pytest
from curl_cffi import requests

@pytest.mark.cassette
def test_it():
    try:
        requests.get(os.environ["API"] + "/body/ok", proxies={"all": ""})
    except Exception:
        pass
"""


def test_refused(suite, api):
    """A replay fails, even where the code under test swallows the refusal, and asks nobody."""
    suite.makepyfile(SUITE)

    result = suite.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*UnsupportedClient: curl_cffi *: it wanted 127.0.0.1*"])
    assert api.seen == []


@pytest.mark.parametrize("options", [[], ["-n1"]], ids=["alone", "xdist"])
def test_told(suite, api, options):
    """A recording lets it through, and its summary says so."""
    suite.makepyfile(SUITE)

    result = suite.runpytest("--record-mode=once", *options)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["live      curl_cffi connected to 127.0.0.1, 1 time: this client can't be recorded"]
    )
    assert len(api.seen) == 1
