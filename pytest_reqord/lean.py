"""Cassettes and staging files that may be larger than the memory is to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reqord import codec, storage
from pytest_reqord.real import os

if TYPE_CHECKING:
    from pytest_reqord.codec import Document

__all__ = ["read_lean"]


def read_lean(path: str | os.PathLike[str]) -> Document:
    """Read a file as a recording run does that saves it; nothing of a large one is held.

    An entry of such a one is read each time that it is asked for, and with bodies beside it the
    file may be small and large all the same.

    :raises FileNotFoundError: if there is none, or another OSError.
    :raises CassetteFormatError: if it can't be read.
    """
    name, bodies = os.fspath(path), storage.body_reader(path)
    if os.stat(path).st_size > storage.LARGE or storage.bodies_of(path):
        document = codec.load_piecemeal(storage.OpenFile(path), name, bodies)
        if document is not None:
            return document
    return codec.load(storage.read(path), name, bodies)
