"""The shell commands that a miss ends with."""

from __future__ import annotations

import os
import shlex
import sys

__all__ = ["LOCKED", "again", "commands", "keep_command", "move_command", "namesake_line"]

LOCKED = "# it is locked: take locked out of its marker, settings or file first"
"""What a user is told of a cassette that no mode writes."""


def commands(nodeid: str, path: str | os.PathLike[str]) -> list[str]:
    """What a user runs to add a missing request, or to start over.

    :param nodeid: the test as pytest names it; empty in a script.
    :param path: the cassette.
    """
    if not os.path.exists(path):  # noqa: PTH110 -- a path-like is all we know
        return [f"{_command(nodeid, 'once')}   # record it"]
    return [f"{_command(nodeid, 'new_episodes')}   # add what is missing", again(nodeid)]


def again(nodeid: str) -> str:
    """What a user runs to record all of a test anew."""
    return f"{_command(nodeid, 'all')}   # record everything anew"


def move_command(old: str | os.PathLike[str], path: str | os.PathLike[str]) -> str:
    """What a user runs where a test was moved or renamed and its cassette wasn't."""
    old, path = os.fspath(old), os.fspath(path)
    folder, names = os.path.dirname(path), f"{shlex.quote(old)} {shlex.quote(path)}"  # noqa: PTH120 -- as above
    is_there = os.path.isdir(folder)  # noqa: PTH112 -- as above
    make = "" if is_there else f"mkdir -p {shlex.quote(folder)} && "
    return f"{make}mv {names}   # if the test was moved or renamed: it probably had this cassette"


def _command(nodeid: str, mode: str) -> str:
    if nodeid:
        return f"pytest {shlex.quote(nodeid)} --record-mode={mode}"
    return f"REQORD={mode} python {shlex.quote(sys.argv[0] or 'script.py')}"


def namesake_line(other: str) -> str:
    """What a user is told where a file system can't tell the default names of two tests apart."""
    return f"# {other} has a cassette of this name too: give one of them a name of its own"


def keep_command(nodeid: str) -> str:
    """What a user runs to save the draft that an earlier run left."""
    return f"reqord keep {shlex.quote(nodeid)}   # save the draft that an earlier run left"
