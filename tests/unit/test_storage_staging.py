from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_reqord import storage
from pytest_reqord.base import real
from pytest_reqord.storage import StagingArea, staging

CASSETTE = Path("/project/tests/cassettes/test_it/test_one.yaml")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def area(root):
    area = StagingArea(root, "now")
    yield area
    area.close()


def run_elsewhere(root, code):
    """Run code in another process that has `area`, the same run's, and that then just ends."""
    start = (
        "import os; from pathlib import Path; from pytest_reqord import storage\n"
        f"area = storage.StagingArea(Path({str(root)!r}), 'now'); cassette = Path({str(CASSETTE)!r})\n"
    )
    subprocess.run([sys.executable, "-c", f"{start}{code}\nos._exit(0)"], check=True, timeout=20)


class TestJournal:
    def test_settled(self, area):
        """What was opened and settled is in the records, in the order of opening."""
        one = area.open_recording("tests/test_it.py::test_one[a/b]", CASSETTE, "once")
        two = area.open_recording("", CASSETTE, "all")
        area.settle(two, "passed")
        area.settle(one, "failed", "AssertionError")

        found = area.records()
        assert [record.recording for record in found] == [one, two]
        assert [(record.outcome, record.reason) for record in found] == [
            ("failed", "AssertionError"),
            ("passed", ""),
        ]

    def test_last_word(self, area):
        """Of several outcomes the last counts, whichever process said it."""
        recording = area.open_recording("test_one", CASSETTE, "once")
        area.settle(recording, "passed")
        run_elsewhere(
            area.folder.parent, "for r in area.records(): area.settle(r.recording, 'saved')"
        )

        assert [record.outcome for record in area.records()] == ["saved"]

    def test_crashed(self, area, root):
        """A recording that was never settled has no outcome."""
        run_elsewhere(root, "area.open_recording('test_one', cassette, 'once')")

        assert [record.outcome for record in area.records()] == [None]

    def test_processes(self, area, root):
        """Two processes of a run never share a staging file."""
        area.open_recording("test_one", CASSETTE, "once")
        run_elsewhere(root, "area.open_recording('test_one', cassette, 'once')")

        assert len({record.recording.path for record in area.records()}) == 2

    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_fork(self, area):
        """A forked child has a journal of its own and leaves the parent's alone."""
        area.open_recording("test_parent", CASSETTE, "once")
        child = os.fork()
        if not child:
            try:
                area.open_recording("test_child", CASSETTE, "once")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        area.open_recording("test_parent_2", CASSETTE, "once")

        found = [record.recording for record in area.records()]
        assert [each.owner for each in found] == ["test_parent", "test_child", "test_parent_2"]
        assert len({each.id for each in found}) == 3
        assert len(list(area.folder.glob("*.journal"))) == 2

    @pytest.mark.parametrize("cut", range(1, 60, 7))
    def test_torn(self, area, cut):
        """A torn last line is no line; those before it count."""
        recording = area.open_recording("test_one", CASSETTE, "once")
        area.settle(recording, "passed")
        (staging,) = area.folder.glob("*.journal")
        staging.write_bytes(staging.read_bytes()[:-cut])

        (found,) = area.records()
        assert (found.recording, found.outcome) == (recording, None if cut > 1 else "passed")

    def test_foreign_line(self, area):
        """A line that says nothing to us is skipped."""
        recording = area.open_recording("test_one", CASSETTE, "once")
        (staging,) = area.folder.glob("*.journal")
        storage.append(staging, b'[]\n{"settled": "x"}\n{"opened": {"id": 1}}\n\xff\n')

        assert [record.recording for record in area.records()] == [recording]

    def test_safe_names(self, area):
        """Whatever an owner is called, its staging file lies in the run's folder."""
        for owner in ("../../etc/passwd", "a/b::c[/]", "x" * 999, "é\0\n", ".."):
            recording = area.open_recording(owner, CASSETTE, "once")
            storage.append(recording.path, b"x")

            assert recording.path.parent == area.folder
            assert recording.path.exists()

    def test_pickle(self, area):
        """Recordings travel between processes."""
        recording = area.open_recording("test_one", CASSETTE, "once")

        assert pickle.loads(pickle.dumps(recording)) == recording

    def test_private(self, area):
        """Only the user may look into a run: what is staged isn't swept for secrets yet."""
        area.hold()

        assert area.folder.stat().st_mode & 0o777 == 0o700


