"""The scan for known secrets: what services' keys look like, wherever they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pytest_reqord.base.content_coding import in_archive
from pytest_reqord.base.lazy import Pattern
from pytest_reqord.base.models import Interaction
from pytest_reqord.redaction.dummies import is_dummy
from pytest_reqord.redaction.values import JWT, REDACTED, is_dummy_jwt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.base.models import Headers

__all__ = ["KINDS", "Finding", "hidden", "scan"]


@dataclass(frozen=True)
class Finding:
    """A known secret that was found. Nothing of it or its surroundings is in here, to be shown.

    :param kind: what it is, such as ``GitHub token``.
    :param place: where it is, such as ``response body, line 3``.
    """

    kind: str
    place: str

    def __str__(self) -> str:
        return f"{self.kind} in {self.place}"


# kind, a text that is in every one of them, pattern. The text is looked for first.
_PATTERNS = (
    ("AWS access key id", "AKIA", r"AKIA[A-Z2-7]{16}"),
    ("AWS access key id", "ASIA", r"ASIA[A-Z2-7]{16}"),
    ("AWS Bedrock API key", "ABSK", r"ABSK[A-Za-z0-9+/]{109,}={0,2}"),
    (
        "AWS secret access key",
        "ecret",
        r"(?i:aws_?secret_?(?:access_?)?key)\W{1,8}[A-Za-z0-9/+]{40}",
    ),
    ("Google API key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    ("Google OAuth token", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    ("Google OAuth client secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    ("Google refresh token", "1//", r"1//0[A-Za-z0-9_-]{60,}"),
    ("Azure storage key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    ("Azure shared access key", "SharedAccessKey=", r"SharedAccessKey=[A-Za-z0-9+/]{43}="),
    ("Azure client secret", "8Q~", r"[A-Za-z0-9_~.]{3}8Q~[A-Za-z0-9_~.-]{31,34}"),
    ("Azure DevOps token", "AZDO", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}"),
    ("GitHub token", "gh", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    ("GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    ("GitLab token", "gl", r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas)-[A-Za-z0-9_.-]{20,}"),
    ("Slack token", "xox", r"xox[abeoprs]-(?:\d-)?[A-Za-z0-9-]{20,}"),
    ("Slack app token", "xapp-", r"xapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{32,}"),
    ("Slack webhook", "hooks.slack", r"hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20,}"),
    ("Stripe secret key", "k_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{20,}"),
    ("Stripe webhook secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{32,}"),
    ("OpenAI API key", "T3BlbkFJ", r"sk-[A-Za-z0-9_-]{20,128}T3BlbkFJ[A-Za-z0-9_-]{20,}"),
    ("OpenAI API key", "sk-", r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}"),
    ("Anthropic API key", "sk-ant-", r"sk-ant-[a-z]{3,}\d\d-[A-Za-z0-9_-]{40,}"),
    ("OpenRouter API key", "sk-or-", r"sk-or-v1-[a-f0-9]{64}"),
    ("API key", "sk-", r"sk-[A-Za-z0-9]{32,64}"),
    ("Groq API key", "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    ("xAI API key", "xai-", r"xai-[A-Za-z0-9]{80}"),
    ("Perplexity API key", "pplx-", r"pplx-[A-Za-z0-9]{48,}"),
    ("Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    ("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{34,}"),
    ("LangSmith key", "lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    ("SendGrid API key", "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    ("Mailchimp API key", "-us", r"[a-f0-9]{32}-us\d{1,2}"),
    ("Mailgun API key", "key-", r"key-[a-f0-9]{32}"),
    ("Twilio API key", "SK", r"SK[a-f0-9]{32}"),
    ("Telegram bot token", ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    (
        "Discord webhook",
        "/webhooks/",
        r"discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/[\w-]{60,}",
    ),
    ("npm token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    ("PyPI token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
    ("Docker token", "dckr_", r"dckr_[op]at_[A-Za-z0-9_-]{27,}"),
    ("DigitalOcean token", "_v1_", r"do[oprs]_v1_[a-f0-9]{64}"),
    ("Shopify token", "shp", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("Square token", "EAAA", r"EAAA[A-Za-z0-9_-]{60}"),
    ("Databricks token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?"),
    ("HashiCorp Vault token", "hv", r"hv[sbr]\.[A-Za-z0-9_-]{24,}"),
    ("Terraform token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
    ("Notion token", "ntn_", r"ntn_[A-Za-z0-9]{46}"),
    ("Linear API key", "lin_", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,}"),
    ("Figma token", "figd_", r"figd_[A-Za-z0-9_-]{40,}"),
    ("Grafana token", "gl", r"gl(?:c_[A-Za-z0-9+/=]{32,}|sa_[A-Za-z0-9]{32}_[a-f0-9]{8})"),
    ("Sentry token", "sntry", r"sntry[su]_[A-Za-z0-9+/=_-]{60,}"),
    ("Atlassian API token", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{150,}"),
    ("Postman API key", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    ("New Relic key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    ("Pinecone key", "pcsk_", r"pcsk_[A-Za-z0-9]{4,6}_[A-Za-z0-9]{60,}"),
    ("age secret key", "AGE-SECRET", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    ("JSON Web Token", "eyJ", JWT.pattern),
    (
        "private key",
        "PRIVATE KEY",
        (
            r"-----BEGIN (?:[A-Z]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[^-]|-(?!----)){0,512}?[A-Za-z0-9+/=]{32}(?:[^-]|-(?!----))*(?:-----END[A-Z ]*-----)?"
        ),
    ),
)
KINDS = tuple(dict.fromkeys(kind for kind, _, _ in _PATTERNS))
"""What can be found, by name."""

_EXAMPLES = Pattern(r"EXAMPLE|example|REDACTED|(.)\1{9}")  # what documentation has in its place


def scan(subject: str | bytes | Interaction) -> list[Finding]:
    """Look for known secrets.

    :param subject: text, or an interaction, of which every part is looked at.
    """
    if not isinstance(subject, Interaction):
        return list(_findings("text", _latin(subject)))
    return [finding for place, text in _parts(subject) for finding in _findings(place, text)]


def _latin(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text


def _parts(interaction: Interaction) -> Iterator[tuple[str, str]]:
    request, response, failure = interaction.request, interaction.response, interaction.failure
    yield "request URI", request.uri
    yield from _header_parts("request header", request.headers)
    yield "request body", _latin(request.content)
    yield from (("request body, in its archive", text) for text in in_archive(request.content))
    if response is not None:
        yield "response reason", response.reason
        yield from _header_parts("response header", response.headers)
        yield "response body", _latin(response.content)
        archived = in_archive(response.content)
        yield from (("response body, in its archive", text) for text in archived)
        yield from _header_parts("response trailer", response.trailers)
        failure = response.broken
    if failure is not None:
        yield "error message", failure.message
        yield from ((f"error detail {name}", value) for name, value in failure.details.items())


def _header_parts(place: str, headers: Headers) -> Iterator[tuple[str, str]]:
    return ((f"{place} {name}", value) for name, value in headers.pairs)


def hidden(text: str) -> str:
    """Text that is shown to somebody, without the known secrets in it."""
    parts: list[str] = []
    at = 0
    for start, end, _ in _spans(text):
        parts += (text[at:start], REDACTED)
        at = end
    return "".join((*parts, text[at:]))


def _findings(place: str, text: str) -> Iterator[Finding]:
    line, counted = 1, 0
    for start, _, kind in _spans(text):
        line, counted = line + text.count("\n", counted, start), start
        yield Finding(kind, f"{place}, line {line}" if "\n" in text else place)


def _spans(text: str) -> list[tuple[int, int, str]]:
    """Where known secrets start and end, and their kinds, in order; two patterns may find one."""
    found = [
        (*match.span(), kind)
        for kind, hint, pattern in _PATTERNS
        if hint in text
        for match in _compiled(pattern).finditer(text)
        if not _is_harmless(match[0])
    ]
    spans: list[tuple[int, int, str]] = []
    for span in sorted(found, key=lambda span: (span[0], -span[1])):
        if not spans or span[0] >= spans[-1][1]:
            spans.append(span)
    return spans


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern that may not begin or end within a word."""
    return re.compile(rf"(?<![A-Za-z0-9_]){pattern}(?![A-Za-z0-9])")


def _is_harmless(text: str) -> bool:
    return is_dummy(text) or is_dummy_jwt(text) or _EXAMPLES.search(text) is not None
