"""All that differs between operating systems, each with its reason. Nothing else asks for the platform.

Windows has no ``fork``, no ``flock`` and no files without names, and there nobody can rename, replace
or remove a file that a process has open.
"""

from __future__ import annotations

import errno
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.real import os, time

if sys.platform == "win32":
    import msvcrt
else:
    from pytest_reqord.base.real import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "HAS_FIFOS",
    "IS_WINDOWS",
    "OPEN",
    "TEMPORARY",
    "UNNAMED",
    "WITHOUT_WAITING",
    "at_fork",
    "channel",
    "host_name",
    "is_device",
    "lock",
    "monotonic",
    "monotonic_ns",
    "read_at",
    "replace",
    "take_permissions",
    "unlock",
    "user_id",
    "wall_ns",
]

IS_WINDOWS = sys.platform == "win32"
HAS_FIFOS = hasattr(os, "mkfifo")
"""Whether there are pipes with a name in the file system."""

OPEN = (
    getattr(os, "O_CLOEXEC", 0)  # no program that is started has the file
    | getattr(os, "O_NOINHERIT", 0)  # the same on Windows
    | getattr(os, "O_BINARY", 0)  # which else makes CR LF of each LF
)
"""Flags of each file that is opened."""
WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)
"""Flag that opens a pipe without a writer at once. Windows has none in its file system."""
UNNAMED = getattr(os, "O_TMPFILE", 0) if os.path.isdir("/proc/self/fd") else 0
"""Flag of a file without a name, which goes with the process that writes it: Linux has that."""
TEMPORARY = getattr(os, "O_TEMPORARY", 0)
"""Flag of a file that goes when it is closed: Windows has that; elsewhere an open one is unlinked."""

# freezegun and time-machine leave alone the one way on POSIX, and the other one on Windows
if sys.platform == "win32":
    monotonic = partial(time.perf_counter)
    monotonic_ns = partial(time.perf_counter_ns)
    wall_ns = partial(time.time_ns)
else:
    monotonic = partial(time.clock_gettime, time.CLOCK_MONOTONIC)
    monotonic_ns = partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC)
    wall_ns = partial(time.clock_gettime_ns, time.CLOCK_REALTIME)

_LOCKED = 1 << 30
"""The byte that is locked on Windows, far behind what files have: nobody could read a locked one."""
_PAUSE = 0.01
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))]
)


def at_fork(
    *,
    before: Callable[[], Any] | None = None,
    after_in_parent: Callable[[], Any] | None = None,
    after_in_child: Callable[[], Any] | None = None,
) -> None:
    """Have functions called when this process forks, where processes do."""
    handlers = {
        "before": before,
        "after_in_parent": after_in_parent,
        "after_in_child": after_in_child,
    }
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**{name: each for name, each in handlers.items() if each})


def lock(fd: int, *, is_shared: bool = False) -> bool:
    """Lock an open file against other processes, until it is closed.

    :param is_shared: whether others may have such a lock, too; Windows has none of that kind.
    :returns: False if another process has locked it.
    :raises OSError: if the file system has no locks.
    """
    if sys.platform == "win32":
        place = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _LOCKED, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EDEADLK):
                raise
            return False
        finally:
            os.lseek(fd, place, os.SEEK_SET)
        return True
    else:  # noqa: RET505 -- mypy knows only so that the other module isn't asked for here
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def unlock(fd: int) -> None:
    """Let go of a lock before the file is closed."""
    if sys.platform == "win32":
        place = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _LOCKED, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
        finally:
            os.lseek(fd, place, os.SEEK_SET)
    else:
        fcntl.flock(fd, fcntl.LOCK_UN)


def replace(
    source: str | os.PathLike[str], target: str | os.PathLike[str], patience: float
) -> None:
    """Give a file the name of another one, in whose place it is from then on.

    :param patience: seconds to wait on Windows for those who have the other one open.
    :raises OSError: if it can't be done.
    """
    until = monotonic() + patience
    while True:
        try:
            os.replace(source, target)
        except PermissionError:
            if not IS_WINDOWS or monotonic() > until:
                raise
            time.sleep(_PAUSE)
        else:
            return


def read_at(fd: int, size: int, start: int) -> bytes:
    """Read from a place in an open file that nobody else in this process reads from meanwhile."""
    if hasattr(os, "pread"):
        return os.pread(fd, size, start)
    os.lseek(fd, start, os.SEEK_SET)
    return os.read(fd, size)


def take_permissions(fd: int, old: os.stat_result) -> None:
    """Give an open file the permissions and the owner that another one has.

    Windows has them by the folder that a file lies in.
    """
    if IS_WINDOWS:
        return
    new = os.fstat(fd)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(PermissionError):  # only root may give files away
            os.fchown(fd, old.st_uid, old.st_gid)
    os.fchmod(fd, old.st_mode & 0o7777)


def channel() -> tuple[int, Any]:
    """Make a descriptor to read from that can be waited for, and what is written to for it.

    :returns: the descriptor, and a socket on Windows, where pipes can't be waited for, else another
        descriptor.
    """
    if not IS_WINDOWS:
        return os.pipe()
    import _socket  # of C: a test may have forbidden Python's class

    listener: Any = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    reader = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    reader.connect(listener.getsockname())
    descriptor, _ = listener._accept()  # noqa: SLF001 -- what `socket.accept` calls
    listener.close()
    return reader.detach(), _socket.socket(fileno=descriptor)


def user_id() -> int:
    """The user's number. Windows has none, and there each user has a temp folder of his own."""
    return os.getuid() if hasattr(os, "getuid") else 0


def is_device(path: str) -> bool:
    """Whether Windows takes a name within a path for a device: ``con``, ``nul.yaml``, ``COM1``."""
    names = path.replace("\\", "/").split("/")
    return IS_WINDOWS and any(name.partition(".")[0].rstrip().upper() in _DEVICES for name in names)


def host_name() -> str:
    """The name of this machine."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
