"""The file system: bytes in files, locks, and where recordings wait. It knows paths and bytes."""

from __future__ import annotations

from pytest_reqord.storage.family import Family
from pytest_reqord.storage.files import (
    append,
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
    replace,
    write_bodies,
)
from pytest_reqord.storage.locks import lock
from pytest_reqord.storage.places import user_folder
from pytest_reqord.storage.staging import Record, Recording, StagingArea, earlier_records

__all__ = [
    "Family",
    "Record",
    "Recording",
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
