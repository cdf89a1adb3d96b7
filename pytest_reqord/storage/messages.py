"""What the processes that use one opening of a cassette tell each other.

::

    <user's temp folder>/open/<name>/      there as long as the cassette is open
        <kind>-<name>                      what one of them has said, once for all

Files that are made and never changed: who makes a file first has it, and a process that is
killed leaves nothing half done. What must never be in a file goes through a named pipe beside them.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_reqord.base import platform
from pytest_reqord.base.real import io, os, start_new_thread, threading, time
from pytest_reqord.storage.files import read, remove_folder, user_folder

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from typing_extensions import Self

__all__ = ["MessageFolder", "Pipe"]

_numbers = itertools.count(1)


class MessageFolder:
    """A folder in which the processes that share an open cassette leave messages for each other.

    :param folder: the folder that they share.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def make(cls) -> MessageFolder:
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


class _Fifo:
    """Lines that child processes tell their parent, which are in the memory of both and in no file.

    A child must never wait for its parent, which may wait for it to end, and a pipe holds 64 KiB. So
    a thread of the parent's takes out whatever comes.

    :param folder: where the pipe is, or is to be.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "told"
        self._reader = self._writer = -1
        self._told: list[bytes] = []
        self._awaited: dict[bytes, threading.Event] = {}

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Be the parent, and listen until `close`.

        :raises OSError: if there can be no pipe there.
        """
        pipe = cls(folder)
        os.mkfifo(pipe._path, 0o600)
        # without waiting for a writer; and with one of our own, or every child's end would be the end
        pipe._reader = os.open(pipe._path, os.O_RDONLY | os.O_NONBLOCK)
        pipe._writer = os.open(pipe._path, os.O_WRONLY)
        os.set_blocking(pipe._reader, True)
        start_new_thread(pipe._listen, ())
        return pipe

    def tell(self, line: bytes) -> None:
        """Tell the parent something; if it is gone, nobody.

        :param line: text without a line end.
        """
        try:
            told = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # closed, or without a reader
            return
        try:
            os.set_blocking(told, True)
            with suppress(BrokenPipeError):
                self._write(told, line)
        finally:
            os.close(told)

    def told(self) -> list[bytes]:
        """Take the lines that came; for the parent."""
        if self._writer >= 0:
            self._await(b"#" + os.urandom(8).hex().encode())
        told, self._told = self._told, []
        return told

    def close(self) -> None:
        """Listen no longer."""
        if self._writer >= 0:
            self._await(_END)
            os.close(self._writer)
            self._writer = -1

    def after_fork(self) -> None:
        """Be a child, which tells and doesn't listen."""
        for descriptor in (self._reader, self._writer):
            if descriptor >= 0:
                os.close(descriptor)
        self._reader = self._writer = -1
        self._told = []

    def _await(self, mark: bytes) -> None:
        """Return when all that was told before now has come."""
        self._awaited[mark] = came = threading.Event()
        self._write(self._writer, mark)
        came.wait(_PATIENCE)

    @staticmethod
    def _write(descriptor: int, line: bytes) -> None:
        """Write a line that none of another process's comes into: of 4 KiB and less none does anyhow."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:  # a process that has the lock may be stopped
            if platform.lock(descriptor):
                break
            time.sleep(_PAUSE)
        # a line end before it, too: one that was killed may have left half a line
        data = memoryview(b"\n" + line + b"\n")
        while data:
            data = data[os.write(descriptor, data) :]
        platform.unlock(descriptor)

    def _listen(self) -> None:
        reader, rest, mark = self._reader, b"", b""
        while mark != _END:
            data = os.read(reader, _READ_SIZE)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in filter(None, lines):
                if line in self._awaited:
                    mark = line
                    self._awaited.pop(mark).set()
                else:
                    self._told.append(line)
        os.close(reader)
        self._reader = -1


_END = b"#end"
_PATIENCE = 5.0
"""Seconds to wait for what takes microseconds unless a process is stopped."""
_PAUSE = 0.001
_READ_SIZE = 64 * 1024


class _WindowsPipe:
    """The same on Windows, whose named pipes are in no folder.

    A child waits until its line has come, so there is nothing to wait for when they are taken.

    :param folder: what the pipe is named after.
    """

    def __init__(self, folder: Path) -> None:
        self._name = rf"\\.\pipe\pytest-reqord-{folder.name}"
        self._listener: Any = None
        self._told: list[bytes] = []

    @classmethod
    def make(cls, folder: Path) -> Self:
        """See `_Fifo.make`."""
        from multiprocessing.connection import Listener

        pipe = cls(folder)
        pipe._listener = Listener(pipe._name, "AF_PIPE")
        start_new_thread(pipe._listen, (pipe._listener,))
        return pipe

    def tell(self, line: bytes) -> None:
        """See `_Fifo.tell`."""
        from multiprocessing.connection import Client

        with suppress(OSError, EOFError), Client(self._name, "AF_PIPE") as parent:
            parent.send_bytes(line)
            if parent.poll(_PATIENCE):
                parent.recv_bytes()

    def told(self) -> list[bytes]:
        """See `_Fifo.told`."""
        told, self._told = self._told, []
        return told

    def close(self) -> None:
        """See `_Fifo.close`."""
        if self._listener is not None:
            self.tell(_END)
            self._listener = None

    def after_fork(self) -> None:
        """See `_Fifo.after_fork`: there are no forks."""

    def _listen(self, listener: Any) -> None:
        line = b""
        while line != _END:
            with suppress(OSError, EOFError), listener.accept() as child:  # one that was killed
                line = child.recv_bytes()
                if line != _END:
                    self._told.append(line)
                child.send_bytes(b"")
        listener.close()


if TYPE_CHECKING:
    Pipe = _Fifo
else:
    Pipe = _Fifo if platform.HAS_FIFOS else _WindowsPipe
