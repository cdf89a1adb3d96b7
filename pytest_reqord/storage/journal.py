"""What one process did in a run, line by line, for those who come after it.

A journal is locked as long as its process lives; the system lets go of the lock however the
process ends. Nothing is synced: a power cut costs lines, and a torn last line is no line.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_reqord.real import fcntl, json, os, threading
from pytest_reqord.storage.files import read
from pytest_reqord.storage.writing import append

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Journal", "is_alive", "read_journal"]


class Journal:
    """The journal of this process.

    :param path: its file, made when it is first needed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.process = os.getpid()
        self._fd = -1
        self._unwritten = b""
        self._lock = threading.RLock()

    def hold(self) -> None:
        """Make the process look alive as long as it lives.

        :raises OSError: if the file can't be made.
        """
        with self._lock:
            tries = 3
            while self._fd < 0:
                os.makedirs(self.path.parent, 0o700, exist_ok=True)
                try:
                    self._fd = self._make()
                except FileNotFoundError:  # another run swept the folder just now
                    tries -= 1
                    if not tries:
                        raise

    def _make(self) -> int:
        # locked before it has its name, so that nobody takes a young journal for a dead one
        unnamed = self.path.with_name(f"{self.path.name}.new")
        fd = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with suppress(OSError):  # a file system without locks: then its runs look dead
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            os.rename(unnamed, self.path)
        except OSError:
            os.close(fd)
            raise
        return fd

    def write(self, **fields: Any) -> None:
        """Add a line.

        :raises OSError: if it could not be written; it will be, with the next one.
        """
        line = json.dumps(fields).encode() + b"\n"
        with self._lock:
            self._unwritten += line
            self.hold()
            append(self.path, self._unwritten)
            self._unwritten = b""

    def close(self) -> None:
        """Let go of the journal. In a forked child this leaves the parent's lock alone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal, its process alive or not."""
    try:
        data = read(path)
    except FileNotFoundError:  # swept by another run
        return
    for line in data.split(b"\n"):
        with suppress(ValueError):  # torn: the process died writing it
            fields = json.loads(line)
            if isinstance(fields, dict):
                yield fields


def is_alive(path: Path) -> bool:
    """Whether the process of this journal still runs."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    else:
        return False
    finally:
        os.close(fd)
