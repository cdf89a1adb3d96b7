from __future__ import annotations

import os
import stat
from unittest.mock import Mock

import pytest

from pytest_reqord import storage
from pytest_reqord.base import real
from pytest_reqord.base.platform import user_id
from pytest_reqord.errors import WriteFailed


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "cassette.yaml"


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


class TestAppend:
    def test_new_file(self, path):
        """A file that isn't there is made, its folder too, and starts with the header."""
        storage.append(path, b"one\n", header=b"head\n")

        assert path.read_bytes() == b"head\none\n"

    def test_old_file(self, path):
        """A file that is there gets no second header."""
        storage.append(path, b"one\n", header=b"head\n")
        storage.append(path, b"two\n", header=b"head\n")

        assert path.read_bytes() == b"head\none\ntwo\n"

    def test_empty_file(self, path):
        """A file without a byte counts as new."""
        path.parent.mkdir()
        path.touch()
        storage.append(path, b"one\n", header=b"head\n")

        assert path.read_bytes() == b"head\none\n"

    def test_one_write(self, path, monkeypatch):
        """All bytes go out in one call, so that a reader sees all or nothing of them."""
        calls = []
        write = os.write
        monkeypatch.setattr(
            real.os, "write", lambda fd, data: calls.append(data) or write(fd, data)
        )
        storage.append(path, b"x" * 100_000, header=b"head\n")

        assert len(calls) == 1

    def test_short_write(self, path, monkeypatch):
        """What one write leaves over is written by the next."""
        write = os.write
        monkeypatch.setattr(real.os, "write", lambda fd, data: write(fd, data[:3]))
        storage.append(path, b"0123456789", header=b"")

        assert path.read_bytes() == b"0123456789"

    def test_failing_write(self, path, monkeypatch):
        """A write that fails half way leaves the file as it was."""
        storage.append(path, b"one\n", header=b"head\n")
        monkeypatch.setattr(real.os, "write", failing_after_three_bytes(os.write))

        with pytest.raises(OSError, match="full"):
            storage.append(path, b"0123456789")
        assert path.read_bytes() == b"head\none\n"

    def test_failing_first_write(self, path, monkeypatch):
        """A new file whose first write fails is not left behind."""
        monkeypatch.setattr(real.os, "write", failing_after_three_bytes(os.write))

        with pytest.raises(OSError, match="full"):
            storage.append(path, b"0123456789", header=b"head\n")
        assert not path.exists()


def failing_after_three_bytes(write):
    calls = []

    def failing(fd, data):
        calls.append(fd)
        if len(calls) > 1:
            raise OSError(28, "disk full")
        return write(fd, data[:3])

    return failing


