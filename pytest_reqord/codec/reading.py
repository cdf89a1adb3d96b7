"""Read a cassette, whoever wrote it."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_reqord.codec import foreign, native, safe, values
from pytest_reqord.codec.document import HEADER, OUR_KEYS, Document, Entry, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["load", "render"]

_VERSION = 1
_PART = 1 << 20
_CONFLICT = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
_ENTRY = re.compile(r"- recorded_at:.*\n  elapsed: [0-9.]+\n", re.DOTALL)
_OTHER_LINE_END = re.compile("[\r\x85\u2028\u2029]")
_LFS = b"version https://git-lfs.github.com/spec/"


def load(data: bytes, path: str, bodies: Callable[[str], bytes]) -> Document:
    """Read a cassette.

    A file as we write it is only indexed; an entry of it is decoded when it is first needed.

    :param data: the file.
    :param path: its path, for errors.
    :param bodies: reads a file from the folder of large bodies, by its name.
    :raises CassetteFormatError: if it can't be read.
    """
    source = Source(data, path, bodies)
    _check_text(source)
    document = None
    if data.startswith(b"reqord: 1\n"):
        document = native.index(source)
    elif data.startswith(b"interactions:\n- request:\n"):
        document = foreign.index(source)
    return _load_safely(source) if document is None else document


def render(entries: Iterable[bytes], head: bytes = HEADER) -> bytes:
    """Put entries, sorted by time, together to a file.

    :param head: what is before the first entry.
    """
    return b"".join([head, *entries])


def _check_text(source: Source) -> None:
    data = source.data
    if not data or data.isspace():  # not strip(): it would copy a file of 1 GB
        raise source.error("the file is empty", "Delete it, and record it anew")
    if data.startswith(_LFS):
        raise source.error("this is a pointer of Git LFS, not the cassette", "Run: git lfs pull", 1)
    if data.startswith(b"<<<<<<<") or b"\n<<<<<<<" in data or b"\n>>>>>>>" in data:
        _check_conflict(source)
    if not data.isascii():
        _check_encoding(source)


def _check_conflict(source: Source) -> None:
    match = _CONFLICT.search(source.data)
    if match is not None:
        line = source.line(match.start())
        remedy = "Settle the conflict that git merge left, or delete the file and record it anew"
        raise source.error("there are conflict markers of git merge in it", remedy, line, 1)


def _check_encoding(source: Source) -> None:
    """Decode in parts: as a whole, the text of a large file could take four times its size.

    A character that the end of the file cuts off is left to whoever looks for torn entries.
    """
    decoder = getincrementaldecoder("utf-8")()
    data = source.data
    for at in range(0, len(data), _PART):
        part = data[at : at + _PART]
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(part)
        except UnicodeDecodeError as error:
            bad = at - pending + error.start
            line, column = source.line(bad), bad - data.rfind(b"\n", 0, bad)
            raise source.broken("it is not in UTF-8", line, column) from error


def _load_safely(source: Source) -> Document:
    text = source.data.decode("utf-8", "ignore").removeprefix("\ufeff")
    loaded = foreign.load_json(text)
    if loaded is None:
        try:
            loaded = safe.load(text)
        except safe.SafeError as error:
            raise source.unsafe(error) from error
    top = loaded.value
    if not isinstance(top, dict) or not ("interactions" in top or "reqord" in top):
        raise source.broken("this is not a cassette: it has no interactions", 1)
    if "reqord" not in top:
        return foreign.document(source, loaded)
    _check_version(source, top["reqord"])
    try:
        return _native(source, loaded.unambiguous(), text)
    except safe.SafeError as error:
        raise source.unsafe(error) from error


def _check_version(source: Source, version: Any) -> None:
    if str(version) != str(_VERSION):
        reason = f"it has version {version} of the format; this pytest-reqord reads {_VERSION}"
        raise source.error(
            reason, "Upgrade pytest-reqord, or delete the file and record it anew", 1
        )


def _native(source: Source, loaded: safe.Loaded, text: str) -> Document:
    top = loaded.value
    items = top.get("interactions", 0)
    if items is None:
        items = []
    if not isinstance(items, list):
        raise source.broken("interactions is not a list" if items else "it has no interactions", 1)
    places = loaded.items.get("interactions", [])
    torn = _torn(items, places, text)
    if torn is not None:
        items = items[:-1]
    lines = [] if loaded.has_aliases else _lines(text)
    texts = _texts(lines, places) if lines else []
    entries = []
    for at, item in enumerate(items):
        line = places[at].line + 1 if places else 1
        own = texts[at] if texts else None
        entries.append(Entry(_interaction(source, item, line), own))
    is_locked = values.is_true(top.get("locked", False))
    head = _head(lines, places, is_locked=is_locked)
    extra = {key: safe.typed(top[key]) for key in top if key not in OUR_KEYS}
    return Document(entries, is_locked, "reqord", torn, head, extra)


def _interaction(source: Source, item: Any, line: int) -> Any:
    try:
        return values.interaction(item, source.files)
    except (ValueError, TypeError) as error:
        raise source.broken(str(error), line) from error


def _torn(items: list[Any], places: Sequence[safe.Place], text: str) -> tuple[int, str] | None:
    """Whether the last entry is cut off: a list of blocks can end anywhere and still be YAML."""
    if not items or not places:
        return None
    last = items[-1]
    if text.endswith("\n") and isinstance(last, dict) and last.get("elapsed") is not None:
        return None
    return places[len(items) - 1].line + 1, "the last interaction is cut off"


def _texts(lines: list[str], places: Sequence[safe.Place]) -> list[bytes | None]:
    """How the entries stand in the file; None for one that can't be moved to another as it is."""
    return [
        _moved(lines[this.line : after.line if after.line > this.line else len(lines)])
        for this, after in pairwise(places)
    ]


def _moved(lines: list[str]) -> bytes | None:
    indent = len(lines[0]) - len(lines[0].lstrip(" "))
    text = "\n".join([line[indent:] for line in lines]).rstrip("\n") + "\n"
    is_whole = _ENTRY.fullmatch(text) and not any(line[:indent].strip(" ") for line in lines)
    return text.encode() if is_whole else None


def _lines(text: str) -> list[str]:
    """The lines as the loader counts them; none where line ends are mixed."""
    text = text.replace("\r\n", "\n")
    return [] if _OTHER_LINE_END.search(text) else text.split("\n")


def _head(lines: list[str], places: Sequence[safe.Place], *, is_locked: bool) -> bytes:
    """What is before the entries, and after them, with keys that we don't know."""
    if not places or not lines:
        return HEADER.replace(b"\n", b"\nlocked: true\n", 1) if is_locked else HEADER
    start, end = places[0].line, places[-1].line
    head = [*lines[: start - 1], *filter(None, lines[end:]), lines[start - 1]]
    return "".join([f"{line}\n" for line in head]).encode()
