"""SIGTERM and SIGHUP: what was accepted is written, and the process dies of the signal all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from entries import number_of

from pytest_reqord import codec

START = f"""
import asyncio, os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from entries import interaction
from pytest_reqord.writer import CassetteWriter
path = sys.argv[1]
TERM, HUP = signal.SIGTERM, signal.SIGHUP

def start(**options):
    return CassetteWriter.start_link(batch_timeout=10**6, **options)

def is_default():
    return signal.getsignal(TERM) is signal.SIG_DFL and signal.getsignal(HUP) is signal.SIG_DFL

def kill(number=TERM):
    os.kill(os.getpid(), number)
    time.sleep(20)
    print("survived")
"""


def run(tmp_path, code):
    return subprocess.run(
        [sys.executable, "-c", START + code, str(tmp_path / "one.yaml")],
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )


def numbers(tmp_path):
    path = tmp_path / "one.yaml"
    if not path.exists():
        return []
    return [number_of(entry) for entry in codec.load(path.read_bytes(), str(path), dict).entries]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_written(tmp_path, name):
    """What no batch was due for is written, and the process dies of that signal, saying nothing."""
    number = getattr(signal, name)
    done = run(
        tmp_path,
        f"""
writer = start()
for number in range(7):
    writer.write_entry(path, interaction(number))
kill({int(number)})
""",
    )

    assert (done.returncode, done.stdout, done.stderr) == (-number, "", "")
    assert numbers(tmp_path) == list(range(7))


def test_only_while_recording(tmp_path):
    """The signals are the program's before the first entry, and again once all are written."""
    done = run(
        tmp_path,
        """
writer = start()
print(is_default())
writer.write_entry(path, interaction(1))
print(is_default())
writer.flush_all()
print(is_default())
writer.write_entry(path, interaction(2))
print(is_default())
writer.stop()
print(is_default())
""",
    )

    assert done.stdout.split() == ["True", "False", "True", "False", "True"]


BUSY = {
    "sleeps": "time.sleep(20)",
    "waits for a thread": "threading.Thread(target=time.sleep, args=(20,)).start(); kill()",
    "computes": "\nwhile True: pass",
    "in an event loop": "asyncio.run(asyncio.sleep(20))",
    "records on": """
number = 3
while True:
    writer.write_entry(path, interaction(number))
    number += 1""",
    "flushes": """
number = 3
while True:
    writer.write_entry(path, interaction(number))
    writer.flush_all()
    number += 1""",
}


@pytest.mark.parametrize("busy", BUSY)
def test_wherever_it_is(tmp_path, busy):
    """The signal comes while the main thread does something, its own locks in its hands or not."""
    done = run(
        tmp_path,
        f"""
writer = start()
for number in range(3):
    writer.write_entry(path, interaction(number))
threading.Timer(0.3, os.kill, [os.getpid(), TERM]).start()
{BUSY[busy]}
""",
    )

    assert done.returncode == -signal.SIGTERM
    assert done.stderr == ""
    found = numbers(tmp_path)
    assert found == sorted(set(found))
    assert found[:3] == [0, 1, 2]


def test_locks_of_the_main_thread(tmp_path):
    """The main thread may hold whatever lock the writer needs: it goes on and gives it back."""
    done = run(
        tmp_path,
        """
writer = start()
writer.write_entry(path, interaction(1))
with writer._queue._lock:
    os.kill(os.getpid(), TERM)
    time.sleep(0.2)
time.sleep(20)
""",
    )

    assert done.returncode == -signal.SIGTERM
    assert numbers(tmp_path) == [1]


def test_at_most_a_second(tmp_path):
    """A disk that doesn't come back holds the end up for a second."""
    done = run(
        tmp_path,
        """
def sink(path, entries):
    os.write(1, b"asked")
    time.sleep(200)

writer = start(sink=sink)
writer.write_entry(path, interaction(1))
os.kill(os.getpid(), TERM)
time.sleep(200)
""",
    )

    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "asked")


def test_twice(tmp_path):
    """A second signal isn't waited with."""
    done = run(
        tmp_path,
        """
writer = start(sink=lambda path, entries: time.sleep(20))
writer.write_entry(path, interaction(1))
os.kill(os.getpid(), TERM)
os.kill(os.getpid(), TERM)
print("survived")
""",
    )

    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")


def test_without_a_thread(tmp_path):
    """A writer that has given up is helped out."""
    done = run(
        tmp_path,
        """
writer = start()
writer.write_entry(path, interaction(1))
writer._queue.stop()
writer._supervisor.stop(5)
kill()
""",
    )

    assert done.returncode == -signal.SIGTERM
    assert numbers(tmp_path) == [1]


OWN = {
    "before": ("signal.signal(TERM, own)", ""),
    "later": ("", "signal.signal(TERM, own)"),
    "ignored": ("signal.signal(TERM, signal.SIG_IGN)", "print('own')"),
    "calls what was there": (
        "",
        """
before = signal.getsignal(TERM)
def chained(number, frame):
    own(number, frame)
    if callable(before):
        before(number, frame)
signal.signal(TERM, chained)
""",
    ),
}


