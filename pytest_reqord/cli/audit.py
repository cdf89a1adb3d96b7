"""``reqord audit``: look for known secrets in cassettes that exist."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING

from pytest_reqord.base.real import Path, json, os
from pytest_reqord.cassette_file.cache import check_whole, read_document
from pytest_reqord.cli.finding import cassettes, say, why
from pytest_reqord.errors import CassetteFormatError
from pytest_reqord.redaction import Redactor
from pytest_reqord.redaction.known_secrets import KINDS, hidden, scan

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterable, Iterator

__all__ = ["EXAMPLES", "HELP", "Leak", "Report", "add_arguments", "audit", "run"]

HELP = "look for known secrets in cassettes; exit status 1 if there are any"
EXAMPLES = (
    "reqord audit                                   all cassettes below this folder",
    "reqord audit tests/cassettes --allow 'JSON Web Token'",
)


@dataclass(frozen=True)
class Leak:
    """A known secret in a cassette.

    :param path: the cassette.
    :param interaction: which of its interactions, counted from 1.
    :param request: method and URI, redacted.
    :param recorded_by: the test that recorded it, empty where that is not known.
    :param kind: what it is, such as ``GitHub token``.
    :param place: where it is, such as ``response body, line 3``.
    """

    path: str
    interaction: int
    request: str
    recorded_by: str
    kind: str
    place: str

    def __str__(self) -> str:
        return (
            f"{self.path}: interaction {self.interaction}, {self.request}:"
            f" {self.kind} in {self.place}"
        )


@dataclass(frozen=True)
class Report:
    """What an audit found.

    :param cassettes: how many were read.
    :param leaks: the known secrets in them.
    :param errors: what couldn't be read, as messages.
    """

    cassettes: int
    leaks: list[Leak]
    errors: list[str]

    @property
    def status(self) -> int:
        """The exit status: 0 only where all was read and nothing found."""
        return 1 if self.leaks or self.errors else 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="cassettes, or folders in which they are looked for (default: the current folder)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        choices=KINDS,
        metavar="KIND",
        help="a kind that is no leak here, such as 'JSON Web Token'; may be repeated",
    )


def run(parsed: argparse.Namespace) -> int:
    """Audit what is asked for and print what was found."""
    return audit(parsed.paths or [Path()], as_json=parsed.json, allowed=parsed.allow)


def audit(
    paths: Iterable[Path],
    *,
    as_json: bool = False,
    allowed: Collection[str] = (),
    out: IO[str] | None = None,
) -> int:
    """Look for known secrets in cassettes, ours and VCR.py's, bodies beside them included.

    :param paths: cassettes, and folders in which they are looked for.
    :param as_json: whether to print a JSON document instead of lines.
    :param allowed: kinds that are not reported.
    :param out: where to print to; None is the standard output.
    :returns: the exit status: 1 if there are findings, or files that can't be read.
    """
    report = _examine(paths, allowed)
    out = sys.stdout if out is None else out
    if as_json:
        print(json.dumps(asdict(report), indent=2), file=out)
    else:
        for line in (*report.leaks, *report.errors):
            say(line, out)
        print(_summary(report), file=out)
    return report.status


def _summary(report: Report) -> str:
    unread = f", {_plural(len(report.errors), 'file')} not read" if report.errors else ""
    if not report.cassettes and not report.leaks:
        return f"no cassettes{unread}"
    found = f"{_plural(report.cassettes, 'cassette')}{unread}"
    if not report.leaks:
        return f"{found}, no known secrets"
    return (
        f"{found}, {_plural(len(report.leaks), 'known secret')}."
        " Revoke what was ever pushed, then record the cassettes anew"
    )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _examine(paths: Iterable[Path], allowed: Collection[str]) -> Report:
    leaks: list[Leak] = []
    errors: list[str] = []
    count = 0
    for path, _ in cassettes(paths):
        try:
            leaks += (leak for leak in _leaks(path) if leak.kind not in allowed)
            count += 1
        except (OSError, CassetteFormatError) as error:
            errors.append(why(error))
    return Report(count, leaks, errors)


def _leaks(path: Path) -> Iterator[Leak]:
    """The known secrets in a cassette.

    :raises CassetteFormatError: if it can't be read, or not to its end, after what there is.
    """
    document = read_document(path)
    for number, entry in enumerate(document.entries, 1):
        interaction = entry.interaction()
        findings = scan(interaction)
        if not findings:
            continue
        redactor = Redactor()
        redactor.interaction(interaction)  # what it finds by name is not to be shown either
        request = redactor.request(interaction.request)
        for finding in findings:
            yield Leak(
                os.fspath(path),
                number,
                hidden(f"{request.method} {request.uri}"),
                interaction.recorded_by,
                finding.kind,
                finding.place,
            )
    check_whole(document, path)
