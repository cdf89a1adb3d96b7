"""The scan finds keys by their look, and shows them to nobody."""

import base64
import gzip
import json
from datetime import datetime, timezone

import pytest

from pytest_reqord.base.models import Failure, Headers, Interaction, Request, Response
from pytest_reqord.redaction import Redactor, dummy_for
from pytest_reqord.redaction.known_secrets import KINDS, Finding, scan

WHEN = datetime(2026, 11, 23, tzinfo=timezone.utc)
HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
WORD = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefABCDEF"


def letters(count):
    return (WORD * 3)[:count]


# every one is put together here, so that no scanner takes this file for a leak
SECRETS = {
    "AWS access key id": "AKIA" + "QYLPMN5HFIQR7BBB",
    "AWS Bedrock API key": "ABSK" + letters(120),
    "AWS secret access key": "aws_secret_access_key = " + letters(40),
    "Google API key": "AIza" + letters(35),
    "Google OAuth token": "ya29." + letters(60),
    "Google OAuth client secret": "GOCSPX-" + letters(28),
    "Google refresh token": "1//0" + letters(70),
    "Azure storage key": "AccountKey=" + letters(86) + "==",
    "Azure shared access key": "SharedAccessKey=" + letters(43) + "=",
    "Azure client secret": "abc8Q~" + letters(34),
    "Azure DevOps token": letters(76) + "AZDO" + "aB3d",
    "GitHub token": "ghp_" + letters(36),
    "GitLab token": "glpat-" + letters(20),
    "Slack token": "xoxb-" + "123456789012-" + letters(24),
    "Slack app token": "xapp-1-A01-123-" + HEX,
    "Slack webhook": "hooks.slack.com/services/T0123456/B0123456/" + letters(24),
    "Stripe secret key": "sk_live_" + letters(24),
    "Stripe webhook secret": "whsec_" + letters(32),
    "OpenAI API key": "sk-proj-" + letters(60),
    "Anthropic API key": "sk-ant-api03-" + letters(60),
    "OpenRouter API key": "sk-or-v1-" + HEX * 2,
    "API key": "sk-" + letters(48),
    "Groq API key": "gsk_" + letters(52),
    "xAI API key": "xai-" + letters(80),
    "Perplexity API key": "pplx-" + letters(48),
    "Replicate token": "r8_" + letters(37),
    "Hugging Face token": "hf_" + letters(34),
    "LangSmith key": "lsv2_pt_" + HEX + "_0f1e2d3c4b",
    "SendGrid API key": "SG." + letters(22) + "." + letters(43),
    "Mailchimp API key": HEX + "-us12",
    "Mailgun API key": "key-" + HEX,
    "Twilio API key": "SK" + HEX,
    "Telegram bot token": "123456789:AA" + letters(33),
    "Discord webhook": "discord.com/api/webhooks/123/" + letters(68),
    "npm token": "npm_" + letters(36),
    "PyPI token": "pypi-AgE" + letters(60),
    "Docker token": "dckr_pat_" + letters(27),
    "DigitalOcean token": "dop_v1_" + HEX * 2,
    "Shopify token": "shpat_" + HEX,
    "Square token": "EAAA" + letters(60),
    "Databricks token": "dapi" + HEX,
    "HashiCorp Vault token": "hvs." + letters(24),
    "Terraform token": letters(14) + ".atlasv1." + letters(60),
    "Notion token": "ntn_" + letters(46),
    "Linear API key": "lin_api_" + letters(40),
    "Figma token": "figd_" + letters(40),
    "Grafana token": "glc_" + letters(40),
    "Sentry token": "sntrys_" + letters(80),
    "Atlassian API token": "ATATT3" + letters(160),
    "Postman API key": "PMAK-" + HEX[:24] + "-" + HEX + "0f",
    "New Relic key": "NRAK-" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0",
    "Pinecone key": "pcsk_aB3dE_" + letters(63),
    "age secret key": "AGE-SECRET-KEY-1" + WORD.upper()[:58],
    "JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
    "private key": "-----BEGIN RSA PRIVATE " + "KEY-----\n" + letters(64) + "\n-----END RSA PRIVATE KEY-----",
}  # fmt: skip


