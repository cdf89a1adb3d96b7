"""Reading files, and the bodies that lie beside them."""

from __future__ import annotations

import errno
import re
import stat
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_reqord.base import platform
from pytest_reqord.base.real import Path, io, os
from pytest_reqord.errors import WriteFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

__all__ = [
    "NoFile",
    "bodies_folder",
    "bodies_of",
    "body_path",
    "body_reader",
    "check_file",
    "identity",
    "open_file",
    "read",
    "read_head",
    "read_tail",
    "remove",
    "remove_folder",
    "remove_unused_bodies",
    "remove_with_bodies",
    "replacing_bodies",
    "target_of",
    "user_folder",
]

AnyPath = str | os.PathLike[str]

_MOST_BYTES = 255  # NAME_MAX of every file system that test suites live on
_BODY_NAME = rb"[0-9a-f]{64}\.[a-z0-9]+"
_MOST_READ = 2 << 30  # a file of holes may be of any size
_PIECE = 1 << 20  # bytes that are read at once


class NoFile(OSError):
    """Something else than a file, which is neither read nor replaced."""


def read(path: AnyPath) -> bytes:
    """All of a file.

    :raises FileNotFoundError: if there is none.
    :raises NoFile: if it is none, or larger than the memory of a test run ought to be.
    """
    fd, size = open_file(path)  # a file object takes half as long again
    try:
        if size > _MOST_READ:
            raise NoFile(errno.EFBIG, "it is larger than 2 GiB", os.fspath(path))
        return _read_all(fd, size)
    finally:
        os.close(fd)


def open_file(path: AnyPath) -> tuple[int, int]:
    """Open a file for reading.

    :returns: its descriptor and its size.
    :raises OSError: if that can't be done, or if it is no file: a pipe would have us wait for
        ever, and a device may have no end.
    """
    fd = os.open(path, os.O_RDONLY | platform.OPEN | platform.WITHOUT_WAITING)
    try:
        status = os.fstat(fd)
        check_file(status, path)
    except OSError:
        os.close(fd)
        raise
    return fd, status.st_size


def check_file(status: os.stat_result, path: AnyPath) -> None:
    """Refuse what is no file.

    :raises OSError: if it is a folder, a pipe or a device.
    """
    if not stat.S_ISREG(status.st_mode):
        what = "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is a pipe or a device"
        raise NoFile(errno.EINVAL, what, os.fspath(path))


def _read_all(fd: int, size: int) -> bytes:
    """All that is left to read, ``size`` bytes if nobody writes meanwhile: mostly one read."""
    data = os.read(fd, size + 1)
    if len(data) == size:
        return data
    parts = [data]
    while part := os.read(fd, 1 << 20):
        parts.append(part)
    return b"".join(parts)


_PROJECTS = (".git", "pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg")


def target_of(path: AnyPath) -> str:
    """The real path of a file that is to be written.

    :raises WriteFailed: if a link leads out of the project, or out of the file's folder where
        that is in none: cassettes, and links, come from strangers.
    """
    real, here = os.path.realpath(path), os.path.abspath(path)
    if real != here:
        root = _project(os.path.dirname(here))
        if not real.startswith(os.path.join(root, "")):
            reason = f"a link leads to {real}, out of {root}. Remove it, or give its target a path"
            raise WriteFailed(os.fspath(path), reason)
    return real


def _project(folder: str) -> str:
    """The real folder of the project that a folder lies in: the repository, if there is one."""
    above, name = os.path.split(folder)
    found = os.path.join(os.path.realpath(above), name)  # in none: it must be no link itself
    above = folder
    while True:
        names = [name for name in _PROJECTS if os.path.lexists(os.path.join(above, name))]
        if names:
            found = os.path.realpath(above)
        if ".git" in names or os.path.dirname(above) == above:
            return found
        above = os.path.dirname(above)


def read_head(path: AnyPath, size: int) -> bytes:
    """The first ``size`` bytes of a file, fewer where it is shorter."""
    fd, _ = open_file(path)
    with io.open(fd, "rb", buffering=0) as file:
        return file.read(size)


def read_tail(path: AnyPath, size: int) -> bytes:
    """The last ``size`` bytes of a file, fewer where it is shorter."""
    fd, end = open_file(path)
    with io.open(fd, "rb", buffering=0) as file:
        file.seek(max(0, end - size))
        return file.read(size)


def bodies_folder(path: AnyPath) -> Path:
    """The folder of the bodies that lie beside a cassette.

    Its suffix is longer than a cassette's: a name that fills what file systems take gives way at
    its start, for at its end is what tells it from others.
    """
    return Path(_bodies_folder(path))


def _bodies_folder(path: AnyPath) -> str:
    folder, name = os.path.split(path)  # a Path would take longer than what is done there
    name = f"{os.path.splitext(name)[0]}.bodies"
    encoded = os.fsencode(name)
    if len(encoded) > _MOST_BYTES:
        name = encoded[-_MOST_BYTES:].decode("utf-8", "ignore")
    return os.path.join(folder, name)


def body_path(path: AnyPath, name: str) -> Path:
    """The file of a body beside the cassette ``path``.

    :raises ValueError: for a name that leads out of their folder.
    """
    return bodies_folder(path) / _checked(name)


