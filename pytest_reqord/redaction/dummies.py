"""Dummy values for secret variables that aren't set, so that a fresh clone replays without keys.

SDKs look at their keys when they are constructed: at the prefix, the length, the structure.
"""

from __future__ import annotations

import re

__all__ = ["dummy_for", "is_dummy"]

_EXACT = {
    "AWS_ACCESS_KEY_ID": "AKIAREQORDDUMMY00000",
    "AWS_SECRET_ACCESS_KEY": "reqord/dummy/secret/access/key/000000000",
    "AWS_SESSION_TOKEN": "reqord-dummy-aws-session-token-0000000000",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}
_PREFIXES = (  # the first that is part of the name
    ("ANTHROPIC", "sk-ant-api03-"),
    ("OPENROUTER", "sk-or-v1-"),
    ("OPENAI", "sk-"),
    ("DEEPSEEK", "sk-"),
    ("GROQ", "gsk_"),
    ("XAI", "xai-"),
    ("PERPLEXITY", "pplx-"),
    ("REPLICATE", "r8_"),
    ("HUGGING", "hf_"),
    ("HF_", "hf_"),
    ("GEMINI", "AIza"),
    ("GOOGLE", "AIza"),
    ("GITHUB", "ghp_"),
    ("GH_TOKEN", "ghp_"),
    ("GITLAB", "glpat-"),
    ("SLACK_APP", "xapp-"),
    ("SLACK_USER", "xoxp-"),
    ("SLACK", "xoxb-"),
    ("STRIPE_PUBLISHABLE", "pk_test_"),
    ("STRIPE_WEBHOOK", "whsec_"),
    ("STRIPE", "sk_test_"),
    ("SENDGRID", "SG."),
    ("TWILIO_ACCOUNT_SID", "AC"),
    ("NPM", "npm_"),
    ("PYPI", "pypi-"),
    ("LANGSMITH", "lsv2_pt_"),
    ("LANGCHAIN", "lsv2_pt_"),
    ("PINECONE", "pcsk_"),
    ("NOTION", "ntn_"),
    ("SHOPIFY", "shpat_"),
)
_HOST = "reqord-dummy.invalid"
_SHAPES = (  # by what the name ends in; empty for an identifier
    (
        r"(?:DATABASE|POSTGRES|PG|DB)_(?:URL|URI|DSN)",
        f"postgresql://reqord:reqord-dummy@{_HOST}/dummy",
    ),
    (r"REDIS_(?:URL|URI)", f"redis://:reqord-dummy@{_HOST}:6379/0"),
    (r"SENTRY_DSN", f"https://reqorddummy@{_HOST}/1"),
    (r"(?:URL|URI|ENDPOINT|DSN|WEBHOOK|API_BASE)", f"https://{_HOST}"),
    (r"(?:HOST|HOSTNAME|DOMAIN)", _HOST),
    (r"PORT", "65535"),
    (r"(?:EMAIL|MAIL)", f"dummy@{_HOST}"),
    (r"TELEGRAM\w*TOKEN", "123456789:reqord-dummy-token-0000000000000000"),
    (r"(?:TENANT|CLIENT|SUBSCRIPTION|APP|APPLICATION|ORG|ORGANIZATION|PROJECT|ACCOUNT)_ID", ""),
)
_UUID = "00000000-0000-4000-8000-000000000000"
_JWT = (  # {"alg":"none","typ":"JWT"} {"iss":"reqord-dummy","exp":4102444800} REDACTED
    "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0."
    "eyJpc3MiOiJyZXFvcmQtZHVtbXkiLCJleHAiOjQxMDI0NDQ4MDB9.W1JFREFDVEVEXQ"
)


def dummy_for(name: str) -> str:
    """A value that a constructor accepts for an environment variable of this name.

    The same name has the same value in every run. No service accepts it.
    """
    name = name.upper()
    if name in _EXACT:
        return _EXACT[name]
    for ending, shape in _SHAPES:
        if re.search(rf"(?:^|_)(?:{ending})$", name):
            return shape or _UUID
    if name.endswith("JWT"):
        return _JWT
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    prefix = next((prefix for part, prefix in _PREFIXES if part in name), "")
    return f"{prefix}reqord-dummy-{slug}".ljust(48, "0")


def is_dummy(text: str) -> bool:
    """Whether a value is a dummy of ours, as the scan for known secrets asks."""
    return "reqord" in text.lower() and "dummy" in text.lower()
