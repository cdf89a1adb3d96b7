"""The cassettes that a command line names."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

from pytest_reqord.base.printable import printable
from pytest_reqord.base.real import Path, os
from pytest_reqord.storage import read_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["cassettes", "say", "warn", "why"]

_SUFFIXES = (".yaml", ".yml", ".json")
_HEAD = 4096  # where "interactions" stands in any cassette that a tool has written


def cassettes(paths: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Each file that is named, and each cassette in the folders that are.

    :returns: the cassette, and its path as seen from what was named.
    """
    for path in paths:
        if not os.path.isdir(path):
            yield path, Path(path.name)
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not _is_skipped(name))
            found = (Path(folder, name) for name in sorted(names) if name.endswith(_SUFFIXES))
            yield from ((each, each.relative_to(path)) for each in found if _is_cassette(each))


def say(line: object, out: IO[str] | None = None) -> None:
    """Print a line, whatever a cassette has put into it.

    :param out: where to; None is the standard output.
    """
    print(printable(line), file=sys.stdout if out is None else out)


def warn(line: object) -> None:
    """The same on standard error."""
    say(line, sys.stderr)


def why(error: Exception) -> str:
    """What is wrong with a cassette, in words that name it."""
    if isinstance(error, FileNotFoundError):
        return f"there is no cassette at {error.filename}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _is_skipped(folder: str) -> bool:
    """Hidden folders, and those for bodies, which are read with their cassettes."""
    return folder.startswith(".") or folder.endswith(".bodies") or folder == "node_modules"


def _is_cassette(path: Path) -> bool:
    try:
        return b"interactions" in read_head(path, _HEAD)
    except OSError:
        return True  # for all we know; who reads it says what is wrong
