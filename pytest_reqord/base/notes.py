"""What a run has to tell its user at the end. Plain data: xdist carries it between processes."""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["MOST_PATHS", "Notes"]

MOST_PATHS = 20
"""The most cassettes that a summary names one by one."""


class Notes:
    """Gathered while the run goes on, merged over its processes.

    :param saved: path, number of interactions added, number removed, of each save that changed a
        cassette.
    :param now: how many interactions a cassette that was saved holds, by path.
    :param unchanged: paths of cassettes that were recorded anew and came out the same.
    :param drafts: test, cassette, reason, place of each recording that was kept as a draft.
    :param older: tests of which earlier runs left a draft.
    :param problems: what could not be saved and why; any of them makes the exit status 1.
    :param played: path, number of interactions played, of each test; only with ``-v``.
    :param missing: tests whose cassette isn't there.
    :param verified: test, number of requests that went live in ``verify``.
    :param changed: test, request, differences of each answer that isn't the recorded one.
    :param unplayed: test, cassette, requests that were recorded and not asked for.
    :param unrecorded: test, cassette, requests that failed or were cancelled while recording.
    :param drifted: test, cassette, request, differences of each that was answered all the same.
    :param expired: test, cassette, requests that were answered with what has expired.
    :param rerecorded: how many cassettes had a request that each pattern of ``--rerecord`` names.
    :param gone: cassette, test of recordings dropped because their test is gone.
    :param staying: cassette, test of recordings that stay because their test is one of this run's.
    :param outside: how many requests went to each host while no cassette was open, by a text of
        host and test.
    :param unsupported: how often each client that can't be recorded connected to a host under a
        cassette, by a text of the two.
    :param refused: how often requests were refused that fail no test, by a text that names the
        host, the thread and the reason.
    :param unredacted: tests that recorded with redaction off.
    :param opened: paths of cassettes; only with ``--unused-cassettes``.
    :param unused: path, whether its name is a test's, of each cassette that no test has.
    :param deleted: paths of those that were deleted.
    """

    def __init__(self) -> None:
        self.saved: list[tuple[str, int, int]] = []
        self.now: Counter[str] = Counter()
        self.unchanged: list[str] = []
        self.drafts: list[tuple[str, str, str, str]] = []
        self.older: list[str] = []
        self.problems: list[str] = []
        self.played: list[tuple[str, int]] = []
        self.missing: list[str] = []
        self.verified: list[tuple[str, int]] = []
        self.changed: list[tuple[str, str, list[str]]] = []
        self.unplayed: list[tuple[str, str, list[str]]] = []
        self.unrecorded: list[tuple[str, str, list[str]]] = []
        self.drifted: list[tuple[str, str, str, list[str]]] = []
        self.expired: list[tuple[str, str, list[str]]] = []
        self.rerecorded: Counter[str] = Counter()
        self.gone: list[tuple[str, str]] = []
        self.staying: list[tuple[str, str]] = []
        self.outside: Counter[str] = Counter()
        self.unsupported: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.unredacted: list[str] = []
        self.opened: list[str] = []
        self.unused: list[tuple[str, bool]] = []
        self.deleted: list[str] = []

    def as_plain(self) -> dict[str, Any]:
        """What xdist can send: lists and dictionaries of texts and numbers."""
        return {
            name: dict(value) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }

    def merge(self, plain: dict[str, Any]) -> None:
        """Add what another process of the run has to tell."""
        for name, mine in vars(self).items():
            theirs = plain.get(name, ())
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                mine.extend(tuple(one) if isinstance(one, list) else one for one in theirs)
