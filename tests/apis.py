"""What today's APIs send and answer, from their public documentation, with made-up values.

In each text stands «a secret», which must not reach a cassette, and ⟦an innocent value⟧, which must:
a client reads it back, or a person has to read it. The marks are no part of what is sent; nor is ``·``,
which keeps a scan for secrets from taking one of these for real.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from pytest_reqord.base.models import Headers, Interaction, Request, Response

__all__ = ["MESSAGES", "Message", "innocent_lost", "interaction", "secrets_left"]

WHEN = datetime(2026, 11, 28, tzinfo=timezone.utc)
_MARKS = re.compile("[«»⟦⟧·]")


class Message(NamedTuple):
    """A request or an answer.

    :param kind: what kind of place its values stand in.
    :param text: the request line's target (or URL) or nothing, header lines, a blank line, the body.
    :param is_request: which of the two.
    """

    kind: str
    text: str
    is_request: bool

    @property
    def secrets(self) -> list[str]:
        return re.findall("«(.+?)»", self.text.replace("·", ""), re.DOTALL)

    @property
    def innocent(self) -> list[str]:
        return re.findall("⟦(.+?)⟧", self.text.replace("·", ""), re.DOTALL)


def interaction(message: Message) -> Interaction:
    """An interaction with the message in it."""
    head, _, body = _MARKS.sub("", message.text).partition("\n\n")
    target, *lines = head.split("\n")
    parts = (line.partition(": ") for line in lines if line)
    pairs = [(name, value) for name, _, value in parts]
    data = body.encode()
    if not message.is_request:
        request = Request("GET", "https://api.example.com/", Headers(), b"")
        return Interaction(request, Response(200, "OK", Headers(pairs), data), WHEN)
    url = target if "://" in target[:8] else f"https://api.example.com{target}"
    request = Request("POST", url, Headers(pairs), data)
    return Interaction(request, Response(200, "OK", Headers(), b""), WHEN)


def _all_of(one: Interaction) -> str:
    request, response = one.request, one.response
    assert response is not None
    parts = [request.uri, request.text, response.text]
    parts += [value for _, value in (*request.headers.pairs, *response.headers.pairs)]
    return "\n".join(parts)


def secrets_left(message: Message, redacted: Interaction) -> list[str]:
    """Its secrets that are still there."""
    text = _all_of(redacted)
    return [secret for secret in message.secrets if secret in text]


def innocent_lost(message: Message, redacted: Interaction) -> list[str]:
    """Its innocent values that are no longer there."""
    text = _all_of(redacted)
    return [value for value in message.innocent if value not in text]


def _messages(text: str, *, is_request: bool) -> list[Message]:
    blocks = re.split(r"^=== (.+)\n", text, flags=re.MULTILINE)[1:]
    return [
        Message(kind, body.removesuffix("\n"), is_request)
        for kind, body in zip(blocks[::2], blocks[1::2], strict=True)
    ]


_DATA = Path(__file__).parent / "data" / "apis"
MESSAGES = [
    *_messages((_DATA / "requests.txt").read_text("utf-8"), is_request=True),
    *_messages((_DATA / "answers.txt").read_text("utf-8"), is_request=False),
]
"""Those of ``data/apis``."""
