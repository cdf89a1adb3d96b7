"""``reqord keep``: save drafts as they are, for users who know better than the test."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pytest_reqord.base.notes import Notes
from pytest_reqord.base.real import Path, os
from pytest_reqord.cassette_file.cache import Recorded
from pytest_reqord.cli.finding import say, warn
from pytest_reqord.recording.drafts import Drafts, first_leak, reason_of
from pytest_reqord.recording.outcome import Ending
from pytest_reqord.recording.run_info import staging_without_cache
from pytest_reqord.redaction.known_secrets import KINDS
from pytest_reqord.report import drafts, saved as lines_of_saved
from pytest_reqord.settings.resolve import Settings
from pytest_reqord.storage import StagingArea

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pytest_reqord.storage import Record, Recording

__all__ = ["EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "save the draft of a test as it is, or drop it; without a test, list the drafts"
EXAMPLES = (
    "reqord keep                                   list the drafts",
    "reqord keep test_users.py::test_user           save one as it is",
    "reqord keep test_users.py::test_user --drop    throw it away",
)


# what marks a project's root, beyond which drafts are another project's
_ROOTS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".git")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "test",
        nargs="?",
        metavar="NODEID",
        help="the test, as pytest names it, or the cassette, if no test recorded it",
    )
    parser.add_argument("--all", action="store_true", help="every draft")
    parser.add_argument("--drop", action="store_true", help="delete the draft instead of saving it")
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        choices=KINDS,
        metavar="KIND",
        help="a kind of known secret to save all the same, such as 'JSON Web Token'; may be repeated",
    )
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="pytest's cache_dir (default: .pytest_cache)"
    )


def run(parsed: argparse.Namespace) -> int:
    """Save the drafts that are asked for, or list all of them."""
    if parsed.drop and not (parsed.test or parsed.all):
        warn("reqord: which draft is to be dropped? Name its test, or say --all")
        return 2
    found = [(root, record) for root in _roots(parsed.cache_dir) for record in _drafts(root)]
    wanted = [(r, each) for r, each in found if parsed.all or _is_of(each, parsed.test)]
    if not wanted:
        return _list([record for _, record in found], parsed)
    notes = Notes()
    status = 0
    saved: dict[tuple[Path, str], str] = {}  # which run's, by cassette and test
    for root, record in reversed(wanted):  # the newest first: in `all` it takes the older's place
        if not record.has_data:
            continue
        made_in = record.recording.path.parent.name
        staging = StagingArea(root, made_in)
        test = record.recording.cassette, record.recording.owner
        if saved.get(test, made_in) != made_in:  # a later run's draft outdates this one
            staging.remove(record.recording)
            continue
        if parsed.drop:
            staging.remove(record.recording)
            staging.sweep()
            say(f"dropped {record.recording.owner or record.recording.cassette}")
            continue
        ending = Ending(staging, Drafts(root, ""), notes, Settings())
        if _is_refused(ending.kept_with(record), parsed.allow):
            status = 1
        else:
            ending.keep(record)
            ending.count()
            saved[test] = made_in
    for line in lines_of_saved(notes):
        say(line)
    return status


def _list(found: Sequence[Record], parsed: argparse.Namespace) -> int:
    """Print the drafts that there are, where none was asked for or that one isn't there."""
    notes = Notes()
    for record in found:
        recording = record.recording
        paths = str(recording.cassette), str(recording.path)
        notes.drafts.append((recording.owner, paths[0], reason_of(record), paths[1]))
    for line in drafts(notes):
        say(line)
    if not found:
        say("there are no drafts")
    elif parsed.test:
        warn(f"reqord: there is no draft of {parsed.test}")
    return 1 if parsed.test or parsed.all else 0


def _is_refused(recordings: Sequence[Recording], allowed: Sequence[str]) -> bool:
    """Whether a known secret is left in what would be saved; says where, and what to do."""
    owner = recordings[0].owner
    leak = first_leak(Recorded(*(each.path for each in recordings)), allowed)
    if leak is not None:
        words = " ".join(map(shlex.quote, (owner, *_allowing(*allowed, leak.finding.kind))))
        warn(f"not saved {owner}: {leak}")
        warn(f"have it redacted and record it anew, or: reqord keep {words}")
    return leak is not None


def _allowing(*kinds: str) -> Iterator[str]:
    for kind in kinds:
        yield from ("--allow", kind)


def _roots(cache_dir: Path | None) -> Iterator[Path]:
    """The folders that a run of this project keeps its staging files in."""
    if cache_dir is not None:
        yield cache_dir / "reqord"
        return
    here = Path(os.getcwd())
    for folder in (here, *here.parents):
        yield folder / ".pytest_cache" / "reqord"
        yield staging_without_cache(folder)
        if any(os.path.exists(folder / name) for name in _ROOTS):
            return


def _drafts(root: Path) -> Iterator[Record]:
    yield from Drafts(root, "").all


def _is_of(record: Record, test: str | None) -> bool:
    """Whether a draft is of a test; a cassette names it from its own folder, pytest from its."""
    owner = record.recording.owner
    if test is None:
        return False
    if not owner:
        return os.path.realpath(test) == os.path.realpath(record.recording.cassette)
    return test == owner or test.endswith(f"/{owner}")
