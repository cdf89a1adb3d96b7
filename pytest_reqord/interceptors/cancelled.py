"""Requests whose sender was cancelled while it waited: by `asyncio.timeout`, a lost race, a scope.

Nothing came, and nothing went wrong on the wire. So on replay nothing comes again, and whoever
cancels has the chance to; but nobody waits for ever.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from pytest_reqord.models import Failure

if TYPE_CHECKING:
    from pytest_reqord.models import Response

__all__ = ["describe", "is_cancellation", "patience", "sleep"]

_KIND = "cancelled"
_MESSAGE = "the recording ends here: its reader was cancelled"
_SECONDS = "seconds"
_MOST = 600
"""The most seconds that a file may have a replay wait for, before they are doubled."""
_NAMES = frozenset(("CancelledError", "Cancelled"))
"""The exceptions of asyncio and of trio."""


def is_cancellation(error: BaseException | None) -> bool:
    """Whether an exception is a loop's own that cancels a task."""
    return not isinstance(error, Exception) and type(error).__name__ in _NAMES


def describe(seconds: float) -> Failure:
    """What a request ended in that was cancelled.

    :param seconds: how long it had been on its way.
    """
    # whole ones, so that the same recorded anew is the same to the byte
    return Failure(_KIND, _MESSAGE, {_SECONDS: str(math.ceil(seconds))})


def patience(answer: Response | Failure | None) -> float:
    """For how many seconds to wait to be cancelled again: longer than live; 0 for all else."""
    if not isinstance(answer, Failure) or answer.kind != _KIND:
        return 0.0
    text = answer.details.get(_SECONDS, "")
    return 2.0 * min(int(text) if text.isdecimal() else 1, _MOST)


async def sleep(seconds: float) -> None:
    """Let time pass, on whichever loop this is."""
    trio = sys.modules.get("trio")
    if trio is not None and _is_running(trio):
        await trio.sleep(seconds)
    else:
        import asyncio  # late: whoever awaits has it, but for trio alone

        await asyncio.sleep(seconds)


def _is_running(trio: Any) -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:  # asyncio's turn
        return False
    return True
