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
    read,
    read_head,
    read_tail,
    remove_unused_bodies,
    remove_with_bodies,
    replacing_bodies,
)

if TYPE_CHECKING:
    from pytest_reqord.storage.files import user_folder
    from pytest_reqord.storage.locks import lock
    from pytest_reqord.storage.messages import MessageFolder, Pipe
    from pytest_reqord.storage.staging import Record, Recording, StagingArea, earlier_records
    from pytest_reqord.storage.write import (
        LARGE,
        PRIVATE,
        OpenFile,
        Spool,
        append,
        copy_bodies,
        replace,
        write_bodies,
    )

__all__ = [
    "LARGE",
    "PRIVATE",
    "MessageFolder",
    "NoFile",
    "OpenFile",
    "Pipe",
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
    "replacing_bodies",
    "user_folder",
    "write_bodies",
]

_LATE = {
    "LARGE": "write",
    "PRIVATE": "write",
    "MessageFolder": "messages",
    "Pipe": "messages",
    "OpenFile": "write",
    "Record": "staging",
    "Recording": "staging",
    "Spool": "write",
    "StagingArea": "staging",
    "append": "write",
    "copy_bodies": "write",
    "earlier_records": "staging",
    "lock": "locks",
    "replace": "write",
    "user_folder": "files",
    "write_bodies": "write",
}


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562) what a run that only plays doesn't need."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    globals()[name] = found  # from now on it costs no more than another name
    return found
