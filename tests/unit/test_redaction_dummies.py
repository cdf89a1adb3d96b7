"""Dummies for secret variables: what SDKs accept at construction."""

import uuid
from urllib.parse import urlsplit

import anthropic
import boto3
import openai
import pytest

from pytest_reqord.redaction import Redactor, dummy_for, is_dummy
from pytest_reqord.redaction.redactor import SHORTEST

NAMES = [
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GITHUB_TOKEN",
    "SLACK_BOT_TOKEN",
    "TELEGRAM_BOT_TOKEN",
    "STRIPE_SECRET_KEY",
    "GOOGLE_API_KEY",
    "HF_TOKEN",
    "DATABASE_URL",
    "AZURE_OPENAI_ENDPOINT",
    "MY_OWN_SECRET",
    "x",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_dummy_says_what_it_is(name):
    """It can be told from a real value, is the same in each run and long enough to be swept."""
    dummy = dummy_for(name)
    assert is_dummy(dummy)
    assert dummy == dummy_for(name.lower())
    assert len(dummy) >= SHORTEST
    assert dummy.isascii()
    assert dummy.isprintable()


def test_dummies_differ():
    """Two secrets of one test aren't taken for each other."""
    assert len({dummy_for(name) for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("OPENAI_API_KEY", "sk-"),
        ("ANTHROPIC_API_KEY", "sk-ant-"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("GH_TOKEN", "ghp_"),
        ("SLACK_BOT_TOKEN", "xoxb-"),
        ("SLACK_APP_TOKEN", "xapp-"),
        ("STRIPE_SECRET_KEY", "sk_test_"),
        ("GEMINI_API_KEY", "AIza"),
    ],
)
def test_dummies_have_the_prefix_of_the_service(name, start):
    """Constructors look at it."""
    assert dummy_for(name).startswith(start)


def test_dummies_have_the_shape_of_what_they_stand_for():
    """Addresses, identifiers, ports and tokens with a structure can be taken apart."""
    assert urlsplit(dummy_for("DATABASE_URL")).scheme == "postgresql"
    assert urlsplit(dummy_for("MY_SERVICE_ENDPOINT")).hostname == "reqord-dummy.invalid"
    assert uuid.UUID(dummy_for("AZURE_TENANT_ID"))
    assert int(dummy_for("SERVICE_PORT")) < 65536
    assert dummy_for("TELEGRAM_BOT_TOKEN").partition(":")[0].isdigit()
    assert dummy_for("SERVICE_JWT").count(".") == 2
    assert "@" in dummy_for("ADMIN_EMAIL")


def test_sdks_accept_them():
    """The constructors of three SDKs that want a key."""
    openai.OpenAI(api_key=dummy_for("OPENAI_API_KEY"))
    anthropic.Anthropic(api_key=dummy_for("ANTHROPIC_API_KEY"))
    boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id=dummy_for("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=dummy_for("AWS_SECRET_ACCESS_KEY"),
    )


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"])
def test_a_dummy_and_the_real_value_leave_the_same(name):
    """A replay with a dummy matches what was recorded with the real value."""
    real = {"OPENAI_API_KEY": "sk-0123456789", "AZURE_OPENAI_ENDPOINT": "https://t7.example.com"}
    texts = {
        Redactor(secrets=[secret]).text(f"x {secret}/y") for secret in (dummy_for(name), real[name])
    }
    assert len(texts) == 1
    assert real[name] not in texts.pop()
