"""What large APIs really send: their secrets go, and nothing else does."""

import json
import re

import pytest

from pytest_reqord.base.models import Headers, Request, Response
from pytest_reqord.redaction import Redactor

OPENAI_CHAT = """{
  "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG", "object": "chat.completion",
  "model": "gpt-4o-2024-08-06", "system_fingerprint": "fp_50cad350e4",
  "choices": [{"index": 0, "message": {"role": "assistant", "content": "internationalization"},
    "logprobs": {"content": [
      {"token": "internationalization", "logprob": -0.31, "bytes": [105, 110], "top_logprobs": [
        {"token": "----------------", "logprob": -0.31, "bytes": null},
        {"logprob": -1.5, "bytes": null, "token": "_authentication_token"}]}]},
    "finish_reason": "stop"}],
  "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
    "completion_tokens_details": {"reasoning_tokens": 0, "accepted_prediction_tokens": 0}}
}"""
ANTHROPIC = (
    '{"id":"msg_013Zva2CMHLNnjNjJKqJ2EF","type":"message","role":"assistant","content":[{"type":'
    '"tool_use","id":"toolu_01A09q90qw90lq917835lq9","name":"f","input":{"token_count":"12"}}],'
    '"stop_sequence":null,"usage":{"input_tokens":10,"cache_read_input_tokens":0}}'
)
ANTHROPIC_REQUEST = (
    '{"model":"claude-3","max_tokens":1024,"metadata":{"user_id":"u-1"},"messages":[]}'
)
GOOGLE_LIST = (
    '{"kind":"drive#fileList","nextPageToken":"~!!~AI9FV7Tc8qUo0123456789abcdef",'
    '"newStartPageToken":"1234567890123456","nextSyncToken":"CPDAlvWDx70CEPDAlvWDx70CGAU=",'
    '"files":[{"id":"1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms","etag":"\\"abc\\""}]}'
)
AWS_LIST = (
    '{"NextToken":"AAMA-EFRSURBSGcyU2hXcnZ4NTVZa0FBQUFBQUFBQUF=","Items":[{"Key":"a/b",'
    '"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}],"ClientToken":"550e8400-e29b-41d4-a716-446655440000",'
    '"ContinuationToken":"1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM="}'
)
GITHUB = (
    '{"sha":"6dcb09b5b57875f334f61aebed695e2e4193db5e","node_id":"MDQ6VXNlcjE=","key":"ssh-rsa AAAAB3Nza",'
    '"author":{"login":"octocat","gravatar_id":""},"verification":{"verified":true,'
    '"signature":"-----BEGIN PGP SIGNATURE-----\\n\\niQIz","payload":"tree 691272"},'
    '"download_url":"https://raw.githubusercontent.com/a/b/main/README.md",'
    '"public_key":"2Sg8iYjAxxmI2LvUXpJjkYrMxURPc8r+dB7TJyvvcCU=","key_id":"012345678912345678"}'
)
STRIPE = (
    '{"id":"pi_3MtwBwLkdIwHu7ix28a3tqPa","object":"payment_intent","amount":2000,"livemode":false,'
    '"idempotency_key":"6a4b0f3e-9d6c-4b5e-8a53-1f2a7f0d6f0c","payment_method":"pm_1MtwBw",'
    '"metadata":{"order":"6735"},"request":{"id":"req_oWeBmRlmXc1eNB"},'
    '"fingerprint":"Xt5EWLLDS7FJjR1c","publishable_key":"pk_test_TYooMQauvdEDq54NiTphI7jx"}'
)
ELASTIC = (
    '{"tokens":[{"token":"internationalization","start_offset":0,"end_offset":20,"position":0}]}'
)
SLACK = '{"ok":true,"channel":"C1","response_metadata":{"next_cursor":"dXNlcjpVMDYxTkZUVDI="}}'
GEMINI = (
    '{"candidates":[{"logprobsResult":{"chosenCandidates":[{"token":"responsibilities",'
    '"tokenId":17,"logProbability":-0.1}]}}],"usageMetadata":{"promptTokenCount":4}}'
)
OAUTH_SHAPE = (
    '{"token_type":"Bearer","expires_in":3600,"scope":"read:token","error":"invalid_token"}'
)


