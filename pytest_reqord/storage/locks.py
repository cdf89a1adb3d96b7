"""One lock a cassette, at a place that any two runs of a user find from its path alone.

Lock files are never removed: unlinking one that is held would let two processes each lock a
file of that name.
"""

from __future__ import annotations

import atexit
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_reqord.clock import monotonic
from pytest_reqord.errors import CassetteLocked
from pytest_reqord.real import fcntl, os, private, threading, time
from pytest_reqord.storage.files import open_file, read
from pytest_reqord.storage.places import identity, user_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filelock import BaseFileLock, FileLock, Timeout
else:
    _filelock = private("filelock")
    FileLock, Timeout = _filelock.FileLock, _filelock.Timeout

__all__ = ["lock"]

_KEPT = 64
_HOLDER_SIZE = 200
_POLL = 0.005
"""Seconds between two tries: a save takes about as long."""
_NONE = -1
_TAKEN = -2


class _PathLock:
    """A path's lock in this process: a mutex for its threads, files for other processes.

    :param file: the file that stands for the path.
    """

    __slots__ = ("file", "itself", "mutex", "users")

    def __init__(self, file: BaseFileLock) -> None:
        self.file = file
        self.itself = _NONE
        self.mutex = threading.Lock()
        self.users = 0


_registry: dict[str, _PathLock] = {}  # the one used last is last
_registry_lock = threading.Lock()
_inherited: list[_PathLock] = []
# filelock's finalizer needs modules that are gone at the end of the interpreter
atexit.register(_registry.clear)
atexit.register(_inherited.clear)


@contextmanager
def lock(path: str | os.PathLike[str], timeout: float) -> Iterator[None]:
    """Hold the lock of a cassette. Not to be nested for one path.

    :param timeout: how long to wait for it, in seconds.
    :raises CassetteLocked: if somebody else held it all that time.
    """
    real = os.path.realpath(path)
    found = _borrow(identity(real))
    try:
        started = monotonic()
        if not found.mutex.acquire(timeout=timeout):
            raise CassetteLocked(os.fspath(path), _who(), timeout)
        try:
            _acquire(found.file, os.fspath(path), timeout, started)
            try:
                found.itself = _hold(path, started + timeout)
                if found.itself == _TAKEN:
                    raise CassetteLocked(os.fspath(path), _holder(found.file.lock_file), timeout)
                _name_holder(found.file.lock_file)
                yield
            finally:
                _let_go(found)
                found.file.release()
        finally:
            found.mutex.release()
    finally:
        _give_back(found)


def _acquire(file: BaseFileLock, path: str, timeout: float, started: float) -> None:
    left = max(0.0, timeout - (monotonic() - started))
    try:
        file.acquire(timeout=left, poll_interval=_POLL)
    except Timeout:
        raise CassetteLocked(path, _holder(file.lock_file), timeout) from None


def _hold(path: str | os.PathLike[str], until: float) -> int:
    """Hold the cassette itself, too: somebody may have removed the lock's file.

    Whoever came then would have made another one, and hold that. A cassette that isn't there
    can't be held, but is only made where there is none (`storage.replace`).

    :returns: what holds it; `_NONE` where nothing does, `_TAKEN` if another process did too long.
    """
    while True:
        try:
            fd, _ = open_file(path)
        except OSError:
            return _NONE
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        except BlockingIOError:
            if monotonic() > until:
                os.close(fd)
                return _TAKEN
            time.sleep(_POLL)
        except FileNotFoundError:
            pass  # it went meanwhile
        except OSError:  # a file system that can't do this
            os.close(fd)
            return _NONE
        os.close(fd)


def _let_go(found: _PathLock) -> None:
    fd, found.itself = found.itself, _NONE
    if fd >= 0:
        os.close(fd)


def _borrow(real: str) -> _PathLock:
    """The lock of a path: the same for all threads, and made once, for making it is slow."""
    with _registry_lock:
        found = _registry.pop(real, None) or _PathLock(_make_file_lock(real))
        _registry[real] = found
        found.users += 1
        if len(_registry) > _KEPT:
            unused = [key for key, known in _registry.items() if not known.users]
            for key in unused[: len(_registry) - _KEPT]:
                del _registry[key]
        return found


def _give_back(found: _PathLock) -> None:
    with _registry_lock:
        found.users -= 1


def _make_file_lock(real: str) -> BaseFileLock:
    import hashlib  # late: only for a lock that is made

    name = hashlib.sha256(os.fsencode(real)).hexdigest()
    # the mutex of `_PathLock` keeps threads apart, so the lock is the process's, not a thread's
    return FileLock(user_folder("locks") / f"{name}.lock", thread_local=False)


def _holder_file(lock_file: str | Path) -> str:
    return f"{os.fspath(lock_file)}.holder"


def _name_holder(lock_file: str | Path) -> None:
    """Write who holds the lock, for the message of those who can't have it."""
    text = f"{_who()} since {time.strftime('%H:%M:%S')}".encode("utf-8", "replace")
    with suppress(OSError):  # a message is not worth failing for
        # one length and no truncation: ext4 writes a file out that is cut and filled again
        fd = os.open(_holder_file(lock_file), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, text[:_HOLDER_SIZE].ljust(_HOLDER_SIZE))
        finally:
            os.close(fd)


def _holder(lock_file: str | Path) -> str:
    try:
        return read(_holder_file(lock_file))[:_HOLDER_SIZE].decode("utf-8", "replace").rstrip()
    except OSError:
        return ""


def _who() -> str:
    """The name of this process, as a person would look for it."""
    command = " ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]]) if sys.argv else ""
    return f"process {os.getpid()} on {os.uname().nodename} ({command[:80]})"


def _after_fork() -> None:
    """Start with no lock: those that were held at the fork are the parent's."""
    global _registry, _registry_lock
    for found in _registry.values():
        _disown(found)
    _registry, _registry_lock = {}, threading.Lock()


def _disown(found: _PathLock) -> None:
    """Close the copy of a held lock's file without unlocking it, which would unlock the parent's.

    Newer filelocks do so themselves; an older one would unlock when it is collected.
    """
    _let_go(found)
    context = getattr(found.file, "_context", None)
    fd = getattr(context, "lock_file_fd", None)
    if isinstance(fd, int):
        with suppress(OSError, AttributeError):
            context.lock_file_fd = None  # type: ignore[union-attr]
            os.close(fd)
    _inherited.append(found)  # never collected: not every version looks at that field


os.register_at_fork(after_in_child=_after_fork)
