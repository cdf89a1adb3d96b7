"""``reqord convert``: bring cassettes from VCR.py's format into ours, or back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord import codec, storage
from pytest_reqord.base.real import Path
from pytest_reqord.cassette_file.cache import check_whole, read_document
from pytest_reqord.cassette_file.edit import no_stray_bodies
from pytest_reqord.cli.finding import cassettes, say, warn, why
from pytest_reqord.errors import ReqordError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Mapping, Sequence

    from pytest_reqord.base.models import Headers, Interaction, Request
    from pytest_reqord.codec import Document

__all__ = ["EXAMPLES", "HELP", "add_arguments", "convert", "run"]

HELP = "rewrite cassettes in another format, without losing anything"
EXAMPLES = (
    "reqord convert --check tests/cassettes         say what would be done",
    "reqord convert tests/cassettes                 VCR.py's to ours, in their place",
    "reqord convert --to vcr tests/cassettes --output vcr",
)

_LOCK_TIMEOUT = 30.0


class Converted(NamedTuple):
    """A cassette in another format.

    :param data: the file.
    :param bodies: what lies beside it, by file name.
    :param left_out: what that format doesn't keep and a replay does without, in words.
    :param changed: what of each interaction isn't kept exactly, by its number from 1 on.
    """

    data: bytes
    bodies: Mapping[str, bytes]
    left_out: Sequence[str]
    changed: Mapping[int, Sequence[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="cassettes, or folders in which they are looked for",
    )
    parser.add_argument(
        "--to", choices=["reqord", "vcr"], default="reqord", help="the format (default: reqord)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write there instead of in their place"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="only say what would be done; exit status 1 if something would be lost",
    )


def run(parsed: argparse.Namespace) -> int:
    """Convert what is asked for; one that can't be is named, and the others are."""
    status = 0
    for path, name in cassettes(parsed.paths):
        target = parsed.output / name if parsed.output else path
        try:
            say(_run_one(path, target, parsed.to, is_check=parsed.check))
        except (OSError, ReqordError) as error:
            say(f"REFUSED   {why(error)}")
            status = 1
        except ValueError as error:
            say(f"REFUSED   {path}: {error}")
            status = 1
    return status


def _run_one(path: Path, target: Path, to: str, *, is_check: bool) -> str:
    document = read_document(path)
    if document.format == to and target == path:
        check_whole(document, path)
        for entry in document.entries:
            entry.interaction()  # one that can't be read isn't called good
        return f"unchanged {path}: it is in that format"
    if is_check:
        converted = convert(document, to, is_json=path.suffix == ".json")
    else:
        with storage.lock(target, _LOCK_TIMEOUT), no_stray_bodies(target):
            document = read_document(path)  # as it is now that nobody else writes it
            converted = convert(document, to, is_json=path.suffix == ".json")
            with storage.replacing_bodies(target):
                storage.write_bodies(target, converted.bodies)
                storage.replace(target, converted.data)
    for number, places in converted.changed.items():
        request = document.entries[number - 1].interaction().request
        where = f"{path}, interaction {number} ({request.method} {request.uri})"
        warn(f"{where}: not kept exactly: {', '.join(places)}")
    count = len(document.entries)
    line = f"{'checked' if is_check else 'converted':9} {path}"
    line += f" ({count} interaction{'s' * (count != 1)})"
    if converted.left_out:
        line += f"; {to} doesn't keep: {', '.join(converted.left_out)}"
    return line


def convert(document: Document, to: str, *, is_json: bool = False) -> Converted:
    """Write a cassette in another format, and read it back to see that all is there.

    :param document: the cassette.
    :param to: ``reqord`` or ``vcr``.
    :param is_json: whether a cassette of VCR.py's is to be JSON.
    :raises ValueError: if something that a replay needs would be lost.
    """
    if document.torn is not None:
        line, reason = document.torn
        raise ValueError(f"{reason} (line {line})")
    to_ours = to == "reqord"
    converted = _to_ours(document) if to_ours else _to_vcr(document, is_json=is_json)
    again = codec.load(converted.data, "what it was converted to", converted.bodies.__getitem__)
    if again.format != to and document.entries:
        raise ValueError(f"it would be read as {again.format}")
    for number, (old, new) in enumerate(zip(document.entries, again.entries, strict=True), start=1):
        kept = old.as_ours()
        if not to_ours and document.format == "reqord":
            kept = kept._replace(request=codec.as_called(kept))
        different = _difference(kept, new.as_ours())
        if different:
            raise ValueError(f"the {different} of interaction {number} would be another")
    return converted


def _to_ours(document: Document) -> Converted:
    encoded = [codec.encode(entry.as_ours()) for entry in document.entries]
    bodies = {name: data for each in encoded for name, data in each.bodies.items()}
    texts = [each.text for each in encoded]
    changed = [codec.changed_by_us(entry) for entry in document.entries]
    return _converted(codec.render(texts, document.head), bodies, changed)


def _to_vcr(document: Document, *, is_json: bool) -> Converted:
    if document.locked:
        raise ValueError("it is locked, which VCR.py's format can't say")
    data = codec.render_vcr(document.entries, document.extra, is_json=is_json)
    changed: list[list[str]] = []
    if document.format == "reqord":
        changed = [codec.left_out_by_vcr(entry.interaction()) for entry in document.entries]
    return _converted(data, {}, changed)


def _converted(
    data: bytes, bodies: Mapping[str, bytes], changed: Sequence[Sequence[str]]
) -> Converted:
    left_out = dict.fromkeys(place for places in changed for place in places)
    own = {
        number: [place for place in places if place not in codec.LEFT_OUT_OF_ALL]
        for number, places in enumerate(changed, start=1)
    }
    return Converted(data, bodies, tuple(left_out), {at: own[at] for at in own if own[at]})


def _difference(old: Interaction, new: Interaction) -> str:
    """What of an interaction is another one after it was converted; empty if nothing is."""
    different = _difference_of_requests(old.request, new.request)
    if different:
        return different
    if old.response is None or new.response is None:
        return "" if old.failure == new.failure else "network error"
    answer, answer_now = old.response, new.response
    if (answer.status, answer.reason) != (answer_now.status, answer_now.reason):
        return "status"
    # how a body was packed is its client's affair: VCR.py needs some of them unpacked
    is_packed = "content-encoding" in answer.headers
    ignored = ("content-length", "content-encoding") if is_packed else ()
    if _by_name(answer.headers, ignored) != _by_name(answer_now.headers, ignored):
        return "response headers"
    return "" if answer.content == answer_now.content else "response body"


def _difference_of_requests(old: Request, new: Request) -> str:
    if (old.method, old.uri) != (new.method, new.uri):
        return "request"
    if not codec.is_same_body(old.body, new.body):
        return "request body"
    return "request headers" if _by_name(old.headers) != _by_name(new.headers) else ""


def _by_name(headers: Headers, ignored: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    names = {name.lower() for name in headers}
    return {name: headers.get_all(name) for name in names if name not in ignored}
