from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from entries import number_of, write_every_fourth

from pytest_reqord import codec, storage
from pytest_reqord.base import platform, real
from pytest_reqord.errors import CassetteLocked, WriteFailed
from pytest_reqord.storage import files, locks

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "One.yaml"


def hold_elsewhere(path, end="os._exit(0)"):
    """A process that holds a cassette's lock until its stdin closes."""
    code = (
        "import os, sys; from pytest_reqord import storage\n"
        f"with storage.lock({str(path)!r}, 5):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
        f"    {end}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def end(process):
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


def lock_file(path):
    digest = hashlib.sha256(os.fsencode(files.identity(os.path.realpath(path)))).hexdigest()
    return storage.user_folder("locks") / f"{digest}.lock"


def open_files():
    return len(list(Path("/dev/fd").iterdir()))


class TestLock:
    def test_removed_file(self, tmp_path):
        """A holder whose lock's file was removed still holds a cassette that is there."""
        path = tmp_path / "One.yaml"
        path.write_bytes(b"old")
        holder = hold_elsewhere(path)
        lock_file(path).unlink()

        with pytest.raises(CassetteLocked), storage.lock(path, 0.05):
            pass

        end(holder)
        with storage.lock(path, 1):
            pass

    def test_no_locks_on_cassettes(self, path, monkeypatch):
        """Where the cassette itself can't be locked its lock's file does alone."""
        path.write_bytes(b"old")
        holder = hold_elsewhere(path)
        refuses = Mock(flock=Mock(side_effect=OSError(95, "not supported")), LOCK_EX=2, LOCK_NB=4)
        monkeypatch.setattr(platform, "fcntl", refuses)

        with pytest.raises(CassetteLocked), storage.lock(path, 0.05):
            pass

        end(holder)
        with storage.lock(path, 1):
            pass

    def test_no_locks_at_all(self, path, monkeypatch):
        """A file system without locks is named at once, and no process that isn't there."""
        refuses = Mock(side_effect=OSError(95, "not supported"))
        monkeypatch.setattr(real.fcntl, "flock", refuses)

        with (
            pytest.raises(WriteFailed, match=r"locks is on a .* has no locks \(not supported\)"),
            storage.lock(path, 600),
        ):
            pass

    def test_a_full_disk_is_no_lack_of_locks(self, path, monkeypatch):
        """What else goes wrong with the lock's file is told as what it is."""
        full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
        monkeypatch.setattr(real.fcntl, "flock", full)

        with pytest.raises(OSError, match="No space left"), storage.lock(path, 600):
            pass

    def test_holder(self, path):
        """A lock that can't be had is an error that names who has it and how long we waited."""
        holder = hold_elsewhere(path)
        try:
            with pytest.raises(CassetteLocked) as caught, storage.lock(path, 0.05):
                pass
        finally:
            end(holder)

        assert f"process {holder.pid} on {os.uname().nodename}" in caught.value.holder
        assert caught.value.waited == 0.05
        assert caught.value.path == str(path)

    def test_unknown_holder(self, path):
        """A holder whose name can't be read is another process."""
        holder = hold_elsewhere(path)
        lock_file(path).with_suffix(".lock.holder").unlink()
        try:
            expected = pytest.raises(CassetteLocked, match="locked by another process")
            with expected, storage.lock(path, 0.05):
                pass
        finally:
            end(holder)

    def test_killed_holder(self, path):
        """A holder that is killed holds nothing any more."""
        holder = hold_elsewhere(path)
        holder.send_signal(signal.SIGKILL)
        end(holder)

        with storage.lock(path, 1):
            pass

    def test_waits(self, path):
        """A lock that becomes free in time is had."""
        holder = hold_elsewhere(path)
        threading.Timer(0.1, holder.stdin.close).start()
        with storage.lock(path, 10):
            pass
        end(holder)

    def test_threads(self, path):
        """Two threads of a process exclude each other too."""
        inside, most = 0, 0

        def work():
            nonlocal inside, most
            for _ in range(20):
                with storage.lock(path, 10):
                    inside += 1
                    most = max(most, inside)
                    time.sleep(0.0005)
                    inside -= 1

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert most == 1

    def test_thread_timeout(self, path):
        """A thread that can't have the lock in time gets the same error."""
        with storage.lock(path, 1):
            caught = []

            def work():
                try:
                    with storage.lock(path, 0.05):
                        pass
                except CassetteLocked as error:
                    caught.append(error)

            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

        assert f"process {os.getpid()}" in caught[0].holder

    def test_place(self, path, tmp_path):
        """The lock's place follows from the real path alone and is the user's own."""
        path.touch()
        link = tmp_path / "link.yaml"
        link.symlink_to(path)
        with storage.lock(link, 1):
            assert lock_file(path).exists()
            with pytest.raises(CassetteLocked), storage.lock(path, 0):
                pass

        assert lock_file(path).exists()
        assert lock_file(path).parent.stat().st_mode & 0o777 == 0o700
        assert set(tmp_path.iterdir()) == {link, path}

    def test_other_temp_folder(self, path, tmp_path):
        """Two runs with different TMPDIR meet at the same lock."""
        code = f"from pytest_reqord import storage\nwith storage.lock({str(path)!r}, 0.05): pass"
        with storage.lock(path, 1):
            done = subprocess.run(
                [sys.executable, "-c", code],
                check=False,
                capture_output=True,
                text=True,
                timeout=20,
                env={**os.environ, "TMPDIR": str(tmp_path)},
            )

        assert "CassetteLocked" in done.stderr

    def test_error_inside(self, path):
        """An error lets go of the lock."""
        with pytest.raises(ZeroDivisionError), storage.lock(path, 1):
            raise ZeroDivisionError
        with storage.lock(path, 0):
            pass

    def test_many(self, tmp_path):
        """However many cassettes are locked in turn, few locks are kept and no file is left open."""
        before = open_files()
        for number in range(300):
            with storage.lock(tmp_path / f"{number}.yaml", 1):
                pass

        assert len(locks._registry) <= locks._KEPT + 1
        assert open_files() <= before + 1

    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_fork(self, path):
        """A forked child doesn't own its parent's lock, and its end doesn't let go of it."""
        with storage.lock(path, 1):
            child = os.fork()
            if not child:
                state = 1
                try:
                    with storage.lock(path, 0.05):
                        state = 2
                except CassetteLocked:
                    state = 0
                finally:
                    del locks._inherited[:]
                    os._exit(state)
            assert os.waitpid(child, 0)[1] == 0
            other = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    f"from pytest_reqord import storage\nwith storage.lock({str(path)!r}, 0.05): pass",
                ],
                check=False,
                capture_output=True,
                timeout=20,
            )
            assert b"CassetteLocked" in other.stderr


