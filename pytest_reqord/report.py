"""The summary at the end of a run."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from pytest_reqord.base.printable import printable
from pytest_reqord.base.real import os
from pytest_reqord.errors import CassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_reqord.base.models import Interaction, Request
    from pytest_reqord.base.notes import Notes
    from pytest_reqord.playback.cassette import Cassette

__all__ = [
    "drafts",
    "drift_lines",
    "expired_lines",
    "problems",
    "section",
    "summary",
    "unplayed_lines",
]

_MOST = 10
_MOST_PATHS = 20


def summary(notes: Notes, *, is_recording: bool, rerecord: Sequence[str] = ()) -> list[str]:
    """The lines of the summary; none where there is nothing to say.

    :param notes: what the run gathered, of all its processes.
    :param is_recording: whether the run as a whole records.
    :param rerecord: the patterns of ``--rerecord``.
    """
    lines = [
        *_recorded(notes),
        *(
            f"unmatched --rerecord={pattern!r} named no request that may be recorded"
            for pattern in rerecord
            if pattern not in notes.rerecorded
        ),
        *_unrecorded(notes),
        *_played(notes),
        *_watched(notes),
        *_unsupported(notes),
        *_refused(notes),
        *_listed("unused", Counter(dict.fromkeys((path for path, _ in notes.unused), 0))),
        *(_outside(notes) if is_recording else ()),
    ]
    return list(map(printable, lines))


def _recorded(notes: Notes) -> Iterator[str]:
    saved: Counter[str] = Counter()
    for path, count in notes.saved:
        saved[path] += count
    yield from _listed("saved", saved)
    yield from _listed("unchanged", Counter(dict.fromkeys(set(notes.unchanged) - set(saved), 0)))
    for path, test in sorted(set(notes.gone)):
        yield f"dropped   {test} from {_shown(path)}: there is no such test any more"
    yield from drafts(notes)
    if notes.older:
        older = _plural(len(notes.older), "draft")
        yield f"{older} of earlier runs: reqord keep lists them, reqord keep --all --drop removes them"
    for test in sorted(set(notes.unredacted)):
        yield f"redaction is off in {test or 'use_cassette'}: its cassette may hold secrets"
    yield from problems(notes)
    if saved:
        yield "replay them with: pytest"


def drafts(notes: Notes) -> Iterator[str]:
    """Each draft: whose it is, why it is one, where it lies and what saves it."""
    for test, path, reason, place in notes.drafts:
        name = test or _shown(path)  # `use_cassette` outside of a test has no other
        whose = f"{test} for {_shown(path)}" if test else _shown(path)
        yield f"draft     {whose}: {reason}"
        keep = f"reqord keep {shlex.quote(name)}"
        yield f"          kept in {_shown(place)}; save it as it is with: {keep}"


def problems(notes: Notes) -> Iterator[str]:
    """What could not be saved, and why."""
    return (f"NOT SAVED {problem}" for problem in notes.problems)


def _listed(what: str, counts: Counter[str]) -> Iterator[str]:
    """A line a cassette, or a line a folder where that would be a page of them."""
    if len(counts) <= _MOST_PATHS:
        for path, count in sorted(counts.items()):
            number = f" ({_plural(count, 'interaction')})" if count else ""
            yield f"{what:9} {_shown(path)}{number}"
        return
    folders: Counter[str] = Counter(os.path.dirname(path) for path in counts)
    for folder, number_of in sorted(folders.items()):
        yield f"{what:9} {_plural(number_of, 'cassette')} in {_shown(folder)}"


def _played(notes: Notes) -> Iterator[str]:
    played: Counter[str] = Counter()
    for path, count in notes.played:
        played[path] += count
    yield from _listed("played", played)


def _watched(notes: Notes) -> Iterator[str]:
    for test, path, lines in notes.drifted:
        yield f"drifted   {test} sent other bodies than {_shown(path)} has"
        yield from _indented(lines)
    for test, path, lines in notes.expired:
        yield f"expired   {test} played {_plural(len(lines), 'old interaction')} of {_shown(path)}"
        yield from _indented(lines)
    for test, path, lines in notes.unplayed:
        yield f"unplayed  {test} left {_plural(len(lines), 'interaction')} of {_shown(path)}"
        yield from _indented(lines)


def _unrecorded(notes: Notes) -> Iterator[str]:
    for test, path, lines in notes.unrecorded:
        many = _plural(len(lines), "request")
        yield f"failed    {many} of {test or _shown(path)}: not recorded, and misses on replay"
        yield from _indented(lines)
    if notes.unrecorded:
        yield "          reqord_record_errors = true records errors and cancelled requests"


def _unsupported(notes: Notes) -> Iterator[str]:
    for what, count in notes.unsupported.most_common(_MOST):
        yield f"live      {what}, {_plural(count, 'time')}: this client can't be recorded"


def _refused(notes: Notes) -> Iterator[str]:
    for what, count in notes.refused.most_common(_MOST):
        yield f"refused   {_plural(count, 'request')} to {what}"
    if len(notes.refused) > _MOST:
        yield f"          and {len(notes.refused) - _MOST} more"
    if notes.refused:
        yield "          no test failed for it; reqord_ignore_hosts lets requests to a host through"


def _outside(notes: Notes) -> Iterator[str]:
    for host, count in notes.outside.most_common(_MOST):
        yield f"outside   {_plural(count, 'request')} to {host} while no cassette was open"


def _indented(lines: list[str]) -> Iterator[str]:
    for line in lines[:_MOST]:
        yield f"          {line}"
    if len(lines) > _MOST:
        yield f"          and {len(lines) - _MOST} more"


def _shown(path: str) -> str:
    """A path as a user would write it: from the working directory, where it lies in there."""
    try:
        here = os.path.join(os.getcwd(), "")
    except OSError:  # a test has removed it
        return path
    return path.removeprefix(here)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# What the report of a failed test says of its cassette.


_MOST_REQUESTS = 20


def section(cassette: Cassette) -> tuple[str, str]:
    """The title and the text of a report's section about a cassette."""
    lines = [f"{cassette.path} (record mode {cassette.record_mode})"]
    try:
        lines += _played_lines(cassette)
    except CassetteError as error:  # a draft; what can't be read of the cassette isn't played
        lines.append(f"broken   {error}")
    if cassette.recorded_count:
        lines.append(f"recorded {cassette.recorded_count}")
    lines += (f"missed   {_name(request)}" for request in cassette.misses[:_MOST_REQUESTS])
    lines += drift_lines(cassette)
    return "cassette", "\n".join(map(printable, lines))


