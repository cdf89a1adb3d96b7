"""Where recordings wait until they are complete.

::

    <root>/<run id>/                   one folder a run, for its user only
        <process>.journal              what that process opened and settled
        <process>-<n>-<name>.yaml      one recording: append-only, one writer, no lock, no sync
        born/<hash>                    this run made the cassette of that path, which it holds
        claimed/<hash>                 who saves for one owner and cassette

A recording that was opened and never settled belongs to a process that crashed.
"""

from __future__ import annotations

import itertools
import re
import weakref
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_reqord.base import platform
from pytest_reqord.base.clock import wall_time
from pytest_reqord.base.real import Path, io, json, os, threading
from pytest_reqord.storage.files import identity, read, remove, remove_folder, remove_with_bodies
from pytest_reqord.storage.write import append

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "Journal",
    "Record",
    "Recording",
    "StagingArea",
    "earlier_records",
    "is_alive",
    "read_journal",
]


_JOURNAL = ".journal"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording: of one owner, in one process.

    :param id: its name in its run.
    :param owner: who records, as a test's id.
    :param cassette: the cassette it is meant for.
    :param mode: the record mode.
    :param path: its staging file, there once something was written.
    :param opened_at: when it was opened, in seconds since the epoch.
    :param saving: what saving it has to know, in the words of who opened it.
    :param after: the staging files of those that it goes on from: it lacks what they have.
    """

    id: str
    owner: str
    cassette: Path
    mode: str
    path: Path
    opened_at: float
    saving: Mapping[str, Any] = field(default_factory=dict, compare=False)
    after: Sequence[Path] = ()

    @property
    def process(self) -> str:
        """The process that recorded it, by the name of its journal."""
        return self.id.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Record:
    """What a journal says of a recording.

    :param recording: the recording.
    :param outcome: how it was settled, in the words of who settled it; None: it never was.
    :param reason: why it was settled so, in the same words; may be empty.
    """

    recording: Recording
    outcome: str | None
    reason: str = ""

    @property
    def has_data(self) -> bool:
        """Whether anything of it is still staged."""
        return os.path.exists(self.recording.path)


class StagingArea:
    """The folder of one run, shared by all its processes. A forked child gets its own journal.

    :param root: where the runs of this project are.
    :param run_id: the run's name, the same in all its processes.
    """

    def __init__(self, root: Path, run_id: str) -> None:
        self.folder = Path(root, run_id)
        self._journal: Journal | None = None
        self._numbers = itertools.count(1)
        # reentrant, and held for an assignment alone: the garbage collector may end a response, and
        # so record it, wherever this process is
        self._lock = threading.RLock()
        _areas.add(self)

    def hold(self) -> None:
        """Make the run look alive as long as this process lives, though it records nothing.

        Without it the moment between the workers' end and the controller's reading of their
        journals would let another run take this one for dead.

        :raises OSError: if the folder can't be made.
        """
        self._own_journal().hold()

    def open_recording(
        self,
        owner: str,
        cassette: Path,
        mode: str,
        saving: Mapping[str, Any] | None = None,
        after: Sequence[Path] = (),
    ) -> Recording:
        """Make a recording and enter it in the journal; see `new_recording`."""
        recording = self.new_recording(owner, cassette, mode, saving, after)
        self.enter(recording)
        return recording

    def new_recording(
        self,
        owner: str,
        cassette: Path,
        mode: str,
        saving: Mapping[str, Any] | None = None,
        after: Sequence[Path] = (),
    ) -> Recording:
        """Make a recording. No file is touched.

        :param saving: what saving it has to know, as JSON can hold it.
        :param after: the staging files of those that it goes on from.
        """
        name = f"{self._own_journal().path.stem}-{next(self._numbers)}"
        tail = _UNSAFE.sub("-", owner.rpartition("/")[2])[-80:]
        path = self.folder / f"{name}-{tail}.yaml"
        return Recording(
            name, owner, cassette, mode, path, wall_time(), dict(saving or {}), tuple(after)
        )

    def enter(self, recording: Recording) -> None:
        """Enter a recording in the journal, before anything of it is staged."""
        fields = asdict(recording) | {
            "path": recording.path.name,
            "cassette": os.fspath(recording.cassette),
            "after": [os.fspath(each) for each in recording.after],
        }
        with suppress(OSError):  # what is staged fails, too, and is told
            self._own_journal().write(opened=fields)

    def settle(self, recording: Recording, outcome: str, reason: str = "") -> None:
        """Enter in the journal how a recording ended. The last word counts.

        :raises OSError: if the journal can't be written.
        """
        self._own_journal().write(
            settled=recording.id, outcome=outcome, reason=reason, at=wall_time()
        )

    def records(self) -> list[Record]:
        """What all processes of this run recorded, in the order in which it was opened."""
        return _records(self.folder)

    def mark_born(self, cassette: Path) -> Path:
        """Say that this run makes a cassette.

        :returns: the cassette; or the one whose name differs only in case, where a process of the
            run has said so of that one before.
        """
        self.hold()
        marker = self._born(cassette)
        if _create(marker, os.fsencode(cassette)):
            return cassette
        first = Path(os.fsdecode(read(marker)))
        return first if _identity(first) == _identity(cassette) else cassette

    def is_born(self, cassette: Path) -> bool:
        """Whether a process of this run has made this cassette, or is about to."""
        return os.path.exists(self._born(cassette))

    def claim(self, recording: Recording, process: str = "") -> bool:
        """Settle whose recording is saved for one owner and cassette: the first that asks.

        :param process: who asks, by the name of its journal; by default this process.
        :returns: whether it was the first, now or before.
        """
        name = (process or self._own_journal().path.stem).encode()
        marker = self.folder / "claimed" / _hash(recording.cassette, recording.owner)
        return _create(marker, name) or read(marker) == name

    def remove(self, recording: Recording) -> None:
        """Remove a recording's staging file: it is saved, or nobody wants it."""
        remove_with_bodies(recording.path)

    def close(self) -> None:
        """Let go of this process's journal."""
        with self._lock:
            journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def sweep(self) -> bool:
        """Remove the folder of the run, unless something is still staged in it."""
        self.close()
        return _remove_run(self.folder)

    def _own_journal(self) -> Journal:
        before = self._journal
        if before is not None and before.process == os.getpid():
            return before
        made = Journal(self.folder / f"{os.getpid()}-{os.urandom(3).hex()}.journal")
        with self._lock:
            self._journal = journal = made if self._journal is before else self._journal or made
        if journal is made and before is not None:
            before.close()
        return journal

    def _born(self, cassette: Path) -> Path:
        return self.folder / "born" / _hash(cassette)


