"""Interactions to bytes and back; no path, no file, no clock."""

from __future__ import annotations

from pytest_reqord.codec.document import HEADER, Document, Entry
from pytest_reqord.codec.emit import Encoded, encode
from pytest_reqord.codec.located import Directory, LocatedEntries
from pytest_reqord.codec.native import last_recorded_at
from pytest_reqord.codec.reading import load, render
from pytest_reqord.codec.vcr import (
    as_vcr,
    left_out_by_us,
    left_out_by_vcr,
    refused_by_vcr,
    render_vcr,
)

__all__ = [
    "HEADER",
    "Directory",
    "Document",
    "Encoded",
    "Entry",
    "LocatedEntries",
    "as_vcr",
    "encode",
    "last_recorded_at",
    "left_out_by_us",
    "left_out_by_vcr",
    "load",
    "refused_by_vcr",
    "render",
    "render_vcr",
]
