"""What is noted of recordings, for the user and for the run after this one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_reqord.drafts import Drafts
    from pytest_reqord.leaks import Leak
    from pytest_reqord.notes import Notes
    from pytest_reqord.storage import Recording, StagingArea

__all__ = ["Books"]


class Books:
    """Keeps notes, journal and drafts at one.

    :param staging: where the recordings of this run wait.
    :param drafts: those that earlier runs left.
    :param notes: takes what the user has to know.
    """

    def __init__(self, staging: StagingArea, drafts: Drafts, notes: Notes) -> None:
        self._staging = staging
        self._drafts = drafts
        self._notes = notes
        self._drafted: defaultdict[tuple[Path, str], list[Recording]] = defaultdict(list)

    def saved(self, path: Path, count: int, *, is_changed: bool) -> None:
        """A cassette was saved.

        :param count: how many interactions were recorded.
        """
        if is_changed:
            self._notes.saved.append((str(path), count))
        else:
            self._notes.unchanged.append(str(path))

    def drafted(self, recording: Recording) -> None:
        """A recording of this run is a draft."""
        self._drafted[recording.cassette, recording.owner].append(recording)

    def outdate(self, path: Path, owner: str) -> None:
        """Remove the drafts of a test that has been saved: kept, one would undo the newer one."""
        for draft in (*self._drafts.of(path, owner), *self._drafted.pop((path, owner), ())):
            self._staging.remove(draft)

    def problem(self, recording: Recording, reason: str) -> None:
        """Keep what could not be saved as a draft, and have the run fail."""
        self._notes.problems.append(f"{recording.cassette}: {reason}")
        try:
            self._staging.settle(recording, "draft", reason)
        except OSError:  # the disk that failed before; the staging file is there all the same
            return

    def leak(self, path: Path, leak: Leak) -> None:
        """A recording has a secret left in it, and isn't saved."""
        self._notes.problems.append(
            f"{path}: {leak}. Have it redacted (reqord_redact_patterns and the like),"
            " or allow it with the ini line: reqord_on_leak = ignore"
        )
