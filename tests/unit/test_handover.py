"""What a worker on another machine stages reaches its controller whole, or stays with it."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_reqord import storage
from pytest_reqord.errors import WriteFailed
from pytest_reqord.recording.remote_workers import Handover, Intake, Places

CASSETTE = Path("/there/suite/cassettes/test_it.yaml")
PLACES = Places([("/there/suite", "/here/suite")])
LARGE = bytes(range(256)) * 10_000


class Line:
    """The channel between the two, without xdist."""

    def __init__(self, controller: storage.StagingArea) -> None:
        self.answers: list[str] = []
        self.longest = 0
        self.is_cut_after = 1 << 30
        self.intake = Intake(controller, self.answers.append)

    def send(self, item: object) -> None:
        self.is_cut_after -= 1
        if self.is_cut_after < 0:
            raise RuntimeError("the other side is gone")
        if isinstance(item, tuple):
            self.longest = max(self.longest, len(item[1]))
        self.intake(item)

    def receive(self, timeout: float) -> str:
        return self.answers.pop()


@pytest.fixture
def controller(tmp_path):
    area = storage.StagingArea(tmp_path / "controller", "run")
    yield area
    area.close()


@pytest.fixture
def staged(tmp_path):
    area = storage.StagingArea(tmp_path / "worker", "run")
    recording = area.open_recording("test_it", CASSETTE, "once", {"format": "vcr"})
    storage.append(recording.path, LARGE + b"end")
    storage.write_bodies(recording.path, {f"{'ab' * 32}.bin": LARGE})
    yield recording
    area.close()


def test_a_recording_arrives_whole(controller, staged):
    """File, bodies and all that saving has to know; the place is the controller's; in pieces."""
    line = Line(controller)

    Handover(line, PLACES).give(staged, "draft", "/there/suite/x.py failed")
    line.intake.close()

    (record,) = controller.records()
    there = record.recording
    assert (record.outcome, record.reason) == ("draft", "/here/suite/x.py failed")
    assert (there.owner, there.mode, there.saving) == ("test_it", "once", {"format": "vcr"})
    assert there.cassette == Path("/here/suite/cassettes/test_it.yaml")
    assert there.path.read_bytes() == LARGE + b"end"
    assert [path.read_bytes() for path in storage.bodies_of(there.path)] == [LARGE]
    assert 0 < line.longest <= 1 << 20


def test_a_full_disk_at_the_controller(controller, staged, monkeypatch):
    """The worker is told and keeps it; nothing half of it is left; the next one is taken."""
    line = Line(controller)
    handover = Handover(line, PLACES)
    with monkeypatch.context() as patch:
        failing = OSError(errno.ENOSPC, "No space left on device")
        patch.setattr(storage, "append", lambda *_: (_ for _ in ()).throw(failing))
        with pytest.raises(WriteFailed, match="No space left"):
            handover.give(staged, "passed", "")
    assert not any(record.has_data for record in controller.records())
    assert staged.path.exists()

    handover.give(staged, "passed", "")

    assert [record.outcome for record in controller.records() if record.has_data] == ["passed"]


@pytest.mark.parametrize("after", range(6))
def test_a_line_that_is_cut(controller, staged, after):
    """Cut at any message: the worker knows, and the controller forgets what it has of it."""
    line = Line(controller)
    line.is_cut_after = after

    with pytest.raises(WriteFailed, match="the other side is gone"):
        Handover(line, PLACES).give(staged, "passed", "")
    line.intake.close()

    assert not any(record.has_data for record in controller.records())


@pytest.mark.parametrize(
    "message", [("", b"lost"), None, ("../../evil", b"x"), {"owner": "test_it"}, 7]
)
def test_messages_that_make_no_sense(controller, message):
    """Another version's messages are refused, and nothing is written outside of the folder."""
    line = Line(controller)
    if isinstance(message, tuple) and message[0]:
        opened = {"owner": "t", "cassette": "/c.yaml", "mode": "once", "saving": {}}
        line.intake({**opened, "outcome": "passed", "reason": ""})

    line.intake(message)
    if message is not None:
        line.intake(None)

    assert line.answers.pop()
    assert not any(record.has_data for record in controller.records())
    assert not list(controller.folder.parent.parent.rglob("evil*"))


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("/there/suite/a.yaml", "/here/suite/a.yaml"),
        ("/there/suite", "/here/suite"),
        ("/there/suite/inner/b.yaml", "/elsewhere/b.yaml"),
        ("in /there/suite/a.yaml: no", "in /here/suite/a.yaml: no"),
        ("/not/there/suite/a.yaml", "/not/there/suite/a.yaml"),
        ("/there/suites/a.yaml", "/there/suites/a.yaml"),
        ("//there/suite/a", "//there/suite/a"),
    ],
)
def test_places(text, translated):
    """Whole folders are translated, the innermost first, in texts too."""
    places = Places([("/there/suite", "/here/suite/"), ("/there/suite/inner", "/elsewhere")])

    assert places.translate({"x": [(text, 1)]}) == {"x": [(translated, 1)]}


def test_a_collection_in_the_middle_of_one(controller, staged):
    """The one that came between is refused and stays with the worker; the first one is whole."""
    line = Line(controller)
    handover = Handover(line, PLACES)
    refused = []

    def receive(timeout):
        with pytest.raises(WriteFailed, match="another one was on its way") as failed:
            handover.give(staged, "passed", "")
        refused.append(failed.value)
        return line.answers.pop()

    channel = SimpleNamespace(send=line.send, receive=receive)
    handover = Handover(channel, PLACES)
    handover.give(staged, "passed", "")
    assert len(refused) == len(controller.records()) == 1

    channel.receive = line.receive
    handover.give(staged, "passed", "")
    assert len(controller.records()) == 2
