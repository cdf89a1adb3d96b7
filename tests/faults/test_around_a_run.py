"""What changes around a run while it records: permissions, cassettes, locks, disks."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

# root may write anywhere, until it gives that up
UNPRIVILEGED = """
    import ctypes, os

    if os.geteuid() == 0:
        libc, header, rights = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        libc.capget(header, rights)
        rights[0] &= ~0b110  # of CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
        assert libc.capset(header, rights) == 0
"""
SUITE = """
    import os, pathlib, requests, shutil

    HERE = pathlib.Path(__file__).parent
    CASSETTE = HERE / "cassettes" / "test_it" / "test_it.yaml"

    def test_it(cassette):
        for n in {asked}:
            requests.get(os.environ["API"] + f"/json?{{n}}")
        {meanwhile}
        requests.get(os.environ["API"] + "/json?last")
"""


def queries(path) -> list[str]:
    stored = yaml.safe_load(path.read_bytes())["interactions"]
    return [one["request"]["uri"].rpartition("?")[2] for one in stored]


@pytest.fixture
def path(suite):
    return suite.path / "cassettes" / "test_it" / "test_it.yaml"


@pytest.fixture
def record(suite):
    """Writes the suite's test and runs it."""

    def run(mode, *options, asked=(0,), meanwhile="pass"):
        suite.makepyfile(test_it=SUITE.format(asked=asked, meanwhile=meanwhile))
        return suite.runpytest_subprocess(f"--record-mode={mode}", *options)

    return run


def assert_not_saved(result, reason):
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["draft *::test_it for *", f"NOT SAVED*test_it.yaml: *{reason}*"])


def assert_saved_by_the_next_run(record, path):
    """Which asks for nothing again."""
    record("once", "--block-network").assert_outcomes(passed=1)
    assert queries(path) == ["0", "last"]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_a_folder_that_is_read_only(suite, path, record, mode, when):
    """Nothing is lost: the run fails with the reason, and the next one saves the draft."""
    suite.makeconftest(UNPRIVILEGED)
    path.parent.mkdir(parents=True)
    if when == "before":
        path.parent.chmod(0o555)

    result = record(mode, meanwhile="CASSETTE.parent.chmod(0o555)")

    assert_not_saved(result, "Permission denied")
    assert list(path.parent.iterdir()) == []
    path.parent.chmod(0o755)
    assert_saved_by_the_next_run(record, path)


@pytest.mark.parametrize("mode", ["new_episodes", "all"])
def test_a_good_cassette_in_a_folder_that_becomes_read_only(suite, path, record, mode):
    """The old cassette stays as it was, or has all that is new."""
    suite.makeconftest(UNPRIVILEGED)
    record("once")
    before = path.read_bytes()

    result = record(
        mode, asked=(0, 1), meanwhile="CASSETTE.chmod(0o444); CASSETTE.parent.chmod(0o555)"
    )

    path.parent.chmod(0o755)
    assert_not_saved(result, "Permission denied")
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("once", ["0", "last"]),
        ("new_episodes", ["1"]),
        ("all", ["0", "1", "last"]),
    ],
)
def test_a_cassette_that_is_deleted_meanwhile(path, record, mode, expected):
    """What was recorded is saved all the same."""
    record("once")
    if mode == "once":
        path.unlink()

    result = record(
        mode,
        asked=(0,) if mode == "once" else (0, 1),
        meanwhile="CASSETTE.unlink(missing_ok=True)",
    )

    result.assert_outcomes(passed=1)
    assert result.ret == 0
    assert queries(path) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("once", ["other", "0", "last"]),
        ("new_episodes", ["other", "1"]),
        ("all", ["other", "0", "1", "last"]),
    ],
)
def test_a_cassette_that_git_checkout_replaces(suite, path, record, mode, expected):
    """What was recorded is saved into what is there then."""
    record("once")
    other = path.read_text().replace("?0", "?other").replace("by: test_it", "by: test_other")
    first, _, _ = other.rpartition("- recorded_at")
    (suite.path / "theirs").write_text(first)
    if mode == "once":
        path.unlink()

    result = record(
        mode,
        asked=(0,) if mode == "once" else (0, 1),
        meanwhile='CASSETTE.parent.mkdir(exist_ok=True); shutil.copy(HERE / "theirs", HERE / "x");'
        ' os.replace(HERE / "x", CASSETTE)',
    )

    result.assert_outcomes(passed=1)
    assert result.ret == 0
    assert queries(path) == expected


