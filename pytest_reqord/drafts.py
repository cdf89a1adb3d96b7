"""Recordings of earlier runs that never became part of a cassette."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pytest_reqord.clock import format_time
from pytest_reqord.errors import ReqordError
from pytest_reqord.lean import read_lean
from pytest_reqord.library import Recorded
from pytest_reqord.once import once
from pytest_reqord.real import os

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_reqord.models import Interaction
    from pytest_reqord.storage import Record, Recording

__all__ = ["Drafts", "reason_of"]

_NEVER_PLAYED = frozenset({401, 403, 429})
_SERVER_ERROR = 500


class Drafts:
    """The drafts that earlier runs left, looked up once.

    :param root: where the runs of this project keep their staging files.
    :param run_id: this run, whose own drafts are never played.
    """

    def __init__(self, root: Path, run_id: str) -> None:
        self._root = root
        self._run_id = run_id

    @once
    def all(self) -> Sequence[Record]:
        """Every draft, the oldest first."""
        from pytest_reqord.storage import earlier_records  # late: runs that record look for them

        return earlier_records(self._root, self._run_id)

    @once
    def _by_test(self) -> dict[tuple[str, str], list[Recording]]:
        by_test: dict[tuple[str, str], list[Recording]] = {}
        for record in self.all:
            recording = record.recording
            by_test.setdefault((_real(recording.cassette), recording.owner), []).append(recording)
        return by_test

    def of(self, path: Path, owner: str) -> Sequence[Recording]:
        """Every draft of a test for a cassette, the oldest first."""
        return self._by_test.get((_real(path), owner), ()) if self._by_test else ()

    def playable(self, path: Path, owner: str) -> Sequence[Recording]:
        """The drafts of a test for a cassette that are played without being asked for.

        The last one, and those that it went on from: what they have it doesn't. One that holds a
        refusal, a server's error or a cut-off answer may be why its test failed, and is left out.
        All are where the cassette has something newer of the test, as after ``git pull``.
        """
        sound = [draft for draft in self.of(path, owner) if _is_playable(draft)]
        if not sound or _is_outdated(path, sound[-1]):
            return ()
        return [each for each in sound if each is sound[-1] or each.path in sound[-1].after]


def _is_outdated(path: Path, draft: Recording) -> bool:
    since = format_time(datetime.fromtimestamp(draft.opened_at, timezone.utc))
    try:
        entries = read_lean(path).entries
    except (OSError, ReqordError):  # there is none; or told when it is played
        return False
    return any(entry.recorded_at > since and entry.recorded_by == draft.owner for entry in entries)


def _is_playable(draft: Recording) -> bool:
    try:
        recorded = Recorded(draft.path)
        return bool(recorded) and all(map(_is_sound, recorded))
    except (OSError, ReqordError):
        return False


def _is_sound(interaction: Interaction) -> bool:
    response = interaction.response
    return (
        response is not None
        and response.complete
        and response.status not in _NEVER_PLAYED
        and response.status < _SERVER_ERROR
    )


def _real(path: Path) -> str:
    return os.path.realpath(path)


def reason_of(record: Record) -> str:
    """Why a recording is a draft, in words for the user."""
    if record.outcome is None:
        return "its process ended in the middle"
    if record.outcome == "passed":
        return "the run ended before it was saved"
    return record.reason
