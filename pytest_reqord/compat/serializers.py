"""VCR.py's two file formats, as the objects that its persisters and users' code expect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord.codec import safe
from pytest_reqord.real import json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_reqord.compat.pairs import Pair

__all__ = ["JSON", "YAML", "plain"]


class _Yaml:
    """VCR.py's YAML."""

    @staticmethod
    def deserialize(text: str) -> Any:
        """Read a cassette; nothing but plain data is made of it."""
        return safe.typed(safe.load(text).value)

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
