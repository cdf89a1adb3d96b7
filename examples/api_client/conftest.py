"""A login that the whole session shares, in a cassette of its own."""

import os

import pytest
from blog_client import BlogClient


@pytest.fixture(scope="session")
def blog(cassette_factory):
    """A client that is logged in. Only who records needs the real password."""
    client = BlogClient("http://api.example.test")
    with cassette_factory("login"):
        client.log_in("ada", os.environ.get("BLOG_PASSWORD", "not needed to replay"))
    return client
