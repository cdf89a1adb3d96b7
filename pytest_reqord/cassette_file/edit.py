"""Changing a cassette whose lock is held: append what is newer, merge what isn't.

Entries move as text, so that what we don't know in them stays.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

from pytest_reqord import codec, storage
from pytest_reqord.base.real import os
from pytest_reqord.cassette_file.cache import read_lean
from pytest_reqord.cassette_file.revision import asker, revise
from pytest_reqord.cassette_file.volatile import grafted
from pytest_reqord.errors import WriteFailed
from pytest_reqord.redaction.bodies import Unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.cassette_file.revision import Revision
    from pytest_reqord.cassette_file.volatile import Volatile
    from pytest_reqord.codec import Document, Encoded, Entry

__all__ = [
    "Vcrs",
    "add",
    "append",
    "can_append",
    "head_of",
    "is_vcr",
    "merge",
    "no_stray_bodies",
    "read",
    "refuse_if_locked",
    "rewrite",
    "save_as_vcr",
]


_HEAD_SIZE = 4096
_TAIL_SIZES = (8 << 10, 256 << 10, 4 << 20)


def read(path: str) -> Document | None:
    """Read a cassette; None where there is none, or an empty file.

    :raises CassetteFormatError: if it can't be read.
    """
    try:
        return read_lean(path) if os.stat(path).st_size else None
    except FileNotFoundError:
        return None


def add(path: str, new: Sequence[Encoded]) -> None:
    """Add entries to a cassette, which stays in chronological order.

    An append where they are newer than all that is there: that costs the same however long the
    cassette is. Else, as where there is none or its end is torn, an atomic rewrite.

    :param new: the entries in order of time, at least one.
    :raises OSError: if that failed; the cassette is then as it was.
    :raises CassetteFormatError: if it can't be read.
    :raises WriteFailed: if it says that it is locked.
    """
    refuse_if_locked(path)
    with no_stray_bodies(path):
        for each in new:
            storage.write_bodies(path, each.bodies)
        _add(path, new)


@contextmanager
def no_stray_bodies(path: str | os.PathLike[str]) -> Iterator[None]:
    """Remove the bodies that are put beside a cassette which then doesn't come to name them."""
    before = storage.bodies_of(path)
    try:
        yield
    finally:
        with suppress(OSError):
            storage.remove_unused_bodies(path, before)


def _add(path: str, new: Sequence[Encoded]) -> None:
    if not append(path, new):
        merge(path, new)


def append(path: str, new: Sequence[Encoded | Entry]) -> bool:
    """Add entries at the end of a cassette; False where they don't belong there, or it is gone."""
    if not can_append(path, new[0].recorded_at):
        return False
    needed = max(codec.version_of(each.text) for each in new)
    if needed > 1 and needed > codec.version_in(head_of(path)):
        return False  # what stands above them has to say so
    try:
        # one write, in whose middle no step of ours can end
        storage.append(path, b"".join(each.text for each in new), is_new=False)
    except FileNotFoundError:
        return False
    return True


def merge(path: str, new: Sequence[Encoded | Entry]) -> None:
    """As `add`, but in an atomic rewrite, and with the bodies put beside it already."""
    document = read(path)
    old = document.entries if document else ()
    # stable: of one moment, what was there stays first
    rewrite(path, sorted([*old, *new], key=attrgetter("recorded_at")), document)


def rewrite(path: str, entries: Sequence[Encoded | Entry], document: Document | None) -> None:
    """Make a cassette hold these entries, in this order, and nothing else.

    :param document: what it holds now, for what stands above its entries.
    """
    head = codec.HEADER if document is None else document.head
    versions = (codec.version_of(entry.text) for entry in entries)
    head = codec.head_for(head, max(versions, default=1))
    texts = chain([head], (entry.text for entry in entries))
    with storage.replacing_bodies(path):
        storage.replace(path, texts, is_new=document is None)


def head_of(path: str) -> bytes:
    """The first bytes of a cassette; none where there is none."""
    try:
        return storage.read_head(path, _HEAD_SIZE)
    except FileNotFoundError:
        return b""


def refuse_if_locked(path: str, head: bytes | None = None) -> None:
    """Look at a cassette's head for ``locked: true``.

    :param head: its first bytes, where they have been read.
    :raises WriteFailed: if it is there.
    """
    head = head_of(path) if head is None else head
    # the head is all but always two lines of ours; only a file with this word is parsed for it
    if b"locked" in head:
        document = read(path)
        if document is not None and document.locked:
            raise WriteFailed(os.fspath(path), "it says locked: true, so nothing ever writes it")


