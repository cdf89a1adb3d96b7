"""Saving into a cassette that is, or is to be, in VCR.py's format; its lock is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reqord import codec, storage
from pytest_reqord.errors import WriteFailed
from pytest_reqord.writer import documents
from pytest_reqord.writer.revision import Revision, revise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from pytest_reqord.codec import Entry

__all__ = ["is_vcr", "save_as_vcr"]


def is_vcr(path: str, layout: str, head: bytes) -> bool:
    """Whether a cassette is to be in VCR.py's format after it is saved.

    :param layout: ``vcr``, ``reqord``, or ``keep`` for the format that it has.
    :param head: its first bytes; none where there is none.
    :raises CassetteFormatError: if it can't be read.
    """
    if layout != "keep":
        return layout == "vcr"
    # all but always: then nothing more is read
    if not head or head.startswith((codec.HEADER, b"reqord:")):
        return False
    document = documents.read(path)
    return document is not None and document.format == "vcr"


def save_as_vcr(
    path: str,
    new: Sequence[Entry],
    *,
    keep: Callable[[Entry], bool] | None,
    volatile: frozenset[str],
    is_ordered: bool,
    beside: Mapping[str, Any],
) -> Revision | None:
    """Make a recording part of a cassette, see `pytest_reqord.writer.save`.

    :returns: what became of the cassette; None if it stays as it is.
    :raises WriteFailed: if VCR.py's format can't hold what was recorded.
    """
    document = documents.read(path)
    old: Sequence[Entry] = document.entries if document else ()
    was_vcr = document is not None and document.format == "vcr"
    try:
        revision = revise(
            old,
            [codec.as_vcr(entry.interaction()) for entry in new],
            keep=keep or (lambda _: True),
            volatile=volatile,
            is_ordered=is_ordered,
        )
        is_same = not revision.entries or (was_vcr and list(revision.entries) == list(old))
        if is_same and not beside:
            return None
        data = codec.render_vcr(
            revision.entries,
            codec.with_extra(document, beside).extra,
            is_json=document.is_json if document and was_vcr else path.endswith(".json"),
        )
    except ValueError as error:
        raise WriteFailed(path, f"{error}; reqord_format = reqord saves it in ours") from error
    storage.replace(path, data)
    storage.remove_unused_bodies(path)
    return revision
