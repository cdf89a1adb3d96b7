"""Interactions to bytes and back; no path, no file, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord.codec.entries import HEADER, Document, Entry
from pytest_reqord.codec.index import Directory, LocatedEntries, last_recorded_at
from pytest_reqord.codec.read import load, render

if TYPE_CHECKING:
    from pytest_reqord.codec.emit import Encoded, encode, head_for, redated, version_in, version_of
    from pytest_reqord.codec.entries import with_extra
    from pytest_reqord.codec.read import load_piecemeal
    from pytest_reqord.codec.vcr_write import (
        LEFT_OUT_OF_ALL,
        as_before,
        as_called,
        as_read,
        as_unpacked,
        as_value,
        as_vcr,
        changed_by_us,
        is_same_body,
        left_out_by_vcr,
        refused_by_vcr,
        render_vcr,
    )

__all__ = [
    "HEADER",
    "LEFT_OUT_OF_ALL",
    "Directory",
    "Document",
    "Encoded",
    "Entry",
    "LocatedEntries",
    "as_before",
    "as_called",
    "as_read",
    "as_unpacked",
    "as_value",
    "as_vcr",
    "changed_by_us",
    "encode",
    "head_for",
    "is_same_body",
    "last_recorded_at",
    "left_out_by_vcr",
    "load",
    "load_piecemeal",
    "redated",
    "refused_by_vcr",
    "render",
    "render_vcr",
    "version_in",
    "version_of",
    "with_extra",
]

_HOMES = {
    "Encoded": "emit",
    "encode": "emit",
    "head_for": "emit",
    "load_piecemeal": "read",
    "redated": "emit",
    "version_in": "emit",
    "version_of": "emit",
    "with_extra": "entries",
}


def __getattr__(name: str) -> Any:
    """Import what a recording needs on first use (PEP 562): a replay writes nothing."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    import importlib

    found = getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'vcr_write')}"), name)
    globals()[name] = found  # from now on it costs no more than another name
    return found
