"""Recordings that may not be saved as they are: a known kind of secret is left in them."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.base.clock import format_time
from pytest_reqord.base.lazy import once
from pytest_reqord.base.real import os
from pytest_reqord.cassette_file.cache import Recorded, read_document, read_lean
from pytest_reqord.errors import ReqordError
from pytest_reqord.redaction.known_secrets import hidden, scan
from pytest_reqord.settings.paths import is_default_of
from pytest_reqord.storage import read

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.redaction.known_secrets import Finding
    from pytest_reqord.storage import Record, Recording

__all__ = ["Drafts", "Leak", "first_leak", "former_cassette", "namesake", "reason_of", "refusal"]


class Leak(NamedTuple):
    """A known secret in a recording.

    :param finding: what it is and where in the interaction.
    :param request: method and URI, without known secrets.
    """

    finding: Finding
    request: str

    @property
    def reason(self) -> str:
        """Why the recording is kept as a draft, in a few words."""
        return f"{self.finding.kind} in {self.finding.place}"

    def __str__(self) -> str:
        return f"{self.finding} of {self.request}"


def first_leak(
    interactions: Iterable[Interaction],
    allowed: Container[str] = (),
    left_in: Callable[[Interaction], Finding | None] = lambda _: None,
) -> Leak | None:
    """The first known secret in a recording; None where there is none.

    :param allowed: kinds that are no leak.
    :param left_in: finds one that was redacted elsewhere, and can't be here.
    """
    for interaction in interactions:
        left = left_in(interaction)
        for finding in (*scan(interaction), *([left] if left else ())):
            if finding.kind not in allowed:
                request = interaction.request
                return Leak(finding, hidden(f"{request.method} {request.uri}"))
    return None


# Recordings of earlier runs that never became part of a cassette.


_REFUSALS = {
    401: "mend the key and run again",
    403: "the key has no right to that; mend it and run again",
    429: "wait, and run again",
}
_NEVER_PLAYED = frozenset(_REFUSALS)
_SERVER_ERROR = 500


class Drafts:
    """The drafts that earlier runs left, looked up once.

    :param root: where the runs of this project keep their staging files.
    :param run_id: this run, whose own drafts are never played.
    """

    def __init__(self, root: Path, run_id: str) -> None:
        self._root = root
        self._run_id = run_id

    @once
    def all(self) -> Sequence[Record]:
        """Every draft, the oldest first."""
        from pytest_reqord.storage import earlier_records  # late: runs that record look for them

        return earlier_records(self._root, self._run_id)

    @once
    def _by_test(self) -> dict[tuple[str, str], list[Recording]]:
        by_test: dict[tuple[str, str], list[Recording]] = {}
        for record in self.all:
            recording = record.recording
            by_test.setdefault((_real(recording.cassette), recording.owner), []).append(recording)
        return by_test

    def of(self, path: Path, owner: str) -> Sequence[Recording]:
        """Every draft of a test for a cassette, the oldest first."""
        return self._by_test.get((_real(path), owner), ()) if self._by_test else ()

    def playable(self, path: Path, owner: str) -> Sequence[Recording]:
        """The drafts of a test for a cassette that are played without being asked for.

        The last one, and those that it went on from: what they have it doesn't. One that holds a
        refusal, a server's error or a cut-off answer may be why its test failed, and is left out.
        All are where the cassette has something newer of the test, as after ``git pull``.
        """
        sound = [draft for draft in self.of(path, owner) if _is_playable(draft)]
        if not sound or _is_outdated(path, sound[-1]):
            return ()
        return [each for each in sound if each is sound[-1] or each.path in sound[-1].after]


def _is_outdated(path: Path, draft: Recording) -> bool:
    since = format_time(datetime.fromtimestamp(draft.opened_at, timezone.utc))
    try:
        entries = read_lean(path).entries
    except (OSError, ReqordError):  # there is none; or told when it is played
        return False
    return any(entry.answered_at > since and entry.recorded_by == draft.owner for entry in entries)


def _is_playable(draft: Recording) -> bool:
    try:
        recorded = Recorded(draft.path)
        return bool(recorded) and all(map(_is_sound, recorded))
    except (OSError, ReqordError):
        return False


def _is_sound(interaction: Interaction) -> bool:
    response = interaction.response
    return (
        response is not None
        and response.complete
        and response.status not in _NEVER_PLAYED
        and response.status < _SERVER_ERROR
    )


def refusal(interactions: Iterable[Interaction]) -> str:
    """What to do about an API that refused a test; nothing where it didn't."""
    for interaction in interactions:
        response = interaction.response
        if response is not None and response.status in _REFUSALS:
            return f"the API answered {response.status}: {_REFUSALS[response.status]}"
    return ""


