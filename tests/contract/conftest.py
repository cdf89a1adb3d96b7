"""Servers for the contract suite, and an environment in which no client finds a proxy."""

from __future__ import annotations

import importlib.util
import os

import pytest
from contract.face import Place
from server import authority, running

# niquests may put its urllib3 in the place of the other clients', so it is installed alone
collect_ignore = [] if importlib.util.find_spec("niquests") else ["test_niquests.py"]

_ENVIRONMENT = ("PROXY", "CERT", "CA_BUNDLE", "NETRC", "AWS_")


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if any(part in name.upper() for part in _ENVIRONMENT):
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A file with the authority that signs the servers' certificates."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="session")
def servers():
    with running() as plain, running(tls=True) as tls, running(proxy=True) as proxy:
        yield {"plain": plain, "tls": tls, "proxy": proxy}


@pytest.fixture
def place_of(servers, certificates):
    """Gives the place for a kind of server, forgetting what the server saw before."""

    def make(kind: str, *, is_local: bool = False) -> Place:
        server = servers[kind]
        server.reset()
        url = server.local_url if is_local else server.url
        return Place(server, url, certificates, server.url if kind == "proxy" else "")

    return make


@pytest.fixture(scope="session")
def http2(tmp_path_factory):
    """The URL of a server that speaks HTTP/2."""
    from contract.http2_server import running_http2  # late: its framework, for a few tests

    with running_http2(tmp_path_factory.mktemp("http2")) as url:
        yield url
