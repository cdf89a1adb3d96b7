"""Folders of cassettes: pytest would ask every plugin about each file, 60 us a cassette a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base.real import os

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["pass_by"]

_SUFFIXES = (".yaml", ".yml", ".json", ".toml")
_BODIES = ".bodies"
_COLLECTORS = frozenset({"python", "doctest"})
"""The plugins of pytest's own that collect files; neither takes one with such a suffix."""


class CassetteFolder(pytest.Directory):
    """A folder that holds nothing but cassettes, and so no tests."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """There is nothing to collect."""
        return ()


def pass_by(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect nothing from a folder that holds nothing but cassettes; None for any other.

    Where another plugin or a ``conftest.py`` collects files it may want these, too: then pytest
    goes through them as ever.
    """
    # not parent.ihook: before pytest 9.1 its hooks that take paths are plain functions
    asked = parent.config.pluginmanager.hook.pytest_collect_file.get_hookimpls()
    collectors = {each.plugin_name for each in asked}
    if not collectors <= _COLLECTORS or not _holds_cassettes_only(path):
        return None
    folder: Any = CassetteFolder.from_parent(parent, path=path)
    return folder  # type: ignore[no-any-return]


def _holds_cassettes_only(path: Path) -> bool:
    return all(
        name.endswith(_SUFFIXES) or name.startswith(".") or folder.endswith(_BODIES)
        for folder, _, names in os.walk(path)
        for name in names
    )