def _hash(path: Path, name: str = "") -> str:
    import hashlib  # late: only runs that record need it

    return hashlib.sha256(os.fsencode(_identity(path)) + b"\0" + name.encode()).hexdigest()


def _identity(path: Path) -> str:
    return identity(os.path.realpath(path))


def _create(marker: Path, content: bytes) -> bool:
    """Make a file; False where it is there already, its content perhaps not yet."""
    os.makedirs(marker.parent, 0o700, exist_ok=True)
    try:
        with io.open(marker, "xb", buffering=0) as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def earlier_records(root: Path, run_id: str) -> list[Record]:
    """What earlier runs have left staged, the oldest first: drafts, and crashed recordings.

    Runs that go on elsewhere at this moment are none of ours. Folders of runs that left nothing
    are removed.

    :param root: where the runs of this project are.
    :param run_id: the run that asks.
    """
    left: list[Record] = []
    try:
        runs = [root / name for name in os.listdir(root) if name != run_id]
    except (FileNotFoundError, NotADirectoryError):
        return left
    for run in runs:
        if not any(is_alive(journal) for journal in _named(run, _JOURNAL)):
            found = [record for record in _records(run) if record.has_data]
            if not found:
                _remove_run(run)
            left += found
    return sorted(left, key=lambda record: record.recording.opened_at)


def _records(folder: Path) -> list[Record]:
    recordings: dict[str, Recording] = {}
    outcomes: dict[str, tuple[float, str, str]] = {}
    for journal in _named(folder, _JOURNAL):
        for line in read_journal(journal):
            # fields that are missing: another version's line, or a torn one that reads well
            with suppress(KeyError, TypeError):
                if "opened" in line:
                    recording = _recording(folder, line["opened"])
                    recordings[recording.id] = recording
                else:
                    said = (float(line["at"]), str(line["outcome"]), str(line["reason"]))
                    # another process may settle too, as the controller does in mode all
                    outcomes[line["settled"]] = max(said, outcomes.get(line["settled"], said))
    opened = sorted(recordings.values(), key=lambda recording: recording.opened_at)
    never = (0.0, None, "")
    return [Record(each, *outcomes.get(each.id, never)[1:]) for each in opened]


