"""The summary at the end of a run."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from pytest_reqord.base.notes import MOST_PATHS
from pytest_reqord.base.printable import printable, see, shown
from pytest_reqord.base.real import os
from pytest_reqord.errors import CassetteError
from pytest_reqord.settings.resolve import pattern_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_reqord.base.models import Interaction, Request
    from pytest_reqord.base.notes import Notes
    from pytest_reqord.playback.cassette import Cassette

__all__ = [
    "colour",
    "drafts",
    "drift_lines",
    "drifted",
    "expired_lines",
    "problems",
    "saved",
    "section",
    "summary",
    "unplayed_lines",
]

_MOST = 10
_MOST_TESTS = 3


def summary(
    notes: Notes,
    *,
    is_recording: bool,
    rerecord: Sequence[str] = (),
    command: str = "pytest",
    names_all: bool = False,
) -> list[str]:
    """The lines of the summary; none where there is nothing to say.

    :param notes: what the run gathered, of all its processes.
    :param is_recording: whether the run as a whole records.
    :param rerecord: the patterns of ``--rerecord``.
    :param command: what starts this run again, without the options of ours that record.
    :param names_all: whether each cassette that nobody uses is named, however many they are.
    """
    lines = [
        *_recorded(notes),
        *_unmatched(notes, rerecord),
        *_unrecorded(notes),
        *_played(notes),
        *_verified(notes),
        *_drifted(notes, command),
        *_watched(notes),
        *_unsupported(notes),
        *_refused(notes),
        *_unused(notes, None if names_all else MOST_PATHS),
        *(_outside(notes) if is_recording else ()),
        *_missing(notes, command),
    ]
    return list(map(printable, lines))


def colour(line: str) -> dict[str, bool]:
    """How a terminal shows a line of the summary, as pytest's reporter takes it."""
    return next((style for start, style in _COLOURS.items() if line.startswith(start)), {})


_COLOURS = {
    "NOT SAVED": {"red": True, "bold": True},
    "drifted": {"yellow": True},
    "unplayed": {"yellow": True},
}


def _recorded(notes: Notes) -> Iterator[str]:
    yield from saved(notes)
    for path, test in sorted(set(notes.gone)):
        yield f"dropped   {test} from {shown(path)}: there is no such test any more"
    yield from drafts(notes)
    if notes.older:
        older = _plural(len(notes.older), "draft")
        yield f"{older} of earlier runs: reqord keep lists them, reqord keep --all --drop removes them"
    for test in sorted(set(notes.unredacted)):
        yield f"redaction is off in {test or 'use_cassette'}: its cassette may hold secrets"
    yield from problems(notes)
    if notes.saved:
        yield "replay them with: pytest"


def saved(notes: Notes) -> Iterator[str]:
    """Each cassette that was saved, and what that changed in it; then those that stay the same."""
    added: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    for path, more, fewer in notes.saved:
        added[path] += more
        removed[path] += fewer
    yield from _listed(
        "saved", added, lambda path: _change(added[path], removed[path], notes.now.get(path))
    )
    same = set(notes.unchanged) - set(added)
    yield from _listed("unchanged", Counter(dict.fromkeys(same, 0)))


def _change(added: int, removed: int, now: int | None) -> str:
    """What a save did to a cassette: of a new one only how much it holds."""
    if not removed and now in (added, None):
        return _plural(added, "interaction")
    changed = min(added, removed)
    done = {"changed": changed, "added": added - changed, "removed": removed - changed}
    words = [f"{what} {count}" for what, count in done.items() if count]
    return ", ".join(words if now is None else [*words, f"now {now}"])


def drafts(notes: Notes) -> Iterator[str]:
    """Each draft: whose it is, why it is one, where it lies and what saves it."""
    for test, path, reason, place in notes.drafts:
        name = test or shown(path)  # `use_cassette` outside of a test has no other
        whose = f"{test} for {shown(path)}" if test else shown(path)
        yield f"draft     {whose}: {reason}"
        keep = f"reqord keep {shlex.quote(name)}"
        yield f"          kept in {shown(place)}; save it as it is with: {keep}"
    if notes.drafts:
        yield f"          {see('drafts')}"


def problems(notes: Notes) -> Iterator[str]:
    """What could not be saved, and why."""
    yield from (f"NOT SAVED {problem}" for problem in notes.problems)
    if notes.problems:
        yield f"          {see('troubleshooting')}"


