"""The writer: takes interactions from whoever records and puts them into files, in order."""

from __future__ import annotations

from pytest_reqord.cassette_file.save import Saved, save
from pytest_reqord.writer.delivery import CassetteSink, SetAside, Sink, append_encoded, append_only
from pytest_reqord.writer.service import CassetteWriter

__all__ = [
    "CassetteSink",
    "CassetteWriter",
    "Saved",
    "SetAside",
    "Sink",
    "append_encoded",
    "append_only",
    "save",
]