class TestReplace:
    def test_new_file(self, path):
        """A file that isn't there is made, its folder too."""
        storage.replace(path, b"new")

        assert path.read_bytes() == b"new"

    def test_nothing_else(self, path):
        """Nothing but the file is in its folder afterwards."""
        storage.replace(path, b"old")
        storage.replace(path, b"new")

        assert names(path.parent) == ["cassette.yaml"]
        assert path.read_bytes() == b"new"

    def test_permissions(self, path):
        """The new file has the old one's permissions."""
        storage.replace(path, b"old")
        path.chmod(0o640)
        storage.replace(path, b"new")

        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    @pytest.mark.skipif(user_id() != 0, reason="only root may give files away")
    def test_owner(self, path):
        """Where root writes, the file stays its owner's."""
        storage.replace(path, b"old")
        os.chown(path, 12345, 12345)
        storage.replace(path, b"new")

        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)

    def test_umask(self, path):
        """A new file has the permissions that any new file of this process has."""
        storage.replace(path, b"new")
        other = path.with_name("other")
        other.touch()

        assert path.stat().st_mode == other.stat().st_mode

    def test_symlink(self, path, tmp_path):
        """A symlink stays one and its target is replaced."""
        (tmp_path / "pytest.ini").touch()
        target = tmp_path / "elsewhere" / "target.yaml"
        storage.replace(target, b"old")
        path.parent.mkdir()
        path.symlink_to(target)
        storage.replace(path, b"new")

        assert path.is_symlink()
        assert target.read_bytes() == b"new"

    def test_is_new(self, path):
        """Where there must be none yet, one that another process has made stays; an empty one goes."""
        storage.replace(path, b"", is_new=True)
        storage.replace(path, b"ours", is_new=True)
        with pytest.raises(FileExistsError):
            storage.replace(path, b"late", is_new=True)

        assert path.read_bytes() == b"ours"
        assert names(path.parent) == ["cassette.yaml"]

    def test_no_links(self, path, monkeypatch):
        """A file system that has no links is written all the same."""
        monkeypatch.setattr(real.os, "link", Mock(side_effect=OSError(95, "not supported")))
        storage.replace(path, b"new", is_new=True)

        assert path.read_bytes() == b"new"
        assert names(path.parent) == ["cassette.yaml"]

    @pytest.mark.parametrize("step", ["write", "fsync", "replace", "fchmod"])
    def test_failure(self, path, monkeypatch, step):
        """Whichever step fails, the old file is untouched and nothing is left behind."""
        storage.replace(path, b"old")

        def fail(*args):
            raise OSError(28, "disk full")

        monkeypatch.setattr(real.os, step, fail)
        with pytest.raises(OSError, match="full"):
            storage.replace(path, b"new")

        assert path.read_bytes() == b"old"
        assert names(path.parent) == ["cassette.yaml"]

    def test_long_name(self, tmp_path):
        """A name as long as the file system allows can be replaced."""
        path = tmp_path / ("x" * 250 + ".yaml")
        storage.replace(path, b"new")

        assert path.read_bytes() == b"new"

    def test_sweep(self, path):
        """What a writer left that was killed long ago goes with the next process's replace."""
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"old")
        dead, young = path.with_name(".reqord-1-a.tmp"), path.with_name(".reqord-2-b.tmp")
        dead.touch()
        young.touch()
        os.utime(dead, (1, 1))
        storage.replace(path, b"new")

        assert names(path.parent) == [young.name, path.name]


class TestRead:
    def test_tail(self, path):
        """The tail is the last bytes, the head the first, and all of a shorter file."""
        storage.replace(path, b"0123456789")

        assert storage.read_tail(path, 3) == b"789"
        assert storage.read_head(path, 3) == b"012"
        assert storage.read_tail(path, 99) == storage.read_head(path, 99) == b"0123456789"

    def test_missing(self, path):
        """Reading what isn't there says so."""
        for read in (storage.read, lambda path: storage.read_tail(path, 1)):
            with pytest.raises(FileNotFoundError):
                read(path)


