"""Deliver what the queue holds to its sink: in the writer's thread, or in that of who flushes."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from pytest_reqord import codec, storage
from pytest_reqord.base.clock import format_time, monotonic
from pytest_reqord.base.real import Path, os, threading, time
from pytest_reqord.cassette_file import edit
from pytest_reqord.errors import ReqordError, WriteFailed
from pytest_reqord.storage.locks import Claim
from pytest_reqord.writer.queue import POLL, Target, in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.codec import Document, Encoded, Entry
    from pytest_reqord.writer.queue import Batch, Queue

__all__ = [
    "CassetteSink",
    "Delivery",
    "SetAside",
    "Sink",
    "append_encoded",
    "append_only",
    "write_failed",
]


_FORK_PATIENCE = 1.0
_RESCUE_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class SetAside:
    """Entries that are no longer the writer's.

    :param path: the file they were meant for.
    :param file: where they are now; None where even that could not be written.
    :param entries: the entries, where there is no file.
    :param error: why they are not where they belong.
    """

    path: Path
    file: Path | None
    entries: tuple[Interaction, ...]
    error: BaseException

    def __str__(self) -> str:
        reason = f"{type(self.error).__name__}: {self.error}"
        place = f"set aside in {self.file}" if self.file else "not kept in any file"
        return f"{reason}; what was meant for it is {place}"


class Delivery:
    """Takes batches from the queue and puts them into a sink.

    A sink fails with an OSError or a ReqordError: its entries wait in the queue for the next try.
    Anything else is a death of the writer: the entries it happened over are tried again one by
    one, and an entry that it happens over again is set aside.

    :param queue: what is to be written.
    :param sink: writes the entries of a file.
    :param stage: writes those that wait for their cassette to be replaced.
    :param aside: the folder for entries that are set aside; None for one of the user's.
    :param patience: seconds to wait for another thread's write to the same file.
    """

    def __init__(
        self, queue: Queue, sink: Sink, stage: Sink, *, aside: Path | None, patience: float
    ) -> None:
        self._queue = queue
        self._sink = sink
        self._stage = stage
        self._aside = aside
        self._patience = patience
        self._unreported: list[SetAside] = []
        self.set_aside: list[SetAside] = []

    # the writer's thread

    def run(self) -> None:
        """Write what is due until the queue is stopped: the life of the writer's thread."""
        while not self._queue.is_stopped:
            target = self._queue.wait_for_due()
            if target is not None:
                self._write_due(target)

    def _write_due(self, target: Target) -> None:
        claim = Claim()
        with claim.lock:
            batch = self._queue.claim(target, claim)
            if batch is not None and batch.claim is claim:
                with suppress(OSError, ReqordError):  # it is tried again
                    self._write(batch, is_writers=True)
                return
        time.sleep(POLL)  # somebody else writes it, or forks

    def hold(self) -> None:
        """Keep all other threads from writing, for a fork.

        A child would inherit what they are in the middle of: an import, which it could never end,
        or a cassette's lock. A write that takes too long isn't waited for.
        """
        self._queue.hold(_FORK_PATIENCE)

    def let_go(self) -> None:
        """Let the others go on after `hold`."""
        self._queue.let_go()

    # whoever flushes

    def write(self, target: Target) -> None:
        """Write all that waits for a target.

        :raises WriteFailed: if it could not be written.
        """
        claim = Claim()
        with claim.lock:
            try:
                batch = self._claim(target, claim, self._patience)
                if batch is not None:
                    self._write(batch, is_writers=False)
            except (OSError, ReqordError) as failure:
                raise write_failed(target.path, failure) from failure

    def _claim(self, target: Target, claim: Claim, patience: float) -> Batch | None:
        """Claim what waits for a target as soon as nobody else writes there.

        :returns: None if there is nothing to write, or nothing that may be written here and now.
        :raises TimeoutError: if somebody else is writing for so many seconds.
        :raises OSError: if somebody else was writing and failed, or a ReqordError.
        """
        deadline = monotonic() + patience
        failures = None
        while (batch := self._queue.claim(target, claim)) is not None:
            if failures is not None and batch.failures > failures and batch.failure is not None:
                raise batch.failure  # told at once: another try would take as long
            if batch.claim is claim:
                return batch
            if batch.claim is not None and batch.claim.thread == claim.thread:
                return None  # the garbage collector ran code of ours in the middle of it
            failures = batch.failures
            if monotonic() > deadline:
                raise TimeoutError(f"a write has not come back for {patience:g} s")
            time.sleep(POLL)
        return None

    def write_all(self) -> None:
        """Do the work of the writer's thread, which is no more. Failures wait for a flush."""
        for target in self._queue.targets():
            with suppress(WriteFailed):
                self.write(target)

    # both

    def _write(self, batch: Batch, *, is_writers: bool) -> None:
        """Write what a batch has now; what comes meanwhile may wait.

        Each round writes something, sets something aside, or has the next ones be smaller.

        :param is_writers: whether this is the writer's thread, not a caller of flush.
        :raises OSError: or a ReqordError, if that failed.
        """
        left = len(batch.entries)
        while left > 0:
            group = batch.group()
            try:
                self._put_into_sink(batch.target, group)
            except (OSError, ReqordError) as failure:
                self._queue.failed(batch, failure)
                raise
            except BaseException as death:
                # in a caller's thread the others, such as a Ctrl-C, are not the entries' doing
                if not (is_writers or isinstance(death, Exception)):
                    raise
                left -= self._blame(batch, group, death)
                if is_writers:
                    raise
            else:
                self._queue.written(batch, len(group))
                left -= len(group)

    def _put_into_sink(self, target: Target, group: Sequence[Interaction]) -> None:
        sink = self._stage if target.staged else self._sink
        sink(Path(target.path), group)

    def _blame(self, batch: Batch, group: Sequence[Interaction], death: BaseException) -> int:
        """Suspect the entries over which the writer died; set one aside if it did so again.

        :returns: how many were set aside.
        """
        if not batch.suspects:
            batch.suspects = len(group)
            return 0
        aside = self._set_aside(Path(batch.target.path), group, death)
        self._unreported.append(aside)
        self._queue.written(batch, len(group))
        return len(group)

    # what nothing can write

    def _set_aside(
        self,
        path: Path,
        entries: Sequence[Interaction],
        error: BaseException,
        folder: Path | None = None,
    ) -> SetAside:
        """Put entries into a file elsewhere; where even that fails they are kept in memory."""
        file = None
        try:
            folder = folder or self._aside or storage.user_folder("aside")
            file = _write_aside(folder, path, entries)
        except Exception:  # noqa: BLE001 -- no disk, no memory: the report still has them
            file = None
        aside = SetAside(path, file, () if file else tuple(entries), error)
        self.set_aside.append(aside)
        return aside

    def unreported_targets(self) -> list[Target]:
        """Return the files whose entries were set aside and of which `report` has not told."""
        return [Target(os.fspath(each.path), staged=False) for each in self._unreported]

    def report(self, targets: Iterable[Target]) -> list[WriteFailed]:
        """Return what was set aside that was meant for these files. Each is told once."""
        paths = {target.path for target in targets}
        told = [each for each in self._unreported if os.fspath(each.path) in paths]
        for each in told:
            self._unreported.remove(each)
        return [write_failed(os.fspath(each.path), each.error, str(each)) for each in told]

    def rescue(self, folder: Path | None = None) -> list[SetAside]:
        """Set aside all that isn't written.

        :param folder: where to; None for where entries are set aside anyway.
        """
        rescued = (self._rescue(target, folder) for target in self._queue.targets())
        return [aside for aside in rescued if aside is not None]

    def _rescue(self, target: Target, folder: Path | None) -> SetAside | None:
        claim = Claim()
        with claim.lock:
            with suppress(OSError, ReqordError):  # whoever else has it may never come back
                self._claim(target, claim, _RESCUE_PATIENCE)
            batch = self._queue.batch(target)
            if batch is None:
                return None
            error = batch.failure or WriteFailed(target.path, "it was never tried")
            entries = in_order(batch.entries)
            aside = self._set_aside(Path(target.path), entries, error, folder)
            self._queue.forget(batch, len(entries))
            return aside


