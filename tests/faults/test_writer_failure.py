from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from entries import interaction, number_of

from pytest_reqord import codec
from pytest_reqord.errors import CassetteFormatError, WriteFailed
from pytest_reqord.writer import CassetteSink, CassetteWriter

FAR = 10**6  # milliseconds: no batch is due by time


class Boom(BaseException):
    """What no ``except Exception`` catches."""


class Sink:
    """Does what it is told, then remembers the entries.

    :param faults: one for each call: an exception to raise, or None; after them all goes well.
    """

    def __init__(self, *faults, poison=(), error=Boom):
        self.faults = list(faults)
        self.poison = set(poison)
        self.error = error
        self.numbers = []
        self.calls = 0

    def __call__(self, path, entries):
        self.calls += 1
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        found = [number_of(entry) for entry in entries]
        if self.poison.intersection(found):
            raise self.error
        self.numbers += found


@pytest.fixture
def start(tmp_path):
    writers = []

    def start(sink, **opts):
        opts = {"aside": tmp_path / "aside", "batch_timeout": 5, **opts}
        writers.append(CassetteWriter.start_link(sink=sink, **opts))
        return writers[-1]

    yield start
    for writer in writers:
        writer.rescue(tmp_path / "rescued")
        with suppress(WriteFailed):  # what a test had set aside and didn't ask for
            writer.stop()


