from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from entries import interaction, noise, number_of

from pytest_reqord import codec, storage
from pytest_reqord.base import real
from pytest_reqord.writer import CassetteWriter, append_only

FAR = 10**6  # milliseconds: no batch is due by time


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cassettes" / "one.yaml"


@pytest.fixture
def start():
    writers = []

    def start(**opts):
        writers.append(CassetteWriter.start_link(**opts))
        return writers[-1]

    yield start
    for writer in writers:
        writer.stop()


def numbers(path):
    """The numbers of a cassette's entries as they stand in the file."""
    return [number_of(entry) for entry in codec.load(path.read_bytes(), str(path), dict).entries]


def wait_until(condition, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


class Memory:
    """A sink that remembers its batches, each with the time since the one before."""

    def __init__(self, delay=0.0):
        self.batches = []
        self.delay = delay

    def __call__(self, path, entries):
        time.sleep(self.delay)
        self.batches.append([number_of(entry) for entry in entries])

    @property
    def numbers(self):
        return [number for batch in self.batches for number in batch]


class TestBatches:
    def test_full(self, start):
        """Ten entries are written at once, in order of time."""
        sink = Memory()
        writer = start(sink=sink, batch_timeout=FAR)
        for number in (300, 150, 100, 350, 200, 250, 1, 3, 2, 4):
            writer.write_entry("/a.yaml", interaction(number))

        wait_until(lambda: sink.batches)
        assert sink.batches == [[1, 2, 3, 4, 100, 150, 200, 250, 300, 350]]

    def test_timeout(self, start):
        """Fewer are written when nothing has come for the timeout."""
        sink = Memory()
        writer = start(sink=sink, batch_timeout=40)
        started = time.monotonic()
        writer.write_entry("/a.yaml", interaction(1))

        wait_until(lambda: sink.batches)
        assert time.monotonic() - started >= 0.04
        assert sink.batches == [[1]]

    def test_trickle(self, start):
        """A steady trickle is written after ten timeouts."""
        sink = Memory()
        writer = start(sink=sink, batch_size=10**6, batch_timeout=30)
        number, deadline = 0, time.monotonic() + 3
        while not sink.batches and time.monotonic() < deadline:
            writer.write_entry("/a.yaml", interaction(number := number + 1))
            time.sleep(0.01)

        assert sink.batches

    def test_files(self, start, tmp_path):
        """Each file has its own batches."""
        writer = start()
        for number in range(20):
            writer.write_entry(tmp_path / f"{number % 3}.yaml", interaction(number))
        writer.flush_all()

        assert numbers(tmp_path / "0.yaml") == list(range(0, 20, 3))
        assert numbers(tmp_path / "2.yaml") == list(range(2, 20, 3))

    def test_no_thread(self, start):
        """The thread starts with the first entry."""
        writer = start()
        assert not writer._supervisor.is_running

        writer.write_entry("/dev/null/x", interaction(1))
        assert writer._supervisor.is_running
        writer.rescue(Path("/dev/null/y"))


class TestOrder:
    def test_older_batch(self, start, path):
        """A batch that is older than what is in the file finds its place in it."""
        writer = start()
        for part in ((5, 6), (1, 2), (3, 9), (4,)):
            for number in part:
                writer.write_entry(path, interaction(number))
            writer.flush_cassette(path)

        assert numbers(path) == [1, 2, 3, 4, 5, 6, 9]
        assert path.read_bytes().startswith(codec.HEADER)

    def test_ties(self, start, path):
        """Entries of one moment stay in the order in which they came, over batches too."""
        writer = start()
        for number in (3, 1, 2):
            writer.write_entry(path, interaction(number, at=7))
            writer.flush_all()
        writer.write_entry(path, interaction(9, at=5))
        writer.flush_all()

        assert numbers(path) == [9, 3, 1, 2]

    def test_append(self, start, path):
        """What is newer is appended: the file keeps its inode."""
        writer = start()
        writer.write_entry(path, interaction(1))
        writer.flush_all()
        before = path.stat().st_ino
        writer.write_entry(path, interaction(2))
        writer.flush_all()

        assert path.stat().st_ino == before
        assert numbers(path) == [1, 2]

    def test_large_last_entry(self, start, path):
        """An append finds the last entry however long it is."""
        writer = start()
        writer.write_entry(path, interaction(1, body=b"x" * 300_000))
        writer.flush_all()
        before = path.stat().st_ino
        writer.write_entry(path, interaction(2))
        writer.flush_all()

        assert path.stat().st_ino == before
        assert numbers(path) == [1, 2]

    def test_torn_end(self, start, path):
        """A torn last entry is cut off before more is written."""
        writer = start()
        for number in (1, 2):
            writer.write_entry(path, interaction(number))
        writer.flush_all()
        path.write_bytes(path.read_bytes()[:-30])
        writer.write_entry(path, interaction(3))
        writer.flush_all()

        assert numbers(path) == [1, 3]

    @pytest.mark.parametrize("data", [b"", codec.HEADER, b"reqord: 1\ninteractions: []\n"])
    def test_without_entries(self, start, path, data):
        """A cassette without entries is begun."""
        path.parent.mkdir()
        path.write_bytes(data)
        writer = start()
        for number in (2, 1):
            writer.write_entry(path, interaction(number))
            writer.flush_all()

        assert numbers(path) == [1, 2]

    def test_huge_last_entry(self, start, path):
        """So long a last entry that its start isn't looked for makes an append a rewrite."""
        writer = start()
        for number in (1, 2):
            writer.write_entry(path, interaction(number, body=noise(1 << 19, number)))
            writer.flush_all()

        assert numbers(path) == [1, 2]

    def test_unknown_keys(self, start, path):
        """What we don't know in an entry survives a merge, byte for byte."""
        writer = start()
        writer.write_entry(path, interaction(2))
        writer.flush_all()
        edited = path.read_bytes().replace(b"  elapsed:", b"  note: by hand  # yes\n  elapsed:")
        path.write_bytes(edited)
        writer.write_entry(path, interaction(1))
        writer.flush_all()

        assert numbers(path) == [1, 2]
        assert path.read_bytes().count(b"  note: by hand  # yes\n") == 1

    def test_never_empty(self, start, path, monkeypatch):
        """Whoever looks at a new cassette sees it whole or not at all."""
        seen = []
        write = os.write

        def look(fd, data):
            seen.append(path.exists())
            return write(fd, data)

        monkeypatch.setattr(real.os, "write", look)
        writer = start(batch_timeout=FAR)
        writer.write_entry(path, interaction(1))
        writer.flush_all()

        assert seen
        assert not any(seen)

    def test_threads(self, start, path):
        """Entries of many threads are all there, in order."""
        writer = start(batch_timeout=5)
        threads = [
            threading.Thread(
                target=lambda start=start: [
                    writer.write_entry(path, interaction(number)) for number in range(start, 200, 8)
                ]
            )
            for start in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writer.flush_all()

        assert numbers(path) == list(range(200))


class TestReplace:
    @pytest.fixture
    def old(self, start, path):
        writer = start()
        for number in range(5):
            writer.write_entry(path, interaction(100 + number))
        writer.flush_all()
        return path.read_bytes()

    @pytest.mark.parametrize("staged", [True, False])
    @pytest.mark.parametrize("count", [1, 10, 13, 25])
    def test_count(self, start, path, old, count, staged):
        """The cassette has just what was accepted, whatever the size of a batch."""
        writer = start()
        for number in reversed(range(count)):
            writer.write_entry(path, interaction(number), staged=staged)
        writer.replace_cassette_for_all_mode(path)

        assert numbers(path) == list(range(count))

    def test_staged(self, start, path, old):
        """Until it is replaced the old cassette is untouched, flush or not."""
        writer = start()
        for number in range(13):
            writer.write_entry(path, interaction(number), staged=True)
        writer.flush_all()
        writer.flush_cassette(path)

        assert path.read_bytes() == old
        writer.replace_cassette_for_all_mode(path)
        assert numbers(path) == list(range(13))

    def test_nothing(self, start, path, old):
        """With nothing accepted the cassette is left alone, and none is made."""
        writer = start()
        writer.replace_cassette_for_all_mode(path)
        writer.replace_cassette_for_all_mode(path.with_name("none.yaml"))

        assert path.read_bytes() == old
        assert not path.with_name("none.yaml").exists()

    def test_again(self, start, path, old):
        """A second replace starts from nothing; with nothing new it changes nothing."""
        writer = start()
        writer.write_entry(path, interaction(1), staged=True)
        writer.replace_cassette_for_all_mode(path)
        writer.replace_cassette_for_all_mode(path)
        assert numbers(path) == [1]

        writer.write_entry(path, interaction(2), staged=True)
        writer.replace_cassette_for_all_mode(path)
        assert numbers(path) == [2]

    def test_both(self, start, path, old):
        """Staged and other entries of one cassette come together."""
        writer = start()
        writer.write_entry(path, interaction(2), staged=True)
        writer.write_entry(path, interaction(1))
        writer.write_entry(path, interaction(3))
        writer.replace_cassette_for_all_mode(path)

        assert numbers(path) == [1, 2, 3]

    def test_same_moment(self, start, path):
        """An old entry of the same moment and URI isn't taken for a new one."""
        writer = start()
        writer.write_entry(path, interaction(1, body=b"old"))
        writer.stop()
        writer = start()
        writer.write_entry(path, interaction(1, body=b"new"))
        writer.replace_cassette_for_all_mode(path)

        (entry,) = codec.load(path.read_bytes(), str(path), dict).entries
        assert entry.interaction().response.body == b"new"

    def test_large_bodies(self, start, path):
        """Bodies that lie beside a staged recording lie beside the cassette afterwards."""
        writer = start()
        body = noise(1 << 20) + b"x"
        writer.write_entry(path, interaction(1, body=noise(1 << 20, 1) + b"y"))
        writer.flush_all()
        assert len(list(storage.bodies_folder(path).iterdir())) == 1
        writer = start()
        writer.write_entry(path, interaction(2, body=body), staged=True)
        writer.replace_cassette_for_all_mode(path)

        document = codec.load(path.read_bytes(), str(path), storage.body_reader(path))
        assert document.entries[0].interaction().response.body == body
        assert len(list(storage.bodies_folder(path).iterdir())) == 1

    def test_nothing_left(self, start, path):
        """Nothing of what was staged is left in the temp folder."""
        writer = start()
        writer.write_entry(path, interaction(1), staged=True)
        writer.flush_all()
        staging = writer._cassettes._staging
        assert staging.is_dir()
        writer.replace_cassette_for_all_mode(path)
        writer.stop()

        assert not staging.exists()


class TestPaths:
    def test_spellings(self, start, path, monkeypatch):
        """A relative path and a winding one mean the same file."""
        path.parent.mkdir()
        monkeypatch.chdir(path.parent)
        writer = start(batch_timeout=FAR)
        writer.write_entry("one.yaml", interaction(1))
        writer.write_entry(f"{path.parent}/x/../one.yaml", interaction(2))
        writer.flush_cassette(path)

        assert numbers(path) == [1, 2]

    def test_other_file(self, start, path):
        """Flushing one cassette leaves the others' batches alone."""
        writer = start(batch_timeout=FAR)
        other = path.with_name("other.yaml")
        writer.write_entry(path, interaction(1))
        writer.write_entry(other, interaction(2))
        writer.flush_cassette(path)

        assert path.exists()
        assert not other.exists()


class TestBackpressure:
    def test_threads_wait(self, start):
        """A full queue makes a producing thread wait, and nothing is dropped."""
        sink = Memory(delay=0.002)
        writer = start(sink=sink, max_entries=20, batch_timeout=1)
        most = 0
        for number in range(200):
            writer.write_entry("/a.yaml", interaction(number))
            most = max(most, len(writer._queue))
        writer.flush_all()

        assert most <= 20
        assert sorted(sink.numbers) == list(range(200))

    def test_bytes(self, start):
        """Large bodies fill the queue as many entries do."""
        sink = Memory(delay=0.002)
        writer = start(sink=sink, max_bytes=100_000, batch_timeout=1)
        most = 0
        for number in range(50):
            writer.write_entry("/a.yaml", interaction(number, body=b"x" * 20_000))
            most = max(most, len(writer._queue))
        writer.flush_all()

        assert most <= 5
        assert sorted(sink.numbers) == list(range(50))

    def test_huge_entry(self, start):
        """An entry that is larger than the bound is taken all the same."""
        sink = Memory()
        writer = start(sink=sink, max_bytes=1000)
        for number in range(3):
            writer.write_entry("/a.yaml", interaction(number, body=b"x" * 5000))
        writer.flush_all()

        assert sorted(sink.numbers) == [0, 1, 2]

    def test_event_loop(self, start):
        """A producer that awaits its writes is held back while its loop goes on."""
        sink = Memory(delay=0.01)
        writer = start(sink=sink, max_entries=20, batch_timeout=1)
        gaps, most = [], 0

        async def tick():
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.005)
                gaps.append(time.monotonic() - before)

        async def produce():
            nonlocal most
            ticking = asyncio.ensure_future(tick())
            for number in range(300):
                await writer.write_entry("/a.yaml", interaction(number))
                most = max(most, len(writer._queue))
            ticking.cancel()

        asyncio.run(produce())
        writer.flush_all()

        assert most <= 21
        assert len(gaps) > 5
        assert max(gaps) < 0.15
        assert sorted(sink.numbers) == list(range(300))

    def test_event_loop_unawaited(self, start):
        """In an event loop a write that isn't awaited never waits and never drops."""
        sink = Memory(delay=0.05)
        writer = start(sink=sink, max_entries=5, batch_timeout=1)

        async def produce():
            started = time.monotonic()
            for number in range(100):
                writer.write_entry("/a.yaml", interaction(number))
            return time.monotonic() - started

        assert asyncio.run(produce()) < 0.05
        writer.flush_all()
        assert sorted(sink.numbers) == list(range(100))

    def test_trio(self, start):
        """A producer in trio is held back the same way."""
        trio = pytest.importorskip("trio")
        sink = Memory(delay=0.01)
        writer = start(sink=sink, max_entries=5, batch_timeout=1)

        async def produce():
            for number in range(50):
                await writer.write_entry("/a.yaml", interaction(number))
                assert len(writer._queue) <= 6

        trio.run(produce)
        writer.flush_all()
        assert sorted(sink.numbers) == list(range(50))

    def test_at_once(self, start):
        """A write comes back in microseconds, however slow the disk is."""
        writer = start(sink=Memory(delay=0.01), max_entries=10**6)
        entry = interaction(1)
        times = []
        for _ in range(500):
            before = time.perf_counter()
            writer.write_entry("/a.yaml", entry)
            times.append(time.perf_counter() - before)

        assert sorted(times)[250] < 0.0005


class TestStop:
    def test_flushes(self, start, path):
        """A stop writes what is pending and ends the thread."""
        writer = start(batch_timeout=FAR)
        writer.write_entry(path, interaction(1))
        writer.stop()

        assert numbers(path) == [1]
        assert not writer._supervisor.is_running

    def test_late_entry(self, start, path):
        """What comes after the stop is written by the caller: nothing is lost."""
        writer = start(batch_timeout=FAR)
        writer.stop()
        writer.write_entry(path, interaction(1))

        assert numbers(path) == [1]

    def test_twice(self, start, path):
        """A second stop does nothing."""
        writer = start()
        writer.write_entry(path, interaction(1))
        writer.stop()
        before = path.read_bytes()

        writer.stop()

        assert path.read_bytes() == before

    def test_child_spec(self, start, path):
        """The child spec starts a writer with the options it was made with."""
        spec = CassetteWriter.child_spec(batch_timeout=FAR, batch_size=1)
        writer = spec["start"]()
        writer.write_entry(path, interaction(1))
        wait_until(path.exists)
        writer.stop()

        assert (spec["id"], spec["restart"], spec["type"]) == (
            CassetteWriter,
            "permanent",
            "worker",
        )


class TestGarbage:
    def test_reentrant(self, start):
        """A write from within a write, as the garbage collector can cause it, goes through."""
        sink = Memory()
        writer = start(sink=sink, batch_timeout=FAR)
        with writer._queue._lock:
            writer.write_entry("/a.yaml", interaction(1))
        writer.flush_all()

        assert sink.numbers == [1]


def test_append_only(path):
    """The sink of staging files writes in the order of the batches and leaves no lock."""
    for number in (3, 1, 2):
        append_only(path, [interaction(number)])

    assert path.read_bytes().startswith(codec.HEADER)
    assert path.read_bytes().count(b"- recorded_at:") == 3
    assert [number_of(e) for e in codec.load(path.read_bytes(), "", dict).entries] == [3, 1, 2]