def _unmatched(notes: Notes, rerecord: Sequence[str]) -> Iterator[str]:
    for pattern in rerecord:
        if pattern not in notes.rerecorded:
            _, _, glob = pattern.strip().rpartition(" ")
            whole = "" if "://" in glob or glob.startswith("*") else f", such as '*{glob}'"
            yield f"unmatched --rerecord={pattern!r} named no request that may be recorded"
            yield f"          the pattern is of the whole URL{whole}; {see('re-record')}"


def _listed(
    what: str, counts: Counter[str], told: Callable[[str], str] | None = None
) -> Iterator[str]:
    """A line a cassette, or a line a folder where that would be a page of them.

    :param told: what is said of a cassette; else how many interactions it is about.
    """
    if len(counts) <= MOST_PATHS:
        for path, count in sorted(counts.items()):
            said = told(path) if told else _plural(count, "interaction") if count else ""
            yield f"{what:9} {shown(path)}" + (f" ({said})" if said else "")
        return
    folders: Counter[str] = Counter(os.path.dirname(path) for path in counts)
    for folder, number_of in sorted(folders.items()):
        yield f"{what:9} {_plural(number_of, 'cassette')} in {shown(folder)}"


def _unused(notes: Notes, most: int | None) -> Iterator[str]:
    """The cassettes that nobody uses, each by its name: somebody is to look at them."""
    yield from (f"deleted   {shown(path)}" for path in notes.deleted)
    yield from (f"unused    {shown(path)}" for path, _ in notes.unused[:most])
    left = len(notes.unused[most:]) if most else 0
    if left:
        yield f"          and {left} more: -v names them"
    if notes.unused:
        yield "          --unused-cassettes=delete deletes them, after all tests have passed"


def _played(notes: Notes) -> Iterator[str]:
    played: Counter[str] = Counter()
    for path, count in notes.played:
        played[path] += count
    yield from _listed("played", played)


def _verified(notes: Notes) -> Iterator[str]:
    """How much went live, and what changed in the answers of several tests."""
    if not notes.verified:
        return
    requests = _plural(sum(count for _, count in notes.verified), "request")
    tests = _plural(len({test for test, _ in notes.verified}), "test")
    answers = _plural(len(notes.changed), "answer")
    where = _plural(len({test for test, _, _ in notes.changed}), "test")
    found = f"{answers} changed in {where}" if notes.changed else "no answer changed"
    yield f"verified  {requests} of {tests} went live: {found}"
    for line, found_in in _shared((test, request, lines) for test, request, lines in notes.changed):
        number = len({test for test, _ in found_in})
        yield f"changed   {line}: {_plural(len(found_in), 'answer')} of {number} tests"
    if notes.changed:
        yield f"          {see('compare')}"


def _shared(
    found: Iterable[tuple[str, str, list[str]]],
) -> list[tuple[str, list[tuple[str, str]]]]:
    """The differences that several tests have, each with tests and requests; the most first.

    :param found: test, request, differences.
    """
    by_line: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for test, request, lines in found:
        for line in lines:
            by_line[line].append((test, request))
    shared = ((line, at) for line, at in by_line.items() if len({test for test, _ in at}) > 1)
    return sorted(shared, key=lambda pair: -len(pair[1]))


def _drifted(notes: Notes, command: str) -> Iterator[str]:
    """One change that many tests have is one line; then what is left, test by test."""
    shared = dict(_shared((test, request, lines) for test, _, request, lines in notes.drifted))
    for line, found in list(shared.items())[:_MOST]:
        tests = len({test for test, _ in found})
        yield f"drifted   {line}: {_plural(len(found), 'request')} of {tests} tests"
        yield f"          {command} {_rerecord(request for _, request in found)}"
    if len(shared) > _MOST:
        yield f"          and {len(shared) - _MOST} more changes that several tests have"
    left: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    requests = []
    for test, path, request, lines in notes.drifted:
        own = [f"  {line}" for line in lines if line not in shared]
        if own:
            left[test, path] += [request, *own]
            requests.append(request)
    for (test, path), told in left.items():
        yield f"drifted   {test} sent other bodies than {shown(path)} has"
        yield from _indented(told)
    if requests:
        yield f"          {command} {_rerecord(requests)}"
    if notes.drifted:
        yield f"          {see('drift')}"


_MOST_PATTERNS = 3


def _rerecord(requests: Iterable[str]) -> str:
    """The options that record some requests anew."""
    patterns = sorted({pattern_of(*request.split(" ", 1)) for request in requests})
    if len(patterns) > _MOST_PATTERNS:
        start = os.path.commonprefix(patterns)
        patterns = [f"{start.rstrip('*')}*" if " " in start else "*"]  # else of several methods
    return " ".join(f"--rerecord={shlex.quote(pattern)}" for pattern in patterns)


