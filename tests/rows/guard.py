"""The network guard, and recording that is switched off."""

import os
import socket
from urllib.parse import urlsplit

import pytest
import requests

API = os.environ["API"]


def is_blocked():
    parts = urlsplit(API)
    try:
        socket.create_connection((parts.hostname, parts.port)).close()
    except RuntimeError as error:
        return "Network is disabled" in str(error)  # 0.13 names no host
    return False


def test_unmarked(request):
    assert is_blocked() == request.config.getoption("--block-network")


@pytest.mark.vcr
def test_playing(request, record_mode):
    is_wanted = request.config.getoption("--block-network") and record_mode == "none"
    assert is_blocked() == is_wanted


@pytest.mark.block_network
def test_marked(allowed_hosts):
    assert is_blocked()
    assert allowed_hosts is None


@pytest.mark.block_network(allowed_hosts=["127.0.0.*"])
def test_allowed(allowed_hosts):
    assert not is_blocked()
    assert allowed_hosts == ["127.0.0.*"]


@pytest.mark.block_network(hosts=["127.0.0.*"])
def test_wrong():
    pass


@pytest.mark.vcr
def test_disabled(vcr, disable_recording):
    assert (vcr is None) == disable_recording
    assert requests.get(f"{API}/json?guard", timeout=5).ok
