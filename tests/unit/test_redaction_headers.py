"""Headers: the value goes, the shape stays."""

import base64

import pytest

from pytest_reqord.base.models import Headers, Request, Response
from pytest_reqord.redaction import Redactor


def redacted(name, value):
    request = Request("GET", "https://api.example.com/", Headers([(name, value)]), b"")
    return Redactor().request(request).headers.pairs[0][1]


def redacted_in_response(name, value):
    response = Response(200, "OK", Headers([(name, value)]), b"")
    return Redactor().response(response).headers.pairs[0][1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Bearer abc123", "Bearer [REDACTED]"),
        ("bearer   abc123", "bearer   [REDACTED]"),
        ("Basic " + base64.b64encode(b"ada:pw").decode(), "Basic [REDACTED]"),
        ("Basic YTpiYw==", "Basic [REDACTED]"),
        ("token ghp_abc", "token [REDACTED]"),
        ('Token token="abc"', 'Token token="[REDACTED]"'),
        ("Bot MTk4.Cl2FMQ.Zn", "Bot [REDACTED]"),
        ("ApiKey abc=def", "ApiKey [REDACTED]"),
        ("SharedKey account:signature", "SharedKey [REDACTED]"),
        ("Klaviyo-API-Key pk_1", "Klaviyo-API-Key [REDACTED]"),
        ("abc123", "[REDACTED]"),
        ("correct horse battery", "[REDACTED]"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln", "Bearer [REDACTED]"),
        ("", ""),
        (
            (
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request,"
                " SignedHeaders=host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6"
            ),
            (
                "AWS4-HMAC-SHA256 Credential=[REDACTED]/20150830/us-east-1/iam/aws4_request,"
                " SignedHeaders=host;x-amz-date, Signature=[REDACTED]"
            ),
        ),
        (
            'Digest username="ada", realm="r", nonce="n", uri="/", response="0f1e", qop=auth, nc=1',
            (
                'Digest username="[REDACTED]", realm="r", nonce="n", uri="/", response="[REDACTED]",'
                " qop=auth, nc=1"
            ),
        ),
        (
            (
                'OAuth oauth_consumer_key="k", oauth_token="t", oauth_signature_method="HMAC-SHA1",'
                ' oauth_signature="s%3D", oauth_version="1.0"'
            ),
            (
                'OAuth oauth_consumer_key="[REDACTED]", oauth_token="[REDACTED]",'
                ' oauth_signature_method="HMAC-SHA1", oauth_signature="[REDACTED]",'
                ' oauth_version="1.0"'
            ),
        ),
    ],
)
def test_authorization_keeps_its_scheme_and_structure(value, expected):
    """Of an Authorization value only what is secret goes."""
    assert redacted("Authorization", value) == expected
    assert redacted("proxy-authorization", value) == expected
    assert redacted("X-Forwarded-Authorization", value) == expected


@pytest.mark.parametrize(
    "name",
    [
        "X-Api-Key",
        "api-key",
        "X-Auth-Token",
        "x-amz-security-token",
        "X-Goog-Api-Key",
        "PRIVATE-TOKEN",
        "X-Vault-Token",
        "X-Shopify-Access-Token",
        "Ocp-Apim-Subscription-Key",
        "DD-API-KEY",
        "X-Client-Secret",
        "X-CSRF-Token",
        "X-RapidAPI-Key",
        "Fastly-Key",
        "Token",
        "X-Authentication",
    ],
)
def test_headers_that_hold_keys_are_replaced(name):
    """A header whose name says key, token or secret has a marker for a value."""
    assert redacted(name, "abc") == "[REDACTED]"
    assert redacted_in_response(name, "abc") == "[REDACTED]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Idempotency-Key", "550e8400-e29b-41d4-a716-446655440000"),
        ("X-Request-Id", "550e8400-e29b-41d4-a716-446655440000"),
        ("ETag", '"33a64df551425fcc55e4d42a148795d9f25f89d4"'),
        (
            "X-Amz-Content-Sha256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        ("X-RateLimit-Remaining-Tokens", "39999"),
        ("X-Next-Page-Token", "CAoQAAabcdefghijklmnop"),
        ("X-Amz-Client-Token", "0123456789abcdef0123"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("WWW-Authenticate", 'Bearer realm="api", error="invalid_token"'),
        ("Location", "https://api.example.com/jobs/17?page=2"),
    ],
)
def test_headers_that_only_look_secret_stay(name, value):
    """Identifiers, hashes, page tokens and challenges are no secrets."""
    assert redacted(name, value) == value
    assert redacted_in_response(name, value) == value


