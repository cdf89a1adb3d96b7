"""A redacted place in a recording matches whatever stands there in a live request."""

from __future__ import annotations

import re

from pytest_reqord.patterns import Pattern
from pytest_reqord.redaction.jwt import DUMMY_JWT
from pytest_reqord.redaction.text import REDACTED, REDACTED_IN_URL

__all__ = ["is_redacted", "matches"]

_PLACE = Pattern(
    "|".join((re.escape(REDACTED), re.escape(REDACTED_IN_URL), DUMMY_JWT.pattern)), re.IGNORECASE
)
_ANYTHING = Pattern(r'(?:[^"&<\n\\]|\\.)*')  # one value: not beyond its string, field or line


def is_redacted(text: str | bytes) -> bool:
    """Whether something was taken out of the text."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return _PLACE.search(text) is not None


def matches(recorded: str | bytes, live: str | bytes) -> bool:
    """Whether the two are equal but for the redacted places of the recording.

    :param recorded: a URI, a header's value or a body, as recorded.
    :param live: the same of the live request, redacted or not.
    """
    if recorded == live:
        return True
    recorded = recorded.decode("latin-1") if isinstance(recorded, bytes) else recorded
    live = live.decode("latin-1") if isinstance(live, bytes) else live
    first, *rest = _PLACE.split(recorded)
    if not rest or not live.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1]:  # the nearest place is the best: it leaves the most for those to come
        found = live.find(part, at)
        if found < 0 or not _ANYTHING.fullmatch(live, at, found):
            return False
        at = found + len(part)
    end = len(live) - len(rest[-1])
    return at <= end and live.endswith(rest[-1]) and bool(_ANYTHING.fullmatch(live, at, end))
