"""``reqord show``: what a cassette holds, with bodies unpacked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.clock import format_time
from pytest_reqord.base.real import Path, json, os
from pytest_reqord.cassette_file.cache import check_whole, read_document
from pytest_reqord.cli.finding import cassettes, say, warn, why
from pytest_reqord.errors import ReqordError
from pytest_reqord.settings.paths import is_default_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pytest_reqord.base.models import Headers, Interaction, Request, Response
    from pytest_reqord.codec import Entry

__all__ = ["EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "print what cassettes hold, compressed bodies unpacked"
EXAMPLES = (
    "reqord show                                    all cassettes below this folder",
    "reqord show test_users.py::test_user           the cassette of a test",
    "reqord show tests/cassettes --grep Ada --brief",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "paths",
        nargs="*",
        default=["."],
        metavar="PATH",
        help="cassettes, folders in which they are looked for (default: the current folder),"
        " or tests as pytest names them",
    )
    parser.add_argument(
        "--grep",
        metavar="TEXT",
        help="only interactions that have this text: those whose URI has it whole, of others the"
        " lines of headers and bodies that have it",
    )
    parser.add_argument("--method", help="only interactions of this method")
    parser.add_argument("--brief", action="store_true", help="one line an interaction")


def run(parsed: argparse.Namespace) -> int:
    """Print the interactions that are asked for, below the cassette's path where there are more.

    A cassette that can't be read is named, and the others are shown.
    """
    found = [each for word in parsed.paths for each in _named(word)]
    status = 0 if found else 1
    for path, test in found:
        try:
            _show(path, test, parsed, has_title=len(found) > 1)
        except BrokenPipeError:  # whoever reads has seen enough
            raise
        except (OSError, ReqordError) as error:
            sys.stdout.flush()  # what could be read stands before it
            warn(f"reqord: {why(error)}")
            status = 1
    if not found:
        warn(f"reqord: there are no cassettes {_of(parsed.paths)}")
    return status


def _of(words: Sequence[str]) -> str:
    return " or ".join(f"of {word}" if "::" in word else f"in {word}" for word in words)


def _named(word: str) -> Iterator[tuple[Path, str]]:
    """The cassettes that a word names, each with the test whose interactions are meant, if it is one."""
    if "::" not in word:
        yield from ((path, "") for path, _ in cassettes([Path(word)]))
        return
    for path, _ in cassettes([Path(".")]):
        try:
            entries = read_document(path).entries
        except (OSError, ReqordError):  # it is some other test's, for all we know
            continue
        if any(_is_of(path, entry, word) for entry in entries):
            yield path, word


def _is_of(path: Path, entry: Entry, test: str) -> bool:
    """Whether a test recorded an interaction; in VCR.py's format the cassette's name tells."""
    test = test.replace(os.sep, "/")
    owner = entry.recorded_by
    if owner:
        return test == owner or test.endswith(f"/{owner}")
    file, _, _ = test.partition("::")
    return path.parent.name == Path(file).stem and is_default_of(path, test)


def _show(path: Path, test: str, parsed: argparse.Namespace, *, has_title: bool) -> None:
    document = read_document(path)
    for entry in document.entries:
        if test and not _is_of(path, entry, test):
            continue
        if parsed.method and parsed.method.upper() != entry.method.upper():
            continue
        interaction = entry.interaction()
        lines = list(_lines(interaction)) if parsed.grep or not parsed.brief else []
        if parsed.grep and parsed.grep not in entry.uri:
            lines = [line for line in lines if parsed.grep in line]
            if not lines:
                continue
        if has_title:
            say(path)
            has_title = False
        say(_title(interaction))
        for line in () if parsed.brief else lines:
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
        text = _readable(message)
        yield ""
        yield from (f"  {line}" for line in _text_lines(text))
        sentence = _sentence(text)
        if sentence:
            yield ""
            yield "  all of the stream as one text:"
            yield from (f"  {line}" for line in _text_lines(sentence))


def _text_lines(text: str) -> list[str]:
    """Its lines; what ends one in Unicode alone is shown as what it is."""
    return text.removesuffix("\n").replace("\r\n", "\n").split("\n")


def _sentence(text: str) -> str:
    """What a model says in a stream of events or lines of JSON, put together; empty for all else."""
    lines = [line.removeprefix("data:").strip() for line in text.splitlines()]
    pieces = [_piece(line) for line in lines if line.startswith("{")]
    return "".join(pieces) if len(pieces) > 1 else ""


def _piece(line: str) -> str:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    return "".join(
        piece for place in _PIECES for piece in _at(event, place) if isinstance(piece, str)
    )


_PIECES = (
    ("choices", "*", "delta", "content"),  # OpenAI's chat, and all who speak it
    ("choices", "*", "text"),  # its completions
    ("delta",),  # its responses: response.output_text.delta
    ("delta", "text"),  # Anthropic
    ("candidates", "*", "content", "parts", "*", "text"),  # Gemini
    ("message", "content"),  # Ollama's chat
    ("response",),  # its completions
)
"""Where an event of a stream has its piece of the text."""


def _at(value: Any, place: Sequence[str]) -> Iterator[Any]:
    if not place:
        yield value
    elif place[0] == "*":
        for each in value if isinstance(value, list) else ():
            yield from _at(each, place[1:])
    elif isinstance(value, dict) and place[0] in value:
        yield from _at(value[place[0]], place[1:])


def _readable(message: Request | Response) -> str:
    content = message.content
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(content)} bytes that are no text)"
