"""Text from a cassette, as it may be printed: it does nothing to a terminal or to a CI's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reqord.base.real import os

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["meant", "printable", "see", "shown"]

_JOINERS = "\u200c\u200d"  # between letters of some scripts, and the parts of an emoji
_COMMANDS = (
    "##[",
    "##vso[",
)  # of Azure Pipelines and older runners of GitHub's, anywhere in a line


def printable(text: object) -> str:
    """One line of text, in which what isn't printed is escaped as in Python.

    Line ends are, too, and what would begin a command to the CI whose log it is: a line that
    starts with ``::`` is one to GitHub's.
    """
    line = str(text)
    if not line.isprintable():
        line = "".join(c if _is_printed(c) else _escaped(c) for c in line)
    if line.lstrip().startswith("::"):
        line = line.replace("::", r"\x3a:", 1)
    for command in _COMMANDS:
        if command in line:
            line = line.replace(command, rf"\x23{command[1:]}")
    return line


def shown(path: str) -> str:
    """A path as a user would write it: from the working directory, where it lies in there."""
    try:
        here = os.path.join(os.getcwd(), "")
    except OSError:  # a test has removed it
        return path
    return path.removeprefix(here)


def see(topic: str) -> str:
    """Where the manual says more: a page, or a section by the first word of its heading."""
    return f"see: reqord docs {topic}"


def meant(name: str, names: Iterable[str]) -> str:
    """The question whether a wrong name is a slip of one that there is; nothing where it isn't."""
    import difflib  # late: only an error needs it

    known = list(names)
    close = difflib.get_close_matches(name, known, 1, 0.75) or difflib.get_close_matches(
        name, known
    )
    return f"did you mean {' or '.join(close)}? " if close else ""


def _is_printed(character: str) -> bool:
    if character.isprintable() or character == "\t" or character in _JOINERS:
        return True
    import unicodedata  # late: all but a few texts have been let through by now

    return unicodedata.category(character) == "Zs"  # blanks; not what ends a line


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
