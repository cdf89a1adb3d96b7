"""Cassettes in formats that the codec doesn't write, or kept where only the suite knows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pytest_reqord import storage
from pytest_reqord.codec import foreign, safe
from pytest_reqord.codec.document import Source
from pytest_reqord.compat.errors import is_not_found
from pytest_reqord.compat.serializers import YAML, pairs, plain
from pytest_reqord.errors import CassetteFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_reqord.codec import Entry
    from pytest_reqord.models import Interaction

__all__ = ["Persisted", "read_serialized", "write_serialized"]


def _entries(path: str, items: Any) -> Sequence[Entry]:
    source = Source(b"", path, storage.body_reader(path))
    loaded = safe.Loaded({"version": 1, "interactions": items}, {}, None, has_aliases=False)
    return foreign.document(source, loaded).entries


def read_serialized(path: Path, serializer: Any) -> Sequence[Entry]:
    """The entries of a file that a suite's own serializer reads.

    :raises FileNotFoundError: if there is none.
    :raises CassetteFormatError: if it can't be read.
    """
    text = storage.read(path).decode()
    if not text.strip():
        return ()
    try:
        items = serializer.deserialize(text)["interactions"]
    except Exception as error:  # whatever the suite's code raises, the file is to blame
        name = type(serializer).__name__
        reason = f"the serializer {name} can't read it: {error!r}"
        remedy = "Correct it, restore the file, or delete it and record it anew"
        raise CassetteFormatError(os.fspath(path), 0, 0, reason, remedy) from error
    return _entries(os.fspath(path), items)


def write_serialized(path: Path, interactions: Iterable[Interaction], serializer: Any) -> None:
    """Write a whole cassette with a serializer; its lock is held.

    :raises OSError: if it can't be written; the cassette is then as it was.
    """
    text = (serializer or YAML).serialize(plain(*pairs(interactions)))
    storage.replace(path, text.encode() if isinstance(text, str) else text)


class Persisted:
    """A cassette that a suite's own persister keeps.

    :param persister: has ``load_cassette`` and ``save_cassette``.
    :param path: what names the cassette.
    :param serializer: what the persister may write it with.
    """

    def __init__(self, persister: Any, path: str, serializer: Any) -> None:
        self._persister = persister
        self._path = path
        self._serializer = serializer or YAML

    def load(self) -> Sequence[Entry] | None:
        """Its entries; None where it says that there is no cassette."""
        try:
            requests, responses, *_ = self._persister.load_cassette(
                self._path, serializer=self._serializer
            )
        except Exception as error:
            if is_not_found(error):
                return None
            raise
        items = [
            {"request": request._to_dict(), "response": response}  # noqa: SLF001 -- VCR.py's name
            for request, response in zip(requests, responses, strict=False)
        ]
        return _entries(self._path, items)

    def save(self, interactions: Iterable[Interaction]) -> None:
        """Hand all of it to the persister."""
        requests, responses = pairs(interactions)
        cassette = {"requests": requests, "responses": responses}
        self._persister.save_cassette(self._path, cassette, serializer=self._serializer)