def wait_until(condition, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


class TestFailingSink:
    def test_flush_raises(self, start):
        """A flush says which file could not be written and why."""
        cause = OSError(28, "disk full")
        writer = start(Sink(cause), batch_timeout=FAR)
        writer.write_entry("/a.yaml", interaction(1))

        with pytest.raises(WriteFailed, match="disk full") as caught:
            writer.flush_cassette("/a.yaml")
        assert caught.value.path == "/a.yaml"
        assert caught.value.__cause__ is cause

    def test_stays_pending(self, start):
        """What failed waits, and the next flush writes it before what came later."""
        sink = Sink(OSError(28, "disk full"))
        writer = start(sink, batch_timeout=FAR)
        writer.write_entry("/a.yaml", interaction(2))
        with pytest.raises(WriteFailed):
            writer.flush_all()
        assert [number_of(one) for one in writer.unwritten()[Path("/a.yaml")]] == [2]
        writer.write_entry("/a.yaml", interaction(1))
        writer.flush_all()

        assert sink.numbers == [1, 2]
        assert writer.unwritten() == {}

    def test_retry(self, start):
        """The writer's thread tries again by itself."""
        sink = Sink(OSError(28, "disk full"), OSError(28, "disk full"))
        writer = start(sink)
        writer.write_entry("/a.yaml", interaction(1))

        wait_until(lambda: sink.numbers)
        assert sink.calls == 3

    def test_other_files(self, start):
        """One file's failure holds up no other: all are tried before the flush raises."""

        def sink(path, entries):
            if path.name == "a.yaml":
                raise OSError(28, "disk full")
            good.extend(entries)

        good = []
        writer = start(sink, batch_timeout=FAR)
        for name in ("a", "b", "c"):
            writer.write_entry(f"/{name}.yaml", interaction(1))
        with pytest.raises(WriteFailed):
            writer.flush_all()

        assert len(good) == 2
        assert list(writer.unwritten()) == [Path("/a.yaml")]

    def test_full_of_failures(self, start):
        """A producer isn't held up for ever by what can't be written: it is told."""

        def sink(path, entries):
            raise OSError(28, "disk full")

        writer = start(sink, max_entries=5)
        for number in range(5):
            writer.write_entry("/a.yaml", interaction(number))
        with pytest.raises(WriteFailed, match="disk full"):
            writer.write_entry("/a.yaml", interaction(6))
        assert len(writer.unwritten()[Path("/a.yaml")]) == 5

    def test_full_of_failures_after_stop(self, start):
        """The same goes for a caller that has to write itself."""

        def sink(path, entries):
            raise OSError(28, "disk full")

        writer = start(sink, max_entries=1)
        writer.stop()
        writer.write_entry("/a.yaml", interaction(1))
        with pytest.raises(WriteFailed, match="disk full"):
            writer.write_entry("/a.yaml", interaction(2))

    def test_unknown_event_loop(self, start):
        """A producer in an event loop that we don't know waits for room all the same."""
        sink = Sink()
        writer = start(sink, max_entries=1)
        writer.write_entry("/a.yaml", interaction(1))
        with pytest.raises(StopIteration):
            writer.wait_for_room().send(None)

        assert sink.numbers == [1]

    def test_rescue(self, start, tmp_path):
        """What can't be written where it belongs can be put elsewhere, and is whole there."""

        def sink(path, entries):
            raise OSError(28, "disk full")

        writer = start(sink, batch_timeout=FAR)
        for number in (2, 1):
            writer.write_entry("/folder/a.yaml", interaction(number))
        with pytest.raises(WriteFailed):
            writer.flush_all()
        (rescued,) = writer.rescue(tmp_path / "drafts")

        assert rescued.path == Path("/folder/a.yaml")
        assert isinstance(rescued.error, OSError)
        found = codec.load(rescued.file.read_bytes(), str(rescued.file), dict).entries
        assert [number_of(entry) for entry in found] == [1, 2]
        assert writer.unwritten() == {}
        writer.stop()

    def test_replace(self, start, tmp_path):
        """A replace that can't flush first changes nothing."""
        path = tmp_path / "one.yaml"
        path.write_bytes(codec.render([codec.encode(interaction(7)).text]))
        before = path.read_bytes()
        writer = start(Sink(OSError(28, "disk full")), batch_timeout=FAR)
        writer.write_entry(path, interaction(1))

        with pytest.raises(WriteFailed, match="disk full"):
            writer.replace_cassette_for_all_mode(path)
        assert path.read_bytes() == before


class TestUnreadableCassette:
    @pytest.mark.parametrize("data", [b"<<<<<<< ours\n", b"[1, 2]\n", b"\xff\xfe"])
    def test_not_overwritten(self, start, tmp_path, data):
        """A cassette that can't be read is never overwritten."""
        path = tmp_path / "one.yaml"
        path.write_bytes(data)
        writer = start(None, batch_timeout=FAR)
        writer.write_entry(path, interaction(1))

        with pytest.raises(WriteFailed) as caught:
            writer.flush_all()
        assert isinstance(caught.value.__cause__, CassetteFormatError)
        with pytest.raises(WriteFailed):
            writer.replace_cassette_for_all_mode(path)
        assert path.read_bytes() == data

    def test_locked(self, start, tmp_path):
        """A cassette that says that it is locked is never written."""
        path = tmp_path / "one.yaml"
        text = codec.encode(interaction(1)).text
        path.write_bytes(
            codec.HEADER.replace(b"interactions", b"locked: true\ninteractions") + text
        )
        before = path.read_bytes()
        writer = start(None, batch_timeout=FAR)
        writer.write_entry(path, interaction(2))
        writer.write_entry(path, interaction(3), staged=True)

        with pytest.raises(WriteFailed, match="locked: true"):
            writer.flush_all()
        assert path.read_bytes() == before


class TestDeaths:
    def test_restart(self, start):
        """A writer that dies comes back with what was pending."""
        sink = Sink(Boom())
        writer = start(sink)
        for number in range(5):
            writer.write_entry("/a.yaml", interaction(number))

        wait_until(lambda: len(sink.numbers) == 5)
        assert isinstance(writer._supervisor.last_death, Boom)
        assert writer._supervisor.is_running
        writer.flush_all()

    @pytest.mark.parametrize("error", [Boom, ValueError])
    def test_poison(self, start, error):
        """An entry that kills the writer twice is set aside; its neighbours are written."""
        sink = Sink(poison={3}, error=error)
        writer = start(sink)
        for number in range(6):
            writer.write_entry("/a.yaml", interaction(number))
        wait_until(lambda: len(sink.numbers) == 5)

        assert sink.numbers == [0, 1, 2, 4, 5]
        with pytest.raises(WriteFailed, match="set aside in") as caught:
            writer.flush_cassette("/a.yaml")
        assert isinstance(caught.value.__cause__, error)
        (aside,) = writer.set_aside
        found = codec.load(aside.file.read_bytes(), str(aside.file), dict).entries
        assert [number_of(entry) for entry in found] == [3]

    def test_poison_in_flush(self, start):
        """The same goes for an entry that a flush comes upon first."""
        sink = Sink(poison={3}, error=ValueError)
        writer = start(sink, batch_timeout=FAR)
        for number in range(6):
            writer.write_entry("/a.yaml", interaction(number))

        with pytest.raises(WriteFailed, match="set aside in"):
            writer.flush_all()
        assert sink.numbers == [0, 1, 2, 4, 5]
        writer.flush_all()

    def test_poison_that_cannot_be_encoded(self, start, monkeypatch):
        """What can't even be encoded is set aside as text."""

        def refuse(entry, **options):
            raise ValueError("no such text")

        monkeypatch.setattr(codec, "encode", refuse)
        writer = start(None, batch_timeout=FAR)
        writer.write_entry("/nowhere/a.yaml", interaction(42))
        with pytest.raises(WriteFailed, match="no such text"):
            writer.flush_all()

        (aside,) = writer.set_aside
        assert "https://api.example.com/42" in aside.file.read_text()

    def test_poison_without_a_disk(self, start):
        """Where not even a file elsewhere can be written, the entry is kept in the report."""
        writer = start(Sink(poison={1}, error=ValueError), aside=Path("/dev/null/aside"))
        writer.write_entry("/a.yaml", interaction(1))
        with pytest.raises(WriteFailed, match="not kept in any file"):
            writer.flush_all()

        (aside,) = writer.set_aside
        assert aside.entries == (interaction(1),)

    def test_gives_up(self, start):
        """After a fourth death in five seconds the caller writes."""
        sink = Sink(*[Boom() for _ in range(4)])
        writer = start(sink, batch_size=1)
        threads = set()
        original = sink.__call__

        def spy(path, entries):
            threads.add(threading.current_thread())
            original(path, entries)

        writer._delivery._sink = spy
        for number in range(4):  # in whatever groups they are tried, it is four deaths
            writer.write_entry("/a.yaml", interaction(number))
        wait_until(lambda: writer._supervisor.has_given_up)
        threads.clear()
        writer.write_entry("/b.yaml", interaction(7))

        assert threads == {threading.current_thread()}
        assert 7 in sink.numbers

    def test_killed_thread(self, start):
        """A thread that is killed from outside, wherever it is, takes nothing with it."""
        sink = Sink()
        writer = start(sink, batch_timeout=1)
        for number in range(60):
            writer.write_entry("/a.yaml", interaction(number))
            life = writer._supervisor._life
            if number % 20 == 10 and life is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(life.ident), ctypes.py_object(SystemExit)
                )
            time.sleep(0.002)
        writer.flush_all()

        assert sorted(set(sink.numbers)) == list(range(60))

    def test_flush_never_hangs(self, start):
        """Even when the thread is gone and nobody noticed, a flush comes back."""
        sink = Sink()
        writer = start(sink, batch_timeout=FAR)
        writer.write_entry("/a.yaml", interaction(1))
        wait_until(lambda: writer._supervisor._life.has_begun)
        writer._supervisor._life.lock.release()  # as the interpreter does for a thread that is gone
        writer.flush_all()

        assert sink.numbers == [1]

    def test_busy_elsewhere(self, start):
        """A flush that waits for a write which never comes back says so."""
        blocked, go = threading.Event(), threading.Event()

        def sink(path, entries):
            blocked.set()
            go.wait(10)

        writer = start(sink, batch_timeout=1)
        writer._delivery._patience = 0.05
        writer.write_entry("/a.yaml", interaction(1))
        blocked.wait(5)
        with pytest.raises(WriteFailed, match="has not come back"):
            writer.flush_all()
        go.set()
        writer._delivery._patience = 5
        writer.flush_all()

    def test_interrupt(self, start):
        """Ctrl-C in a flush goes through at once, and the entries wait."""
        sink = Sink(KeyboardInterrupt(), KeyboardInterrupt(), KeyboardInterrupt())
        writer = start(sink, batch_timeout=FAR)
        writer.write_entry("/a.yaml", interaction(1))
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                writer.flush_all()
        writer.flush_all()

        assert sink.numbers == [1]
        assert writer.set_aside == ()


