"""The file system: bytes in files, locks, and where recordings wait. It knows paths and bytes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_reqord.storage.files import (
    NoFile,
    bodies_folder,
    bodies_of,
    body_path,
    body_reader,
    copy_bodies,
    read,
    read_head,
    read_tail,
    remove_unused_bodies,
    remove_with_bodies,
    write_bodies,
)

if TYPE_CHECKING:
    from pytest_reqord.storage.family import Family
    from pytest_reqord.storage.locks import lock
    from pytest_reqord.storage.parts import LARGE, OpenFile, Spool
    from pytest_reqord.storage.places import user_folder
    from pytest_reqord.storage.staging import Record, Recording, StagingArea, earlier_records
    from pytest_reqord.storage.writing import append, replace

__all__ = [
    "LARGE",
    "Family",
    "NoFile",
    "OpenFile",
    "Record",
    "Recording",
    "Spool",
    "StagingArea",
    "append",
    "bodies_folder",
    "bodies_of",
    "body_path",
    "body_reader",
    "copy_bodies",
    "earlier_records",
    "lock",
    "read",
    "read_head",
    "read_tail",
    "remove_unused_bodies",
    "remove_with_bodies",
    "replace",
    "user_folder",
    "write_bodies",
]

_LATE = {
    "LARGE": "parts",
    "Family": "family",
    "OpenFile": "parts",
    "Record": "staging",
    "Recording": "staging",
    "Spool": "parts",
    "StagingArea": "staging",
    "append": "writing",
    "earlier_records": "staging",
    "lock": "locks",
    "replace": "writing",
    "user_folder": "places",
}


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562) what a run that only plays doesn't need."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    globals()[name] = found  # from now on it costs no more than another name
    return found
