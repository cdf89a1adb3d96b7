"""No client drops out of the contract unseen."""

from __future__ import annotations

import os

import pytest
from contract.face import faces

EXPECTED = {
    "aiohttp",
    "anthropic-async",
    "anthropic-sync",
    "botocore",
    "google-genai-aiohttp",
    "google-genai-async",
    "google-genai-sync",
    "http.client",
    "httplib2",
    "httpx-async",
    "httpx-sync",
    "httpx-trio",
    "httpx2-async",
    "httpx2-sync",
    "httpx2-trio",
    "openai-async",
    "openai-sync",
    "requests",
    "tornado",
    "urllib.request",
}


def test_every_client_is_here():
    """In CI each client is installed, so that its face is put through the contract."""
    found = {face.name for face in faces()}
    missing = EXPECTED - found
    if missing and not os.environ.get("CI"):
        pytest.skip(f"not installed: {', '.join(sorted(missing))}")
    assert not missing
    assert any(name.startswith("urllib3-") for name in found)
