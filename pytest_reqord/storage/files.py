"""Bytes in files: a file is as it was or as it should be, whatever goes wrong in between.

Whoever writes holds the file's lock (`pytest_reqord.storage.locks`); readers need none.
"""

from __future__ import annotations

import errno
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = [
    "append",
    "bodies_folder",
    "bodies_of",
    "body_path",
    "body_reader",
    "copy_bodies",
    "read",
    "read_head",
    "read_tail",
    "remove_folder",
    "remove_unused_bodies",
    "remove_with_bodies",
    "replace",
    "write_bodies",
]

AnyPath = str | os.PathLike[str]

_MOST_BYTES = 255  # NAME_MAX of every file system that test suites live on
_BODY_NAME = rb"[0-9a-f]{64}\.[a-z0-9]+"
_WRITE = 1 << 20  # bytes that are read or written at once
_TEMP_PREFIX = ".reqord-"
_TEMP_SUFFIX = ".tmp"
_swept: set[Path] = set()
_DEAD_AFTER = 60.0
"""Seconds after which a temporary file can't be a living writer's: replacing takes far less."""


def read(path: AnyPath) -> bytes:
    """All of a file.

    :raises FileNotFoundError: if there is none.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a file object takes half as long again
    try:
        return _read_all(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def _read_all(fd: int, size: int) -> bytes:
    """All that is left to read, ``size`` bytes if nobody writes meanwhile: mostly one read."""
    data = os.read(fd, size + 1)
    if len(data) == size:
        return data
    parts = [data]
    while part := os.read(fd, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def read_head(path: AnyPath, size: int) -> bytes:
    """The first ``size`` bytes of a file, fewer where it is shorter."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs as much as the read
        return file.read(size)


def read_tail(path: AnyPath, size: int) -> bytes:
    """The last ``size`` bytes of a file, fewer where it is shorter."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs as much as the read
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - size))
        return file.read(size)


def append(
    path: AnyPath, data: bytes | Iterable[bytes], *, header: bytes = b"", is_new: bool = True
) -> None:
    """Add bytes at the end of a file, with one write unless they are many.

    :param data: all of them, or pieces, which need not fit into the memory together.
    :param header: what a new or empty file starts with.
    :param is_new: whether the file may be a new one.
    :raises OSError: if not all could be written; the file is then what it was before.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT if is_new else 0)
    try:
        fd = os.open(path, flags, 0o666)
    except FileNotFoundError:  # no folder yet: the rare case
        if not is_new:
            raise
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, flags, 0o666)
    try:
        size = os.fstat(fd).st_size
        try:
            for piece in _joined(data, b"" if size else header):
                _write_all(fd, piece)
        except BaseException:
            os.ftruncate(fd, size)
            if not size:
                Path(path).unlink(missing_ok=True)
            raise
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``: with one write, unless it falls short and the next says why."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])


def replace(path: AnyPath, data: bytes | Iterable[bytes], *, is_new: bool = False) -> None:
    """Make ``data`` a file's content in one step.

    A symlink stays, its target is replaced; the old file's permissions stay.

    :param data: all of it, or pieces of it, which need not fit into the memory together.
    :param is_new: whether there must be no such file yet, or an empty one.
    :raises OSError: if that failed; the old file is then untouched and nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _write_beside(target, _joined(data))
    try:
        if not (is_new and _link(temporary, target)):
            os.replace(temporary, target)  # noqa: PTH105 - the call the promise rests on
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)
    _sweep(target.parent)


def _link(temporary: Path, target: Path) -> bool:
    """Give a file its name unless another has it; False where the file system can't do that.

    :raises FileExistsError: if another has that isn't empty.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        if target.stat().st_size:
            raise
        return False
    except OSError:
        return False
    temporary.unlink()
    return True


def _joined(data: bytes | Iterable[bytes], header: bytes = b"") -> Iterator[bytes]:
    """Pieces that are worth a call of the system each."""
    waiting = [header]
    for piece in [data] if isinstance(data, bytes) else data:
        waiting.append(piece)
        if sum(map(len, waiting)) >= _WRITE:
            yield b"".join(waiting)
            waiting = []
    if waiting:
        yield b"".join(waiting)


