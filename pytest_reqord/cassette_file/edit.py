"""Merge a new recording into a cassette whose lock is held.

First the decision, which knows no file: what stays, what goes and what is new. Then the edit.
"""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING

from pytest_reqord import codec, storage
from pytest_reqord.base.real import os
from pytest_reqord.cassette_file.cache import read_lean
from pytest_reqord.errors import WriteFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from pytest_reqord.base.models import Headers, Interaction, Response
    from pytest_reqord.codec import Document, Encoded, Entry

__all__ = [
    "Revision",
    "add",
    "append",
    "can_append",
    "head_of",
    "is_equal",
    "is_vcr",
    "merge",
    "no_stray_bodies",
    "read",
    "refuse_if_locked",
    "revise",
    "rewrite",
    "save_as_vcr",
]


@dataclass(frozen=True, slots=True)
class Revision:
    """The entries that a cassette is to have.

    :param entries: all of them, in order of time.
    :param kept: how many of them it had already.
    :param added: how many are new.
    :param removed: how many it had and is not to have any more.
    """

    entries: Sequence[Entry]
    kept: int
    added: int
    removed: int


def revise(
    old: Sequence[Entry],
    new: Sequence[Entry],
    *,
    keep: Callable[[Entry], bool],
    volatile: frozenset[str] = frozenset(),
    is_ordered: bool = False,
    oldest: str = "",
) -> Revision:
    """Put a new recording in the place of what it supersedes.

    :param old: what the cassette has.
    :param new: what was recorded.
    :param keep: whether an old entry stays.
    :param volatile: names of headers, in lower case, that differ each time. A new entry that
        differs from the superseded one in nothing else leaves that one where it is.
    :param is_ordered: whether the cassette is played by position, so that an old entry may only
        stay where no new one has to come before it.
    :param oldest: what was recorded before this time, as text, doesn't stay for being equal: it
        has expired, and is to be as old as its last confirmation.
    """
    stays = [keep(entry) for entry in old]
    superseded = [entry for entry, is_kept in zip(old, stays, strict=True) if not is_kept]
    superseded = [
        entry for entry in superseded if entry.recorded_at >= oldest or not _is_dated(entry)
    ]
    chosen = _settle(superseded, new, volatile, is_ordered=is_ordered)
    kept = [entry for entry, is_kept in zip(old, stays, strict=True) if is_kept]
    entries = sorted([*kept, *chosen], key=attrgetter("recorded_at"))
    known = set(map(id, old))
    added = sum(id(entry) not in known for entry in entries)
    still = len(entries) - added
    return Revision(entries, kept=still, added=added, removed=len(old) - still)


def _is_dated(entry: Entry) -> bool:
    """Whether it has a time; what another tool wrote has none."""
    return entry.recorded_at > "1971"


def _settle(
    superseded: Sequence[Entry],
    new: Sequence[Entry],
    volatile: frozenset[str],
    *,
    is_ordered: bool,
) -> list[Entry]:
    """Choose for each new entry: itself, or the old one that it is equal to.

    An old one comes before all new ones in time. So from the first that is really new the rest
    of a series is new too, or a poll's answers would be played in another order than they came.
    A series is what the same request got; with ``is_ordered`` the whole recording is one.
    """
    if not superseded:
        return list(new)
    partners: dict[int, deque[Entry]] = defaultdict(deque)
    for entry in superseded:
        partners[hash(_request_key(entry.interaction()))].append(entry)
    changed: set[tuple[str, ...]] = set()
    chosen: list[Entry] = []
    for entry in new:
        interaction = entry.interaction()
        request = interaction.request
        # each test is played its own answers, whatever the others' order
        series = () if is_ordered else (interaction.recorded_by, request.method, request.uri)
        waiting = partners.get(hash(_request_key(interaction)))  # their bodies may be large
        partner = waiting.popleft() if waiting else None
        if (
            partner is not None
            and series not in changed
            and is_equal(partner.interaction(), interaction, volatile)
        ):
            chosen.append(partner)
        else:
            changed.add(series)
            chosen.append(entry)
    return chosen


def _request_key(interaction: Interaction) -> tuple[str, str, str, bytes]:
    request = interaction.request
    return interaction.recorded_by, request.method, request.uri, request.body


def is_equal(old: Interaction, new: Interaction, volatile: frozenset[str]) -> bool:
    """Whether two interactions tell the same: all but times and volatile headers.

    How the network cut a body into pieces (chunks, arrivals) is time too.
    """
    return (
        _request_key(old) == _request_key(new)
        and old.failure == new.failure
        and _named(old.request.headers, volatile) == _named(new.request.headers, volatile)
        and _is_equal_response(old.response, new.response, volatile)
    )


def _is_equal_response(
    old: Response | None, new: Response | None, volatile: frozenset[str]
) -> bool:
    if old is None or new is None:
        return old is new
    return (
        (old.status, old.reason, old.http_version) == (new.status, new.reason, new.http_version)
        and (old.interim, old.complete) == (new.interim, new.complete)
        and old.broken == new.broken
        and _lasting(old.headers, volatile) == _lasting(new.headers, volatile)
        and _lasting(old.trailers, volatile) == _lasting(new.trailers, volatile)
        # a gzip body has the time in it: then its content tells
        and (old.body == new.body or old.content == new.content)
    )


def _lasting(headers: Headers, volatile: frozenset[str]) -> list[tuple[str, str]]:
    return [pair for pair in headers.pairs if pair[0].lower() not in volatile]


def _named(headers: Headers, volatile: frozenset[str]) -> list[tuple[str, str]]:
    """As above; but that a request has a header at all is the client's doing, and counts."""
    return [(name, "" if name.lower() in volatile else value) for name, value in headers.pairs]


# Changing a cassette whose lock is held: append what is newer, merge what isn't.
#
# Entries move as text, so that what we don't know in them stays.


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


def save_as_vcr(
    path: str,
    new: Sequence[Entry],
    *,
    keep: Callable[[Entry], bool] | None,
    volatile: frozenset[str],
    is_ordered: bool,
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
            [codec.as_vcr(entry.interaction()) for entry in new],
            keep=keep or (lambda _: True),
            volatile=volatile,
            is_ordered=is_ordered,
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
