"""JSON Web Tokens: found by their shape, replaced by tokens that still can be parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord.patterns import Pattern
from pytest_reqord.real import json
from pytest_reqord.redaction.text import REDACTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reqord.redaction.text import Edit, Found

__all__ = ["DUMMY_JWT", "JWT", "dummy_jwt", "is_dummy_jwt", "jwt_edits"]

JWT = Pattern(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*")

_DUMMY_SIGNATURE = "W1JFREFDVEVEXQ"  # REDACTED in base64url
DUMMY_JWT = Pattern(rf"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.{_DUMMY_SIGNATURE}")
"""A token of ours: the signature says so."""

_TIME_CLAIMS = frozenset({"exp", "iat", "nbf", "auth_time"})
_HEADER_CLAIMS = frozenset({"alg", "typ", "cty"})


def is_dummy_jwt(value: str) -> bool:
    """Whether the value is a token that `dummy_jwt` made."""
    return value.endswith(_DUMMY_SIGNATURE) and DUMMY_JWT.fullmatch(value) is not None


def dummy_jwt(token: str) -> str | None:
    """The token with its algorithm, its time claims and the names of the others.

    :returns: None if it isn't a token that can be parsed.
    """
    import base64  # late, as json: few messages have a token in them

    def part(text: str) -> dict[str, Any]:
        claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return dict(claims)  # what is no object raises here

    def packed(claims: dict[str, Any], kept: frozenset[str]) -> str:
        text = json.dumps(_without_values(claims, kept), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    try:
        header, payload, _ = token.split(".")
        return ".".join(
            (
                packed(part(header), _HEADER_CLAIMS),
                packed(part(payload), _TIME_CLAIMS),
                _DUMMY_SIGNATURE,
            )
        )
    except (ValueError, TypeError, RecursionError):
        return None


def _without_values(claims: Any, kept: frozenset[str]) -> Any:
    if isinstance(claims, dict):
        return {
            name: value if name in kept else _without_values(value, kept)
            for name, value in claims.items()
        }
    if isinstance(claims, list):
        return [_without_values(value, kept) for value in claims]
    if isinstance(claims, str):
        return REDACTED
    return 0 if type(claims) in (int, float) else claims


def jwt_edits(text: str, found: Found, marker: str, *, parseable: bool) -> Iterator[Edit]:
    """Replace tokens wherever they stand.

    :param marker: what comes in their place where they need not be parsed, or can't be.
    :param parseable: whether tokens stay tokens: in a response, which a client reads. In a request
        a marker is better, for it is the same for every token.
    """
    for match in JWT.finditer(text):
        token = match[0]
        is_dummy = is_dummy_jwt(token)
        if is_dummy and parseable:
            continue
        if not is_dummy:
            found(token)
        yield match.start(), match.end(), (dummy_jwt(token) if parseable else None) or marker
