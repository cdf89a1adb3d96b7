"""The writer service: takes entries at once, writes them in batches, in order, and loses none."""

from __future__ import annotations

import atexit
import sys
import weakref
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.loops import loop_sleep
from pytest_reqord.base.platform import at_fork
from pytest_reqord.base.printable import printable
from pytest_reqord.base.real import Path, os, start_new_thread, time

# here, or they would be imported while a disk is full, or in a child that was forked; and, so that
# the fork handlers of filelock, which stop all locking, run after ours
from pytest_reqord.codec import emit  # noqa: F401 - as said above
from pytest_reqord.errors import ReqordError, WriteFailed
from pytest_reqord.storage import files, locks, staging, write  # noqa: F401 - as said above
from pytest_reqord.writer import supervisor
from pytest_reqord.writer.delivery import CassetteSink, Delivery, SetAside, write_failed
from pytest_reqord.writer.queue import POLL, Queue, Rhythm, Target
from pytest_reqord.writer.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator, Sequence

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.writer.delivery import Sink

__all__ = ["CassetteWriter"]

AnyPath = str | os.PathLike[str]

_LOOP_POLL = 0.01  # seconds between two looks of an asyncio producer at a full queue
_LEAST_PATIENCE = 1.0  # seconds that a write under way gets, however soon a lock is given up
_SHUTDOWN = 5.0  # seconds that the thread gets to end