def _named(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder whose names end so; none where there is no folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return [folder / name for name in os.listdir(folder) if name.endswith(suffix)]
    return []


def _recording(folder: Path, fields: dict[str, Any]) -> Recording:
    return Recording(
        id=fields["id"],
        owner=fields["owner"],
        cassette=Path(fields["cassette"]),
        mode=fields["mode"],
        path=folder / Path(fields["path"]).name,
        opened_at=float(fields["opened_at"]),
        saving=dict(fields.get("saving", {})),
        after=tuple(map(Path, fields.get("after", ()))),
    )


def _remove_run(folder: Path) -> bool:
    """Remove a run's folder unless a recording is left in it or it has none of our files."""
    if any(_named(folder, ".yaml")):
        return False
    with suppress(OSError):
        for markers in ("born", "claimed"):
            remove_folder(folder / markers)
        for path in _named(folder, _JOURNAL):
            remove(path)
        os.rmdir(folder)
    return not os.path.exists(folder)


_areas: weakref.WeakSet[StagingArea] = weakref.WeakSet()


def _after_fork() -> None:
    """Give the child locks of its own: the copies may be held by threads it doesn't have."""
    for area in _areas:
        area._lock = threading.RLock()  # noqa: SLF001 - nobody else may do this


platform.at_fork(after_in_child=_after_fork)


# What one process did in a run, line by line, for those who come after it.
#
# A journal is locked as long as its process lives; the system lets go of the lock however the
# process ends. Nothing is synced: a power cut costs lines, and a torn last line is no line.


class Journal:
    """The journal of this process.

    :param path: its file, made when it is first needed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.process = os.getpid()
        self._fd = -1
        self._unwritten = b""
        self._lock = threading.RLock()

    def hold(self) -> None:
        """Make the process look alive as long as it lives.

        :raises OSError: if the file can't be made.
        """
        with self._lock:
            tries = 3
            while self._fd < 0:
                os.makedirs(self.path.parent, 0o700, exist_ok=True)
                try:
                    self._make()
                except (FileNotFoundError, FileExistsError):
                    # another run swept the folder just now; the garbage collector made it
                    tries -= 1
                    if not tries:
                        raise

    def _make(self) -> None:
        # locked before it has its name, so that nobody takes a young journal for a dead one
        unnamed = self.path.with_name(f"{self.path.name}.{os.urandom(3).hex()}.new")
        if platform.IS_WINDOWS:  # where no open file can be given another name; see `is_alive`
            unnamed = self.path
        fd = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | platform.OPEN, 0o600)
        with suppress(OSError):  # a file system without locks: then its runs look dead
            platform.lock(fd)
        try:
            if self._fd < 0:  # else it was made in the middle of this, by the garbage collector
                if unnamed != self.path:
                    os.rename(unnamed, self.path)
                self._fd = fd
                return
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        os.unlink(unnamed)

    def write(self, **fields: Any) -> None:
        """Add a line.

        :raises OSError: if it could not be written; it will be, with the next one.
        """
        line = json.dumps(fields).encode() + b"\n"
        with self._lock:
            self._unwritten += line
            self.hold()
            lines = self._unwritten
            append(self.path, lines)
            self._unwritten = self._unwritten.removeprefix(lines)  # more may have come in between

    def close(self) -> None:
        """Let go of the journal. In a forked child this leaves the parent's lock alone."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a journal, its process alive or not."""
    try:
        data = read(path)
    except FileNotFoundError:  # swept by another run
        return
    for line in data.split(b"\n"):
        with suppress(ValueError):  # torn: the process died writing it
            fields = json.loads(line)
            if isinstance(fields, dict):
                yield fields


_YOUNG = 2.0
"""Seconds in which a process locks the journal that it has just made, where it can't before."""


def is_alive(path: Path) -> bool:
    """Whether the process of this journal still runs."""
    try:
        fd = os.open(path, os.O_RDONLY | platform.OPEN)
    except FileNotFoundError:
        return False
    try:
        is_young = platform.IS_WINDOWS and wall_time() - os.fstat(fd).st_mtime < _YOUNG
        return is_young or not platform.lock(fd, is_shared=True)
    except OSError:
        return False
    finally:
        os.close(fd)
