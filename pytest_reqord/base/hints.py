"""The shell commands that a miss ends with."""

from __future__ import annotations

import shlex
import sys
from typing import NamedTuple

from pytest_reqord.base.real import os

__all__ = ["LOCKED", "Test", "again", "commands", "keep_command", "move_command", "namesake_line"]

LOCKED = "# it is locked: take locked out of its marker, settings or file first"
"""What a user is told of a cassette that no mode writes."""


class Test(NamedTuple):
    """Which test is to be run again, and from where.

    :param base: the folder that names of tests start in.
    :param started_in: the folder that pytest was started in.
    :param nodeid: the test as pytest names it; empty between tests, None in a script.
    """

    base: str
    started_in: str
    nodeid: str | None = None


def commands(test: Test, path: str | os.PathLike[str]) -> list[str]:
    """What a user runs to add a missing request, or to start over.

    :param test: the test that misses.
    :param path: the cassette.
    """
    if not os.path.exists(path):
        return [f"{_command(test, 'once')}   # record it"]
    return [f"{_command(test, 'new_episodes')}   # add what is missing", again(test)]


def again(test: Test) -> str:
    """What a user runs to record all of a test anew."""
    return f"{_command(test, 'all')}   # record everything anew"


def move_command(old: str | os.PathLike[str], path: str | os.PathLike[str]) -> str:
    """What a user runs where a test was moved or renamed and its cassette wasn't."""
    old, path = os.fspath(old), os.fspath(path)
    folder, names = os.path.dirname(path), f"{shlex.quote(old)} {shlex.quote(path)}"
    is_there = os.path.isdir(folder)
    make = "" if is_there else f"mkdir -p {shlex.quote(folder)} && "
    return f"{make}mv {names}   # if the test was moved or renamed: it probably had this cassette"


def _command(test: Test, mode: str) -> str:
    if test.nodeid is not None:
        words = ["pytest", *filter(None, [test.nodeid]), f"--record-mode={mode}"]
        return f"{_way(test)}{shlex.join(words)}"
    script, *arguments = sys.argv or ["script.py"]
    return f"REQORD={mode} {shlex.join(['python', script or 'script.py', *arguments])}"


def _way(test: Test) -> str:
    """Into the folder that names of tests start in, where pytest was started in another one."""
    folder = os.path.relpath(test.base, test.started_in) if test.base != test.started_in else "."
    return "" if folder == "." else f"cd {shlex.quote(folder)} && "


def namesake_line(other: str) -> str:
    """What a user is told where a file system can't tell the default names of two tests apart."""
    return f"# {other} has a cassette of this name too: give one of them a name of its own"


def keep_command(test: Test, name: str) -> str:
    """What a user runs to save the draft that an earlier run left.

    :param name: what `reqord keep` finds the draft by.
    """
    return (
        f"{_way(test)}reqord keep {shlex.quote(name)}   # save the draft that an earlier run left"
    )