class TestUserFolder:
    @pytest.fixture
    def temp(self, tmp_path, monkeypatch):
        from pytest_reqord.storage import files

        monkeypatch.setattr(files, "_SYSTEM_TEMP", str(tmp_path))
        files._own_folder.cache_clear()
        yield tmp_path
        files._own_folder.cache_clear()

    def test_private(self, temp):
        """The user's folder is for its owner only, also when it was found open to others."""
        base = temp / f"pytest-reqord-{os.getuid()}"
        base.mkdir()
        base.chmod(0o777)

        assert storage.user_folder("locks") == base / "locks"
        assert base.stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize("kind", ["file", "link"])
    def test_planted(self, temp, kind):
        """What somebody else may have put there is refused."""
        base = temp / f"pytest-reqord-{os.getuid()}"
        if kind == "file":
            base.touch()
        else:
            (temp / "theirs").mkdir()
            base.symlink_to(temp / "theirs")

        with pytest.raises(PermissionError, match="is not a folder of user"):
            storage.user_folder("locks")


@pytest.mark.parametrize("is_removed", [False, True])
def test_processes(path, is_removed):
    """Four processes write one cassette, which loses nothing, even with its lock's file removed."""
    processes = [SPAWN.Process(target=write_every_fourth, args=(path, start)) for start in range(4)]
    for process in processes:
        process.start()
    while is_removed and any(process.is_alive() for process in processes):
        lock_file(path).unlink(missing_ok=True)
        time.sleep(0.002)
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 4
    found = codec.load(path.read_bytes(), str(path), dict).entries
    assert [number_of(entry) for entry in found] == list(range(200))
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
