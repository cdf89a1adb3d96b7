"""The step that makes a recording part of its cassette."""

from __future__ import annotations

import os
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from pytest_reqord import codec, storage
from pytest_reqord.writer import documents, foreign
from pytest_reqord.writer.revision import revise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_reqord.codec import Encoded, Entry

__all__ = ["Saved", "save"]


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did to a cassette.

    :param changed: whether the file was written.
    :param kept: entries that stayed; None where nobody had to look at them.
    :param added: entries that are new.
    :param removed: entries that went.
    """

    changed: bool
    kept: int | None
    added: int
    removed: int


_UNCHANGED = Saved(False, None, 0, 0)


def save(
    path: str | os.PathLike[str],
    new: Sequence[Encoded],
    *,
    keep: Callable[[Entry], bool] | None,
    volatile: frozenset[str] = frozenset(),
    lock_timeout: float,
    is_ordered: bool = False,
    layout: str = "keep",
    oldest: str = "",
) -> Saved:
    """Make a recording part of its cassette, in one step and under the cassette's lock.

    A cassette in which nothing changes isn't touched, and none is ever emptied.

    :param path: the cassette.
    :param new: what was recorded.
    :param keep: whether an entry that the cassette has stays in it. None: they all do; then what
        is newer than them costs the same however many they are.
    :param volatile: names of headers, in lower case, in which two recordings may differ and still
        be the same; then the old one's text stays.
    :param lock_timeout: how long to wait for the lock, in seconds.
    :param is_ordered: whether the cassette is played by position (``strict_order``).
    :param layout: the format of the file: ``reqord``, ``vcr``, or ``keep`` for the one that it
        has; a new one is ours.
    :param oldest: the time, as text, before which what the cassette has is expired.
    :raises CassetteLocked: if the lock couldn't be had.
    :raises CassetteFormatError: if the cassette can't be read.
    :raises WriteFailed: if it says ``locked: true``, or its format can't hold what is new.
    :raises OSError: if writing failed. Whatever is raised, the cassette is as it was.
    """
    name = os.fspath(path)
    with storage.lock(name, lock_timeout):
        documents.refuse_if_locked(name)
        if foreign.is_vcr(name, layout):
            entries = _as_entries(name, new)
            made = foreign.save_as_vcr(
                name, entries, keep=keep, volatile=volatile, is_ordered=is_ordered
            )
            return Saved(True, made.kept, made.added, made.removed) if made else _UNCHANGED
        if keep is None:
            return _extend(name, sorted(new, key=attrgetter("recorded_at")))
        document = documents.read(name)
        old: Sequence[Entry] = document.entries if document else ()
        revision = revise(
            old,
            _as_entries(name, new),
            keep=keep,
            volatile=volatile,
            is_ordered=is_ordered,
            oldest=oldest,
        )
        before = [entry.text for entry in old]
        texts = [entry.text for entry in revision.entries]
        is_whole = document is None or document.torn is None
        if not texts or (is_whole and texts == before):
            return Saved(False, len(old), 0, 0)
        _write_bodies(name, new, texts)
        more = revision.entries[len(old) :]
        if more and texts[: len(old)] == before and documents.can_append(name, more[0].recorded_at):
            storage.append(name, b"".join(texts[len(old) :]))
        else:
            documents.rewrite(name, texts, document)
        return Saved(True, revision.kept, revision.added, revision.removed)


def _extend(path: str, new: Sequence[Encoded]) -> Saved:
    if new:
        documents.add(path, new)
    return Saved(bool(new), None, len(new), 0)


def _write_bodies(path: str, new: Sequence[Encoded], texts: Sequence[bytes]) -> None:
    """Write the bodies of those new entries that the cassette will have."""
    taken = set(texts)
    for each in new:
        if each.text in taken:
            storage.write_bodies(path, each.bodies)


def _as_entries(path: str, new: Sequence[Encoded]) -> Sequence[Entry]:
    """What was recorded as the entries that it will be."""
    if not new:
        return ()
    bodies = {name: data for each in new for name, data in each.bodies.items()}
    text = codec.render([each.text for each in new])
    return codec.load(text, path, bodies.__getitem__).entries
