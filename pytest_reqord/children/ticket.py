"""What a child process is given to find the cassette of its parent."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Ticket"]


class Ticket(NamedTuple):
    """Names an open cassette.

    :param folder: where the processes that use it meet; gone when it is closed.
    :param cassette: its file.
    :param owner: the test.
    :param key: what the processes tell each other is told under, in hexadecimal.
    """

    folder: str
    cassette: str
    owner: str
    key: str

    def __str__(self) -> str:
        return "\n".join(self)

    @classmethod
    def parse(cls, text: str) -> Ticket:
        """The inverse of ``str``."""
        return cls(*text.split("\n"))
