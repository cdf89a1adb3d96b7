"""The right of one call to something, which no interruption outlives."""

from __future__ import annotations

from pytest_reqord.base.real import threading

__all__ = ["Claim"]


class Claim:
    """The right of one call: it holds while that call is in ``with claim.lock``.

    A lock of the interpreter's own is let go of in the step that leaves the block, whatever ends
    it. A line of ours, in a ``finally`` too, may be kept from running by Ctrl-C, by pytest-timeout
    or by the death of a thread; then what it should have given back were claimed for ever.
    """

    __slots__ = ("lock", "thread")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread = threading.get_ident()

    @property
    def is_good(self) -> bool:
        """Whether the call still runs."""
        return self.lock.locked()
