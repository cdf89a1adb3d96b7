"""``reqord show``: what a cassette holds, with bodies unpacked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_reqord.base.clock import format_time
from pytest_reqord.base.real import Path
from pytest_reqord.cassette_file.cache import check_whole, read_document
from pytest_reqord.cli.finding import cassettes, say, warn, why
from pytest_reqord.errors import ReqordError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_reqord.base.models import Headers, Interaction, Request, Response

__all__ = ["HELP", "add_arguments", "run"]

HELP = "print what cassettes hold, compressed bodies unpacked"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="cassettes, or folders in which they are looked for",
    )
    parser.add_argument("--grep", metavar="TEXT", help="only interactions whose URI has this text")
    parser.add_argument("--method", help="only interactions of this method")
    parser.add_argument("--brief", action="store_true", help="one line an interaction")


def run(parsed: argparse.Namespace) -> int:
    """Print the interactions that are asked for, below the cassette's path where there are more.

    A cassette that can't be read is named, and the others are shown.
    """
    found = [path for path, _ in cassettes(parsed.paths)]
    status = 0 if found else 1
    for path in found:
        if len(found) > 1:
            say(path)
        try:
            _show(path, parsed)
        except BrokenPipeError:  # whoever reads has seen enough
            raise
        except (OSError, ReqordError) as error:
            sys.stdout.flush()  # what could be read stands before it
            warn(f"reqord: {why(error)}")
            status = 1
    if not found:
        names = ", ".join(map(str, parsed.paths))
        warn(f"reqord: there are no cassettes in {names}")
    return status


def _show(path: Path, parsed: argparse.Namespace) -> None:
    document = read_document(path)
    for entry in document.entries:
        if parsed.grep and parsed.grep not in entry.uri:
            continue
        if parsed.method and parsed.method.upper() != entry.method.upper():
            continue
        interaction = entry.interaction()
        say(_title(interaction))
        if not parsed.brief:
            for line in _lines(interaction):
                say(line)
    check_whole(document, path)


def _title(interaction: Interaction) -> str:
    request, response = interaction.request, interaction.response
    answer = f"{response.status} {response.reason}".rstrip() if response else "an error"
    again = interaction.rerecorded_at
    return (
        f"{format_time(interaction.recorded_at)}"
        f"{f' (again {format_time(again)})' if again else ''} {request.method} {request.uri} -> {answer}"
        f" ({interaction.elapsed:g} s)"
    )


def _lines(interaction: Interaction) -> Iterator[str]:
    yield from _message(interaction.request)
    yield ""
    response = interaction.response
    if response is not None:
        yield f"  HTTP/{response.http_version} {response.status} {response.reason}".rstrip()
        yield from _message(response)
    if interaction.failure is not None:
        yield f"  {interaction.failure.kind}: {interaction.failure.message}"
    yield ""


def _message(message: Request | Response) -> Iterator[str]:
    headers: Headers = message.headers
    yield from (f"  {line}" for line in headers.text.rstrip("\n").split("\n") if line)
    if message.body:
        yield ""
        yield from (f"  {line}" for line in _text_lines(_readable(message)))


def _text_lines(text: str) -> list[str]:
    """Its lines; what ends one in Unicode alone is shown as what it is."""
    return text.removesuffix("\n").replace("\r\n", "\n").split("\n")


def _readable(message: Request | Response) -> str:
    content = message.content
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(content)} bytes that are no text)"
