from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from entries import interaction, number_of
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from strategies import tries

from pytest_reqord import codec
from pytest_reqord.errors import WriteFailed
from pytest_reqord.writer import CassetteSink, CassetteWriter


class Boom(BaseException):
    """What no ``except Exception`` catches."""


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


class Writers(RuleBasedStateMachine):
    """A writer whose sink fails, and another process's that writes the same cassettes."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.sink = FaultySink()
        self.writer = self.start()
        self.other = CassetteWriter.start_link(batch_timeout=10**6)
        self.count = 0
        self.has_died = False
        # what the model has accepted, by cassette: numbers
        self.ours = {name: Counter() for name in "abc"}
        self.staged = {name: Counter() for name in "abc"}
        self.others = {name: Counter() for name in "abc"}
        self.moments = {}

    def start(self):
        return CassetteWriter.start_link(
            sink=self.sink, batch_size=3, batch_timeout=10**6, aside=self.folder / "aside"
        )

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
        with suppress(Boom):
            self.writer.flush_all()
        self.writer.flush_all()
        for name in "abc":
            assert Counter(self.numbers(name)) == self.ours[name] + self.others[name]
            self.writer.replace_cassette_for_all_mode(self.path(name))
            ours = self.ours[name] + self.staged[name]
            assert Counter(self.numbers(name)) == (ours or self.others[name])
        self.is_chronological()
        assert self.writer.set_aside == ()
        self.writer.stop()
        self.other.stop()
        assert not (self.folder / "aside").exists()
        shutil.rmtree(self.folder)


TestWriters = Writers.TestCase
TestWriters.settings = settings(tries(30), stateful_step_count=20)
TestWriters.__doc__ = "Any interleaving ends with exactly what was accepted, in order of time."
