"""The ``reqord`` command."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pytest_reqord.base.real import os
from pytest_reqord.cli import audit, convert, demo, docs, info, keep, show
from pytest_reqord.cli.finding import warn, why
from pytest_reqord.errors import ReqordError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "parser"]


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    made = argparse.ArgumentParser(
        prog="reqord", description="look after cassettes", epilog="the manual: reqord docs"
    )
    made.add_argument("--version", action="version", version=f"pytest-reqord {_version()}")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    for command in (keep, show, audit, convert, info, docs, demo):
        subparser = commands.add_parser(
            command.__name__.rpartition(".")[2],
            help=command.HELP,
            description=command.HELP,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog="\n  ".join(["examples:", *command.EXAMPLES]),
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return made


def _version() -> str:
    from importlib import metadata

    return metadata.version("pytest-reqord")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: its words without the program's name; None takes them from the shell.
    :returns: the exit status: 0 if all is well, 1 if something was found or failed, 2 if the
        words can't be understood, 141 if nobody reads what is printed, as in a pipe to ``head``.
    """
    parsed = parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()  # not when Python ends, where nobody can handle what happens
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes there
        return 128 + 13  # as a shell says of a program that SIGPIPE ended
    except (OSError, ReqordError) as error:
        warn(f"reqord: {why(error)}")
        return 1
    return status