def test_every_kind_is_tried():
    """No pattern without a secret that it finds."""
    assert set(SECRETS) == set(KINDS)


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", '{{"a": "{}", "b": 1}}', "x={}&y=1", "Bearer {} ", "<k>{}</k>"]
)
def test_known_secrets_are_found_once(kind, around):
    """Each kind, alone, in JSON, a form, a header and XML; what is said hasn't got it."""
    secret = SECRETS[kind]
    found = scan(around.format(secret))
    assert [finding.kind for finding in found] == [kind]
    assert not any(secret[at : at + 8] in str(found[0]) for at in range(len(secret) - 8))


@pytest.mark.parametrize(
    "text",
    [
        "550e8400-e29b-41d4-a716-446655440000",
        "33a64df551425fcc55e4d42a148795d9f25f89d4",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "pk_live_" + letters(24),
        "sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc=",
        "task-abcdefghijklmnopqrstuvwxyz0123456789",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-00000000000000000000000000000000",
        "-----BEGIN PUBLIC KEY-----\n" + letters(64) + "\n-----END PUBLIC KEY-----",
        "a file that starts with -----BEGIN PRIVATE KEY----- is a key",
        "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 4).decode(),
        "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.W1JFREFDVEVEXQ",
        "https://b.example/?X-Amz-Signature=" + HEX * 2,
        "[REDACTED]",
    ],
)
def test_what_only_looks_like_a_secret_is_not_found(text):
    """Identifiers, hashes, public keys, pictures, examples and our own dummies."""
    assert scan(text) == []


def test_every_part_of_an_interaction_is_scanned():
    """And the finding says where: bodies unpacked, with the line."""
    key = SECRETS["GitHub token"]
    answer = Response(
        200,
        "OK",
        Headers([("Content-Encoding", "gzip"), ("X-B", key)]),
        gzip.compress(f"a\nb {key}".encode()),
        trailers=Headers([("X-C", key)]),
    )
    sent = Request("POST", f"https://a.example/{key}", Headers([("X-A", key)]), key.encode())
    assert [finding.place for finding in scan(Interaction(sent, answer, WHEN))] == [
        "request URI",
        "request header X-A",
        "request body",
        "response header X-B",
        "response body, line 2",
        "response trailer X-C",
    ]
    failed = Interaction(sent, None, WHEN, failure=Failure("E", key, {"url": key}))
    places = [finding.place for finding in scan(failed)][3:]
    assert places == ["error message", "error detail url"]


def test_a_finding_reads_as_a_sentence():
    """Kind and place, and nothing of what stands around: it may be secret, too."""
    finding = scan(f"a {SECRETS['GitHub token']} b")[0]
    assert finding == Finding("GitHub token", "text")
    assert str(finding) == "GitHub token in text"


def test_a_secret_of_two_kinds_is_found_once():
    """The longer one counts."""
    found = scan("sk-ant-api03-" + letters(20) + "T3BlbkFJ" + letters(40))
    assert [finding.kind for finding in found] == ["OpenAI API key"]


def test_many_findings_cost_as_much_as_each():
    """Their lines and surroundings are found on the way."""
    token = "ghp_" + "0123456789abcdefghijklmnopqrstuvwxyz"
    found = scan(f"{token}\n" * 20_000)
    assert len(found) == 20_000
    assert found[-1].place == "text, line 20000"


def test_nothing_is_found_in_what_was_redacted():
    """The scan agrees with the redactor."""
    body = {"access_token": SECRETS["JSON Web Token"], "api_key": SECRETS["Stripe secret key"]}
    answer = Response(200, "OK", Headers(), json.dumps(body).encode())
    assert scan(answer.text)
    assert scan(Redactor().response(answer).text) == []


def test_dummies_are_not_found():
    """A dummy value that SDKs accept must not be taken for a leak."""
    names = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_ACCESS_KEY_ID", "GITHUB_TOKEN", "MY_JWT")
    assert [scan(f"x={dummy_for(name)}") for name in names] == [[]] * len(names)