@pytest.mark.parametrize(
    "body",
    [
        OPENAI_CHAT,
        ANTHROPIC,
        ANTHROPIC_REQUEST,
        GOOGLE_LIST,
        AWS_LIST,
        GITHUB,
        STRIPE,
        ELASTIC,
        SLACK,
        GEMINI,
        OAUTH_SHAPE,
    ],
)
def test_answers_without_secrets_stay(body):
    """Tokens of text, page tokens, hashes, identifiers and public keys are left alone."""
    response = Response(200, "OK", Headers([("Content-Type", "application/json")]), body.encode())
    assert Redactor().response(response) is response
    request = Request("POST", "https://api.example.com/", response.headers, body.encode())
    assert Redactor().request(request) is request


def secrets_of(body, *secrets, content_type="application/json"):
    """The body after redaction, in which each of the secrets became a marker, whatever its kind."""
    headers = Headers([("Content-Type", content_type)])
    new = Redactor().response(Response(200, "OK", headers, body.encode())).body.decode()
    expected = body
    for secret in secrets:
        expected = expected.replace(secret, "[REDACTED]")
    assert re.sub(r"\[REDACTED [^\]]+\]", "[REDACTED]", new) == expected


def test_oauth_token_response():
    """Access and refresh token go; type, scope and lifetime stay."""
    secrets_of(
        '{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600,'
        '"refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","scope":"create"}',
        "2YotnFZFEjr1zCsicMWpAA",
        "tGzv3JOkF0XG5Qx2TlKWIA",
    )


def test_aws_sts_xml():
    """Temporary credentials go; expiry, ARN and request id stay."""
    secrets_of(
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
        "<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/demo/x</Arn></AssumedRoleUser>"
        "<Credentials><AccessKeyId>ASIAIOSFODNN7ABCDEFG</AccessKeyId>"
        "<SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzRANDOMKEY</SecretAccessKey>"
        "<SessionToken>AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW==</SessionToken>"
        "<Expiration>2026-11-09T13:34:41Z</Expiration></Credentials></AssumeRoleResult>"
        "<ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>"
        "</ResponseMetadata></AssumeRoleResponse>",
        "ASIAIOSFODNN7ABCDEFG",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzRANDOMKEY",
        "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW==",
        content_type="text/xml",
    )


def test_aws_json_credentials():
    """The same in JSON, and Secrets Manager's secret string."""
    secrets_of(
        '{"Credentials":{"AccessKeyId":"ASIA1","SecretAccessKey":"wJal/rXU","SessionToken":"IQoJ",'
        '"Expiration":1.9E9},"Name":"prod/db","SecretString":"{\\"password\\":\\"pw\\"}"}',
        "ASIA1",
        "wJal/rXU",
        "IQoJ",
        '{\\"password\\":\\"pw\\"}',
    )


def test_github_tokens():
    """Installation tokens and webhook secrets go."""
    secrets_of(
        '{"token":"ghs_16C7e42F292c6912E7710c838347Ae178B4a","expires_at":"2026-07-11T22:14:10Z",'
        '"permissions":{"issues":"write"},"config":{"content_type":"json","secret":"hook"}}',
        "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
        "hook",
    )


def test_stripe_client_secret():
    """A payment intent's client secret goes, its id stays."""
    secrets_of(
        '{"id":"pi_3Mtw","client_secret":"pi_3Mtw_secret_YrKJUKribcBjcG8HVhfZluoGH","currency":"usd"}',
        "pi_3Mtw_secret_YrKJUKribcBjcG8HVhfZluoGH",
    )


def test_google_service_account():
    """The private key goes; the address and the key's id stay."""
    secrets_of(
        '{"type":"service_account","private_key_id":"1f","private_key":'
        '"-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n",'
        '"client_email":"a@b.iam.gserviceaccount.com"}',
        "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n",
    )


def test_echo_services():
    """What httpbin tells about a request is redacted as the request is."""
    secrets_of(
        '{"args": {"api_key": "k1"}, "form": {"password": "p1"}, "headers": {"Cookie": "a=b",'
        ' "Host": "httpbin.org", "X-Api-Key": "x1"}, "origin": "1.2.3.4"}',
        "k1",
        "p1",
        "a=b",
        "x1",
    )


def test_every_redacted_answer_is_still_json():
    """Redaction leaves documents that parse."""
    for body in (OPENAI_CHAT, GOOGLE_LIST, GITHUB, STRIPE):
        document = body[:-1].rstrip() + ', "password": "a\\"b\\u00e9", "tail": {"api_key": "x"}}'
        response = Response(200, "OK", Headers(), document.encode())
        assert json.loads(Redactor().response(response).body)["tail"] == {"api_key": "[REDACTED]"}
