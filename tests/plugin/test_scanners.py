"""Scans for secrets find nothing in cassettes, nor in the corpus: no push is refused for one."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from apis import MESSAGES, interaction
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings
from pre_commit_hooks.detect_private_key import main as detect_private_key

from pytest_reqord import CassetteWriter
from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.redaction import Redactor
from pytest_reqord.redaction.known_secrets import scan

# those that look for what services' keys look like. The others take any value for a secret that is
# random (an ETag) or has a secret name (our marker, too): what no push is refused for
DETECTORS = (
    *("ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "CloudantDetector"),
    *("DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "JwtTokenDetector"),
    *("IbmCloudIamDetector", "IbmCosHmacDetector", "MailchimpDetector", "NpmDetector"),
    *("OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector"),
    *("SlackDetector", "SoftlayerDetector", "SquareOAuthDetector", "StripeDetector"),
    "TelegramBotTokenDetector",
)
WHEN = datetime(2026, 11, 28, tzinfo=timezone.utc)


def found(path):
    """What detect-secrets finds in a file."""
    settings = {"plugins_used": [{"name": name} for name in DETECTORS]}
    with transient_settings(settings):
        return [f"{each.type} in line {each.line_number}" for each in scan_file(str(path))]


def token():
    parts = {"alg": "RS256", "typ": "JWT"}, {"iss": "https://id.example.com", "sub": "1234567890"}
    packed = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.decode().rstrip("=") for part in packed) + ".SflKxwRJSMeKKF2QT4fwpM"


def recordings():
    request = Request("GET", "https://a.example.com/", Headers([("X-Id", token())]), b"")
    body = json.dumps({"id_token": token(), "text": f"it is {token()}"}).encode()
    cookie = Headers([("Set-Cookie", f"session={token()}; Path=/")])
    tokens = Interaction(request, Response(200, "OK", cookie, body), WHEN)
    return [*map(interaction, MESSAGES), tokens]


@pytest.fixture
def written(tmp_path):
    """The corpus and some tokens as a cassette: redacted, or as they are."""

    def written(name, *, is_redacted):
        path = tmp_path / name
        writer = CassetteWriter()
        for one in recordings():
            writer.write_entry(path, Redactor().interaction(one) if is_redacted else one)
        writer.stop()
        return path

    return written


def test_no_scan_finds_anything_in_a_cassette(written):
    """Neither detect-secrets nor pre-commit's detect-private-key, nor ours; without redaction they do."""
    plain, redacted = written("plain.yaml", is_redacted=False), written("a.yaml", is_redacted=True)

    assert len(found(plain)) > 5
    assert detect_private_key([str(plain)]) == 1
    assert scan(plain.read_bytes())

    assert found(redacted) == []
    assert detect_private_key([str(redacted)]) == 0
    assert scan(redacted.read_bytes()) == []


@pytest.mark.parametrize("name", ["requests.txt", "answers.txt"])
def test_no_scan_finds_anything_in_the_corpus(name):
    """What looks like a key there is written so that none is fooled."""
    path = Path(__file__).parents[1] / "data" / "apis" / name

    assert found(path) == []
    assert detect_private_key([str(path)]) == 0
