"""File descriptors for connections that have none: one that is never ready, one that always is.

Pipes, because a test may have forbidden sockets (pytest-socket).
"""

from __future__ import annotations

import select
from functools import cache

from pytest_reqord.real import os

__all__ = ["is_readable", "quiet", "ready"]


@cache
def quiet() -> int:
    """A descriptor that never becomes readable: a live connection on which nothing comes."""
    reader, writer = os.pipe()
    _kept.append(writer)
    return reader


@cache
def ready() -> int:
    """A descriptor that is always readable."""
    reader, writer = os.pipe()
    os.write(writer, b"\0")
    _kept.append(writer)
    return reader


def is_readable(descriptor: int) -> bool:
    """Whether something waits there: on an idle connection that is its end."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))


_kept: list[int] = []
"""The other ends: a pipe without its writer counts as readable."""
