"""One way to use a client that is sync, or async, or comes as both."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from contract.face import visible

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ["attempt", "drive", "pieces_of", "settle"]


async def settle(value: Any) -> Any:
    """What a sync client gives, or what an async one lets one await."""
    return await value if inspect.isawaitable(value) else value


async def pieces_of(stream: Any) -> AsyncIterator[Any]:
    if hasattr(stream, "__aiter__"):
        async for piece in stream:
            yield piece
    else:
        for piece in stream:
            yield piece


async def attempt(action: Callable[[], Awaitable[Any]]) -> Any:
    """As `contract.face.outcome`, for what has to be awaited."""
    try:
        return await action()
    except Exception as error:
        return visible(error)


def drive(coroutine: Any) -> Any:
    """Run a coroutine that never waits: a sync client's."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("a sync client has waited for a loop")
