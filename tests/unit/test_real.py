from __future__ import annotations

import pathlib
import subprocess
import sys
import time
from unittest import mock

import pytest
from freezegun import freeze_time
from pyfakefs.fake_filesystem import OSType
from pyfakefs.fake_filesystem_unittest import Patcher

from pytest_reqord.base import real
from pytest_reqord.base.real import Path, fcntl, io, os

PATCHED = {
    "os.stat": {"side_effect": FileNotFoundError},
    "os.lstat": {"side_effect": FileNotFoundError},
    "os.getcwd": {"return_value": "/nowhere"},
    "os.mkdir": {},
    "os.open": {"side_effect": OSError},
    "os.scandir": {},
    "os.path.exists": {"return_value": False},
    "os.path.islink": {"return_value": True},
    "builtins.open": {"new_callable": mock.mock_open},
    "io.open": {"side_effect": OSError},
}


def uses(folder):
    """Do what we do with files."""
    below = Path(folder) / "one" / "two"
    os.makedirs(below, exist_ok=True)
    with io.open(below / "file", "wb", buffering=0) as file:
        file.write(b"here")
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert os.path.exists(below / "file")
    assert not os.path.islink(below)
    assert os.path.realpath(f"{below}/../two") == str(below)
    assert os.path.isabs(os.path.abspath("x"))
    assert not os.path.abspath("x").startswith("/nowhere")
    assert [names for _, _, names in os.walk(folder)] == [[], [], ["file"]]


@pytest.mark.parametrize("name", PATCHED)
def test_patched(name, tmp_path):
    """An attribute that a test sets on a module is not the one that we use."""
    folder = os.path.realpath(tmp_path)
    with mock.patch(name, **PATCHED[name]):
        uses(folder)


@pytest.mark.parametrize("name", ["exists", "mkdir", "stat", "write_bytes", "open"])
def test_patched_path(name, tmp_path):
    """Nor is a method of pathlib's."""
    folder = os.path.realpath(tmp_path)
    with mock.patch.object(pathlib.Path, name, mock.Mock(side_effect=OSError)):
        uses(folder)


@pytest.mark.parametrize("system", [OSType.LINUX, OSType.MACOS, OSType.WINDOWS])
@pytest.mark.parametrize("patch_default_args", [False, True])
def test_fake_file_system(system, patch_default_args, tmp_path):
    """A fake file system, of any kind, is not the one that we write to."""
    folder = os.path.realpath(tmp_path)
    with Patcher(patch_default_args=patch_default_args) as patcher:
        patcher.fs.os = system
        uses(folder)

    assert (tmp_path / "one" / "two" / "file").read_bytes() == b"here"


def test_same_paths():
    """Our paths are the user's: of one class with theirs."""
    assert type(Path("/a")) is type(pathlib.Path("/a"))
    assert Path("/a", "b") == pathlib.Path("/a/b")


def test_time():
    """Neither freezegun nor mock stops our time."""
    with freeze_time("2020-01-01"), mock.patch("time.monotonic", return_value=5.0):
        before = real.time.monotonic()
        real.time.sleep(0.001)
        assert 0.001 <= real.time.monotonic() - before < 60
        assert real.time.monotonic is not time.monotonic


PATCHERS = {
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
}


@pytest.mark.parametrize("patch", PATCHERS.values(), ids=PATCHERS)
def test_greenlets(patch, monkeypatch):
    """Locks and threads are the interpreter's, though a tool for greenlets has replaced them all."""
    monkeypatch.setenv("EVENTLET_NO_GREENDNS", "yes")
    code = f"""
from pytest_reqord.base import real
lock, reentrant = type(real.threading.Lock()), type(real.threading.RLock())
{patch}
import threading
assert type(threading.Lock()) is not lock or type(threading.RLock()) is not reentrant
assert type(real.threading.Lock()) is lock and type(real.threading.RLock()) is reentrant
condition = real.threading.Condition()
assert type(condition._lock) is reentrant

done = real.SimpleQueue()
def work():
    with condition:
        condition.wait(10)
    done.put(real.threading.get_ident())

with condition:
    real.start_new_thread(work, ())
for _ in range(1000):
    with condition:
        condition.notify()
    try:
        assert done.get(timeout=0.01) != real.threading.get_ident()
        break
    except real.Empty:
        continue
else:
    raise AssertionError("it never came back")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
