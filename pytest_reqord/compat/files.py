"""Cassettes in formats that the codec doesn't write, or kept where only the suite knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord import storage
from pytest_reqord.codec import foreign, safe
from pytest_reqord.codec.document import Source
from pytest_reqord.codec.dumping import head_with
from pytest_reqord.compat.errors import is_not_found
from pytest_reqord.compat.serializers import plain
from pytest_reqord.errors import CassetteFormatError
from pytest_reqord.library import is_ours
from pytest_reqord.real import os

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_reqord.codec import Entry
    from pytest_reqord.compat.pairs import Pair

__all__ = ["NOTHING", "Held", "Persisted", "Serialized"]


class Held(NamedTuple):
    """What a cassette holds.

    :param entries: its interactions.
    :param extra: what lies beside them, by its key: VCR.py's ``metadata``, the suite's own.
    """

    entries: Sequence[Entry]
    extra: Mapping[str, Any]


NOTHING = Held((), {})


def _entries(path: str, items: Any) -> Sequence[Entry]:
    source = Source(b"", path, storage.body_reader(path))
    loaded = safe.Loaded({"version": 1, "interactions": items}, {}, None, has_aliases=False)
    return foreign.document(source, loaded).entries


class Serialized:
    """A cassette in a format that only a suite's own serializer knows.

    :param path: its file.
    :param serializer: has ``serialize`` and ``deserialize``.
    """

    def __init__(self, path: Path, serializer: Any) -> None:
        self._path = path
        self._serializer = serializer

    def load(self) -> Held | None:
        """What it holds; None where there is no file.

        :raises CassetteFormatError: if it can't be read.
        """
        try:
            text = storage.read(self._path).decode()
        except FileNotFoundError:
            return None
        if not text.strip():
            return NOTHING
        try:
            top = self._serializer.deserialize(text)
            items = top["interactions"]
        except Exception as error:  # whatever the suite's code raises, the file is to blame
            name = type(self._serializer).__name__
            reason = f"the serializer {name} can't read it: {error!r}"
            remedy = "Correct it, restore the file, or delete it and record it anew"
            raise CassetteFormatError(os.fspath(self._path), 0, 0, reason, remedy) from error
        extra = {key: top[key] for key in top if key not in ("version", "interactions")}
        return Held(_entries(os.fspath(self._path), items), extra)

    def convert(self) -> None:
        """Have it in our format; its lock is held.

        :raises OSError: if it can't be written, or a ReqordError; the cassette is then as it was.
        """
        held = None if is_ours(self._path) else self.load()
        if held:
            texts = [entry.text for entry in held.entries]
            storage.replace(self._path, [head_with(held.extra), *texts])

    def save(self, pairs: Sequence[Pair], extra: Mapping[str, Any]) -> None:
        """Write all of it; its lock is held.

        :raises OSError: if it can't be written; the cassette is then as it was.
        """
        text = self._serializer.serialize({**plain(pairs), **extra})
        storage.replace(self._path, text.encode() if isinstance(text, str) else text)


class Persisted:
    """A cassette that a suite's own persister keeps.

    :param persister: has ``load_cassette`` and ``save_cassette``.
    :param path: what names the cassette.
    :param serializer: what the persister may write it with.
    """

    def __init__(self, persister: Any, path: str, serializer: Any) -> None:
        self._persister = persister
        self._path = path
        self._serializer = serializer

    def load(self) -> Held | None:
        """What it holds; None where it says that there is no cassette."""
        try:
            requests, responses, *metadata = self._persister.load_cassette(
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
        extra = {"metadata": metadata[0]} if metadata else {}
        return Held(_entries(self._path, items), extra)

    def save(self, pairs: Sequence[Pair], extra: Mapping[str, Any]) -> None:
        """Hand all of it to the persister."""
        requests, responses = ([pair[at] for pair in pairs] for at in (0, 1))
        cassette = {"requests": requests, "responses": responses, **extra}
        self._persister.save_cassette(self._path, cassette, serializer=self._serializer)
