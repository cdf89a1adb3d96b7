"""Cassettes in any layout of YAML or JSON, by a real loader: slower, and needed for few."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_reqord.codec import safe_yaml, values, vcr_read
from pytest_reqord.codec.entries import (
    HEADER,
    OUR_KEYS,
    VERSION,
    Document,
    Entry,
    Source,
    Top,
    head_with,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_reqord.base.models import Interaction

__all__ = ["entry", "is_complete", "load", "load_safely", "top"]

_VERSIONS = tuple(str(number) for number in range(1, VERSION + 1))
_START = b"\n- recorded_at:"
_ENTRY = re.compile(r"- recorded_at:.*\n  elapsed: [0-9.]+\n", re.DOTALL)
_OTHER_LINE_END = re.compile("[\r\x85\u2028\u2029]")


def load(source: Source) -> Document:
    """Read a cassette.

    :raises CassetteFormatError: if it can't be read.
    """
    document = vcr_read.index(source)
    return load_safely(source) if document is None else document


def load_safely(source: Source) -> Document:
    """Read a cassette with nothing but a real loader, by which the quick readers are judged.

    :raises CassetteFormatError: if it can't be read.
    """
    text = source.data.decode("utf-8", "ignore").removeprefix("\ufeff")
    loaded = vcr_read.load_json(text)
    if loaded is None:
        try:
            loaded = safe_yaml.load(text)
        except safe_yaml.SafeError as error:
            raise source.unsafe(error) from error
    top = loaded.value
    if not isinstance(top, dict) or not ("interactions" in top or "reqord" in top):
        raise source.broken("this is not a cassette: it has no interactions", 1)
    if "reqord" not in top:
        return vcr_read.document(source, loaded)
    _check_version(source, top["reqord"])
    try:
        return _native(source, loaded.unambiguous(), text)
    except safe_yaml.SafeError as error:
        raise source.unsafe(error) from error


def _check_version(source: Source, version: Any) -> None:
    if str(version) not in _VERSIONS:
        reason = f"it has version {version} of the format; this pytest-reqord reads up to {VERSION}"
        raise source.error(
            reason, "Upgrade pytest-reqord, or delete the file and record it anew", 1
        )


def _native(source: Source, loaded: safe_yaml.Loaded, text: str) -> Document:
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
    is_locked, extra = _top(top)
    head = _head(lines, places) if places and lines else head_with(extra, is_locked=is_locked)
    return Document(entries, is_locked, "reqord", torn, head, extra)


def _interaction(source: Source, item: Any, line: int) -> Any:
    try:
        return values.interaction(item, source.files)
    except (ValueError, TypeError) as error:
        raise source.broken(str(error), line) from error


def _torn(items: list[Any], places: Sequence[safe_yaml.Place], text: str) -> tuple[int, str] | None:
    """Whether the last entry is cut off: a list of blocks can end anywhere and still be YAML."""
    if not items or not places:
        return None
    last = items[-1]
    if text.endswith("\n") and isinstance(last, dict) and last.get("elapsed") is not None:
        return None
    return places[len(items) - 1].line + 1, "the last interaction is cut off"


def _texts(lines: list[str], places: Sequence[safe_yaml.Place]) -> list[bytes | None]:
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


def _head(lines: list[str], places: Sequence[safe_yaml.Place]) -> bytes:
    """What is before the entries, and after them, with keys that we don't know."""
    start, end = places[0].line, places[-1].line
    head = [*lines[: start - 1], *filter(None, lines[end:]), lines[start - 1]]
    return "".join([f"{line}\n" for line in head]).encode()


def entry(source: Source, start: int, text: bytes) -> Interaction:
    """Read one entry of a file whose other entries may be in our layout.

    :param start: where it starts.
    :raises CassetteFormatError: if it can't be read.
    """
    line = source.line(start)
    try:
        return values.interaction(_item(source, text, line), source.files)
    except safe_yaml.SafeError as error:
        raise source.unsafe(error, line - 1) from error
    except (ValueError, TypeError) as error:
        raise source.broken(str(error), line) from error


def _item(source: Source, text: bytes, line: int) -> Any:
    try:
        (item,) = safe_yaml.load(text.decode()).unambiguous().value
    except safe_yaml.SafeError as error:
        try:  # as a part of the whole: an alias may stand for something in another entry
            loaded = safe_yaml.load(source.data.decode()).unambiguous()
        except (safe_yaml.SafeError, UnicodeDecodeError):
            raise error from None
        lines = [place.line + 1 for place in loaded.items.get("interactions", ())[:-1]]
        # what looks like an entry's start may be part of a text, or stand under another key
        if line not in lines or len(lines) != source.data.count(_START):
            raise error from None
        item = loaded.value["interactions"][lines.index(line)]
    return item


def top(head: bytes) -> Top | None:
    """What stands before the first entry; None where it isn't just keys."""
    try:
        loaded = safe_yaml.load(head.decode())
    except (safe_yaml.SafeError, UnicodeDecodeError):
        return None
    keys = loaded.value
    if (
        loaded.duplicate is None
        and isinstance(keys, dict)
        and keys.get("reqord") in _VERSIONS
        and list(keys)[-1:] == ["interactions"]
        and keys["interactions"] is None
    ):
        return _top(keys)
    return None


def _top(keys: dict[str, Any]) -> Top:
    extra = {key: safe_yaml.typed(keys[key]) for key in keys if key not in OUR_KEYS}
    return Top(values.is_true(keys.get("locked", False)), extra)


def is_complete(entry: bytes) -> bool:
    """Whether this is a complete entry in another layout, such as one with a comment after it."""
    if not entry.endswith(b"\n"):
        return False
    try:
        top = safe_yaml.load((HEADER + entry).decode()).value
        return list(top["interactions"][-1])[-1:] == ["elapsed"]
    except (safe_yaml.SafeError, UnicodeDecodeError, TypeError, KeyError):
        return False
