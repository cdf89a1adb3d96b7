"""Cassettes that VCR.py, cassetter or pydantic-ai's serializer wrote, in whatever layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_reqord.codec import foreign_values, safe
from pytest_reqord.codec.document import Document, Entry, Source
from pytest_reqord.codec.dumping import head_with
from pytest_reqord.real import json

if TYPE_CHECKING:
    from pytest_reqord.models import Interaction

__all__ = ["ForeignEntry", "document", "load_json"]


class ForeignEntry(Entry):
    """An entry of another tool.

    :param interaction: what it says.
    :param item: its data as it stands in the file.
    """

    __slots__ = ("_item",)
    is_vcr = True
    """Whether its data may stand in a file of VCR.py's as it is."""

    def __init__(self, interaction: Interaction, item: Any) -> None:
        super().__init__(interaction)
        self._item = item

    def item(self) -> Any:
        """Its data, for a file in the same format."""
        return safe.typed(self._item)

    def vcr_text(self) -> bytes | None:
        """How it stands in a file that VCR.py's emitter wrote; None where it was another."""
        return None


def load_json(text: str) -> safe.Loaded | None:
    """Read JSON of another tool; None for all else."""
    if not text.lstrip().startswith("{"):
        return None

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
    items = top["interactions"] or []
    if not isinstance(items, list):
        raise source.broken("interactions is not a list", 1)
    if "version" not in top and not all(map(_is_surely_of_vcr, items)):
        raise source.broken("it has no version: reqord: 1 for ours, version: 1 for VCR.py's", 1)
    if str(top.get("version", 1)) != "1":
        reason = f"it has version {top['version']} of its format; this pytest-reqord reads 1"
        raise source.error(reason, "Record the cassette anew", 1)
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


def _is_surely_of_vcr(item: Any) -> bool:
    """Whether an interaction is laid out as only VCR.py does it, which asks for no version."""
    response = item.get("response") if isinstance(item, Mapping) else None
    return isinstance(response, Mapping) and isinstance(response.get("status"), Mapping)


def _tool(items: list[Any]) -> str:
    response = items[0].get("response") if items and isinstance(items[0], Mapping) else {}
    if not isinstance(response, Mapping):
        return "vcr"
    is_vcr = isinstance(response.get("status", {}), Mapping)
    return "vcr" if is_vcr else "cassetter"
