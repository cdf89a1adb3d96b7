"""Where the writer service puts its batches."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from pytest_reqord import codec, storage
from pytest_reqord.base.clock import format_time
from pytest_reqord.base.real import os, threading
from pytest_reqord.cassette_file import edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.codec import Document, Encoded, Entry

__all__ = ["CassetteSink", "Sink", "append_encoded", "append_only"]

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
            storage.write_bodies(path, each.bodies)
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