def bodies_of(path: AnyPath) -> list[Path]:
    """The files of the bodies that lie beside the cassette ``path``, of those that we have named.

    Users may have files of their own there, and folders. What a link of theirs leads to is theirs.
    """
    folder = _bodies_folder(path)
    if os.path.islink(folder):
        return []
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [Path(folder, name) for name in names if re.fullmatch(_BODY_NAME, os.fsencode(name))]


def body_reader(path: AnyPath, ahead: int = 0) -> Callable[[str], bytes]:
    """What reads the bodies that lie beside the cassette ``path``, by their names.

    It raises OSError for a body that isn't there or is no file, and ValueError for a name that
    leads out of their folder.

    :param ahead: so many bytes of them are read now.
    """
    held: dict[str, bytes] = {}
    for body in bodies_of(path) if ahead else ():
        with suppress(OSError):  # told to whoever asks for it
            file = body_path(path, body.name)
            size = os.stat(file).st_size
            if size <= ahead:
                held[body.name] = read(file)
                ahead -= size

    def read_body(name: str) -> bytes:
        found = held.get(name)
        return read(body_path(path, name)) if found is None else found

    return read_body


def remove_unused_bodies(path: AnyPath, before: Container[Path] = ()) -> None:
    """Remove the bodies beside the cassette ``path`` that it doesn't name.

    :param before: those that stay: they were there, named or not, before anybody wrote.
    """
    _remove_bodies(path, [body for body in bodies_of(path) if body not in before])


@contextmanager
def replacing_bodies(path: AnyPath) -> Iterator[None]:
    """Remove afterwards the bodies that the cassette ``path`` named before, and no longer does."""
    there = bodies_of(path)
    named = _named_in(path) if there else frozenset()
    yield
    _remove_bodies(path, [body for body in there if body.name in named])


def _remove_bodies(path: AnyPath, bodies: Sequence[Path]) -> None:
    """Remove those of some bodies that the cassette ``path`` doesn't name."""
    named = _named_in(path) if bodies else frozenset()
    unused = [body for body in bodies if body.name not in named]
    for body in unused:
        if not os.path.isdir(body):
            remove(body)
    if unused:
        with suppress(OSError):
            os.rmdir(_bodies_folder(path))  # which only an empty one lets happen


def _named_in(path: AnyPath) -> frozenset[str]:
    """The names of bodies in a cassette. One is a hash, so where it stands there it is meant."""
    found: set[bytes] = set()
    for window in _windows(path):
        found.update(re.findall(_BODY_NAME, window))
    return frozenset(map(os.fsdecode, found))


def _windows(path: AnyPath) -> Iterator[bytes]:
    """A file piece by piece, each with enough of the one before to have any name whole."""
    with suppress(FileNotFoundError), io.open(open_file(path)[0], "rb", buffering=0) as file:
        window = b""
        while piece := file.read(_PIECE):
            window = window[-_MOST_BYTES:] + piece
            yield window


def remove(path: AnyPath) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def remove_with_bodies(path: AnyPath) -> None:
    """Remove a file of ours and the bodies beside it, if they are there."""
    remove(path)
    folder = _bodies_folder(path)
    if not os.path.islink(folder):
        remove_folder(folder)


def remove_folder(folder: AnyPath) -> None:
    """Remove a folder of files, if it is there."""
    with suppress(FileNotFoundError):
        for name in os.listdir(folder):
            remove(os.path.join(folder, name))
        os.rmdir(folder)


def _checked(name: str) -> str:
    if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"{name!r} is not the name of a body")
    return name


# Folders of ours outside the project: one a user, in the system's temp folder.


_PRIVATE = 0o700
_SYSTEM_TEMP = "/tmp"  # noqa: S108 - a known name is the point; `_own` checks whose folder it is
_OTHERS = ("TMPDIR", "TEMP", "TMP")  # variables, in the order in which `tempfile` asks them


def identity(real: str) -> str:
    """What stands for a file: the same for names that some file systems don't tell apart.

    :param real: its real path.
    """
    return real.casefold()


def user_folder(name: str) -> Path:
    """The folder ``name`` in the user's own temp folder, made when it isn't there.

    It doesn't follow ``TMPDIR`` where ``/tmp`` can be used: two runs with different environments
    must meet at the same locks.

    Where somebody else has made it, which only a privileged user could mend, the next place is
    taken.

    :raises PermissionError: if there is none.
    """
    return _own_folder(name, platform.user_id())


@lru_cache(maxsize=16)
def _own_folder(name: str, user: int) -> Path:
    places = [_SYSTEM_TEMP, *filter(None, map(os.environ.get, _OTHERS))]
    usable = [place for place in places if os.access(place, os.W_OK | os.X_OK)]
    refused = ""
    for place in usable or places[:1]:
        base = Path(place, f"pytest-reqord-{user}")
        try:
            _own(base, user)
            _own(base / name, user)
        except OSError as error:
            refused = refused or str(error)
        else:
            return base / name
    raise PermissionError(f"{refused}. Set TMPDIR to a folder in which you may write")


def _own(folder: Path, user: int) -> None:
    """Make a folder that only its owner may enter, or see that it is one."""
    try:
        os.mkdir(folder, _PRIVATE)
    except FileExistsError:
        found = os.lstat(folder)
        # a name in a folder that all may write: another user, or a link of theirs, may be there
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != user:
            raise PermissionError(f"{folder} is not a folder of user {user}") from None
        if stat.S_IMODE(found.st_mode) != _PRIVATE:
            os.chmod(folder, _PRIVATE)
