"""Recordings of earlier runs that never became part of a cassette."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_reqord.errors import ReqordError
from pytest_reqord.library import Recorded
from pytest_reqord.once import once

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
    def _latest(self) -> dict[tuple[str, str], Recording]:
        return {
            (_real(record.recording.cassette), record.recording.owner): record.recording
            for record in self.all
        }

    def has(self, path: Path, owner: str) -> bool:
        """Whether an earlier run left a draft of a test for a cassette."""
        return (_real(path), owner) in self._latest

    def of(self, path: Path, owner: str) -> list[Recording]:
        """Every draft of a test for a cassette."""
        real = _real(path)
        return [
            record.recording
            for record in self.all
            if record.recording.owner == owner and _real(record.recording.cassette) == real
        ]

    def playable(self, path: Path, owner: str) -> Recording | None:
        """The last draft of a test for a cassette, if it may be played without being asked.

        One that holds a refusal, a server's error or a cut-off answer may be why its test failed.
        """
        draft = self._latest.get((_real(path), owner))
        if draft is None:
            return None
        try:
            recorded = Recorded(draft.path)
            is_sound = all(map(_is_sound, recorded))
        except (OSError, ReqordError):
            return None
        return draft if is_sound and recorded else None


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
