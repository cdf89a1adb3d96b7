"""No client drops out of the contract unseen, and the manual says what is in it."""

from __future__ import annotations

import pytest
from contract.clients import PAGE, ROWS, left_out, row_of, with_table
from contract.face import faces
from contract.scenarios import ABILITIES, SCENARIOS

EXPECTED = {
    "aiobotocore",
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
    "httpx-curl-cffi-async",
    "httpx-curl-cffi-sync",
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
    "urllib3",
}
"""All but niquests, which is installed alone."""

FACES = {face.name: face for face in faces()}


def test_every_client_is_here():
    """Each client that the tests' requirements install is put through the contract."""
    assert set(FACES) - {"niquests", "niquests-async"} == EXPECTED


def test_every_client_is_told_of():
    """Each client of the manual's table has a face, and each face a row."""
    told = {client for row in ROWS for client in row.clients} - {"niquests"}

    assert {client for face in EXPECTED for client in row_of(face).clients} - {"niquests"} == told
    assert all(any(f"{face}-".startswith(f"{client}-") for face in EXPECTED) for client in told)


def test_table():
    """The manual has the table that the clients are: `python tests/contract/clients.py` writes it."""
    readme = PAGE.read_text("utf-8")

    assert "<!-- clients -->" in readme
    assert with_table(readme) == readme


@pytest.mark.parametrize("name", FACES)
def test_what_is_left_out(name):
    """A scenario is left out where the client has no such thing, or with a reason in the manual."""
    face, names = FACES[name], {scenario.name for scenario in SCENARIOS}

    assert face.lacks <= ABILITIES.keys()
    assert left_out(name) <= names
    for limit in row_of(name).limits:
        assert limit.text