def _real(path: Path) -> str:
    return os.path.realpath(path)


def reason_of(record: Record) -> str:
    """Why a recording is a draft, in words for the user."""
    if record.outcome is None:
        return "its process ended in the middle"
    if record.outcome == "passed":
        return "the run ended before it was saved"
    return record.reason


# Whose cassette a test that misses has, and which one it had before it was moved or renamed.


_SUFFIXES = (".yaml", ".yml", ".json")
_MOST_FILES = 500
_SIMILAR = 0.6


def former_cassette(path: Path, is_gone: Callable[[Path, str], bool]) -> Path | None:
    """A cassette whose own test is gone, and that has the name of a missing one or a similar one.

    :param path: the cassette that isn't there, ``cassettes/<test module>/<test>.yaml``.
    :param is_gone: whether a test that recorded into a cassette was not collected, though those
        of its module were: its parameters have other names now. False where in doubt.
    """
    found = {one: _likeness(one, path) for one in _neighbours(path)}
    ranked = sorted(found, key=lambda one: (-found[one], one))
    likely = (one for one in ranked if found[one] >= _SIMILAR and _is_left(one, is_gone))
    return next(likely, None)


def namesake(path: Path, owner: str) -> str:
    """Another test with the same default cassette, where only such tests have recorded into it.

    What a file system refuses in a name becomes ``-``, and of classes in classes the inner one
    counts, so that two tests may come to have one name.

    :param path: the cassette.
    :param owner: the test that misses, as its recordings name it.
    """
    if not is_default_of(path, owner):  # it is shared because somebody wants it so
        return ""
    try:
        owners = {entry.recorded_by for entry in read_document(path).entries}
    except (OSError, ReqordError):
        return ""
    others = sorted(one for one in owners - {""} if is_default_of(path, one))
    return others[0] if others and owner not in owners else ""


def _likeness(one: Path, path: Path) -> float:
    """How alike two names are; in another folder only the same name counts."""
    if one.parent != path.parent:
        return float(one.name == path.name)
    function, has_parameters, _ = path.stem.partition("[")
    if has_parameters and one.stem.startswith(f"{function}["):
        return 1.0
    return difflib.SequenceMatcher(None, one.stem, path.stem).ratio()


def _neighbours(path: Path) -> Iterator[Path]:
    """The cassettes in the same folder, and those of the same name in the ones beside it."""
    with suppress(OSError):  # a new module: the cassettes are in the old one's folder
        yield from [one for one in _in(path.parent) if one.suffix in _SUFFIXES][:_MOST_FILES]
    try:
        folders = _in(path.parent.parent)[:_MOST_FILES]
    except OSError:
        return
    yield from (
        each / path.name
        for each in folders
        if each != path.parent and os.path.isfile(each / path.name)
    )


def _in(folder: Path) -> list[Path]:
    return [folder / name for name in os.listdir(folder)]


def _is_left(cassette: Path, is_gone: Callable[[Path, str], bool]) -> bool:
    """Whether the test of a cassette is gone from its module; of one that names none, by its name."""
    holder = cassette.parent.parent.parent
    try:
        owner = next((each.recorded_by for each in read_document(cassette).entries), "")
    except (OSError, ReqordError):
        return False
    if is_gone(cassette, owner):
        return True
    file, _, test = owner.partition("::")
    if not test:
        file, test = (
            f"{cassette.parent.name}.py",
            cassette.stem.partition("[")[0].rpartition(".")[2],
        )
    function = test.partition("[")[0].rpartition("::")[2]
    try:
        source = read(holder / file).decode()
    except (OSError, ValueError):
        return True
    return re.search(rf"\bdef\s+{re.escape(function)}\b", source) is None
