"""The step that makes a recording part of its cassette."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_reqord import codec, storage
from pytest_reqord.errors import WriteFailed
from pytest_reqord.writer import documents, foreign
from pytest_reqord.writer.revision import revise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from pytest_reqord.codec import Document, Encoded, Entry
    from pytest_reqord.writer.revision import Revision

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
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def save(
    path: str | os.PathLike[str],
    new: Iterable[Encoded],
    *,
    keep: Callable[[Entry], bool] | None,
    volatile: frozenset[str] = frozenset(),
    lock_timeout: float,
    is_ordered: bool = False,
    layout: str = "keep",
    oldest: str = "",
    beside: Mapping[str, Any] = _NOTHING,
) -> Saved:
    """Make a recording part of its cassette, in one step and under the cassette's lock.

    A cassette in which nothing changes isn't touched, and none is ever emptied.

    :param path: the cassette.
    :param new: what was recorded; taken one by one, and only once.
    :param keep: whether an entry that the cassette has stays in it. None: they all do; then what
        is newer than them costs the same however many they are.
    :param volatile: names of headers, in lower case, in which two recordings may differ and still
        be the same; then the old one's text stays.
    :param lock_timeout: how long to wait for the lock, in seconds.
    :param is_ordered: whether the cassette is played by position (``strict_order``).
    :param layout: the format of the file: ``reqord``, ``vcr``, or ``keep`` for the one that it
        has; a new one is ours.
    :param oldest: the time, as text, before which what the cassette has is expired.
    :param beside: more that is to stand beside the interactions; a mapping adds to what is there.
    :raises CassetteLocked: if the lock couldn't be had.
    :raises CassetteFormatError: if the cassette can't be read.
    :raises WriteFailed: if it says ``locked: true``, or its format can't hold what is new.
    :raises OSError: if writing failed. Whatever is raised, the cassette is as it was.
    """
    name = os.fspath(path)
    with storage.lock(name, lock_timeout), documents.no_stray_bodies(name):
        documents.refuse_if_locked(name)
        if foreign.is_vcr(name, layout):
            every = list(new)
            bodies = {body: data for each in every for body, data in each.bodies.items()}
            entries = _as_entries(name, every, bodies.__getitem__)
            made = foreign.save_as_vcr(
                name,
                entries,
                keep=keep,
                volatile=volatile,
                is_ordered=is_ordered,
                beside=beside,
            )
            return Saved(True, made.kept, made.added, made.removed) if made else _UNCHANGED
        put = list(_with_bodies_put(name, new))
        if keep is None and not beside:
            return _extend(name, sorted(put, key=attrgetter("recorded_at")))
        document = documents.read(name)
        old: Sequence[Entry] = document.entries if document else ()
        revision = revise(
            old,
            _as_entries(name, put, storage.body_reader(name)),
            keep=keep or (lambda _: True),
            volatile=volatile,
            is_ordered=is_ordered,
            oldest=oldest,
        )
        texts = [entry.text for entry in revision.entries]
        if beside:
            documents.rewrite(name, texts, _with_extra(name, document, beside))
        is_changed = bool(beside) or _write(name, document, texts, revision)
        if not is_changed:
            return Saved(False, len(old), 0, 0)
        return Saved(True, revision.kept, revision.added, revision.removed)


def _with_extra(path: str, document: Document | None, beside: Mapping[str, Any]) -> Document:
    try:
        return codec.with_extra(document, beside)
    except ValueError as error:
        raise WriteFailed(path, str(error)) from error


def _write(
    path: str, document: Document | None, texts: Sequence[bytes], revision: Revision
) -> bool:
    """Bring a cassette to what it is to hold, unless it does, and drop the bodies it has no use for.

    :returns: whether it was written.
    """
    before = [entry.text for entry in document.entries] if document else []
    is_whole = document is None or document.torn is None
    is_changed = bool(texts) and not (is_whole and texts == before)
    more = revision.entries[len(before) :]
    if is_changed and not (
        more and texts[: len(before)] == before and documents.can_append(path, more[0].recorded_at)
    ):
        documents.rewrite(path, texts, document)  # which drops them, too
        return True
    if is_changed:
        storage.append(path, b"".join(texts[len(before) :]))
    if storage.bodies_of(path):
        documents.drop_unused_bodies(path)
    return is_changed


def _with_bodies_put(path: str, new: Iterable[Encoded]) -> Iterator[Encoded]:
    """Put the bodies beside the cassette and forget them: all of them may be more than memory."""
    for each in new:
        storage.write_bodies(path, each.bodies)
        yield replace(each, bodies={}) if each.bodies else each


def _extend(path: str, new: Sequence[Encoded]) -> Saved:
    if new:
        documents.add(path, new)
    return Saved(bool(new), None, len(new), 0)


def _as_entries(
    path: str, new: Sequence[Encoded], bodies: Callable[[str], bytes]
) -> Sequence[Entry]:
    """What was recorded as the entries that it will be."""
    if not new:
        return ()
    return codec.load(codec.render([each.text for each in new]), path, bodies).entries