def run(code, **options):
    start = (
        f"import os, sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r})\n"
        "from entries import interaction\n"
        "from pytest_reqord.writer import CassetteWriter\n"
    )
    return subprocess.run(
        [sys.executable, "-c", start + code],
        check=False,
        timeout=30,
        capture_output=True,
        text=True,
        **options,
    )


class TestExit:
    def test_flushed(self, tmp_path):
        """What is pending when the interpreter ends is written."""
        path = tmp_path / "one.yaml"
        code = (
            "writer = CassetteWriter.start_link(batch_timeout=10**6)\n"
            f"writer.write_entry({str(path)!r}, interaction(1))\n"
        )
        done = run(code)

        assert (done.returncode, done.stderr) == (0, "")
        assert len(codec.load(path.read_bytes(), str(path), dict).entries) == 1

    def test_failure_is_told(self, tmp_path):
        """What can't be written then is set aside, and stderr says where."""
        (tmp_path / "file").touch()
        code = (
            "from pathlib import Path\n"
            f"writer = CassetteWriter.start_link(aside=Path({str(tmp_path / 'aside')!r}))\n"
            f"writer.write_entry({str(tmp_path / 'file' / 'one.yaml')!r}, interaction(1))\n"
        )
        done = run(code)

        (file,) = (tmp_path / "aside").iterdir()
        assert str(file) in done.stderr
        assert "NotADirectoryError" in done.stderr or "FileExistsError" in done.stderr

    def test_fork(self, tmp_path):
        """A forked child writes nothing of its parent's, and what it accepts itself."""
        path = tmp_path / "one.yaml"
        code = (
            "import warnings; warnings.simplefilter('ignore')\n"
            "writer = CassetteWriter.start_link(batch_timeout=10**6)\n"
            f"writer.write_entry({str(path)!r}, interaction(1))\n"
            "child = os.fork()\n"
            "if not child:\n"
            f"    writer.write_entry({str(path)!r}, interaction(2))\n"
            "    sys.exit()\n"
            "os.waitpid(child, 0)\n"
        )
        done = run(code)

        assert (done.returncode, done.stderr) == (0, "")
        found = codec.load(path.read_bytes(), str(path), dict).entries
        assert [number_of(entry) for entry in found] == [1, 2]

    def test_fork_while_writing(self, tmp_path):
        """A fork while other threads write leaves the child a writer that works."""
        code = (
            "import threading, warnings; warnings.simplefilter('ignore')\n"
            "writer = CassetteWriter.start_link(batch_timeout=1, max_entries=10**6)\n"
            "go = True\n"
            "def produce():\n"
            "    number = 0\n"
            "    while go:\n"
            f"        writer.write_entry({str(tmp_path / 'parent.yaml')!r}, interaction(number))\n"
            "        number += 1\n"
            "thread = threading.Thread(target=produce); thread.start()\n"
            "children = []\n"
            "for number in range(8):\n"
            "    child = os.fork()\n"
            "    if not child:\n"
            f"        writer.write_entry({str(tmp_path)!r} + f'/{{number}}.yaml', interaction(7))\n"
            "        writer.flush_all()\n"
            "        os._exit(0)\n"
            "    children.append(child)\n"
            "states = [os.waitpid(child, 0)[1] for child in children]\n"
            "go = False; thread.join(); print(states)\n"
        )
        done = run(code)

        assert done.stdout.strip() == str([0] * 8), done.stderr
        for number in range(8):
            path = tmp_path / f"{number}.yaml"
            assert len(codec.load(path.read_bytes(), str(path), dict).entries) == 1


def test_subclassed_sink(tmp_path):
    """A cassette sink of one's own is what a replace works with."""

    class Noisy(CassetteSink):
        calls = 0

        def __call__(self, path, entries):
            self.calls += 1
            super().__call__(path, entries)

    sink = Noisy(5.0)
    writer = CassetteWriter.start_link(sink=sink)
    for number in range(13):
        writer.write_entry(tmp_path / "one.yaml", interaction(number))
    writer.replace_cassette_for_all_mode(tmp_path / "one.yaml")
    writer.stop()

    data = (tmp_path / "one.yaml").read_bytes()
    assert sink.calls
    assert len(codec.load(data, "", dict).entries) == 13
