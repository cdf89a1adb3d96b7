"""Interactions to bytes and back; no path, no file, no clock."""

from __future__ import annotations

from pytest_reqord.codec.document import HEADER, Document, Entry
from pytest_reqord.codec.emit import Encoded, encode
from pytest_reqord.codec.native import last_recorded_at
from pytest_reqord.codec.reading import load, render

__all__ = [
    "HEADER",
    "Document",
    "Encoded",
    "Entry",
    "encode",
    "last_recorded_at",
    "load",
    "render",
]