class TestMarkers:
    def test_born(self, area, root):
        """A cassette is born once in a run, and every process knows."""
        assert not area.is_born(CASSETTE)
        assert area.mark_born(CASSETTE) == CASSETTE
        assert area.mark_born(CASSETTE.with_name(CASSETTE.name.upper())) == CASSETTE

        assert StagingArea(root, "now").is_born(CASSETTE)
        assert not StagingArea(root, "another").is_born(CASSETTE)
        assert not area.is_born(CASSETTE.with_name("test_two.yaml"))

    def test_claim(self, area, root):
        """The first process to claim an owner's recordings of a cassette has them all."""
        one = area.open_recording("test_one", CASSETTE, "once")
        again = area.open_recording("test_one", CASSETTE, "once")
        other = area.open_recording("test_two", CASSETTE, "once")

        assert area.claim(one)
        assert area.claim(again)
        code = "assert area.claim(area.open_recording({!r}, cassette, 'once')) is {}"
        run_elsewhere(root, code.format("test_one", False))
        run_elsewhere(root, code.format("test_two", True))
        assert not area.claim(other)


class TestEarlierRuns:
    def test_left(self, root):
        """What dead runs have left staged is found, the oldest first."""
        code = "one = area.open_recording('test_one', cassette, 'once')\ntwo = area.open_recording('test_two', cassette, 'once')\nempty = area.open_recording('test_empty', cassette, 'once')\nstorage.append(two.path, b'2'); storage.append(one.path, b'1')\narea.settle(two, 'failed')"
        run_elsewhere(root, code)

        found = storage.earlier_records(root, "later")
        assert [(each.recording.owner, each.outcome) for each in found] == [
            ("test_one", None),
            ("test_two", "failed"),
        ]

    def test_living(self, area, root):
        """A run that goes on elsewhere, recording or not, is left alone."""
        area.hold()
        run_elsewhere(root, "storage.append(area.open_recording('a', cassette, 'all').path, b'1')")
        assert storage.earlier_records(root, "later") == []

        area.close()
        assert len(storage.earlier_records(root, "later")) == 1

    def test_own(self, root):
        """The run that asks is not an earlier one."""
        run_elsewhere(root, "storage.append(area.open_recording('a', cassette, 'all').path, b'1')")

        assert storage.earlier_records(root, "now") == []

    def test_swept(self, area, root):
        """A dead run that left nothing is removed."""
        area.mark_born(CASSETTE)
        area.claim(area.open_recording("test_one", CASSETTE, "once"))
        area.close()

        assert storage.earlier_records(root, "later") == []
        assert list(root.iterdir()) == []

    def test_nothing(self, root, tmp_path):
        """No run has ever been: nothing is left."""
        assert storage.earlier_records(root, "now") == []
        (tmp_path / "file").touch()
        assert storage.earlier_records(tmp_path / "file", "now") == []


class TestSweep:
    def test_remove(self, area):
        """A recording goes with its bodies, whether or not it was ever written."""
        recording = area.open_recording("test_one", CASSETTE, "once")
        area.remove(recording)
        storage.append(recording.path, b"1")
        storage.write_bodies(recording.path, {"ab.bin": b"1"})
        area.remove(recording)

        assert [path.suffix for path in area.folder.iterdir()] == [".journal"]

    def test_sweep(self, area):
        """A run's folder goes once nothing is staged in it."""
        recording = area.open_recording("test_one", CASSETTE, "once")
        storage.append(recording.path, b"1")
        assert not area.sweep()
        assert recording.path.exists()

        area.remove(recording)
        assert area.sweep()
        assert not area.folder.exists()


class TestRaces:
    def test_swept_before_held(self, area, monkeypatch):
        """A run's folder that another run sweeps while it is young is made again."""
        make, calls = os.makedirs, []

        def sweep(path, *args, **options):
            make(path, *args, **options)
            calls.append(path)
            if len(calls) == 1:
                path.rmdir()

        monkeypatch.setattr(real.os, "makedirs", sweep)
        area.hold()

        assert len(calls) == 2
        assert len(list(area.folder.iterdir())) == 1

    def test_swept_journal(self, tmp_path):
        """A journal that another run has swept says nothing and is nobody's."""
        gone = tmp_path / "gone.journal"

        assert list(staging.read_journal(gone)) == []
        assert not staging.is_alive(gone)

    def test_no_locks(self, root, monkeypatch):
        """On a file system without locks recording works; runs look dead to each other."""

        def refuse(fd, operation):
            raise OSError(95, "not supported")

        monkeypatch.setattr(real.fcntl, "flock", refuse)
        area = StagingArea(root, "now")
        recording = area.open_recording("test_one", CASSETTE, "once")
        storage.append(recording.path, b"1")

        assert len(area.records()) == 1
        assert len(storage.earlier_records(root, "later")) == 1
        area.close()
