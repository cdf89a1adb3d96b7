"""URLs: still valid, without user info and secret parameters."""

from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_reqord.base.models import Headers, Request
from pytest_reqord.redaction import Redactor

GONE = "%5BREDACTED%5D"


def redacted(uri):
    return Redactor().request(Request("GET", uri, Headers(), b"")).uri


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://ada:pw@api.example.com/x", f"https://{GONE}:{GONE}@api.example.com/x"),
        ("https://:pw@api.example.com/", f"https://:{GONE}@api.example.com/"),
        ("https://ghp0123456789abcdef@a.example/", f"https://{GONE}@a.example/"),
        ("https://a.example/?api_key=x&page=2", f"https://a.example/?api_key={GONE}&page=2"),
        ("https://a.example/?page=2&apiKey=x#top", f"https://a.example/?page=2&apiKey={GONE}#top"),
        ("https://a.example/?Access-Token=a;b", f"https://a.example/?Access-Token={GONE}"),
        ("https://a.example/?user[password]=x", f"https://a.example/?user[password]={GONE}"),
        ("https://a.example/?user%5Bpassword%5D=x", f"https://a.example/?user%5Bpassword%5D={GONE}"),
        ("https://a.example/?password=", "https://a.example/?password="),
        ("https://a.example/?password", "https://a.example/?password"),
        ("https://a.example/?key=AIzaSyD-0123456789abcdef", f"https://a.example/?key={GONE}"),
        ("https://a.example/?token=0123456789abcdef", f"https://a.example/?token={GONE}"),
        ("https://a.example/#access_token=x&a=b", f"https://a.example/#access_token={GONE}&a=b"),
        ("https://a.example/p;jsessionid=1A?x=1", f"https://a.example/p;jsessionid={GONE}?x=1"),
        ("https://a.blob.core.windows.net/c?sv=2022&sig=a%2Bb%3D&se=1",
         f"https://a.blob.core.windows.net/c?sv=2022&sig={GONE}&se=1"),
        (("https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA%2F20260101%2Feu%2Fs3%2Faws4_request"
         "&X-Amz-Date=20260101T000000Z&X-Amz-Signature=0f0f"),
         (f"https://b.s3.amazonaws.com/k?X-Amz-Credential={GONE}%2F20260101%2Feu%2Fs3%2Faws4_request"
         f"&X-Amz-Date=20260101T000000Z&X-Amz-Signature={GONE}")),
        ("https://a.example/?next=https%3A%2F%2Fb.example%2F%3Fapi_key%3Dx%26y%3D1",
         "https://a.example/?next=https%3A%2F%2Fb.example%2F%3Fapi_key%3D%255BREDACTED%255D%26y%3D1"),
        ("https://a.example/?variables=%7B%22password%22%3A%22x%22%7D",
         "https://a.example/?variables=%7B%22password%22%3A%22%5BREDACTED%5D%22%7D"),
        ("https://api.telegram.org/bot123456789:AAabcdefghijklmnopqrstuvwxyz0123456/getMe",
         f"https://api.telegram.org/bot123456789:{GONE}/getMe"),
        ("https://hooks.slack.com/services/T00/B00/abc", f"https://hooks.slack.com/services/{GONE}"),
        ("https://a.example/?x=[REDACTED]", f"https://a.example/?x={GONE}"),
    ],
)  # fmt: skip
def test_secrets_in_a_url_are_replaced(uri, expected):
    """User info, secret parameters and secret paths go; what comes out is a URL."""
    assert redacted(uri) == expected
    assert redacted(expected) == expected
    assert urlsplit(expected).scheme == "https"


@pytest.mark.parametrize(
    "uri",
    [
        "https://api.example.com/users?team=7",
        "https://a.example/?page_token=CAUQAA0123456789abcdef",
        "https://a.example/?pageToken=CAUQAA0123456789abcdef&maxResults=5",
        "https://a.example/?next_token=0123456789abcdef0123",
        "https://a.example/?continuation-token=1ueGcxLPRx1Tr0123456789&list-type=2",
        "https://a.example/?cursor=dXNlcjpXMDdRQ1JQQTQ0123456789",
        "https://a.example/?key=photos/2026/ada.jpg",
        "https://a.example/?key=holiday-photo-0123456789.jpeg",
        "https://a.example/?key=550e8400-e29b-41d4-a716-446655440000",
        "https://a.example/?key=name",
        "https://a.example/?code=US&token=next",
        "https://a.example/?id=550e8400-e29b-41d4-a716-446655440000",
        "https://a.example/?sha=33a64df551425fcc55e4d42a148795d9f25f89d4",
        "https://a.example/?max_tokens=100&token_type=bearer",
        "https://medium.com/@ada/a-post?x=1",
        "ssh://git@github.com/a/b",
    ],
)
def test_urls_that_only_look_secret_stay(uri):
    """Page tokens, cursors, object keys, identifiers and hashes are what tests match on."""
    assert redacted(uri) is uri


def test_other_parameters_keep_their_bytes():
    """What is beside a secret parameter isn't encoded anew."""
    uri = "https://a.example/?a=%7e+b%2fc&password=x&d=%C3%A9&e"
    assert redacted(uri) == uri.replace("password=x", f"password={GONE}")
    assert parse_qs(urlsplit(redacted(uri)).query)["password"] == ["[REDACTED]"]