def _write_aside(folder: Path, path: Path, entries: Sequence[Interaction]) -> Path:
    """Write entries to a file in ``folder`` that is named after the file they were meant for."""
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    file = folder / f"{path.stem[:80]}-{os.getpid()}-{name}.yaml"
    try:
        append_only(file, entries)
    except Exception:  # noqa: BLE001 -- such an entry may be what can't be encoded
        file = file.with_suffix(".txt")
        text = "".join(f"{entry!r}\n" for entry in entries)
        storage.append(file, text.encode("utf-8", "backslashreplace"))
    return file


def write_failed(path: str, cause: BaseException, reason: str = "") -> WriteFailed:
    """Make the error for a file that could not be written.

    :param path: the file.
    :param cause: what went wrong.
    :param reason: the same as text, where the cause's own isn't enough.
    """
    if isinstance(cause, WriteFailed) and not reason:
        return cause
    failure = WriteFailed(path, reason or f"{type(cause).__name__}: {cause}")
    failure.__cause__ = cause
    return failure


# Where the writer service puts its batches.


_Key = tuple[str, str, str]


class Sink(Protocol):
    """Writes a batch, in order of time, to a file: all of it or, with an error, none."""

    def __call__(self, path: Path, entries: Sequence[Interaction], /) -> None:
        """Write the entries.

        :raises OSError: or a ReqordError: they could not be written and will be tried again.
        """


