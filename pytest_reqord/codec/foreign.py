"""Cassettes that VCR.py, cassetter or pydantic-ai's serializer wrote, read as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_reqord.codec import foreign_values, safe
from pytest_reqord.codec.document import Document, Entry, Source
from pytest_reqord.codec.dumping import head_with
from pytest_reqord.codec.scalars import is_plain

if TYPE_CHECKING:
    from pytest_reqord.models import Interaction

__all__ = ["ForeignEntry", "document", "index", "load_json"]

_NEXT = b"\n- request:\n"
_END = b"\nversion: 1\n"
_HEAD = re.compile(rb"\n    method: ([A-Z]+)\n    uri: ([!-~]+)\n  response:\n")


class ForeignEntry(Entry):
    """An entry of another tool.

    :param interaction: what it says.
    :param item: its data as it stands in the file.
    """

    __slots__ = ("_item",)

    def __init__(self, interaction: Interaction, item: Any) -> None:
        super().__init__(interaction)
        self._item = item

    def item(self) -> Any:
        """Its data, for a file in the same format."""
        return safe.typed(self._item)

    def vcr_text(self) -> bytes | None:
        """How it stands in a file that VCR.py's emitter wrote; None where it was another."""
        return None


class _IndexedEntry(ForeignEntry):
    """An entry as VCR.py's emitter writes it, found but not decoded."""

    __slots__ = ("_decoded", "_end", "_found", "_position", "_source", "_start")

    def __init__(self, source: Source, start: int, end: int, position: int) -> None:
        self._decoded: Interaction | None = None
        self._text = None
        self._source = source
        self._start = start
        self._end = end
        self._position = position
        self._found: tuple[str, str] | None = None

    def interaction(self) -> Interaction:
        if self._decoded is None:
            self._decoded = self._decode()
        return self._decoded

    def item(self) -> Any:
        return safe.typed(self._load())

    def vcr_text(self) -> bytes:
        return self._source.data[self._start : self._end]

    @property
    def recorded_by(self) -> str:
        return ""

    @property
    def method(self) -> str:
        return (self._found or self._head())[0]

    @property
    def uri(self) -> str:
        return (self._found or self._head())[1]

    def _head(self) -> tuple[str, str]:
        match = _HEAD.search(self._source.data, self._start, self._end)
        method, uri = (match[1].decode(), match[2].decode()) if match else ("", "")
        if not is_plain(uri):
            method, uri = super().method, super().uri
        self._found = method, uri
        return self._found

    def _decode(self) -> Interaction:
        line = self._source.line(self._start)
        try:
            return foreign_values.interaction(self._load(), self._position)
        except safe.SafeError as error:
            raise self._source.unsafe(error, line - 1) from error
        except (ValueError, TypeError) as error:
            raise self._source.broken(str(error), line) from error

    def _load(self) -> Any:
        (item,) = safe.load(self.vcr_text().decode()).value
        return item


def index(source: Source) -> Document | None:
    """Find the entries of a file of VCR.py's emitter.

    :returns: None where it is not laid out in that way.
    """
    data = source.data
    end = len(data) - len(_END) + 1
    if not data.endswith(_END) or b" &id0" in data:  # an anchor may be meant for other entries
        return None
    starts = []
    start = data.find(_NEXT) + 1
    while start:
        starts.append(start)
        start = data.find(_NEXT, start) + 1
    lines = data.count(b"\n", starts[0], end)
    other = data.count(b"\n ", starts[0], end) + data.count(b"\n\n", starts[0], end)
    if lines - other != len(starts):
        return None
    ends = [*starts[1:], end]
    entries = [
        _IndexedEntry(source, start, end, position)
        for position, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    return Document(entries, format="vcr")


def load_json(text: str) -> safe.Loaded | None:
    """Read JSON of another tool; None for all else."""
    if not text.lstrip().startswith("{"):
        return None
    import json  # late: few cassettes are JSON

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if "reqord" in value else safe.Loaded(value, {}, None, has_aliases=False)


def document(source: Source, loaded: safe.Loaded) -> Document:
    """Read a whole document of another tool.

    :raises CassetteFormatError: if it isn't one that we know.
    """
    top = loaded.value
    if "version" not in top:
        raise source.broken("it has no version: reqord: 1 for ours, version: 1 for VCR.py's", 1)
    if str(top["version"]) != "1":
        reason = f"it has version {top['version']} of its format; this pytest-reqord reads 1"
        raise source.error(reason, "Record the cassette anew", 1)
    items = top["interactions"] or []
    if not isinstance(items, list):
        raise source.broken("interactions is not a list", 1)
    places = loaded.items.get("interactions", ())
    tool = _tool(items)
    entries: list[Entry] = []
    for position, item in enumerate(items):
        try:
            interaction = foreign_values.interaction(item, position)
            entries.append(ForeignEntry(interaction, item) if tool == "vcr" else Entry(interaction))
        except (ValueError, TypeError) as error:
            line = places[position].line + 1 if places else 1
            raise source.broken(str(error), line) from error
    extra = {key: safe.typed(top[key]) for key in top if key not in ("version", "interactions")}
    is_json = not loaded.items and source.data.lstrip().startswith(b"{")
    return Document(entries, format=tool, head=head_with(extra), extra=extra, is_json=is_json)


def _tool(items: list[Any]) -> str:
    response = items[0].get("response") if items and isinstance(items[0], Mapping) else {}
    if not isinstance(response, Mapping):
        return "vcr"
    is_vcr = isinstance(response.get("status", {}), Mapping)
    return "vcr" if is_vcr else "cassetter"
