"""VCR.py's two file formats, as the objects that its persisters and users' code expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord import storage
from pytest_reqord.base.real import json, os
from pytest_reqord.cassette_file.cache import is_ours
from pytest_reqord.codec import safe_yaml, vcr_read
from pytest_reqord.codec.entries import Source, head_with
from pytest_reqord.errors import CassetteFormatError
from pytest_reqord.vcr_compat.errors import is_not_found

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_reqord.codec import Entry
    from pytest_reqord.vcr_compat.messages import Pair

__all__ = ["JSON", "NOTHING", "YAML", "Held", "Persisted", "Serialized", "plain"]


class _Yaml:
    """VCR.py's YAML."""

    @staticmethod
    def deserialize(text: str) -> Any:
        """Read a cassette; nothing but plain data is made of it."""
        return safe_yaml.typed(safe_yaml.load(text).value)

    @staticmethod
    def serialize(cassette: Any) -> str:
        """Write a cassette as VCR.py writes it."""
        import yaml  # late: only for recordings that stay in this format

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        return str(yaml.dump(cassette, Dumper=dumper))


class _Json:
    """VCR.py's JSON."""

    @staticmethod
    def deserialize(text: str) -> Any:
        """Read a cassette."""
        return json.loads(text)

    @staticmethod
    def serialize(cassette: Any) -> str:
        """Write a cassette as VCR.py writes it.

        :raises ValueError: if a body is no text; JSON has none else.
        """
        try:
            return json.dumps(cassette, indent=4) + "\n"
        except TypeError as error:
            raise ValueError("JSON can't hold a body that isn't text; use YAML for it") from error


YAML, JSON = _Yaml(), _Json()


def plain(pairs: Iterable[Pair]) -> dict[str, Any]:
    """A cassette as the dictionary that serializers get: bodies are text where they can be."""
    interactions = []
    for request, response in pairs:
        asked = dict(request._to_dict())  # noqa: SLF001 -- VCR.py's own name
        asked["body"] = _as_text(asked["body"])
        answer = dict(response)
        if isinstance(answer.get("body"), dict) and "string" in answer["body"]:
            answer["body"] = {**answer["body"], "string": _as_text(answer["body"]["string"])}
        interactions.append({"request": asked, "response": answer})
    return {"version": 1, "interactions": interactions}


def _as_text(body: Any) -> Any:
    if not isinstance(body, bytes):
        return body
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


# Cassettes in formats that the codec doesn't write, or kept where only the suite knows.


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
    loaded = safe_yaml.Loaded({"version": 1, "interactions": items}, {}, None, has_aliases=False)
    return vcr_read.document(source, loaded).entries


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
