"""Files that may be larger than the memory is to be: read and written in parts."""

from __future__ import annotations

import weakref
from typing import IO

from pytest_reqord.base.real import io, os
from pytest_reqord.storage.files import open_file
from pytest_reqord.storage.write import open_unnamed

__all__ = ["LARGE", "OpenFile", "Spool"]

LARGE = 4 << 20
"""Bytes from which a file isn't held in memory while a recording is saved."""


class OpenFile:
    """A file that stays what it was when it was opened, though another takes its name.

    :param path: the file; closed when nobody asks for it any more.
    :raises OSError: if it can't be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._fd, self.size = open_file(path)
        weakref.finalize(self, os.close, self._fd)

    def read(self, start: int, end: int) -> bytes:
        """The bytes from one place up to another; fewer where the file ends before.

        :raises OSError: if they can't be read.
        """
        parts = []
        while start < end and (part := os.pread(self._fd, end - start, start)):
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Spool:
    """Bytes on their way into a file: in memory or, from `LARGE` on, in a file without a name.

    :param path: the file that they are meant for; they wait on its disk.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._file: IO[bytes] = io.BytesIO()
        self.size = 0
        self.is_large = False

    def write(self, data: bytes) -> None:
        """Add bytes at the end.

        :raises OSError: if there is no room for them.
        """
        self.size += len(data)
        if self.size > LARGE and not self.is_large:
            self._leave_memory()
        self._file.seek(0, os.SEEK_END)
        self._file.write(data)

    def _leave_memory(self) -> None:
        held = self._file
        self._file = open_unnamed(os.path.dirname(os.path.realpath(self._path)))
        self.is_large = True
        held.seek(0)
        self._file.write(held.read())

    def read(self, start: int, end: int) -> bytes:
        """The bytes from one place up to another.

        :raises OSError: if they can't be read, or not be written before.
        """
        self._file.seek(start)
        return self._file.read(end - start)

    def close(self) -> None:
        """Let go of them."""
        self._file.close()
