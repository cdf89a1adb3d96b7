from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from entries import interaction, number_of

from pytest_reqord import codec, storage
from pytest_reqord.base import platform
from pytest_reqord.writer import append_only

TESTS = str(Path(__file__).parent.parent)

# does something in a forked child that kills itself at the n-th call of one of the system's
# functions: before it, in the middle of what it writes, or after it
START = f"""
import os, signal, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, {TESTS!r})
from pathlib import Path
from entries import interaction, number_of
from pytest_reqord import codec; from pytest_reqord.base import real; from pytest_reqord import storage
from pytest_reqord.writer import CassetteWriter, append_only, save
path = Path(sys.argv[1])
old = path.read_bytes() if path.exists() else b""

def arm(name, when, nth):
    original, calls = getattr(real.os, name), 0
    def deadly(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == nth and when == "half":
            original(args[0], args[1][: len(args[1]) // 2])
        if calls == nth and when != "after":
            os.kill(os.getpid(), signal.SIGKILL)
        done = original(*args, **kwargs)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(real.os, name, deadly)

def is_killed(do, *step):
    child = os.fork()
    if not child:
        try:
            do(lambda: arm(*step))
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL

def writer():
    return CassetteWriter.start_link(batch_timeout=10**6)
"""

OLD = [interaction(number) for number in range(10, 20)]

DO = {
    "replace": """
def do(arm):
    arm()
    storage.replace(path, codec.render([codec.encode(interaction(1)).text]))
""",
    "merge": """
def do(arm):
    service = writer()
    service.write_entry(path, interaction(1))
    arm()
    service.flush_all()
""",
    "all": """
def do(arm):
    service = writer()
    for number in range(13):
        service.write_entry(path, interaction(number), staged=True)
    service.flush_all()
    arm()
    service.replace_cassette_for_all_mode(path)
""",
    "save": """
def do(arm):
    new = [codec.encode(interaction(1))]
    arm()
    save(path, new, keep=lambda entry: number_of(entry) % 2, lock_timeout=5)
""",
}

NEW = {
    "replace": [1],
    "merge": [1, *range(10, 20)],
    "all": list(range(13)),
    "save": [1, 11, 13, 15, 17, 19],
}

STEPS = [
    ("write", "before"),
    ("write", "half"),
    ("write", "after"),
    ("fsync", "before"),
    ("fsync", "after"),
    ("replace", "before"),
    ("replace", "after"),
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "one.yaml"
    append_only(path, OLD)
    return path


def run(path, code):
    done = subprocess.run(
        [sys.executable, "-c", START + code, str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done


@pytest.mark.parametrize("do", DO)
def test_rewrite(path, do):
    """Killed at any step of an atomic rewrite, the cassette is the old one or the new one."""
    # the lock's holder is written before the cassette, and the folder is synced after it
    code = f"""
for name, when in {STEPS}:
    for nth in (1, 2):
        path.write_bytes(old)
        if is_killed(do, name, when, nth):
            data = path.read_bytes()
            document = codec.load(data, str(path), dict)
            numbers = [number_of(entry) for entry in document.entries]
            state = "old" if data == old else "new" if numbers == {NEW[do]} else "broken"
            stray = [each.unlink() for each in path.parent.iterdir() if each != path]
            print(name, when, "torn" if document.torn else state, len(stray))
"""
    lines = run(path, DO[do] + code).stdout.splitlines()

    assert {tuple(line.split()[:2]) for line in lines} == set(STEPS)
    assert {line.split()[2] for line in lines} == {"old", "new"}
    assert "replace before old 1" in lines
    assert "replace after new 0" in lines
    if platform.UNNAMED:  # in all the time that it takes to write them
        assert {line[-1] for line in lines if not line.startswith("replace before")} == {"0"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["write", "fsync", "link", "unlink"])
def test_new(tmp_path, step, when):
    """Killed at any step of its making, a cassette is there whole or not at all."""
    path = tmp_path / "one.yaml"
    code = f"""
for nth in (1, 2):
    path.unlink(missing_ok=True)
    if is_killed(do, {step!r}, {when!r}, nth) and path.exists():
        numbers = [number_of(entry) for entry in codec.load(path.read_bytes(), "", dict).entries]
        assert numbers == [1], numbers
"""
    assert run(path, DO["merge"] + code).returncode == 0

    assert (
        run(path, DO["merge"] + 'print(is_killed(do, "write", "before", 99))').stdout == "False\n"
    )
    document = codec.load(path.read_bytes(), str(path), dict)
    assert {number_of(entry) for entry in document.entries} == {1}


def test_next_writer(path):
    """After a kill the lock is free, and the next writer works."""
    code = 'print(is_killed(do, "replace", "before", 1), is_killed(do, "write", "before", 99))'

    assert run(path, DO["merge"] + code).stdout == "True False\n"
    found = codec.load(path.read_bytes(), str(path), dict).entries
    assert [number_of(entry) for entry in found] == NEW["merge"]


@pytest.mark.parametrize("when", ["before", "half", "after"])
def test_append(path, when):
    """Killed in an append, all that was there stays, and the next writer repairs the end."""
    # the first write is the lock's holder
    code = f"""
def add(number):
    def do(arm):
        service = writer()
        service.write_entry(path, interaction(number))
        arm()
        service.flush_all()
    return do
print(is_killed(add(50), "write", {when!r}, 2), path.read_bytes().startswith(old))
print(is_killed(add(60), "write", {when!r}, 99))
"""
    assert run(path, code).stdout == "True True\nFalse\n"
    found = codec.load(path.read_bytes(), str(path), dict)
    assert found.torn is None
    expected = [*range(10, 20), *([50] if when == "after" else []), 60]
    assert [number_of(entry) for entry in found.entries] == expected


def test_staged(tmp_path):
    """Of what was staged when the process is killed all but the last batch is there."""
    path = tmp_path / "staged.yaml"
    code = """
import time
service = CassetteWriter.start_link(sink=append_only, batch_timeout=5)
for number in range(100):
    service.write_entry(path, interaction(number))
    time.sleep(0.0005)
time.sleep(0.2)
service.write_entry(path, interaction(100))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run(path, code).returncode == -signal.SIGKILL

    document = codec.load(path.read_bytes(), str(path), storage.body_reader(path))
    assert [number_of(entry) for entry in document.entries][:100] == list(range(100))
