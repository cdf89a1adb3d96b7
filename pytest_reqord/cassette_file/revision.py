"""What becomes of a cassette when a new recording comes in. Pure: no file, no lock."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_reqord.base.models import Headers, Interaction, Response
    from pytest_reqord.codec import Entry

__all__ = ["Revision", "is_equal", "revise"]


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
