from __future__ import annotations

import os as real_os
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


class TestPrivate:
    """A library that is imported anew: filelock is the one that we have."""

    @pytest.fixture
    def use(self, tmp_path):
        def use(library):
            file = os.path.realpath(tmp_path / "file.lock")
            one, other = (library.FileLock(file, thread_local=False) for _ in range(2))
            with one:
                assert (tmp_path / "file.lock").exists()
                with pytest.raises(library.Timeout):
                    other.acquire(timeout=0.01, poll_interval=0.001)
            with other:
                pass

        return use

    def test_fake_file_system(self, use, tmp_path):
        """It locks real files while a test has a fake file system, imported before or in it."""
        library = real.private("filelock")
        with Patcher():
            assert not pathlib.Path(tmp_path).exists()
            in_it = real.private("filelock")
            locked = [library.FileLock(tmp_path / "a.lock"), in_it.FileLock(tmp_path / "b.lock")]
            for lock in locked:
                with lock:
                    assert os.path.exists(lock.lock_file)
        use(library)
        use(in_it)

    @pytest.mark.parametrize("name", ["monotonic", "perf_counter", "sleep"])
    def test_stopped_time(self, name, use):
        """It waits no longer where time stands still."""
        library = real.private("filelock")
        with mock.patch(f"time.{name}", return_value=5.0):
            use(library)

    @pytest.mark.parametrize("name", PATCHED)
    def test_patched(self, name, tmp_path):
        """It does not notice what a test has patched."""
        library = real.private("filelock")
        with mock.patch(name, **PATCHED[name]), library.FileLock(f"{tmp_path}/file.lock"):
            pass

    def test_patched_path(self, tmp_path):
        """Nor what a test has patched in pathlib."""
        library = real.private("filelock")
        with (
            mock.patch.object(pathlib.Path, "exists", return_value=True),
            mock.patch.object(pathlib.Path, "stat", side_effect=OSError),
            mock.patch.object(pathlib.Path, "mkdir", side_effect=OSError),
            library.FileLock(f"{tmp_path}/file.lock"),
        ):
            pass

    def test_theirs(self):
        """Everybody else has the library that they had, and the modules."""
        import filelock

        before = dict(sys.modules)
        library = real.private("filelock")

        assert sys.modules == before
        assert library is not filelock
        assert sys.modules["os"] is real_os
        with mock.patch("filelock.FileLock"):
            assert not isinstance(library.FileLock, mock.Mock)


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
import tempfile, threading
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
library = real.private("filelock")
with tempfile.TemporaryDirectory() as folder, library.FileLock(folder + "/lock"):
    pass
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_modules_keep_their_places():
    """What is imported for us alone leaves the order of modules as it was: they are cleared by it."""
    code = (
        "import sys, socket; before = list(sys.modules)\n"
        "from pytest_reqord.storage import locks\n"
        "assert list(sys.modules)[: len(before)] == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
