"""Plain data to YAML, for what isn't in our layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_reqord.codec.document import HEADER, Document

__all__ = ["dump", "head_with", "with_extra"]


def dump(value: Any) -> bytes:
    """Write lists, mappings, text, bytes and numbers as VCR.py's emitter does.

    Unlike there, keys stay in their order: those of headers tell something.

    :raises ValueError: if it is no plain data.
    """
    import yaml  # late: only for files in another layout than ours

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    try:
        text: str = yaml.dump(value, Dumper=dumper, default_flow_style=False, sort_keys=False)
    except yaml.representer.RepresenterError as error:
        raise ValueError(f"a cassette holds plain data, and {error.args[-1]!r} is none") from error
    return text.encode()


def head_with(extra: Mapping[str, Any], *, is_locked: bool = False) -> bytes:
    """What stands above the entries of a file of ours.

    :param extra: keys that we don't know.
    """
    more = dump(dict(extra)) if extra else b""
    return HEADER.replace(b"\n", b"\nlocked: true\n" + more if is_locked else b"\n" + more, 1)


def with_extra(document: Document | None, extra: Mapping[str, Any]) -> Document:
    """A cassette with more beside its entries.

    :param document: the cassette; None where there is none.
    :param extra: keys that we don't know; a mapping adds to the one that is there.
    :raises ValueError: if it is no plain data.
    """
    document = document or Document(())
    merged = {**document.extra}
    for key, value in extra.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = {**old, **value}
        else:
            merged[key] = value
    head = head_with(merged, is_locked=document.locked)
    return document._replace(head=head, extra=merged)
