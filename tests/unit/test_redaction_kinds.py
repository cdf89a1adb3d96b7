"""What a client gets in the place of a secret is of the same kind, and the file only names the kind."""

import base64
import gzip
import json
import re
from datetime import datetime

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwcrypto.jwk import JWK

from pytest_reqord.base.models import Headers, Request, Response
from pytest_reqord.redaction import Redactor, Rules, kinds

PEM = "-----BEGIN {}PRIVATE KEY-----\nMIIE9x\n-----END {}PRIVATE KEY-----\n"


def answered(value, **headers):
    """The answer as it is kept, and as it is played."""
    body = value if isinstance(value, bytes) else json.dumps({"secret": value}).encode()
    kept = Redactor().response(Response(200, "OK", Headers(headers.items()), body))
    return kept, Redactor().played(kept)


@pytest.mark.parametrize(
    ("secret", "kept", "pattern"),
    [
        ("sk_test_" + "a1B2" * 6, "[REDACTED text sk_test_ 24]", r"sk_test_\w{24}"),
        ("pi_1_secret_a1B2c3", "[REDACTED text pi_1_secret_ 6]", r"pi_1_secret_\w{6}"),
        ("0f" * 16, "[REDACTED hex 32]", r"[0-9a-f]{32}"),
        ("JBSWY3DPEHPK3PX2", "[REDACTED base32 16]", r"[A-Z2-7]{16}"),
        ("482913", "[REDACTED digits 6]", r"\d{6}"),
        ("6a4b0f3e-9d6c-4b5e-8a53-1f2a7f0d6f0c", "[REDACTED uuid]", r"[0-9a-f-]{36}"),
        ("22444f784b:2f1e0d3c4b5a6978aa", "[REDACTED parts x10:x18]", r"[0-9a-f]{10}:[0-9a-f]{18}"),
        ("12345678:AAHdqTcvCH1vGWJx_fS", "[REDACTED parts d8:t19]", r"\d{8}:\w{19}"),
        ("YTpiYw==", "[REDACTED base64 a 2]", r"YTp\w+=="),
        ("hunter2", "[REDACTED]", r"\[REDACTED\]"),
        ("summer.2026", "[REDACTED]", r"\[REDACTED\]"),
    ],
)
def test_a_stand_in_has_the_prefix_the_alphabet_and_the_length(secret, kept, pattern):
    """So that it can be split and decoded as the secret could."""
    recorded, played = answered(secret)
    assert json.loads(recorded.body)["secret"] == kept
    assert re.fullmatch(pattern, json.loads(played.body)["secret"])
    assert Redactor().response(recorded) is recorded


@pytest.mark.parametrize("marker", ["[{}]", "%5B{}%5D", "%255B{}%255D", "%25255b{}%25255d"])
def test_a_mark_is_found_however_often_it_is_escaped(marker):
    """In a URL in a URL: what is left of it there is in no request of a replay."""
    found = kinds.MARKED.search(marker.format("REDACTED-5c"))
    assert found is not None
    assert kinds.mark_in(found) == "5c"
    assert kinds.remarked(found, "") == marker.partition("{")[0] + "REDACTED"


@pytest.mark.parametrize("label", ["", "RSA ", "EC ", "OPENSSH "])
@pytest.mark.parametrize("dump", [json.dumps, lambda o: json.dumps({"x": json.dumps(o)})])
def test_a_private_key_can_be_loaded(label, dump):
    """Its lines end as the text around it has it."""
    pem = PEM.format(label, label)
    _, played = answered(dump({"private_key": pem}).encode())
    document = json.loads(played.body)
    key = (json.loads(document["x"]) if "x" in document else document)["private_key"]
    if label == "OPENSSH ":
        assert key.startswith("-----BEGIN OPENSSH")
    else:
        assert load_pem_private_key(key.encode(), None)


@pytest.mark.parametrize(
    ("date", "kind"),
    [
        ("1984-05-06", "2000-01-01"),
        ("1984-05-06T07:08:09.123+02:00", "2000-01-01T00:00:00.000+00:00"),
        ("1984-05-06 07:08:09", "2000-01-01_00:00:00"),
    ],
)
def test_a_date_is_a_date(date, kind):
    """Under a name of the user's, for dates are no secrets else."""
    body = json.dumps({"birthday": date}).encode()
    redactor = Redactor(Rules().with_(fields=["birthday"]))
    kept = redactor.response(Response(200, "OK", Headers(), body))
    assert json.loads(kept.body)["birthday"] == f"[REDACTED date {kind}]"
    assert datetime.fromisoformat(Redactor().played(kept).json()["birthday"]).year == 2000


@pytest.mark.parametrize(
    "kind",
    [
        {"kty": "RSA", "size": 1024},
        {"kty": "EC", "crv": "P-256"},
        {"kty": "oct", "size": 256},
        {"kty": "OKP", "crv": "Ed25519"},
    ],
    ids=lambda kind: kind["kty"],
)
def test_a_private_json_web_key_can_be_loaded(kind):
    """All of its members are those of one other key; kind and id stay."""
    given = {**JWK.generate(**kind).export(as_dict=True), "kid": "k1"}
    kept = Redactor().response(
        Response(200, "OK", Headers(), json.dumps({"keys": [given]}).encode())
    )
    secret = [given[name] for name in ("d", "p", "q", "dp", "dq", "qi", "k") if name in given]
    assert [each for each in secret if each.encode() in kept.body] == []
    assert Redactor().response(kept) is kept

    (played,) = Redactor().played(kept).json()["keys"]
    assert (played["kty"], played["kid"]) == (given["kty"], "k1")
    loaded = JWK(**played)
    if given["kty"] in {"RSA", "EC"}:
        assert load_pem_private_key(loaded.export_to_pem(private_key=True, password=None), None)


def test_base64_of_a_user_and_a_password_says_the_user():
    """As a registry answers."""
    _, played = answered(base64.b64encode(b"AWS:" + b"0a1b" * 8).decode())
    user, _, password = base64.b64decode(json.loads(played.body)["secret"]).partition(b":")
    assert (user, len(password)) == (b"AWS", 32)


def test_what_is_sent_back_is_known_again():
    """A stand-in in a place that no name tells of."""
    redactor = Redactor()
    recorded, _ = answered("0f" * 16)
    value = json.loads(redactor.played(recorded).body)["secret"]
    sent = redactor.request(Request("GET", f"https://a.example/{value}", Headers(), b""))
    assert sent.uri == "https://a.example/%5BREDACTED%5D"


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read(charset):
    """With a mark or without one."""
    kept, played = answered('{"password": "hunter2", "a": "é"}'.encode(charset))
    assert json.loads(kept.body.decode(charset)) == {"password": "[REDACTED]", "a": "é"}
    assert played.body == kept.body


def test_gzip_without_a_header_is_read():
    """A server that doesn't say so, or a file of it."""
    kept, _ = answered(gzip.compress(b'{"password": "hunter2"}'))
    assert gzip.decompress(kept.body) == b'{"password": "[REDACTED]"}'


def test_a_binary_body_keeps_its_length():
    """Lengths are part of msgpack and protobuf: a known secret goes, and nothing moves."""
    redactor = Redactor(secrets=["long-enough-secret"])
    body = b"\x82\xa1a\xb2long-enough-secret\xa1b\x00"
    kept = redactor.response(Response(200, "OK", Headers(), body))
    assert kept.body == b"\x82\xa1a\xb2[REDACTED]********\xa1b\x00"