def test_cookie_keeps_names_and_plain_words():
    """A Cookie line keeps its names, and values that are words under harmless names."""
    line = "session=a1; theme=dark; lang=en-GB; count=12; id=8d2e01b7c4f3; empty="
    expected = "session=[REDACTED]; theme=dark; lang=en-GB; count=12; id=[REDACTED]; empty="
    assert redacted("Cookie", line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("session=abc; Path=/; HttpOnly", "session=[REDACTED]; Path=/; HttpOnly"),
        ("theme=dark", "theme=dark"),
        ('sid="a b"; Max-Age=3600', 'sid="[REDACTED]"; Max-Age=3600'),
        ("session=; Max-Age=0", "session=; Max-Age=0"),
        (
            "a_token=x; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure, sid=y; Path=/",
            (
                "a_token=[REDACTED]; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure,"
                " sid=[REDACTED]; Path=/"
            ),
        ),
    ],
)
def test_set_cookie_keeps_name_and_attributes(line, expected):
    """A Set-Cookie line keeps all but the value, also when several were joined."""
    assert redacted_in_response("Set-Cookie", line) == expected


def test_headers_keep_order_case_and_repeats():
    """Redaction changes values and nothing else of the header lines."""
    pairs = [("b", "1"), ("Set-Cookie", "sid=x"), ("A", "2"), ("set-cookie", "theme=dark")]
    response = Redactor().response(Response(200, "OK", Headers(pairs), b""))
    expected = (("b", "1"), ("Set-Cookie", "sid=[REDACTED]"), ("A", "2"), pairs[3])
    assert response.headers.pairs == expected


def test_trailers_are_redacted():
    """Secrets in trailers go as those in headers."""
    trailers = Headers([("X-Auth-Token", "abc")])
    response = Redactor().response(Response(200, "OK", Headers(), b"", trailers=trailers))
    assert response.trailers.pairs == (("X-Auth-Token", "[REDACTED]"),)


def test_location_and_link_lose_their_secrets():
    """Redirects and links are URLs: parameters, fragments and user info are redacted."""
    location = "/cb?code=4/0AbCdEfGhIjKlMnOp1&state=x#access_token=abc&expires_in=3600"
    expected = "/cb?code=%5BREDACTED%5D&state=x#access_token=%5BREDACTED%5D&expires_in=3600"
    assert redacted_in_response("Location", location) == expected
    link = '<https://a.example/?page=2&api_key=abc>; rel="next"'
    expected = '<https://a.example/?page=2&api_key=%5BREDACTED%5D>; rel="next"'
    assert redacted_in_response("Link", link) == expected


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


def test_a_jwt_is_redacted_in_any_header():
    """Whatever the name; in a response what it says is kept."""
    assert redacted("X-Data", f"v1 {TOKEN} x") == "v1 [REDACTED] x"
    assert redacted("Cookie", f"theme={TOKEN}") == "theme=[REDACTED]"
    new = redacted_in_response("X-Data", f"v1 {TOKEN} x")
    assert new != f"v1 {TOKEN} x"
    assert new.startswith("v1 [REDACTED jwt ")
    assert redacted_in_response("X-Data", new) == new
    assert (
        redacted_in_response("Set-Cookie", f"sid={new[3:-2]}; Path=/") == f"sid={new[3:-2]}; Path=/"
    )
    (played,) = (
        Redactor().played(Response(200, "OK", Headers([("X-Data", new)]), b"")).headers.values()
    )
    assert [part.count(".") for part in played.split(" ")] == [0, 2, 0]


def test_a_cookie_without_a_name_is_a_value():
    """Nothing says that it is a plain word."""
    assert redacted("Cookie", "a1b2c3") == "[REDACTED]"


def test_a_url_with_a_token_in_its_path_is_redacted():
    """A magic link."""
    assert redacted("Referer", f"https://a.example/{TOKEN}") == "https://a.example/%5BREDACTED%5D"
