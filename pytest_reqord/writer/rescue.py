"""Files elsewhere for entries that could not be written where they belong."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_reqord import storage
from pytest_reqord.real import os
from pytest_reqord.writer.sinks import append_only

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_reqord.models import Interaction

__all__ = ["SetAside", "set_aside"]


@dataclass(frozen=True, slots=True)
class SetAside:
    """Entries that are no longer the writer's.

    :param path: the file they were meant for.
    :param file: where they are now; None where even that could not be written.
    :param entries: the entries, where there is no file.
    :param error: why they are not where they belong.
    """

    path: Path
    file: Path | None
    entries: tuple[Interaction, ...]
    error: BaseException

    def __str__(self) -> str:
        reason = f"{type(self.error).__name__}: {self.error}"
        place = f"set aside in {self.file}" if self.file else "not kept in any file"
        return f"{reason}; what was meant for it is {place}"


def set_aside(
    folder: Path, path: Path, entries: Sequence[Interaction], error: BaseException
) -> SetAside:
    """Write entries to a file in ``folder`` that is named after the file they were meant for."""
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    file = folder / f"{path.stem[:80]}-{os.getpid()}-{name}.yaml"
    try:
        append_only(file, entries)
    except Exception:  # noqa: BLE001 - such an entry may be what can't be encoded
        file = file.with_suffix(".txt")
        try:
            text = "".join(f"{entry!r}\n" for entry in entries)
            storage.append(file, text.encode("utf-8", "backslashreplace"))
        except Exception:  # noqa: BLE001 - no disk, or not even text: the memory still has it
            return SetAside(path, None, tuple(entries), error)
    return SetAside(path, file, (), error)