def can_append(path: str, recorded_at: str) -> bool:
    """Whether an entry of this time can follow the last one of a cassette as it lies there.

    Not after a newer one, a torn one, or one in another layout than ours.
    """
    for size in _TAIL_SIZES:
        try:
            tail = storage.read_tail(path, size)
        except FileNotFoundError:
            return False  # a reader must not see it empty: it is made whole, in one step
        last = codec.last_recorded_at(tail)
        if last is not None:
            return last <= recorded_at
        if len(tail) < size:
            return tail == codec.HEADER
    return False


# Saving into a cassette that is, or is to be, in VCR.py's format; its lock is held.


def is_vcr(path: str, layout: str, head: bytes) -> bool:
    """Whether a cassette is to be in VCR.py's format after it is saved.

    :param layout: ``vcr``, ``reqord``, or ``keep`` for the format that it has.
    :param head: its first bytes; none where there is none.
    :raises CassetteFormatError: if it can't be read.
    """
    if layout != "keep":
        return layout == "vcr"
    # all but always: then nothing more is read
    if not head or head.startswith((codec.HEADER, b"reqord:")):
        return False
    document = read(path)
    return document is not None and document.format == "vcr"


class Vcrs:
    """Changes entries of VCR.py's format, which has no times: there the order of the file tells."""

    def redated(self, entry: Entry, recorded_at: str, rerecorded_at: str) -> Entry:  # noqa: ARG002 -- see `Form`
        """See `Form`."""
        return entry

    def changed(
        self,
        entry: Entry,
        recorded_at: str,  # noqa: ARG002 -- see `Form`
        rerecorded_at: str,  # noqa: ARG002 -- see `Form`
        old: Entry,
        volatile: Volatile,
    ) -> Entry:
        """See `Form`."""
        before, now = old.interaction().response, entry.interaction().response
        response = grafted(before, now, volatile) if before and now else now
        requests = old.interaction().request, entry.interaction().request
        of_request = volatile.headers if asker(requests[0]) == asker(requests[1]) else frozenset()
        return codec.as_before(entry, old, of_request, volatile.headers, response)


def _as_far_as_read(interaction: Interaction) -> Interaction:
    """A stream that its reader left is a whole one in VCR.py's format, as VCR.py keeps it.

    OpenAI's client leaves each after ``[DONE]``. One whose length is known would be cut off.
    """
    response = interaction.response
    if response is None or response.chunks is None or response.complete or response.broken:
        return interaction
    coding, body = response.headers.get("content-encoding"), response.body
    if coding and body:
        unpacked = Unpacked.of(body, coding)
        if not unpacked.coding:
            return interaction
        unpacked.is_cut_off = False
        body, _ = unpacked.packed()
    chunks = (len(body),) if body else ()
    return interaction._replace(
        response=response._replace(body=body, chunks=chunks, arrivals=(), complete=True)
    )


def save_as_vcr(
    path: str,
    new: Sequence[Entry],
    *,
    keep: Callable[[Entry], bool] | None,
    volatile: Volatile,
    played: Mapping[tuple[str, str], str],
    beside: Mapping[str, Any],
) -> Revision | None:
    """Make a recording part of a cassette, see `pytest_reqord.writer.save`.

    :returns: what became of the cassette; None if it stays as it is.
    :raises WriteFailed: if VCR.py's format can't hold what was recorded.
    """
    document = read(path)
    old: Sequence[Entry] = document.entries if document else ()
    was_vcr = document is not None and document.format == "vcr"
    try:
        revision = revise(
            old,
            [codec.as_vcr(_as_far_as_read(entry.interaction())) for entry in new],
            keep=keep or (lambda _: True),
            form=Vcrs(),
            volatile=volatile,
            played=played,
        )
        is_same = not revision.entries or (was_vcr and list(revision.entries) == list(old))
        if is_same and not beside:
            return None
        data = codec.render_vcr(
            revision.entries,
            codec.with_extra(document, beside).extra,
            is_json=document.is_json if document and was_vcr else path.endswith(".json"),
        )
    except ValueError as error:
        raise WriteFailed(path, f"{error}; reqord_format = reqord saves it in ours") from error
    with storage.replacing_bodies(path):
        storage.replace(path, data)
    return revision