@pytest.fixture
def other_disk(tmp_path):
    """A folder on another file system than the suite's."""
    for place in ("/dev/shm", "/run/shm", Path.cwd(), Path.home()):
        with contextlib.suppress(OSError):
            if Path(place).stat().st_dev != tmp_path.stat().st_dev:
                folder = tempfile.mkdtemp(dir=place)
                yield Path(folder)
                shutil.rmtree(folder)
                return
    pytest.skip("there is no other file system to write to")


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_a_cache_on_another_disk(other_disk, path, record, mode):
    """Staging files need not be on the disk of the cassettes."""
    result = record(mode, "-o", f"cache_dir={other_disk}")

    assert result.ret == 0
    assert queries(path) == ["0", "last"]
    assert list(path.parent.iterdir()) == [path]
    assert not list(other_disk.rglob("*.yaml"))


HOLDS = """
import sys, time
from pytest_reqord.storage import lock
with lock(sys.argv[1], 5):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_lock_that_a_stopped_process_holds(path, record, mode):
    """The run doesn't wait for ever: it names the process, and the next one saves the draft."""
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)

        result = record(mode, "-o", "reqord_lock_timeout=0.5")

        holder.kill()
    assert_not_saved(result, f"process {holder.pid} on *")
    assert_saved_by_the_next_run(record, path)


BROKEN_DISK = """
    import os
    from pytest_reqord.storage import write

    write_all = write._write_all

    def refuse(fd, data):
        if {where} in os.readlink(f"/proc/self/fd/{{fd}}"):
            raise OSError({error}, os.strerror({error}))
        write_all(fd, data)

    write._write_all = refuse
"""


@pytest.mark.parametrize("error", ["EDQUOT", "ENOSPC", "EIO", "EROFS"])
@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_disk_that_refuses_the_cassette(suite, path, record, mode, error):
    """Quota, space, a broken disk: the recording is a draft, which the next run saves."""
    code = f"__import__('errno').{error}"
    suite.makeconftest(BROKEN_DISK.format(error=code, where="'/cassettes/'"))

    result = record(mode)

    assert_not_saved(result, os.strerror(eval(code)))
    assert list(path.parent.iterdir()) == []
    suite.makeconftest("")
    assert_saved_by_the_next_run(record, path)


@pytest.mark.parametrize("error", ["EDQUOT", "ENOSPC"])
def test_a_disk_that_refuses_what_is_staged(suite, path, record, error):
    """Then the run fails with the reason and says where what it had to keep is."""
    code = f"__import__('errno').{error}"
    suite.makeconftest(BROKEN_DISK.format(error=code, where="'/.pytest_cache/'"))

    result = record("once")

    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"NOT SAVED*{os.strerror(eval(code))}*"])
    assert not path.exists()


UNWRITABLE = """
    from pytest_reqord import codec
    from pytest_reqord.codec import encode

    deaths = []

    def refuse(interaction, **options):
        if {condition}:
            deaths.append(1)
            raise {death}
        return encode(interaction, **options)

    codec.encode = refuse
"""


@pytest.mark.parametrize("death", ["ValueError('odd')", "SystemExit(3)"])
def test_a_writer_that_dies_in_a_run(suite, path, record, death):
    """It is restarted with what it had, and all is saved."""
    suite.makeconftest(UNWRITABLE.format(condition="not deaths", death=death))

    result = record("once", asked=tuple(range(12)))

    assert result.ret == 0
    assert queries(path) == [*map(str, range(12)), "last"]


def test_an_interaction_that_can_not_be_written(suite, path, record):
    """It alone is set aside; the run fails, and says where it is."""
    condition = "interaction.request.uri.endswith('?5')"
    suite.makeconftest(UNWRITABLE.format(condition=condition, death="ValueError('odd')"))

    result = record("once", asked=tuple(range(12)))

    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT SAVED*odd*"])
