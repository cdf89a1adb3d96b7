from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from entries import interaction, number_of
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from interruptions import AtStep, Boom, raising
from strategies import tries

from pytest_reqord import codec
from pytest_reqord.errors import WriteFailed
from pytest_reqord.writer import CassetteSink, CassetteWriter


class FaultySink(CassetteSink):
    """Fails as often as it is told to before it writes."""

    def __init__(self):
        super().__init__(lock_timeout=10)
        self.faults = []

    def __call__(self, path, entries):
        if self.faults:
            raise self.faults.pop()
        super().__call__(path, entries)

    def stage(self, path, entries):
        if self.faults:
            raise self.faults.pop()
        super().stage(path, entries)


NAMES = st.sampled_from(["a", "b", "c"])
MOMENTS = st.integers(0, 30)
STEPS = st.integers(1, 250)
PARTS = ("writer", "storage")
INTERRUPTIONS = (KeyboardInterrupt, SystemExit, Boom)


class Writers(RuleBasedStateMachine):
    """A writer that is killed and whose sink fails, and another one of the same cassettes."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.sink = FaultySink()
        self.writer = self.start()
        self.other = CassetteWriter.start_link(batch_timeout=10**6)
        self.count = 0
        self.has_died = False
        self.may_repeat = False  # whoever is interrupted can't know that it has written
        self.moved_at = time.monotonic()
        self.armed = None
        # what the model has accepted, by cassette: numbers
        self.ours = {name: Counter() for name in "abc"}
        self.staged = {name: Counter() for name in "abc"}
        self.others = {name: Counter() for name in "abc"}
        self.moments = {}

    def start(self):
        writer = CassetteWriter.start_link(
            sink=self.sink,
            batch_size=3,
            batch_timeout=10**6,
            lock_timeout=5,
            aside=self.folder / "aside",
        )
        wait_for_due = writer._queue.wait_for_due

        def wait_and_arm():
            target = wait_for_due()
            if target is not None and self.armed is not None:
                at, self.armed = self.armed, None
                sys.settrace(at.trace)
            return target

        writer._queue.wait_for_due = wait_and_arm
        return writer

    def path(self, name):
        return self.folder / f"{name}.yaml"

    def new(self, moment):
        self.count += 1
        self.moments[self.count] = moment
        return self.count, interaction(self.count, at=moment)

    @rule(name=NAMES, moments=st.lists(MOMENTS, min_size=1, max_size=7), staged=st.booleans())
    def write(self, name, moments, staged):
        for moment in moments:
            number, entry = self.new(moment)
            self.writer.write_entry(self.path(name), entry, staged=staged)
            (self.staged if staged else self.ours)[name][number] += 1

    @rule(name=NAMES, moment=MOMENTS)
    def write_elsewhere(self, name, moment):
        number, entry = self.new(moment)
        self.other.write_entry(self.path(name), entry)
        self.other.flush_cassette(self.path(name))
        self.others[name][number] += 1

    @rule(error=st.sampled_from([OSError, PermissionError]), count=st.integers(1, 3))
    def break_disk(self, error, count):
        self.sink.faults += [error("no") for _ in range(count)]

    @precondition(lambda self: not self.has_died)
    @rule(error=st.sampled_from([Boom, ValueError]))
    def kill(self, error):
        self.has_died = True
        self.sink.faults.append(error("dead"))

    @precondition(lambda self: not self.has_died)
    @rule(step=STEPS, error=st.sampled_from([*INTERRUPTIONS, MemoryError]))
    def kill_thread(self, step, error):
        """Kill the writer's thread at some step of its next write."""
        self.has_died = self.may_repeat = True
        self.armed = AtStep(step, raising(error), *PARTS)

    @rule(name=NAMES, step=STEPS, error=st.sampled_from(INTERRUPTIONS))
    def interrupt(self, name, step, error):
        """Interrupt a flush at some step."""
        self.may_repeat = True
        with (
            suppress(WriteFailed, Boom, *INTERRUPTIONS),
            AtStep(step, raising(error), *PARTS),
        ):
            self.writer.flush_cassette(self.path(name))

    @rule()
    def fork(self):
        """Fork, and have the child record something of its own."""
        child = os.fork()
        if not child:
            state = 1
            try:
                self.armed = None
                self.sink.faults.clear()
                path = self.folder / "child.yaml"
                self.writer.write_entry(path, interaction(1))
                self.writer.flush_all()
                state = 0 if path.exists() else 2
            finally:
                os._exit(state)
        deadline = time.monotonic() + 20
        while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
            assert time.monotonic() < deadline, "the child hangs"
            time.sleep(0.002)
        assert done == (child, 0)

    @precondition(lambda self: not any(self.staged.values()))
    @rule()
    def restart(self):
        """Stop the service and start another, to which what is in the cassettes is others'."""
        with suppress(WriteFailed, Boom):
            self.writer.stop()
        self.sink.faults.clear()
        self.written()
        assert self.writer.set_aside == ()
        for name in "abc":
            self.others[name] += self.ours[name]
            self.ours[name].clear()
        self.sink.start_afresh()
        self.writer = self.start()

    @rule(name=NAMES)
    def flush(self, name):
        with suppress(WriteFailed, Boom):
            self.writer.flush_cassette(self.path(name))

    @rule()
    def flush_all(self):
        with suppress(WriteFailed, Boom):
            self.written()

    def written(self):
        """All is written: the next death is another entry's first, and sets nothing aside."""
        self.writer.flush_all()
        self.has_died = bool(self.sink.faults)

    @rule(name=NAMES)
    def replace(self, name):
        try:
            self.writer.replace_cassette_for_all_mode(self.path(name))
        except (WriteFailed, Boom):
            return
        accepted = self.ours[name] + self.staged[name]
        if accepted:
            self.others[name] = accepted
            self.ours[name], self.staged[name] = Counter(), Counter()

    @invariant()
    def comes_back(self):
        """Nothing hangs."""
        before, self.moved_at = self.moved_at, time.monotonic()
        assert self.moved_at - before < 30

    @invariant()
    def is_chronological(self):
        """Whatever is going on, what is in a cassette is whole and in order of time."""
        for name in "abc":
            moments = [self.moments[number] for number in self.numbers(name)]
            assert moments == sorted(moments)

    def numbers(self, name):
        for _ in range(5):
            try:
                data = self.path(name).read_bytes()
            except FileNotFoundError:
                return []
            document = codec.load(data, name, dict)
            if document.torn is None:
                return [number_of(entry) for entry in document.entries]
            # a system may show an append page by page: what is torn for good stays torn
            time.sleep(0.02)
        raise AssertionError(document.torn)

    def teardown(self):
        self.sink.faults.clear()
        self.armed = None
        with suppress(Boom):
            self.writer.flush_all()
        self.writer.flush_all()
        for name in "abc":
            self.agrees(name, self.ours[name] + self.others[name])
            self.writer.replace_cassette_for_all_mode(self.path(name))
            self.agrees(name, (self.ours[name] + self.staged[name]) or self.others[name])
        self.is_chronological()
        assert self.writer.set_aside == ()
        self.writer.stop()
        self.other.stop()
        assert not (self.folder / "aside").exists()
        shutil.rmtree(self.folder)

    def agrees(self, name, expected):
        """A cassette has what was accepted; twice, at most, where somebody was interrupted."""
        found = Counter(self.numbers(name))
        assert set(found) == set(expected)
        assert all(found[number] >= expected[number] for number in found)
        assert self.may_repeat or found == expected


TestWriters = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")(Writers.TestCase)
TestWriters.settings = settings(tries(30), stateful_step_count=20)
TestWriters.__doc__ = "Any interleaving ends with exactly what was accepted, in order of time."