class TestBodies:
    def test_round_trip(self, path):
        """A body is read back by its name."""
        storage.write_bodies(path, {"ab12.json": b"{}"})

        assert storage.body_reader(path)("ab12.json") == b"{}"
        assert names(path.parent) == ["cassette.bodies"]

    def test_written_once(self, path):
        """A body of the same name and size isn't written again; a cut one is."""
        storage.write_bodies(path, {"ab12.json": b"{}"})
        body = storage.bodies_folder(path) / "ab12.json"
        before = body.stat().st_ino
        storage.write_bodies(path, {"ab12.json": b"{}"})
        assert body.stat().st_ino == before

        body.write_bytes(b"{")
        storage.write_bodies(path, {"ab12.json": b"{}"})
        assert body.read_bytes() == b"{}"

    @pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", ".", "", "a\\b", "a\0"])
    def test_names(self, path, name):
        """A cassette can't name a file outside of its bodies."""
        with pytest.raises(ValueError, match="is not the name of a body"):
            storage.body_reader(path)(name)

    def test_unused(self, path):
        """Bodies that a cassette doesn't name any more go, and their folder with the last."""
        one, other = f"{'ab' * 32}.json", f"{'cd' * 32}.json"
        storage.write_bodies(path, {one: b"1", other: b"2"})
        path.write_text("-" * ((1 << 20) - 30) + f"file: {one}\n")  # over two pieces that are read

        storage.remove_unused_bodies(path)
        assert names(storage.bodies_folder(path)) == [one]
        path.unlink()
        storage.remove_unused_bodies(path)
        assert not storage.bodies_folder(path).exists()
        storage.remove_unused_bodies(path)

    def test_what_others_have_made_stays(self, path):
        """Files of any other name, folders, and what was there before a save, named or not."""
        ours, new = f"{'ab' * 32}.json", f"{'cd' * 32}.json"
        storage.write_bodies(path, {ours: b"1"})
        folder = storage.bodies_folder(path)
        (folder / "notes.txt").write_text("mine")
        (folder / "ab12.json").write_text("mine")
        (folder / "deeper").mkdir()
        (folder / f"{'ef' * 32}.d").mkdir()
        before = names(folder)

        with storage.replacing_bodies(path):
            storage.replace(path, b"file: nothing\n")
        there = storage.bodies_of(path)
        storage.write_bodies(path, {new: b"2"})
        storage.remove_unused_bodies(path, there)
        assert names(folder) == before

        storage.replace(path, f"file: {ours}\n".encode())
        with storage.replacing_bodies(path):
            storage.replace(path, b"nothing\n")
        assert names(folder) == sorted(set(before) - {ours})

    def test_links_are_read(self, path, tmp_path):
        """A body, or the folder of bodies, that is a link is read, and neither emptied nor written."""
        (tmp_path / "folder").mkdir()
        away = tmp_path / "away"
        away.mkdir()
        name = f"{'ab' * 32}.json"
        (away / name).write_bytes(b"mine")
        folder = storage.bodies_folder(path)

        folder.symlink_to(away)
        assert storage.body_reader(path)(name) == b"mine"
        storage.remove_unused_bodies(path)
        storage.remove_with_bodies(path)
        with pytest.raises(WriteFailed, match="a link leads to"):
            storage.write_bodies(path, {name: b"theirs"})
        folder.unlink()
        folder.mkdir()
        (folder / name).symlink_to(away / name)
        assert storage.body_reader(path, 99)(name) == b"mine"
        with pytest.raises(WriteFailed, match="a link leads to"):
            storage.write_bodies(path, {name: b"theirs"})

        assert (away / name).read_bytes() == b"mine"


class TestHostile:
    @pytest.mark.parametrize("target", ["/dev/zero", "/dev/full", "pipe", "folder"])
    def test_no_file(self, path, target):
        """A link to a device, a pipe or a folder is one error, at once."""
        path.parent.mkdir()
        os.mkfifo(path.parent / "pipe")
        (path.parent / "folder").mkdir()
        path.symlink_to(target)

        for reading in (storage.read, storage.OpenFile, lambda path: storage.read_head(path, 9)):
            with pytest.raises(storage.NoFile, match="it is a"):
                reading(path)
        with pytest.raises((storage.NoFile, WriteFailed)):
            storage.replace(path, b"new")

    def test_too_large(self, path):
        """A file of holes may say that it is of any size: it isn't read."""
        path.parent.mkdir()
        with path.open("wb") as file:
            file.truncate(20 << 30)

        with pytest.raises(storage.NoFile, match="larger than 2 GiB"):
            storage.read(path)

    @pytest.mark.parametrize("is_there", [True, False])
    def test_link_out_of_the_project(self, path, tmp_path, is_there):
        """Nothing is written through it, nor made where it leads to, whoever asks."""
        path.parent.mkdir()
        (path.parent / "pyproject.toml").touch()
        away = tmp_path / "away.yaml"
        if is_there:
            away.write_bytes(b"theirs")
        path.symlink_to(away)

        with pytest.raises(WriteFailed, match=r"a link leads to .*away.yaml, out of .*folder\."):
            storage.replace(path, b"ours")
        with pytest.raises(WriteFailed, match="a link leads to"), storage.lock(path, 1):
            pass

        assert away.exists() == is_there
        assert not is_there or away.read_bytes() == b"theirs"
        assert names(path.parent) == ["cassette.yaml", "pyproject.toml"]

    def test_link_in_the_repository(self, path, tmp_path):
        """What a link leads to in the same repository is written, through a linked folder, too."""
        (tmp_path / ".git").mkdir()
        (tmp_path / "shared").mkdir()
        path.parent.symlink_to(tmp_path / "shared")

        storage.replace(path, b"ours")

        assert (tmp_path / "shared" / path.name).read_bytes() == b"ours"