def _watched(notes: Notes) -> Iterator[str]:
    for test, path, lines in notes.expired:
        yield f"expired   {test} played {_plural(len(lines), 'old interaction')} of {shown(path)}"
        yield from _indented(lines)
    if notes.expired:
        yield f"          {see('expiry')}"
    for test, path, lines in notes.unplayed:
        yield f"unplayed  {test} left {_plural(len(lines), 'interaction')} of {shown(path)}"
        yield from _indented(lines)
    if notes.unplayed:
        yield f"          {see('unplayed')}"


def _unrecorded(notes: Notes) -> Iterator[str]:
    for test, path, lines in notes.unrecorded:
        many = _plural(len(lines), "request")
        yield f"failed    {many} of {test or shown(path)}: not recorded, and misses on replay"
        yield from _indented(lines)
    if notes.unrecorded:
        yield "          reqord_record_errors = true records errors and cancelled requests"
        yield f"          {see('settings')}"


def _unsupported(notes: Notes) -> Iterator[str]:
    for what, count in notes.unsupported.most_common(_MOST):
        yield f"live      {what}, {_plural(count, 'time')}: this client can't be recorded"
    if notes.unsupported:
        yield f"          {see('clients')}"


def _refused(notes: Notes) -> Iterator[str]:
    for what, count in notes.refused.most_common(_MOST):
        yield f"refused   {_plural(count, 'request')} to {what}"
    if len(notes.refused) > _MOST:
        yield f"          and {len(notes.refused) - _MOST} more"
    if notes.refused:
        yield "          no test failed for it; reqord_ignore_hosts lets requests to a host through"
        yield f"          {see('workers')}"


def _outside(notes: Notes) -> Iterator[str]:
    """The hosts that were asked without a cassette, and by which tests."""
    by_host: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for what, count in notes.outside.items():
        host, _, test = what.partition(" ")
        by_host[host][test or "outside of a test"] += count
    ranked = sorted(by_host.items(), key=lambda pair: -pair[1].total())
    for host, tests in ranked[:_MOST]:
        yield f"outside   {_plural(tests.total(), 'request')} to {host} while no cassette was open"
        yield from _indented([test for test, _ in tests.most_common()], _MOST_TESTS)
    if ranked:
        yield f"          {see('places')}"


def _missing(notes: Notes, command: str) -> Iterator[str]:
    """Of all tests without a cassette, what records them."""
    count = len(set(notes.missing))
    if count:
        have = "has" if count == 1 else "have"
        yield f"{_plural(count, 'test')} {have} no cassette: {command} --record-mode=once"


def _indented(lines: Sequence[str], most: int = _MOST) -> Iterator[str]:
    for line in lines[:most]:
        yield f"          {line}"
    if len(lines) > most:
        yield f"          and {len(lines) - most} more"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# What the report of a failed test says of its cassette.


_MOST_REQUESTS = 20


def section(cassette: Cassette) -> tuple[str, str]:
    """The title and the text of a report's section about a cassette."""
    lines = [f"{shown(cassette.file)} (record mode {cassette.record_mode})"]
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
    if cassette.verified:
        return [
            f"live     {_name(one.request)} -> {_answer(one)}"
            for one in cassette.verified[-_MOST_REQUESTS:]
        ]
    drafted = {id(interaction) for interaction in cassette.drafted}
    lines = [
        f"played   {_name(interaction.request)} -> {_answer(interaction)}"
        + (
            ", from a draft: reqord keep --drop throws it away"
            if id(interaction) in drafted
            else ""
        )
        for interaction in cassette.played[-_MOST_REQUESTS:]  # what led to the failure
    ]
    earlier = cassette.play_count - _MOST_REQUESTS
    return [f"played   {earlier} before", *lines] if earlier > 0 else lines


def drifted(cassette: Cassette) -> list[tuple[str, list[str]]]:
    """Each request that was answered although its body isn't the recorded one, and what differs."""
    drifts = cassette.drifts[:_MOST_REQUESTS]
    if not drifts:
        return []
    from pytest_reqord.matching.difference import differences  # late: most replays have none

    return [
        (_name(request), differences(request, interaction.request, cassette.matching))
        for request, interaction in drifts
    ]


def drift_lines(cassette: Cassette) -> list[str]:
    """The same as lines of text."""
    return [
        line
        for request, found in drifted(cassette)
        for line in (f"drifted  {request}", *(f"  {each}" for each in found))
    ]


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
