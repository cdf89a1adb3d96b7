"""How producers in event loops wait: by awaiting, and only if they want to."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator

__all__ = ["Room", "loop_sleep"]


class Room:
    """An awaitable that comes back when there is room. Not awaiting it costs nothing.

    :param wait: what waits.
    """

    __slots__ = ("_wait",)

    def __init__(self, wait: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._wait = wait

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()


def loop_sleep() -> Callable[[float], Awaitable[None]] | None:
    """The sleep function of the event loop that runs in this thread; None without one."""
    # from sys.modules: a loop that runs was imported, and one that wasn't must not be;
    # AttributeError: another thread is importing it right now
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")
    if asyncio is not None:
        with suppress(RuntimeError, AttributeError):
            asyncio.get_running_loop()
            return asyncio.sleep  # type: ignore[no-any-return]
    if trio is not None:
        with suppress(RuntimeError, AttributeError):
            trio.lowlevel.current_trio_token()
            return trio.sleep  # type: ignore[no-any-return]
    return None
