"""Writes what the queue holds: in the writer's thread, or in the thread of who flushes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_reqord import storage
from pytest_reqord.errors import ReqordError, WriteFailed
from pytest_reqord.real import Path, os, threading
from pytest_reqord.writer.queue import Target
from pytest_reqord.writer.rescue import SetAside, set_aside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_reqord.models import Interaction
    from pytest_reqord.writer.queue import Claim, Queue
    from pytest_reqord.writer.sinks import Sink

__all__ = ["Delivery", "write_failed"]

_FORK_PATIENCE = 1.0


class Delivery:
    """Takes claims from the queue and puts them into a sink.

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
        self._gate = threading.RLock()
        self._deaths: dict[int, int] = {}
        self._unreported: list[SetAside] = []
        self.set_aside: list[SetAside] = []

    def run(self) -> None:
        """Write what is due until the queue is stopped: the life of the writer's thread."""
        self._queue.recover()
        while (claim := self._queue.claim_due()) is not None:
            with self._gate:
                self._deliver(claim)

    def hold(self) -> None:
        """Keep the writer's thread from writing, for a fork.

        A child would inherit what that thread is in the middle of: an import, which it could
        never end, or a cassette's lock. A write that takes too long isn't waited for.
        """
        self._gate.acquire(timeout=_FORK_PATIENCE)

    def let_go(self) -> None:
        """Let the writer's thread go on after `hold`."""
        with suppress(RuntimeError):  # it was too long
            self._gate.release()

    def write(self, target: Target) -> None:
        """Write all that waits for a target.

        :raises WriteFailed: if it could not be written.
        """
        failure: Exception | None = None
        while failure is None:
            try:
                claim = self._queue.claim(target, self._patience)
            except TimeoutError as error:
                failure = error
                break
            if claim is None:
                return
            with suppress(Exception):  # a death, from which the writer's thread comes back too
                failure = self._deliver(claim)
                if failure is None:
                    return
        raise write_failed(target.path, failure) from failure

    def write_all(self) -> None:
        """Do the work of the writer's thread, which is no more. Failures wait for a flush."""
        self._queue.recover()
        for target in self._queue.targets():
            with suppress(WriteFailed):
                self.write(target)

    def _deliver(self, claim: Claim) -> Exception | None:
        """Write a claim's entries.

        :returns: the failure with which they are pending again; None where they are written.
        """
        sink = self._stage if claim.target.staged else self._sink
        path = Path(claim.target.path)
        try:
            while claim.entries:
                group = claim.entries[:1] if claim.batch.is_suspect else list(claim.entries)
                try:
                    sink(path, group)
                except (OSError, ReqordError):
                    raise
                except BaseException as death:
                    # in a caller's thread the others, such as a Ctrl-C, are not the entries' doing
                    if claim.is_writers or isinstance(death, Exception):
                        self._blame(claim, group, death)
                    raise
                self._settle(claim, group)
        except (OSError, ReqordError) as failure:
            self._queue.release(claim, failure)
            return failure
        finally:
            self._queue.release(claim, is_suspect=True)  # with nothing left it is no suspect
        return None

    def _blame(self, claim: Claim, group: Sequence[Interaction], death: BaseException) -> None:
        """Count a death against the entries it happened over."""
        for entry in group:
            self._deaths[id(entry)] = self._deaths.get(id(entry), 0) + 1
        if len(group) == 1 and self._deaths[id(group[0])] > 1:
            folder = self._aside or storage.user_folder("aside")
            self._put_aside(set_aside(folder, Path(claim.target.path), group, death))
            self._settle(claim, group)

    def _settle(self, claim: Claim, group: Sequence[Interaction]) -> None:
        self._queue.done(claim, group)
        if self._deaths:
            for entry in group:
                self._deaths.pop(id(entry), None)

    def _put_aside(self, aside: SetAside) -> None:
        self.set_aside.append(aside)
        self._unreported.append(aside)

    def unreported_targets(self) -> list[Target]:
        """The files whose entries were set aside and of which `report` has not told."""
        return [Target(os.fspath(each.path), staged=False) for each in self._unreported]

    def report(self, targets: Iterable[Target]) -> list[WriteFailed]:
        """What was set aside that was meant for these files. Each is told once."""
        paths = {target.path for target in targets}
        told = [each for each in self._unreported if os.fspath(each.path) in paths]
        for each in told:
            self._unreported.remove(each)
        return [write_failed(os.fspath(each.path), each.error, str(each)) for each in told]

    def rescue(self, folder: Path | None = None) -> list[SetAside]:
        """Set aside all that isn't written.

        :param folder: where to; None for where entries are set aside anyway.
        """
        folder = folder or self._aside or storage.user_folder("aside")
        rescued: list[SetAside] = []
        for target in self._queue.targets():
            claim = self._queue.claim(target, self._patience)
            if claim is not None:
                error = claim.batch.failure or WriteFailed(target.path, "it was never tried")
                entries = list(claim.entries)
                rescued.append(set_aside(folder, Path(target.path), entries, error))
                self._settle(claim, entries)
                self._queue.release(claim)
        self.set_aside += rescued
        return rescued


def write_failed(path: str, cause: BaseException, reason: str = "") -> WriteFailed:
    """The error for a file that could not be written.

    :param path: the file.
    :param cause: what went wrong.
    :param reason: the same as text, where the cause's own isn't enough.
    """
    if isinstance(cause, WriteFailed) and not reason:
        return cause
    failure = WriteFailed(path, reason or f"{type(cause).__name__}: {cause}")
    failure.__cause__ = cause
    return failure
