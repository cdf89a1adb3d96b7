"""Writing files: one is as it was or as it should be, whatever goes wrong in between.

Whoever writes holds the file's lock (`pytest_reqord.storage.locks`); readers need none. Files that
may be larger than the memory is to be are read and written in parts, at the end of this module.
"""

from __future__ import annotations

import weakref
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import IO, TYPE_CHECKING

from pytest_reqord.base import platform
from pytest_reqord.base.clock import wall_time
from pytest_reqord.base.real import Path, io, os
from pytest_reqord.storage.files import (
    bodies_of,
    body_path,
    check_file,
    open_file,
    read,
    remove,
    target_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

__all__ = [
    "LARGE",
    "PRIVATE",
    "OpenFile",
    "Spool",
    "append",
    "copy_bodies",
    "open_unnamed",
    "replace",
    "write_bodies",
]

AnyPath = str | os.PathLike[str]

_WRITE = 4 << 20  # bytes that are written at once: all of a recording, unless it is large
_TEMP_PREFIX = ".reqord-"
_TEMP_SUFFIX = ".tmp"
_swept: set[Path] = set()
_DEAD_AFTER = 60.0
"""Seconds after which a temporary file can't be a living writer's: replacing takes far less."""
PRIVATE = 0o600
"""The permissions of a file that may hold secrets."""
_PUBLIC = 0o666
_PATIENCE = 10.0
"""Seconds to wait for those who have a file open that is to be replaced, where that keeps it."""


def append(
    path: AnyPath, data: bytes | Iterable[bytes], *, header: bytes = b"", is_new: bool = True
) -> None:
    """Add bytes at the end of a file, with one write unless they are many.

    A new one is for its owner alone to read: what waits to be saved may hold secrets.

    :param data: all of them, or pieces, which need not fit into the memory together.
    :param header: what a new or empty file starts with.
    :param is_new: whether the file may be a new one.
    :raises OSError: if not all could be written; the file is then what it was before.
    """
    flags = os.O_WRONLY | os.O_APPEND | platform.OPEN | platform.WITHOUT_WAITING
    flags |= os.O_CREAT if is_new else 0
    try:
        fd = os.open(path, flags, PRIVATE)
    except FileNotFoundError:  # no folder yet: the rare case
        if not is_new:
            raise
        os.makedirs(Path(path).parent, exist_ok=True)
        fd = os.open(path, flags, PRIVATE)
    try:
        status = os.fstat(fd)
        check_file(status, path)
        size = status.st_size
        try:
            for piece in _joined(data, b"" if size else header):
                _write_all(fd, piece)
        except BaseException:
            os.ftruncate(fd, size)
            if not size:
                remove(path)
            raise
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``: with one write, unless it falls short and the next says why."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])


def _joined(data: bytes | Iterable[bytes], header: bytes = b"") -> Iterator[bytes]:
    """Pieces that are worth a call of the system each."""
    waiting, size = [header], len(header)
    for piece in [data] if isinstance(data, bytes) else data:
        waiting.append(piece)
        size += len(piece)
        if size >= _WRITE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def replace(
    path: AnyPath, data: bytes | Iterable[bytes], *, is_new: bool = False, mode: int = _PUBLIC
) -> None:
    """Make ``data`` a file's content in one step.

    A symlink stays, its target is replaced, unless it lies outside of the project; the old file's permissions stay.

    :param data: all of it, or pieces of it, which need not fit into the memory together.
    :param is_new: whether there must be no such file yet, or an empty one.
    :param mode: the permissions of a new file, of which the umask takes its part.
    :raises OSError: if that failed; the old file is then untouched and nothing is left behind.
    :raises WriteFailed: if a link leads out of the project.
    """
    target = Path(target_of(path))
    os.makedirs(target.parent, exist_ok=True)
    temporary = _temporary(target.parent)
    fd, has_name = _open(temporary, mode)
    try:
        try:
            _fill(fd, target, _joined(data))
            if not has_name:
                _name(fd, temporary, target, mode)
        finally:
            os.close(fd)
        if not (is_new and _link(temporary, target)):
            platform.replace(temporary, target, _PATIENCE)
    except BaseException:
        remove(temporary)
        raise
    _sync_folder(target.parent)
    _sweep(target.parent)


def open_unnamed(folder: AnyPath) -> IO[bytes]:
    """Make a file in a folder that goes when it is closed; the folder, too, where there is none.

    :raises OSError: if there can't be one.
    """
    os.makedirs(folder, exist_ok=True)
    temporary = _temporary(Path(folder))
    if platform.TEMPORARY:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | platform.OPEN | platform.TEMPORARY
        return io.open(os.open(temporary, flags, PRIVATE), "w+b")
    fd, has_name = _open(temporary, PRIVATE)
    if has_name:
        os.unlink(temporary)
    return io.open(fd, "w+b")


def _temporary(folder: Path) -> Path:
    # short, for the name of what it is to be may be as long as the file system allows
    return folder / f"{_TEMP_PREFIX}{os.getpid()}-{os.urandom(4).hex()}{_TEMP_SUFFIX}"


def _open(temporary: Path, mode: int) -> tuple[int, bool]:
    """Make a temporary file, and say whether it has its name yet."""
    if platform.UNNAMED:
        with suppress(OSError):  # a file system without them
            flags = os.O_RDWR | platform.OPEN | platform.UNNAMED
            return os.open(temporary.parent, flags, mode), False
    return _open_named(temporary, mode), True


def _open_named(temporary: Path, mode: int) -> int:
    return os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | platform.OPEN, mode)