def _played_lines(cassette: Cassette) -> list[str]:
    drafted = {id(interaction) for interaction in cassette.drafted}
    lines = [
        f"played   {_name(interaction.request)} -> {_answer(interaction)}"
        + (
            ", from a draft: reqord keep --drop throws it away"
            if id(interaction) in drafted
            else ""
        )
        for interaction in cassette.played[:_MOST_REQUESTS]
    ]
    if cassette.play_count > _MOST_REQUESTS:
        lines.append(f"played   {cassette.play_count - _MOST_REQUESTS} more")
    return lines


def drift_lines(cassette: Cassette) -> list[str]:
    """The requests that were answered although their body isn't the recorded one."""
    drifts = cassette.drifts[:_MOST_REQUESTS]
    if not drifts:
        return []
    from pytest_reqord.matching.difference import differences  # late: most replays have none

    lines = []
    for request, interaction in drifts:
        lines.append(f"drifted  {_name(request)}")
        lines += (
            f"  {line}" for line in differences(request, interaction.request, cassette.matching)
        )
    return lines


def expired_lines(cassette: Cassette) -> list[str]:
    """What was played although it has expired."""
    return [
        f"expired  {_name(interaction.request)}, recorded {interaction.answered_at:%Y-%m-%d %H:%M}"
        for interaction in cassette.expired
    ]


def unplayed_lines(cassette: Cassette) -> list[str]:
    """The recorded requests that the test no longer makes."""
    try:
        unplayed = cassette.unplayed
    except CassetteError:  # a broken file that no request needed is no concern of this test
        return []
    except Exception as error:  # noqa: BLE001 -- a hook of the suite's, which sees what is read
        return [f"unplayed can't be told: {error!r}"]
    return [f"unplayed {_name(interaction.request)}" for interaction in unplayed]


def _name(request: Request) -> str:
    return f"{request.method} {request.uri}"


def _answer(interaction: Interaction) -> str:
    response, failure = interaction.response, interaction.failure
    if response is not None:
        return f"{response.status} {response.reason}".rstrip()
    return f"{failure.kind}: {failure.message}" if failure else ""
