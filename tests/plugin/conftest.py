"""Suites of users: each test here writes one, and runs pytest on it as a user would."""

from __future__ import annotations

import os
from concurrent.futures import thread  # noqa: F401 -- as below

# kept by pytester from one inner run to the next, which would import each of them anew
import httpx  # noqa: F401 -- imported once here, not in each run in this process
import pytest
import requests  # noqa: F401 -- imported once here, not in each run in this process
import yaml  # noqa: F401 -- imported once here, not in each run in this process
from server import running

from pytest_reqord.codec import any_yaml, emit, vcr_write  # noqa: F401 -- imported once here, not in each run in this process
from pytest_reqord.plugin import start  # noqa: F401 -- imported once here, not in each run in this process
from pytest_reqord.run import use_cassette  # noqa: F401 -- imported once here, not in each run in this process

_OURS = ("REQORD", "CI", "PROXY", "CA_BUNDLE", "NETRC")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in os.environ:
        if any(part in name.upper() for part in _OURS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def api():
    """The API that suites talk to."""
    with running() as server:
        yield server


@pytest.fixture
def suite(pytester, api, monkeypatch):
    """A user's folder; its tests find the API's address in the variable ``API``."""
    api.reset()
    monkeypatch.setenv("API", api.url)
    # these suites are about our plugin, not about whatever else is installed here
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p xdist")
    return pytester


@pytest.fixture
def cassettes(suite):
    """The cassettes of the suite by name, as bytes."""

    def read() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in suite.path.rglob("cassettes/**/*.yaml")}

    return read
