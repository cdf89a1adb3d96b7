from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from entries import interaction, number_of

from pytest_reqord import codec, storage
from pytest_reqord.writer import append_only

TESTS = str(Path(__file__).parent.parent)
START = f"""
import resource, sys
sys.path.insert(0, {TESTS!r})
from pathlib import Path
from entries import interaction, noise
from pytest_reqord import codec; from pytest_reqord import storage
from pytest_reqord.errors import WriteFailed
from pytest_reqord.writer import CassetteWriter, append_only, save
path = Path(sys.argv[1])
def limit(size):
    sys.dont_write_bytecode = True  # or what is imported now would be cut off for good
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cassettes" / "one.yaml"
    append_only(path, [interaction(number) for number in range(10, 20)])
    return path


def run(path, code):
    done = subprocess.run(
        [sys.executable, "-c", START + code, str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("number", [1, 99], ids=["merge", "append"])
@pytest.mark.parametrize("room", [0, 1, 100])
def test_full(path, number, room):
    """With no room for more a write fails, nothing changes, and later it goes through."""
    before = path.read_bytes()
    code = f"""
limit(path.stat().st_size + {room})
writer = CassetteWriter.start_link(batch_timeout=10**6)
writer.write_entry(path, interaction({number}, body=b"x" * 5000))
try:
    writer.flush_all()
except WriteFailed as failure:
    print(type(failure.__cause__).__name__)
old = path.read_bytes()
limit(resource.RLIM_INFINITY)
writer.flush_all()
sys.stdout.write(old.decode())
"""
    out = run(path, code)

    assert out.encode() == b"OSError\n" + before
    found = codec.load(path.read_bytes(), str(path), dict).entries
    assert [number_of(entry) for entry in found] == sorted([*range(10, 20), number])
    assert names(path.parent) == [path.name]


def test_full_at_first(tmp_path):
    """A cassette that can't even begin isn't left behind as a stump."""
    path = tmp_path / "one.yaml"
    code = """
limit(10)
writer = CassetteWriter.start_link()
writer.write_entry(path, interaction(1))
try:
    writer.flush_all()
except WriteFailed:
    print("failed")
limit(resource.RLIM_INFINITY)
writer.rescue(path.parent / "aside")
"""
    assert run(path, code) == "failed\n"
    assert names(tmp_path) == ["aside"]


def test_full_while_replacing(path):
    """A replacement that doesn't fit leaves the old cassette, and can be repeated."""
    before = path.read_bytes()
    code = """
writer = CassetteWriter.start_link()
for number in range(13):
    writer.write_entry(path, interaction(number, body=b"x" * 500), staged=True)
writer.flush_all()
limit(path.stat().st_size)
try:
    writer.replace_cassette_for_all_mode(path)
except WriteFailed:
    print(path.read_bytes().decode(), end="")
limit(resource.RLIM_INFINITY)
writer.replace_cassette_for_all_mode(path)
"""
    assert run(path, code).encode() == before
    found = codec.load(path.read_bytes(), str(path), dict).entries
    assert [number_of(entry) for entry in found] == list(range(13))
    assert names(path.parent) == [path.name]


@pytest.mark.parametrize("number", [1, 99], ids=["merge", "append"])
def test_full_while_saving(path, number):
    """A save that doesn't fit leaves the old cassette."""
    before = path.read_bytes()
    code = f"""
new = [codec.encode(interaction({number}, body=b"x" * 5000))]
limit(path.stat().st_size + 100)
try:
    save(path, new, keep=lambda entry: True, lock_timeout=5)
except OSError:
    print("failed")
"""
    assert run(path, code) == "failed\n"
    assert path.read_bytes() == before
    assert names(path.parent) == [path.name]


def test_body_that_does_not_fit(path):
    """A large body that doesn't fit leaves neither a stump of it nor an entry without it."""
    before = path.read_bytes()
    code = """
limit(100_000)
try:
    save(
        path,
        [codec.encode(interaction(99, body=noise(1 << 21)))],
        keep=lambda entry: True,
        lock_timeout=5,
    )
except OSError:
    print("failed")
"""
    assert run(path, code) == "failed\n"
    assert path.read_bytes() == before
    bodies = storage.bodies_folder(path)
    assert not bodies.exists() or names(bodies) == []


def test_folder_in_the_way(tmp_path):
    """Where a folder is expected and a file is, the error names the place."""
    (tmp_path / "file").write_bytes(b"kept")
    path = tmp_path / "file" / "one.yaml"

    for write in (storage.append, storage.replace):
        with pytest.raises((NotADirectoryError, FileExistsError), match="file"):
            write(path, b"data")
    assert (tmp_path / "file").read_bytes() == b"kept"


@pytest.mark.parametrize("keep", ["None", "lambda _: True"])
@pytest.mark.parametrize("number", [1, 99], ids=["merge", "append"])
def test_full_after_the_bodies(path, number, keep):
    """Bodies that were put beside a cassette go again when it could not come to name them."""
    code = f"""
old, new = (
    codec.encode(interaction(n, body=b"body %d" % n * 20), inline_limit=10) for n in (50, {number})
)
save(path, [old], keep={keep}, lock_timeout=5)
whole = path.read_bytes()
bodies = {{each.name for each in storage.bodies_of(path)}}
limit(path.stat().st_size + 10)
try:
    save(path, [new], keep={keep}, lock_timeout=5)
except OSError:
    print(path.read_bytes() == whole, {{each.name for each in storage.bodies_of(path)}} == bodies)
limit(resource.RLIM_INFINITY)
save(path, [new], keep={keep}, lock_timeout=5)
print(len(storage.bodies_of(path)))
"""
    assert run(path, code) == "True True\n2\n"
    found = codec.load(path.read_bytes(), str(path), storage.body_reader(path)).entries
    assert sorted(map(number_of, found)) == sorted([*range(10, 20), 50, number])


def test_a_new_recording_that_changes_nothing(path):
    """The bodies of what came out the same, under another name or not, leave nothing behind."""
    code = """
entries = [
    codec.encode(interaction(50, at=50 + hour, body=b"same" * 20), inline_limit=limit)
    for hour, limit in ((0, 10), (3600, 10**6), (7200, 10))
]
for new in entries:
    save(path, [new], keep=lambda entry: entry.uri[-2:] != "50", lock_timeout=5)
print(len(storage.bodies_of(path)), len(codec.load(path.read_bytes(), str(path), dict).entries))
"""
    assert run(path, code) == "1 11\n"
