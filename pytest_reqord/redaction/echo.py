"""Secrets that were seen in one place, replaced wherever they show up afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_reqord.redaction.jwt import is_dummy_jwt
from pytest_reqord.redaction.needles import Needle, needles_of
from pytest_reqord.redaction.text import MARKERS, REDACTED, EditedText, to_latin

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["SHORTEST", "Echo", "sweep"]

SHORTEST = 12
"""The length from which on a value that was redacted in one place is replaced in all."""

_SHORTEST_DECLARED = 4
_REDACTED_HOST = "redacted.invalid"


class Echo:
    """The secrets that are known by now. Safe to be used by several threads at once.

    :param declared: secrets that the user named: replaced from 4 characters on, those shorter
        than 12 where they aren't part of a longer word.
    :param is_on: False where only declared secrets are.
    """

    def __init__(self, declared: Iterable[str] = (), *, is_on: bool = True) -> None:
        self._is_on = is_on
        self._known: set[str] = set()
        # needles are only added, and a dict is copied in one step: no lock is needed
        self._needles: dict[str, tuple[Needle, ...]] = {}
        for secret in declared:
            self._declare(to_latin(secret))

    def _declare(self, secret: str) -> None:
        if len(secret) < _SHORTEST_DECLARED:
            return
        if "://" in secret:
            self._declare_url(secret)
        elif len(secret) < SHORTEST:
            self._known.add(secret)
            self._needles[secret] = (Needle(secret, is_word=True),)
        else:
            self._remember(secret)

    def _declare_url(self, secret: str) -> None:
        """An address that is secret: what it is replaced by must be an address too."""
        try:
            parts = urlsplit(secret)
            host = parts.hostname or ""
        except ValueError:
            self._remember(secret)
            return
        if len(host) >= _SHORTEST_DECLARED:
            self._needles[host] = (Needle(host, is_word=True, new=_REDACTED_HOST),)
        rest = secret.partition("://")[2].partition("/")[2].rstrip("/")
        for part in (parts.password or "", rest):
            if len(part) >= SHORTEST:
                self._remember(part)

    def add(self, secret: str) -> None:
        """Remember a value that was redacted.

        :param secret: the value without any escapes, Latin-1 text; too short a one is not.
        """
        if self._is_on and len(secret) >= SHORTEST and secret not in self._known:
            self._remember(secret)

    def _remember(self, secret: str) -> None:
        if any(marker in secret for marker in MARKERS) or is_dummy_jwt(secret):
            return
        if any(secret in marker for marker in MARKERS):
            return
        self._known.add(secret)
        self._needles[secret] = needles_of(secret)

    def __len__(self) -> int:
        return len(self._needles)

    def secrets(self, since: int) -> list[str]:
        """All of them but the first so many."""
        return list(self._needles)[since:]

    def may_be_in(self, data: bytes, since: int) -> bool:
        """Whether one of the secrets may be in the data; the first so many aren't looked for."""
        return any(
            needle.anchor.encode() in data
            for needles in tuple(self._needles.values())[since:]
            for needle in needles
        )

    def seen_in(self, text: str) -> list[Needle]:
        """What may be in the text, the longest first: a secret may be part of another."""
        found = [
            needle
            for needles in tuple(self._needles.values())
            for needle in needles
            if needle.anchor in text
        ]
        found.sort(key=len, reverse=True)
        return found


def sweep(text: EditedText, needles: Iterable[Needle], marker: str = REDACTED) -> None:
    """Replace what `Echo.seen_in` found."""
    for needle in needles:
        text.replace(needle.edits(text.text, marker))