def _name(fd: int, temporary: Path, target: Path, mode: int) -> None:
    """Give a file that has no name its temporary one; where that can't be, copy it."""
    try:
        os.link(f"/proc/self/fd/{fd}", temporary, src_dir_fd=fd)  # with a folder it follows links
    except OSError:
        os.lseek(fd, 0, os.SEEK_SET)
        named = _open_named(temporary, mode)
        try:
            _fill(named, target, iter(lambda: os.read(fd, _WRITE), b""))
        finally:
            os.close(named)


def _fill(fd: int, target: Path, pieces: Iterable[bytes]) -> None:
    """Write a file that is to take the place of ``target``; it is on disk when this returns."""
    with suppress(FileNotFoundError):
        _take_over_permissions(fd, target)
    for piece in pieces:
        _write_all(fd, piece)
    os.fsync(fd)


def _link(temporary: Path, target: Path) -> bool:
    """Give a file its name unless another has it; False where the file system can't do that.

    :raises FileExistsError: if another has that isn't empty.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        if os.stat(target).st_size:
            raise
        return False
    except OSError:
        return False
    os.unlink(temporary)
    return True


def _take_over_permissions(fd: int, target: Path) -> None:
    old = os.stat(target)
    check_file(old, target)
    platform.take_permissions(fd, old)


def _sync_folder(folder: Path) -> None:
    """Have the new name survive a power cut, where the file system can do that."""
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | platform.OPEN)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _sweep(folder: Path) -> None:
    """Remove the temporary files of writers that were killed, once in a process and folder: ten
    thousand cassettes may lie in one.
    """
    if folder in _swept:
        return
    _swept.add(folder)
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith(_TEMP_PREFIX) and entry.name.endswith(_TEMP_SUFFIX):
                with suppress(OSError):
                    if wall_time() - entry.stat().st_mtime > _DEAD_AFTER:
                        os.unlink(entry)


def write_bodies(path: AnyPath, bodies: Mapping[str, bytes], mode: int = _PUBLIC) -> None:
    """Put bodies beside the cassette ``path``. Their names tell their content (a hash).

    :param mode: see `replace`.
    """
    for name, data in bodies.items():
        body = body_path(path, name)
        try:
            is_there = os.stat(body).st_size == len(data)
        except FileNotFoundError:
            is_there = False
        if not is_there:
            replace(body, data, mode=mode)


def copy_bodies(source: AnyPath, path: AnyPath) -> None:
    """Put the bodies beside the cassette ``source`` beside the cassette ``path`` too."""
    for body in bodies_of(source):
        write_bodies(path, {body.name: read(body)})


# Files that may be larger than the memory is to be: read and written in parts.


LARGE = 4 << 20
"""Bytes from which a file isn't held in memory while a recording is saved."""


class OpenFile:
    """A file that stays what it was when it was opened, though another takes its name.

    :param path: the file; closed when nobody asks for it any more.
    :raises OSError: if it can't be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        fd, self.size = open_file(path)
        if platform.IS_WINDOWS:  # where it could not be replaced as long as it is open
            os.close(fd)
            self._open: Callable[[], AbstractContextManager[int]] = partial(_opened_for_now, path)
        else:
            weakref.finalize(self, os.close, fd)
            self._open = lambda: nullcontext(fd)

    def read(self, start: int, end: int) -> bytes:
        """The bytes from one place up to another; fewer where the file ends before.

        :raises OSError: if they can't be read.
        """
        parts = []
        with self._open() as fd:
            while start < end and (part := platform.read_at(fd, end - start, start)):
                parts.append(part)
                start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def _opened_for_now(path: AnyPath) -> Iterator[int]:
    fd, _ = open_file(path)
    try:
        yield fd
    finally:
        os.close(fd)


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
