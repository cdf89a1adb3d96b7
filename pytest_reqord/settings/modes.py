"""What each record mode means: what may happen to a request, and what a save replaces."""

from __future__ import annotations

from typing import NamedTuple

from pytest_reqord.settings.options import SAVED_AT_END

__all__ = ["LIVE_ONLY", "PLAY_ONLY", "SAVED_AT_END", "Access", "access"]

LIVE_ONLY = SAVED_AT_END | {"verify"}
"""The modes in which nothing is played."""


class Access(NamedTuple):
    """What one opening of a cassette may do.

    :param play: whether requests may be answered from the recording.
    :param record: whether requests may go live and be recorded.
    """

    play: bool
    record: bool


PLAY_ONLY = Access(play=True, record=False)


def access(mode: str, *, exists: bool, is_born: bool, has_draft: bool) -> Access:
    """What a record mode allows.

    :param mode: the record mode.
    :param exists: whether the cassette is on the disk.
    :param is_born: whether it was made in this run; then it is recorded into and never played
        from, for what it holds already depends on timing.
    :param has_draft: whether an earlier run left a draft that may be played.
    """
    if mode == "none":
        return PLAY_ONLY
    if mode in LIVE_ONLY:
        return Access(play=False, record=True)
    is_old = exists and not is_born
    if mode == "once" and is_old:
        return PLAY_ONLY
    return Access(play=is_old or has_draft, record=True)