@pytest.mark.parametrize("when", OWN)
def test_own_handler(tmp_path, when):
    """A handler of the program's own wins and stays, set before or later."""
    before, later = OWN[when]
    done = run(
        tmp_path,
        f"""
def own(number, frame):
    print("own")

{before}
writer = start()
writer.write_entry(path, interaction(1))
{later}
mine = signal.getsignal(TERM)
os.kill(os.getpid(), TERM)
writer.flush_all()
print(signal.getsignal(TERM) is mine, signal.getsignal(HUP) is signal.SIG_DFL)
""",
    )

    assert done.stdout.split() == ["own", "True", "True"], done.stderr


def test_event_loop_handler(tmp_path):
    """So does one of an event loop; when it is removed, nothing of ours comes back."""
    done = run(
        tmp_path,
        """
async def main():
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(TERM, stop.set)
    writer.write_entry(path, interaction(2))
    os.kill(os.getpid(), TERM)
    await asyncio.wait_for(stop.wait(), 10)
    print("own")
    loop.remove_signal_handler(TERM)
    print(is_default())

writer = start()
writer.write_entry(path, interaction(1))
signal.signal(HUP, signal.SIG_DFL)
asyncio.run(main())
writer.stop()
print(is_default())
""",
    )

    assert done.stdout.split() == ["own", "True", "True"], done.stderr


def test_restored_too_late(tmp_path):
    """Code that puts ours back after the end of the recording gets the default from it."""
    done = run(
        tmp_path,
        """
writer = start()
writer.write_entry(path, interaction(1))
before = signal.signal(TERM, lambda number, frame: None)
writer.stop()
signal.signal(TERM, before)
kill()
""",
    )

    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    assert numbers(tmp_path) == [1]


def test_children(tmp_path):
    """A forked child and a program that is started have the signals as they were."""
    done = run(
        tmp_path,
        """
import subprocess
writer = start()
writer.write_entry(path, interaction(1))
child = os.fork()
if not child:
    print(is_default(), flush=True)
    kill()
print(os.waitpid(child, 0)[1] == TERM, flush=True)
code = "import signal; print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
subprocess.run([sys.executable, "-c", code])
writer.stop()
""",
    )

    assert done.stdout.split() == ["True", "True", "True"], done.stderr
    assert numbers(tmp_path) == [1]


def test_other_thread(tmp_path):
    """A thread that records alone can set no handler, and does without."""
    done = run(
        tmp_path,
        """
writer = start()
thread = threading.Thread(target=writer.write_entry, args=(path, interaction(1)))
thread.start()
thread.join()
print(is_default())
writer.stop()
""",
    )

    assert (done.stdout.strip(), done.stderr) == ("True", "")
    assert numbers(tmp_path) == [1]


# as users write them

SUITE = """
    import os, requests, signal, time

    def test_it(cassette):
        for number in range(7):
            requests.get(os.environ["API"] + f"/json?{number}")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
"""


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_a_run(suite, api, cassettes, mode):
    """A run that is terminated has staged all that it recorded, and the next one plays it."""
    suite.makepyfile(SUITE)
    assert suite.runpytest_subprocess(f"--record-mode={mode}").ret == -signal.SIGTERM

    suite.makepyfile(test_other="def test_other(cassette): pass")
    result = suite.runpytest_subprocess("--record-mode=once", "test_other.py")
    result.stdout.fnmatch_lines(["*its process ended in the middle*"])
    suite.makepyfile(SUITE.replace("os.kill", "print").replace("time.sleep(20)", ""))
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=2)

    assert len(api.seen) == 7
    assert len(cassettes()) == 1


def test_a_worker(suite, api):
    """So has a worker of xdist; its controller says that it crashed, and who has the draft."""
    suite.makepyfile(SUITE)

    result = suite.runpytest_subprocess("--record-mode=once", "-n1", "--max-worker-restart=0")

    result.stdout.fnmatch_lines(["*its process ended in the middle*"])
    suite.makepyfile(SUITE.replace("os.kill", "print").replace("time.sleep(20)", ""))
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)
    assert len(api.seen) == 7


def test_a_script(suite, api, tmp_path):
    """So has a script."""
    script = suite.makepyfile(
        script="""
        import os, requests, signal, sys, time
        from pytest_reqord import use_cassette

        with use_cassette("one.yaml"):
            for number in range(7):
                requests.get(os.environ["API"] + f"/json?{number}")
            if len(sys.argv) > 1:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(20)
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        """
    )
    assert suite.run(sys.executable, script, "die").ret == -signal.SIGTERM

    result = suite.run(sys.executable, script)

    assert len(api.seen) == 7
    assert result.outlines == ["True"]


def test_signals_of_a_run(suite):
    """Between tests, and where nothing is recorded, the signals are as they were."""
    suite.makepyfile(
        """
        import os, requests, signal

        def look(name):
            is_default = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            with open("seen", "a") as file:
                print(name, is_default, file=file)

        def test_first(cassette):
            look("first")
            requests.get(os.environ["API"] + "/json")

        def test_between():
            look("between")

        def test_last(cassette):
            look("last")
            requests.get(os.environ["API"] + "/json")
        """
    )
    seen = suite.path / "seen"
    found = {}
    for mode in ("once", "none", "verify", "all"):
        suite.runpytest_subprocess(f"--record-mode={mode}").assert_outcomes(passed=3)
        found[mode] = seen.read_text().splitlines()
        seen.unlink()

    while_recording = ["first False", "between True", "last False"]
    at_rest = ["first True", "between True", "last True"]
    assert found["once"] == found["all"] == while_recording
    assert found["none"] == found["verify"] == at_rest