class CassetteWriter:
    """Writes entries to files in the background.

    Entries of one file are gathered into a batch, which is sorted by ``recorded_at`` and written
    when it is full or nothing came for a while. An entry that was accepted is in its file after
    a flush, or the flush says why not and the entry waits for the next try.

    :param batch_size: entries that make a batch full.
    :param batch_timeout: milliseconds after a batch's last entry until it is written.
    :param max_entries: with so many entries waiting, producers wait.
    :param max_bytes: with so many bytes waiting, producers wait.
    :param lock_timeout: seconds to wait for a cassette's lock, and for a write that another thread is
        in the middle of.
    :param sink: what writes a batch; by default into cassettes, in order of time.
    :param aside: the folder for entries that nothing can write.
    """

    def __init__(
        self,
        *,
        batch_size: int = 10,
        batch_timeout: float = 100,
        max_entries: int = 1000,
        max_bytes: int = 64 << 20,
        lock_timeout: float = 30.0,
        sink: Sink | None = None,
        aside: Path | None = None,
    ) -> None:
        self._rhythm = Rhythm(batch_size, batch_timeout / 1000)
        self._bounds = (max_entries, max_bytes)
        self._lock_timeout = lock_timeout
        self._patience = max(lock_timeout, _LEAST_PATIENCE)
        self._sink = sink
        self._aside = aside
        self._room = _Room(self.wait_for_room)
        self._start_afresh()
        _writers.add(self)
        atexit.register(self._at_exit)

    @classmethod
    def start_link(cls, **opts: Any) -> CassetteWriter:
        """Start a writer; its thread starts with the first entry.

        :param opts: the arguments of the class.
        """
        return cls(**opts)

    @classmethod
    def child_spec(cls, **opts: Any) -> dict[str, Any]:
        """Return what a supervisor needs to run this service, in OTP's words.

        ``child_spec()["start"]()`` starts it.
        """
        return {
            "id": cls,
            "start": partial(cls.start_link, **opts),
            "restart": "permanent",
            "shutdown": _SHUTDOWN,
            "type": "worker",
        }

    def _start_afresh(self) -> None:
        if isinstance(self._sink, CassetteSink):
            self._cassettes = self._sink
            self._cassettes.start_afresh()
        else:
            self._cassettes = CassetteSink(self._lock_timeout)
        self._queue = Queue(self._rhythm, *self._bounds)
        self._delivery = Delivery(
            self._queue,
            self._sink or self._cassettes,
            self._cassettes.stage,
            aside=self._aside,
            patience=self._patience,
        )
        self._supervisor = Supervisor(self._delivery.run)
        self._is_recording = False

    @property
    def set_aside(self) -> tuple[SetAside, ...]:
        """The entries that nothing can write where they belong, and the files that have them now."""
        return tuple(self._delivery.set_aside)

    # producers

    def write_entry(
        self, path: AnyPath, entry: Interaction, *, staged: bool = False
    ) -> Awaitable[None]:
        """Accept an entry for a file, from any thread and any event loop.

        Returns at once, unless the queue is full: then a thread waits here for room. In an event
        loop nothing may wait, so an entry is accepted all the same; a producer there that may
        outrun the disk awaits what this returns, which comes back when there is room.

        :param path: the file.
        :param entry: the entry.
        :param staged: leave the cassette alone until `replace_cassette_for_all_mode`.
        :raises WriteFailed: if the queue is full of what can't be written; ``entry`` is then not
            accepted.
        """
        if self._queue.is_full and loop_sleep() is None:
            for _ in self._until_room():
                time.sleep(POLL)
        self._queue.put(Target(_absolute(os.fspath(path)), staged), entry)
        if not self._is_recording:
            self._is_recording = True
            supervisor.begin(self)
        if not self._supervisor.is_running and not self._supervisor.ensure():
            self._delivery.write_all()
        return self._room

    async def wait_for_room(self) -> None:
        """Wait until the queue isn't full, without blocking the event loop.

        :raises WriteFailed: if it is full of what can't be written.
        """
        for _ in self._until_room():
            sleep_in_loop = loop_sleep()
            if sleep_in_loop is not None:
                await sleep_in_loop(_LOOP_POLL)
            else:
                time.sleep(POLL)  # an event loop that we don't know

    def _until_room(self) -> Iterator[None]:
        """Yield as long as the queue is full, and see to it that somebody empties it.

        :raises WriteFailed: if nobody can: it is full of what fails, or of a write that doesn't
            come back.
        """
        count, until = -1, 0.0
        while self._queue.is_full:
            if not self._supervisor.ensure():
                self._delivery.write_all()
            blocked = self._queue.blockage()
            if blocked is not None:
                raise write_failed(*blocked) from blocked[1]
            if self._queue.written_count != count:
                count, until = self._queue.written_count, monotonic() + self._patience
            elif monotonic() > until:
                path = next((target.path for target in self._queue.targets()), "")
                reason = f"the queue is full, and nothing was written for {self._patience:g} s"
                raise write_failed(path, TimeoutError(reason))
            yield

    # flush, replace, stop

    def flush_cassette(self, path: AnyPath) -> None:
        """Wait until a file has all entries that were accepted for it.

        :raises WriteFailed: if that failed. The next flush tries the entries again, except those that
            nothing can write: the writer sets them aside and says so once.
        """
        name = _absolute(os.fspath(path))
        self._flush([Target(name, staged=False), Target(name, staged=True)])

    def flush_all(self) -> None:
        """Wait until all files have the entries that were accepted for them.

        :raises WriteFailed: with the first failure, after it has tried every file.
        """
        self._flush([*self._queue.targets(), *self._delivery.unreported_targets()])

    def _flush(self, targets: Sequence[Target]) -> None:
        failures: list[WriteFailed] = []
        for target in targets:
            try:
                self._delivery.write(target)
            except WriteFailed as failure:
                failures.append(failure)
        failures += self._delivery.report(targets)
        if self._queue.is_empty:
            self._end_recording()
        if failures:
            raise failures[0]

    def _end_recording(self) -> None:
        self._is_recording = False
        supervisor.end(self)

    def hasten(self) -> bool:
        """Have all that waits written at once: the process is about to end. Takes no lock.

        :returns: whether there is anything left.
        """
        if not self._queue.is_hurried:
            self._queue.hurry()
            if not self._supervisor.is_running:
                start_new_thread(self._delivery.write_all, ())
        return not self._queue.is_empty

    def replace_cassette_for_all_mode(self, path: AnyPath) -> None:
        """Replace a cassette with the entries accepted for it since the start, in one atomic step.

        That is what was accepted since the start or since it was last replaced, staged or not;
        everything else in it goes. With nothing accepted the file is left alone.

        :raises WriteFailed: if that failed. The cassette is then as it was.
        """
        self.flush_cassette(path)
        name = _absolute(os.fspath(path))
        try:
            self._cassettes.replace(Path(name))
        except (OSError, ReqordError) as failure:
            raise write_failed(name, failure) from failure

    def unwritten(self) -> dict[Path, list[Interaction]]:
        """What was accepted and isn't in its file, by file."""
        return {Path(path): entries for path, entries in self._queue.unwritten().items()}

    def rescue(self, folder: Path) -> list[SetAside]:
        """Put what isn't written into files in another folder and forget it.

        :param folder: where to; made when it isn't there.
        """
        return self._delivery.rescue(folder)

    def stop(self) -> None:
        """Flush, and end the thread. After that the caller of `write_entry` writes.

        :raises WriteFailed: if something could not be written.
        """
        try:
            self.flush_all()
        finally:
            self._queue.stop()
            self._supervisor.stop(_SHUTDOWN)
            self._cassettes.close()
            self._end_recording()
            atexit.unregister(self._at_exit)

    close = stop

    def _at_exit(self) -> None:
        """Say on stderr what is lost: nobody is left to raise it to."""
        try:
            self.stop()
        except WriteFailed as failure:
            sys.stderr.write(f"reqord: {printable(failure)}\n")
            for each in self._delivery.rescue():
                sys.stderr.write(f"reqord: {printable(f'{each.path}: {each}')}\n")


class _Room:
    """An awaitable that comes back when there is room. Not awaiting it costs nothing.

    :param wait: what waits.
    """

    __slots__ = ("_wait",)

    def __init__(self, wait: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._wait = wait

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()


@lru_cache(maxsize=1024)
def _normal(path: str) -> str:
    return os.path.normpath(path)


def _absolute(path: str) -> str:
    return _normal(path) if path.startswith("/") else os.path.abspath(path)


_writers: weakref.WeakSet[CassetteWriter] = weakref.WeakSet()


def _before_fork() -> None:
    for writer in list(_writers):
        writer._delivery.hold()  # noqa: SLF001 - forking is nobody's but the process's


def _after_fork_in_parent() -> None:
    for writer in list(_writers):
        writer._delivery.let_go()  # noqa: SLF001 -- as above


def _after_fork_in_child() -> None:
    """Give the child writers of its own: the entries that wait are its parent's."""
    for writer in list(_writers):
        writer._start_afresh()  # noqa: SLF001 -- as above


def _flush_soon(seconds: float) -> None:
    """Have the writers' own threads write all that waits, and wait for that for a while."""
    writers, until = list(_writers), monotonic() + seconds
    while monotonic() < until:
        left = [writer for writer in writers if writer.hasten()]
        if not left:
            return
        time.sleep(POLL)


supervisor.flush_with(_flush_soon)
at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