def _write_beside(target: Path, pieces: Iterable[bytes]) -> Path:
    """Write a temporary sibling of ``target``, on disk when this returns."""
    # short, for the target's own name may be as long as the file system allows
    temporary = target.with_name(f"{_TEMP_PREFIX}{os.getpid()}-{os.urandom(4).hex()}{_TEMP_SUFFIX}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        try:
            with suppress(FileNotFoundError):
                _take_over_permissions(fd, target)
            for piece in pieces:
                _write_all(fd, piece)
            os.fsync(fd)
        finally:
            os.close(fd)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _take_over_permissions(fd: int, target: Path) -> None:
    old, new = target.stat(), os.fstat(fd)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(PermissionError):  # only root may give files away
            os.fchown(fd, old.st_uid, old.st_gid)
    os.fchmod(fd, old.st_mode & 0o7777)


def _sync_folder(folder: Path) -> None:
    """Have the new name survive a power cut, where the file system can do that."""
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
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
                    if time.time() - entry.stat().st_mtime > _DEAD_AFTER:
                        Path(entry).unlink()


def bodies_folder(path: AnyPath) -> Path:
    """The folder of the bodies that lie beside a cassette.

    Its suffix is longer than a cassette's: a name that fills what file systems take gives way at
    its start, for at its end is what tells it from others.
    """
    folder = Path(path).with_suffix(".bodies")
    name = os.fsencode(folder.name)
    if len(name) > _MOST_BYTES:
        folder = folder.with_name(name[-_MOST_BYTES:].decode("utf-8", "ignore"))
    return folder


def body_path(path: AnyPath, name: str) -> Path:
    """The file of a body beside the cassette ``path``.

    :raises ValueError: for a name that leads out of their folder.
    :raises OSError: where it or the folder is a symbolic link: cassettes come from strangers, too.
    """
    folder = bodies_folder(path)
    body = folder / _checked(name)
    for each in (folder, body):
        if each.is_symlink():
            raise OSError(errno.ELOOP, "a link could lead anywhere", os.fspath(each))
    return body


def bodies_of(path: AnyPath) -> list[Path]:
    """The files of the bodies that lie beside the cassette ``path``."""
    folder = bodies_folder(path)
    if folder.is_symlink():  # what lies there is none of ours
        return []
    with suppress(FileNotFoundError, NotADirectoryError):
        return [body for body in folder.iterdir() if not body.name.startswith(".")]
    return []


def body_reader(path: AnyPath) -> Callable[[str], bytes]:
    """What reads the bodies that lie beside the cassette ``path``, by their names.

    It raises OSError for a body that isn't there or is a link, and ValueError for a name that
    leads out of their folder.
    """

    def read_body(name: str) -> bytes:
        return read(body_path(path, name))

    return read_body


def write_bodies(path: AnyPath, bodies: Mapping[str, bytes]) -> None:
    """Put bodies beside the cassette ``path``. Their names tell their content (a hash)."""
    for name, data in bodies.items():
        body = body_path(path, name)
        try:
            is_there = body.stat().st_size == len(data)
        except FileNotFoundError:
            is_there = False
        if not is_there:
            replace(body, data)


def remove_unused_bodies(path: AnyPath) -> None:
    """Remove the bodies beside the cassette ``path`` that it doesn't name."""
    unused = {os.fsencode(body.name): body for body in bodies_of(path)}
    for window in _windows(path) if unused else ():
        # a name is a hash, so where it stands in the cassette it is meant
        for name in re.findall(_BODY_NAME, window):
            unused.pop(name, None)
    for body in unused.values():
        body.unlink(missing_ok=True)
    with suppress(OSError):
        bodies_folder(path).rmdir()  # which only an empty one lets happen


def _windows(path: AnyPath) -> Iterator[bytes]:
    """A file piece by piece, each with enough of the one before to have any name whole."""
    with suppress(FileNotFoundError), open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
        window = b""
        while piece := file.read(_WRITE):
            window = window[-_MOST_BYTES:] + piece
            yield window


def copy_bodies(source: AnyPath, path: AnyPath) -> None:
    """Put the bodies beside the cassette ``source`` beside the cassette ``path`` too."""
    for body in bodies_of(source):
        write_bodies(path, {body.name: body.read_bytes()})


def remove_with_bodies(path: AnyPath) -> None:
    """Remove a file of ours and the bodies beside it, if they are there."""
    Path(path).unlink(missing_ok=True)
    folder = bodies_folder(path)
    if not folder.is_symlink():
        remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder of files, if it is there."""
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


def _checked(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} is not the name of a body")
    return name
