"""Clients that take apart what they are given: recorded, redacted and replayed, they are content."""

from __future__ import annotations

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import authlib.integrations.requests_client as authlib_client
import boto3
import github
import google.auth.transport.requests as google_requests
import hvac
import jwt
import msal
import nacl.secret
import oauthlib.oauth2
import paramiko
import pyotp
import pytest
import requests
import requests_oauthlib
import stripe
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.oauth2 import service_account
from jwcrypto import jwk
from pre_commit_hooks.detect_private_key import main as detect_private_key

from pytest_reqord import use_cassette

_NO = serialization.NoEncryption()
_RSA = rsa.generate_private_key(65537, 2048)
_PKCS1 = _RSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, _NO
).decode()
_PKCS8 = _RSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _NO
).decode()
_EC = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, _NO
)
_MIXED = "q7Zt4Lm2XvB1kP9sWc5R"
_LONG = "Yq3" + _MIXED * 2
_ID_TOKEN = jwt.encode(
    {
        "iss": "https://login.test/tenant/v2.0",
        "aud": "client-1",
        "sub": "subject-1",
        "exp": 4102444800,
        "iat": 1700000000,
        "preferred_username": "ada@example.com",
        "tid": "tenant",
        "sid": _MIXED,
    },
    _PKCS8,
    "RS256",
    headers={"kid": "key-1"},
)
_TOKENS = {
    "access_token": "ya29." + _LONG,
    "refresh_token": _MIXED + "r",
    "id_token": _ID_TOKEN,
    "token_type": "Bearer",
    "expires_in": 3600,
    "scope": "openid profile",
    "client_info": base64.urlsafe_b64encode(b'{"uid":"u","utid":"t"}').decode().rstrip("="),
}
_STS = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>A:b</AssumedRoleId><Arn>arn:aws:sts::1:x</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>ASIA{"Q3EGRAA7IJMKEY23"}</AccessKeyId><SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzRANDOMKEY</SecretAccessKey>
<SessionToken>{_LONG}==</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
_KEY_32 = base64.b64encode(bytes(range(60, 92))).decode()
_ANSWERS: dict[str, object] = {
    "/token": _TOKENS,
    "/oauth1": f"oauth_token={_MIXED}&oauth_token_secret={_LONG}&oauth_callback_confirmed=true",
    "/sts": _STS,
    "/ecr": {
        "authorizationData": [
            {
                "authorizationToken": base64.b64encode(b"AWS:" + _LONG.encode()).decode(),
                "expiresAt": 4102444800.0,
                "proxyEndpoint": "https://1.dkr.ecr.eu-west-1.amazonaws.com",
            }
        ]
    },
    "/app/installations/7/access_tokens": {
        "token": "ghs_" + "16C7e42F292c6912E7710c838347Ae178B4a",
        "expires_at": "2100-01-01T00:00:00Z",
        "permissions": {"issues": "write"},
        "repository_selection": "all",
    },
    "/app/installations/7": {"id": 7, "app_id": 1, "account": {"login": "ada"}},
    "/v1/auth/approle/login": {
        "auth": {"client_token": "hvs." + _LONG, "accessor": _MIXED, "lease_duration": 60}
    },
    "/v1/transit/datakey/plaintext/k": {
        "data": {"plaintext": _KEY_32, "ciphertext": "vault:v1:" + _LONG}
    },
    "/v1/payment_intents": {
        "id": "pi_3Mtw",
        "object": "payment_intent",
        "client_secret": "pi_3Mtw_secret_" + _MIXED,
    },
    "/v1/payment_intents/pi_3Mtw": {"id": "pi_3Mtw", "object": "payment_intent", "amount": 5},
    "/fernet": {"encryption_key": base64.urlsafe_b64encode(bytes(range(60, 92))).decode()},
    "/box": {"secret_key": _KEY_32},
    "/pem": {"private_key": _PKCS8},
    "/pem1": _PKCS1,
    "/ec": {"credentials": {"private_key": _EC.decode()}},
    "/kube": {"client-key-data": base64.b64encode(_PKCS1.encode()).decode()},
    "/totp": {"secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PX2", "issuer": "Shop"},
    "/jwk": {
        "keys": [
            {
                "kty": "oct",
                "kid": "1",
                "k": base64.urlsafe_b64encode(bytes(range(60, 92))).decode()[:-1],
            }
        ]
    },
    "/storage": {
        "primaryConnectionString": "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey="
        + base64.b64encode(bytes(range(64))).decode()
        + ";EndpointSuffix=core.windows.net"
    },
    "/number": {"otp": 739104},
    "/short": {"secret": "k9x-2", "session_token": "a8"},
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        asked = self.rfile.read(size)
        answer = _ANSWERS["/sts" if b"AssumeRole" in asked else urlsplit(self.path).path]
        data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(201 if self.path.endswith("access_tokens") else 200)
        kind = "text/xml" if data[:1] == b"<" else "application/json"
        kind = "application/x-www-form-urlencoded" if data.startswith(b"oauth_token") else kind
        self.send_header("Content-Type", "text/plain" if data.startswith(b"-----") else kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST  # noqa: N815 -- the names are those of the standard library

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def google_service_account(url):
    """Signs an assertion, and is given a token."""
    info = {"client_email": "a@b.iam", "private_key": _PKCS8, "token_uri": f"{url}/token"}
    credentials = service_account.Credentials.from_service_account_info(info, scopes=["a"])
    credentials.refresh(google_requests.Request())
    assert credentials.valid


def google_id_token(url):
    """Takes the time from the token."""
    info = {"client_email": "a@b.iam", "private_key": _PKCS8, "token_uri": f"{url}/token"}
    credentials = service_account.IDTokenCredentials.from_service_account_info(
        info, target_audience="client-1"
    )
    credentials.refresh(google_requests.Request())
    assert credentials.expiry.year == 2100


class _Login(requests.Session):
    """Sends what is for the authority to the server of the test."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def request(self, method, url, **options):
        if "openid-configuration" in url or "discovery" in url:
            answer = requests.Response()
            answer.status_code = 200
            endpoints = (
                "authorization_endpoint",
                "token_endpoint",
                "device_authorization_endpoint",
            )
            found = dict.fromkeys(endpoints, "https://login.test/token")
            found["issuer"] = "https://login.test/tenant/v2.0"
            answer._content = json.dumps(found).encode()
            return answer
        return super().request(method, f"{self.url}/token", **options)


def msal_code(url):
    """Checks for whom the token is, and by whom."""
    app = msal.ConfidentialClientApplication(
        "client-1",
        client_credential="made-up-secret",
        authority="https://login.test/tenant",
        validate_authority=False,
        instance_discovery=False,
        http_client=_Login(url),
    )
    answer = app.acquire_token_by_authorization_code("code-17x9", ["User.Read"])
    assert answer["id_token_claims"]["preferred_username"] == "ada@example.com"
    assert app.get_accounts()[0]["username"] == "ada@example.com"


def authlib_oauth2(url):
    """Keeps its token, and sends it."""
    session = authlib_client.OAuth2Session("client-1", "made-up-secret", scope="openid")
    token = session.fetch_token(f"{url}/token", grant_type="client_credentials")
    assert token["expires_in"] == 3600
    assert session.get(f"{url}/short").ok


def authlib_oauth1(url):
    """Is answered a form."""
    session = authlib_client.OAuth1Session("client-1", "made-up-secret")
    assert session.fetch_request_token(f"{url}/oauth1")["oauth_token"]


def requests_oauthlib_oauth2(url):
    """As the one of authlib."""
    client = oauthlib.oauth2.BackendApplicationClient("client-1")
    session = requests_oauthlib.OAuth2Session(client=client)
    session.fetch_token(f"{url}/token", client_secret="made-up-secret", include_client_id=True)
    assert session.authorized
    assert session.get(f"{url}/short").ok


def requests_oauthlib_oauth1(url):
    """As the one of authlib."""
    session = requests_oauthlib.OAuth1Session("client-1", "made-up-secret")
    assert session.fetch_request_token(f"{url}/oauth1")["oauth_token_secret"]


def _aws(service, url):
    return boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="AKIA0000000000000000",
        aws_secret_access_key="made-up",
    )


def boto3_sts(url):
    """Signs with what it was given."""
    given = _aws("sts", url).assume_role(
        RoleArn="arn:aws:iam::1:role/abcdefgh", RoleSessionName="me"
    )
    keys = given["Credentials"]
    assert keys["Expiration"].year == 2100
    assert keys["AccessKeyId"].startswith("ASIA")
    assert len(keys["AccessKeyId"]) == 20


def boto3_ecr(url):
    """Decodes and splits."""
    data = _aws("ecr", f"{url}/ecr?").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    assert user == "AWS"
    assert len(password) == len(_LONG)


def pygithub(url):
    """Asks for an installation's token."""
    integration = github.GithubIntegration(auth=github.Auth.AppAuth(1, _PKCS8), base_url=url)
    token = integration.get_access_token(7)
    assert token.expires_at.year == 2100
    assert token.token.startswith("ghs_")


def hvac_approle(url):
    """Logs in, and decodes a key."""
    client = hvac.Client(url)
    client.auth.approle.login("role-1", "made-up-secret")
    assert client.token.startswith("hvs.")
    key = client.secrets.transit.generate_data_key("k", "plaintext")["data"]["plaintext"]
    assert len(base64.b64decode(key)) == 32


def pyjwt(url):
    """Reads the claims."""
    token = requests.post(f"{url}/token").json()["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False}, audience="client-1")
    assert claims["sub"] == "subject-1"
    assert jwt.get_unverified_header(token)["kid"] == "key-1"


def stripe_intent(url):
    """Takes the id out of a client's secret."""
    client = stripe.StripeClient("sk_test_madeup", base_addresses={"api": url})
    intent = client.v1.payment_intents.create({"amount": 5, "currency": "eur"})
    name, _, secret = intent.client_secret.partition("_secret_")
    assert client.v1.payment_intents.retrieve(name).amount == 5
    assert len(secret) == len(_MIXED)


def fernet(url):
    """Needs 32 bytes in base64."""
    box = Fernet(requests.get(f"{url}/fernet").json()["encryption_key"])
    assert box.decrypt(box.encrypt(b"a")) == b"a"


def pynacl(url):
    """Needs 32 bytes."""
    key = base64.b64decode(requests.get(f"{url}/box").json()["secret_key"])
    box = nacl.secret.SecretBox(key)
    assert box.decrypt(box.encrypt(b"a")) == b"a"


def pem(url):
    """Loads a key of each kind."""
    for path, kind in (("/pem", rsa.RSAPrivateKey), ("/ec", ec.EllipticCurvePrivateKey)):
        answer = requests.get(url + path).json()
        text = answer.get("credentials", answer)["private_key"]
        assert isinstance(serialization.load_pem_private_key(text.encode(), None), kind)


def paramiko_key(url, tmp_path):
    """Reads a file of a key."""
    (tmp_path / "key").write_text(requests.get(f"{url}/pem1").text)
    assert paramiko.RSAKey.from_private_key_file(str(tmp_path / "key")).can_sign()


def kubernetes_key(url):
    """Decodes a key in base64."""
    data = requests.get(f"{url}/kube").json()["client-key-data"]
    assert serialization.load_pem_private_key(base64.b64decode(data), None)


def one_time_password(url):
    """Needs base32."""
    assert len(pyotp.TOTP(requests.get(f"{url}/totp").json()["secret"]).now()) == 6


def jwcrypto_key(url):
    """Needs base64 of the right length."""
    [key] = requests.get(f"{url}/jwk").json()["keys"]
    assert len(base64.urlsafe_b64decode(jwk.JWK(**key).get_op_key("sign") + "=")) == 32


def azure_storage(url):
    """Splits a connection string."""
    text = requests.get(f"{url}/storage").json()["primaryConnectionString"]
    parts = dict(part.split("=", 1) for part in text.split(";"))
    assert parts["AccountName"] == "shop"
    assert len(base64.b64decode(parts["AccountKey"])) == 64


def number(url):
    """Counts the digits."""
    assert 99999 < requests.get(f"{url}/number").json()["otp"] < 1000000


CLIENTS = [
    google_service_account,
    google_id_token,
    msal_code,
    authlib_oauth2,
    authlib_oauth1,
    requests_oauthlib_oauth2,
    requests_oauthlib_oauth1,
    boto3_sts,
    boto3_ecr,
    pygithub,
    hvac_approle,
    pyjwt,
    stripe_intent,
    fernet,
    pynacl,
    pem,
    paramiko_key,
    kubernetes_key,
    one_time_password,
    jwcrypto_key,
    azure_storage,
    number,
]


@pytest.fixture
def server():
    """The services, on one port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # msal's, of the simpler way
def test_a_client_is_content_with_what_stands_in(client, server, tmp_path, monkeypatch):
    """The same once more without the server; in the file is nothing that a scan would find."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    url = f"http://127.0.0.1:{server.server_port}"
    more = (tmp_path,) if client is paramiko_key else ()
    with use_cassette(tmp_path / "c.yaml", record_mode="once"):
        client(url, *more)
    server.socket.close()
    with use_cassette(tmp_path / "c.yaml", record_mode="none"):
        client(url, *more)
    assert detect_private_key([str(tmp_path / "c.yaml")]) == 0
    text = (tmp_path / "c.yaml").read_text()
    assert not re.search(
        r"PRIVATE KEY|[sr]k_live_|ghs_\w{36}|AKIA[A-Z0-9]{16}|ASIA[A-Z0-9]{16}", text
    )
    for secret in (_MIXED, _LONG, _KEY_32, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PX2", "739104"):
        assert secret not in text
