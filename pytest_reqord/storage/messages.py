"""What the processes that use one opening of a cassette tell each other.

::

    <user's temp folder>/open/<name>/      there as long as the cassette is open
        <kind>-<name>                      what one of them has said, once for all

Files that are made and never changed: who makes a file first has it, and a process that is
killed leaves nothing half done.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_reqord.base.real import io, os
from pytest_reqord.storage.files import read, remove_folder, user_folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Family"]

_numbers = itertools.count(1)


class Family:
    """A process and the child processes that it shares an open cassette with.

    :param folder: the folder that they share.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def make(cls) -> Family:
        """Begin one.

        :raises OSError: if the folder can't be made.
        """
        folder = user_folder("open") / f"{os.getpid()}-{os.urandom(6).hex()}"
        os.mkdir(folder, 0o700)
        return cls(folder)

    @property
    def is_open(self) -> bool:
        """Whether the cassette is still open in the process that opened it."""
        return os.path.exists(self.folder)

    def take(self, kind: str, name: str) -> bool:
        """Say something first.

        :returns: False if another process has said it, or if the cassette is closed.
        """
        try:
            os.close(os.open(self._file(kind, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except (FileExistsError, FileNotFoundError):
            return False
        return True

    def has(self, kind: str, name: str) -> bool:
        """Whether somebody has said it."""
        return os.path.exists(self._file(kind, name))

    def names(self, kind: str) -> list[str]:
        """What was said of a kind."""
        with suppress(FileNotFoundError):
            found = os.listdir(self.folder)
            return [name.partition("-")[2] for name in found if name.startswith(f"{kind}-")]
        return []

    def leave(self, kind: str, data: bytes, name: str = "") -> bool:
        """Leave data for the others, complete or not at all.

        :param name: what to call it; by default a name that nothing else has.
        :returns: False if the cassette is closed.
        """
        name = name or f"{os.getpid()}-{next(_numbers)}"
        unnamed = self.folder / f".{kind}-{os.getpid()}-{next(_numbers)}"
        try:
            with io.open(unnamed, "wb", buffering=0) as file:
                file.write(data)
            os.rename(unnamed, self._file(kind, name))
        except FileNotFoundError:
            return False
        return True

    def read(self, kind: str, name: str) -> bytes:
        """What was left under a name.

        :raises FileNotFoundError: if nothing was, or if the cassette is closed.
        """
        return read(self._file(kind, name))

    def look_at(self, kind: str) -> list[bytes]:
        """What was left of a kind; it stays there."""
        found = []
        for name in sorted(self.names(kind)):
            with suppress(FileNotFoundError):  # it was picked up, or the cassette closed, just now
                found.append(self.read(kind, name))
        return found

    def pick_up(self, kind: str) -> list[bytes]:
        """Take what was left of a kind; nobody finds it again."""
        found = []
        for name in sorted(self.names(kind)):
            found.append(self.read(kind, name))
            os.unlink(self._file(kind, name))
        return found

    def close(self) -> None:
        """Say that the cassette is closed, in one step; what was said can still be read here."""
        over = self.folder.with_name(f".{self.folder.name}")
        with suppress(FileNotFoundError):
            os.rename(self.folder, over)
            self.folder = over

    def remove(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):
            remove_folder(self.folder)

    def _file(self, kind: str, name: str) -> Path:
        return self.folder / f"{kind}-{name}"