def append_only(path: Path, entries: Sequence[Interaction]) -> None:
    """Write to a file that nobody else writes, in the order in which the batches come."""
    append_encoded(path, (codec.encode(entry) for entry in entries))


def append_encoded(path: Path, encoded: Iterable[Encoded]) -> None:
    """The same with entries as they are to stand in the file, taken one by one: they may be large."""

    def texts() -> Iterator[bytes]:
        for each in encoded:
            storage.write_bodies(path, each.bodies, storage.PRIVATE)
            yield each.text

    storage.append(path, texts(), header=codec.HEADER)


class CassetteSink:
    """Writes to cassettes that other threads and processes may write, always in order of time.

    It knows what it has written since its start or since a cassette was replaced, for that is
    what `replace` leaves in the cassette.

    :param lock_timeout: how long to wait for a cassette's lock, in seconds.
    """

    def __init__(self, lock_timeout: float) -> None:
        self._lock_timeout = lock_timeout
        self.start_afresh()

    def start_afresh(self) -> None:
        """Know nothing of what was written and staged: a forked child begins so."""
        self._written: dict[str, Counter[_Key]] = {}
        self._staging: Path | None = None
        self._lock = threading.RLock()

    def __call__(self, path: Path, entries: Sequence[Interaction], /) -> None:
        """Add entries to a cassette, or make it."""
        name = os.fspath(path)
        encoded = [codec.encode(entry) for entry in entries]
        with storage.lock(name, self._lock_timeout):
            edit.add(name, encoded)
            self._written.setdefault(name, Counter()).update(map(_interaction_key, entries))

    def stage(self, path: Path, entries: Sequence[Interaction]) -> None:
        """Put entries where they wait until their cassette is replaced."""
        append_only(self._staged(path), entries)

    def replace(self, path: Path) -> None:
        """Make a cassette hold just what came from here, in one step; never nothing.

        :raises OSError: if that failed; the cassette is then as it was, and this can be repeated.
        :raises CassetteFormatError: if what is there can't be read.
        """
        name, staged = os.fspath(path), self._staged(path)
        with storage.lock(name, self._lock_timeout):
            edit.refuse_if_locked(name)
            waiting = edit.read(os.fspath(staged))
            document = edit.read(name)
            entries = _ours(document, self._written.get(name, Counter()))
            entries += waiting.entries if waiting else ()
            if not entries:
                return
            storage.copy_bodies(staged, path)
            entries.sort(key=attrgetter("recorded_at"))
            edit.rewrite(name, entries, document)
            self._written.pop(name, None)
            storage.remove_with_bodies(staged)

    def _staged(self, path: Path) -> Path:
        with self._lock:
            if self._staging is None:
                name = f"{os.getpid()}-{os.urandom(4).hex()}"
                made = storage.user_folder("staged") / name
                # else it was made in the middle of this, by the garbage collector
                self._staging = self._staging or made
        return self._staging / f"{hashlib.sha256(os.fsencode(path)).hexdigest()}.yaml"

    def close(self) -> None:
        """Remove the folder of what waits, unless something does."""
        if self._staging is not None:
            with suppress(OSError):  # not empty, or never made
                os.rmdir(self._staging)


def _ours(document: Document | None, written: Counter[_Key]) -> list[Entry]:
    """The entries of a cassette that were written from here."""
    left = written.copy()
    found: list[Entry] = []
    if document is not None:
        # from the end: of those of one moment ours were put behind the others
        for entry in reversed(document.entries):
            key = (entry.recorded_at, entry.method, entry.uri)
            if left[key] > 0:
                left[key] -= 1
                found.append(entry)
    return found[::-1]


def _interaction_key(interaction: Interaction) -> _Key:
    request = interaction.request
    return format_time(interaction.recorded_at), request.method, request.uri
