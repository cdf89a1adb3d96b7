from __future__ import annotations

import importlib
import sys

import pytest

from pytest_reqord.base import loading
from pytest_reqord.recording import run_info


@pytest.fixture(autouse=True)
def finders(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    loading.load_as_usual()


def test_module_that_was_forgotten(monkeypatch):
    """A module of ours that a tool deletes is the same one when it is imported again."""
    spec = run_info.__spec__
    monkeypatch.delitem(sys.modules, "pytest_reqord.recording.run_info")

    assert importlib.import_module("pytest_reqord.recording.run_info") is run_info
    assert run_info.__spec__ is spec


def test_package_that_was_forgotten(monkeypatch):
    """So are a package and the modules in it."""
    from pytest_reqord.codec import scalars

    for name in [name for name in sys.modules if name.startswith("pytest_reqord.codec")]:
        monkeypatch.delitem(sys.modules, name)

    assert importlib.import_module("pytest_reqord.codec.scalars") is scalars
    assert not importlib.import_module("pytest_reqord.codec").__spec__._initializing


def test_reload(monkeypatch):
    """A module that somebody reloads is run again."""
    monkeypatch.setattr(run_info, "Test", None)

    assert importlib.reload(run_info).Test is not None


def test_no_such_module():
    """What isn't there is an ImportError, though its package has something of that name."""
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("pytest_reqord.storage.lock")


def test_behind_pyfakefs():
    """Its finder, which is taken out by its place, stays the first."""
    kind = type("DynamicPatcher", (), {"__module__": "pyfakefs.fake_filesystem_unittest"})
    fake, ours = kind(), object()
    sys.meta_path.insert(0, fake)
    before = sys.meta_path[:]

    loading.put_in_front(ours)
    loading.put_in_front(ours)

    assert sys.meta_path == [fake, ours, *before[1:]]
