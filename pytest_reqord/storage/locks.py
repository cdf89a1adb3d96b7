"""Guard each cassette with one lock, and hold what is locked no longer than a call.

A claim is the right of one call to something: it ends with the call, whatever interrupts it.
"""

from __future__ import annotations

import atexit
import errno
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_reqord.base import platform
from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.real import io, os, private, threading, time
from pytest_reqord.errors import CassetteLocked, WriteFailed
from pytest_reqord.storage.files import identity, open_file, read, target_of, user_folder

__all__ = ["Claim", "lock"]


class Claim:
    """The right of one call: it holds while that call is in ``with claim.lock``.

    A lock of the interpreter's own is let go of in the step that leaves the block, whatever ends
    it. A line of ours, in a ``finally`` too, may be kept from running by Ctrl-C, by pytest-timeout
    or by the death of a thread; then what it should have given back were claimed for ever.
    """

    __slots__ = ("lock", "thread")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread = threading.get_ident()

    @property
    def is_good(self) -> bool:
        """Whether the call still runs."""
        return self.lock.locked()


# One lock a cassette, at a place that any two runs of a user find from its path alone.
#
# Lock files are never removed: unlinking one that is held would let two processes each lock a
# file of that name.


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filelock import BaseFileLock, FileLock, Timeout
else:
    _filelock = private("filelock")
    FileLock, Timeout = _filelock.FileLock, _filelock.Timeout


_KEPT = 64
_HOLDER_SIZE = 200
_POLL = 0.005
"""Seconds between two tries: a save takes about as long."""
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})


class _PathLock:
    """A path's lock in this process: a claim for its threads, files for other processes.

    :param file: the file that stands for the path.
    """

    __slots__ = ("claim", "file", "itself")

    def __init__(self, file: BaseFileLock) -> None:
        self.claim: Claim | None = None
        self.file = file
        self.itself: io.FileIO | None = None

    @property
    def is_claimed(self) -> bool:
        """Whether a call of this process has it, or is about to."""
        return self.claim is not None and self.claim.is_good

    def let_go(self) -> None:
        """Let go of the files, in whatever state: the call that had them may have been interrupted."""
        if self.itself is not None:
            self.itself.close()
        self.file.release(force=True)


_registry: dict[str, _PathLock] = {}  # the one used last is last
# reentrant: the garbage collector may run code that locks another cassette
_registry_lock = threading.RLock()
_inherited: list[_PathLock] = []
# filelock's finalizer needs modules that are gone at the end of the interpreter
atexit.register(_registry.clear)
atexit.register(_inherited.clear)


@contextmanager
def lock(path: str | os.PathLike[str], timeout: float) -> Iterator[None]:
    """Hold the lock of a cassette. Not to be nested for one path.

    :param timeout: how long to wait for it, in seconds.
    :raises CassetteLocked: if somebody else held it all that time.
    :raises WriteFailed: if a link leads out of the project: what is locked is to be written.
    """
    real, until = identity(target_of(path)), monotonic() + timeout
    claim = Claim()
    with claim.lock:
        while (found := _claim(real, claim)) is None:
            if monotonic() > until:
                raise CassetteLocked(os.fspath(path), _who(), timeout)
            time.sleep(_POLL)
        try:
            found.let_go()
            _acquire(found.file, os.fspath(path), timeout, until)
            if not _hold(found, path, until):
                raise CassetteLocked(os.fspath(path), _holder(found.file.lock_file), timeout)
            _name_holder(found.file.lock_file)
            yield
        finally:
            found.let_go()


def _acquire(file: BaseFileLock, path: str, timeout: float, until: float) -> None:
    try:
        file.acquire(timeout=max(0.0, until - monotonic()), poll_interval=_POLL)
    except Timeout:
        raise CassetteLocked(path, _holder(file.lock_file), timeout) from None
    except (NotImplementedError, OSError) as error:
        # filelock has either, by its version; a full disk or a folder that is closed is another matter
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        folder = os.path.dirname(file.lock_file)
        why = getattr(error, "strerror", None) or error
        reason = f"{folder} is on a file system that has no locks ({why}): mount one there that has"
        raise WriteFailed(path, reason) from error


def _hold(found: _PathLock, path: str | os.PathLike[str], until: float) -> bool:
    """Hold the cassette itself, too: somebody may have removed the lock's file.

    Whoever came then would have made another one, and hold that. A cassette that isn't there, or
    on a file system that has no locks, can't be held; it is only made where there is none
    (`storage.replace`).

    :returns: whether no other process held it all that time.
    """
    if platform.IS_WINDOWS:  # where nobody can remove a file that is held
        return True
    while True:
        try:
            fd, _ = open_file(path)
            found.itself = file = io.FileIO(fd)  # known before it is held
        except OSError:
            return True
        try:
            if not platform.lock(file.fileno()):
                if monotonic() > until:
                    return False
                time.sleep(_POLL)
            elif os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return True
        except FileNotFoundError:
            pass  # it went meanwhile
        except OSError:  # a file system that can't do this
            file.close()
            return True
        file.close()


def _claim(real: str, claim: Claim) -> _PathLock | None:
    """Claim the lock of a path; None if another call has it.

    There is one for all threads, made once, for making it is slow.
    """
    with _registry_lock:
        found = _registry.pop(real, None) or _PathLock(_make_file_lock(real))
        _registry[real] = found
        if found.is_claimed:
            return None
        found.claim = claim
        if len(_registry) > _KEPT:
            unused = [key for key, known in _registry.items() if not known.is_claimed]
            for key in unused[: len(_registry) - _KEPT]:
                del _registry[key]
        return found


def _make_file_lock(real: str) -> BaseFileLock:
    import hashlib  # late: only for a lock that is made

    name = hashlib.sha256(os.fsencode(real)).hexdigest()
    # the claim to a `_PathLock` keeps threads apart, so the lock is the process's, not a thread's
    return FileLock(user_folder("locks") / f"{name}.lock", thread_local=False)


def _holder_file(lock_file: str | Path) -> str:
    return f"{os.fspath(lock_file)}.holder"


def _name_holder(lock_file: str | Path) -> None:
    """Write who holds the lock, for the message of those who can't have it."""
    text = f"{_who()} since {time.strftime('%H:%M:%S')}".encode("utf-8", "replace")
    with suppress(OSError):  # a message is not worth failing for
        # one length and no truncation: ext4 writes a file out that is cut and filled again
        fd = os.open(_holder_file(lock_file), os.O_WRONLY | os.O_CREAT | platform.OPEN, 0o600)
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
    return f"process {os.getpid()} on {platform.host_name()} ({command[:80]})"


def _after_fork() -> None:
    """Start with no lock: those that were held at the fork are the parent's."""
    global _registry, _registry_lock
    for found in _registry.values():
        _disown(found)
    _registry, _registry_lock = {}, threading.RLock()


def _disown(found: _PathLock) -> None:
    """Close the copy of a held lock's file without unlocking it, which would unlock the parent's.

    Newer filelocks do so themselves; an older one would unlock when it is collected.
    """
    if found.itself is not None:
        found.itself.close()
    context = getattr(found.file, "_context", None)
    fd = getattr(context, "lock_file_fd", None)
    if isinstance(fd, int):
        with suppress(OSError, AttributeError):
            context.lock_file_fd = None  # type: ignore[union-attr]
            os.close(fd)
    _inherited.append(found)  # never collected: not every version looks at that field


platform.at_fork(after_in_child=_after_fork)
