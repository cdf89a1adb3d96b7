"""The step that makes a recording part of its cassette."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_reqord import codec, storage
from pytest_reqord.base.real import os
from pytest_reqord.cassette_file import edit
from pytest_reqord.cassette_file.revision import Ours, revise
from pytest_reqord.cassette_file.volatile import Volatile
from pytest_reqord.errors import WriteFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.codec import Document, Encoded, Entry

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
_NOTHING: Mapping[Any, Any] = MappingProxyType({})
_NOTHING_VOLATILE = Volatile()


def save(
    path: str | os.PathLike[str],
    new: Iterable[Encoded],
    *,
    keep: Callable[[Entry], bool] | None,
    volatile: Volatile = _NOTHING_VOLATILE,
    lock_timeout: float,
    inline_limit: int = 1 << 20,
    layout: str = "keep",
    oldest: str = "",
    played: Mapping[tuple[str, str], str] = _NOTHING,
    beside: Mapping[str, Any] = _NOTHING,
) -> Saved:
    """Make a recording part of its cassette, in one step and under the cassette's lock.

    A cassette in which nothing changes isn't touched, and none is ever emptied.

    :param path: the cassette.
    :param new: what was recorded; taken one by one, and only once.
    :param keep: whether an entry that the cassette has stays in it. None: they all do; then what
        is newer than them, up to 4 MiB, costs the same however many they are.
    :param volatile: in what two recordings may differ and still be the same; then the old one's
        text stays.
    :param lock_timeout: how long to wait for the lock, in seconds.
    :param inline_limit: the size in bytes above which a body lies beside the cassette.
    :param layout: the format of the file: ``reqord``, ``vcr``, or ``keep`` for the one that it
        has; a new one is ours.
    :param oldest: the time, as text, before which what the cassette has is expired.
    :param played: when entries of the cassette were played, by test and time, where they were
        otherwise than as they stand and before all that is new.
    :param beside: more that is to stand beside the interactions; a mapping adds to what is there.
    :raises CassetteLocked: if the lock couldn't be had.
    :raises CassetteFormatError: if the cassette can't be read.
    :raises WriteFailed: if it says ``locked: true``, or its format can't hold what is new.
    :raises OSError: if writing failed. Whatever is raised, the cassette is as it was.
    """
    name = os.fspath(path)
    with storage.lock(name, lock_timeout), edit.no_stray_bodies(name):
        head = edit.head_of(name)
        edit.refuse_if_locked(name, head)
        if edit.is_vcr(name, layout, head):
            made = edit.save_as_vcr(
                name,
                _held(name, list(new)),
                keep=keep,
                volatile=volatile,
                played=played,
                beside=beside,
            )
            return Saved(True, made.kept, made.added, made.removed) if made else _UNCHANGED
        with closing(storage.Spool(name)) as spool:
            encoded = _spooled(name, new, spool)
            if keep is None and not beside and not played:
                return _extend(name, encoded or _entries(name, spool), spool)
            entries = _entries(name, spool)
            document = edit.read(name)
            old: Sequence[Entry] = document.entries if document else ()
            revision = revise(
                old,
                entries,
                keep=keep or (lambda _: True),
                form=Ours(partial(_text, name, inline_limit)),
                volatile=volatile,
                oldest=oldest,
                played=played,
            )
            if beside:
                edit.rewrite(name, revision.entries, _with_extra(name, document, beside))
            elif not _write(name, document, revision.entries, spool):
                return Saved(False, len(old), 0, 0)
            return Saved(True, revision.kept, revision.added, revision.removed)


def _text(path: str, inline_limit: int, interaction: Interaction) -> bytes:
    """The text of an entry, with its bodies beside the cassette."""
    encoded = codec.encode(interaction, inline_limit=inline_limit)
    storage.write_bodies(path, encoded.bodies)
    return encoded.text


def _held(path: str, new: Sequence[Encoded]) -> Sequence[Entry]:
    """All that was recorded, in memory: another format is written as a whole."""
    bodies = {name: data for each in new for name, data in each.bodies.items()}
    text = codec.render([each.text for each in new])
    return codec.load(text, path, bodies.__getitem__).entries if new else ()


def _spooled(path: str, new: Iterable[Encoded], spool: storage.Spool) -> Sequence[Encoded]:
    """Put the bodies beside the cassette and the rest on the spool: all may be more than memory.

    :returns: what is on the spool, in order of time; nothing where it is large.
    """
    held: list[Encoded] = []
    spool.write(codec.HEADER)
    for each in new:
        storage.write_bodies(path, each.bodies)
        spool.write(each.text)
        if spool.is_large:
            held.clear()
        else:
            held.append(codec.Encoded(each.text, each.recorded_at) if each.bodies else each)
    return sorted(held, key=attrgetter("recorded_at"))


def _entries(path: str, spool: storage.Spool) -> Sequence[Entry]:
    """What is on the spool, in order of time."""
    if spool.size == len(codec.HEADER):
        return ()
    files = storage.body_reader(path)
    document = codec.load_piecemeal(spool, path, files) if spool.is_large else None
    document = document or codec.load(spool.read(0, spool.size), path, files)
    return sorted(document.entries, key=attrgetter("recorded_at"))


def _extend(path: str, new: Sequence[Encoded | Entry], spool: storage.Spool) -> Saved:
    if new and not _append(path, new, spool):
        edit.merge(path, new)
    return Saved(bool(new), None, len(new), 0)


def _with_extra(path: str, document: Document | None, beside: Mapping[str, Any]) -> Document:
    try:
        return codec.with_extra(document, beside)
    except ValueError as error:
        raise WriteFailed(path, str(error)) from error


def _write(
    path: str, document: Document | None, entries: Sequence[Entry], spool: storage.Spool
) -> bool:
    """Bring a cassette to what it is to hold, unless it does.

    :returns: whether it was written.
    """
    before = document.entries if document else ()
    more = entries[len(before) :]
    stays = _is_same(entries[: len(before)], before)
    is_whole = document is None or document.torn is None
    if not entries or (stays and not more and is_whole):
        return False
    if not (stays and more and _append(path, more, spool)):
        edit.rewrite(path, entries, document)
    return True


def _is_same(entries: Sequence[Entry], others: Sequence[Entry]) -> bool:
    return len(entries) == len(others) and all(
        one is other or one.text == other.text for one, other in zip(entries, others, strict=True)
    )


def _append(path: str, new: Sequence[Encoded | Entry], spool: storage.Spool) -> bool:
    """Write new entries behind the others; False where all is to be written anew.

    Not so many that they would be written in pieces: of those a process that is killed meanwhile
    would leave a part, so they are written anew with what is there.
    """
    return not spool.is_large and edit.append(path, new)
