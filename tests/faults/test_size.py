"""Runs of a size: what they need of the system doesn't grow with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from entries import number_of

from pytest_reqord.cassette_file.cache import read_lean

MANY = """
    import os, sys, pytest, requests

    session = requests.Session()
    opened = 0

    def count(event, arguments):
        global opened
        opened += event in ("open", "os.listdir", "os.scandir")

    sys.addaudithook(count)

    @pytest.mark.parametrize("n", range({number}))
    def test_it(n, cassette, capfd):
        session.get(os.environ["API"] + f"/json?{{n}}").json()
        if n in (50, 100, {number} - 51, {number} - 1):
            with capfd.disabled():
                print(f"\\nat {{n}}: {{len(os.listdir('/proc/self/fd'))}} {{opened}}")
"""
LARGE = """
    import os, requests
    from conftest import peak

    def test_it(cassette):
        with requests.Session() as session:
            for n in range({number}):
                body = b"%04d" % n + {body}
                assert session.post(os.environ["API"] + "/shuffle", data=body).content == body
                if n == 20:
                    os.environ["AT_FIRST"] = str(peak())
"""
SAVES = f"""
import re, sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from pathlib import Path
from entries import interaction
from pytest_reqord.codec import encode
from pytest_reqord.writer import append_only, save

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10

def one(number, **options):
    return interaction(number, body=b"%d" % number + b" word" * 102_400, **options)

path = Path(sys.argv[1])
for number in range(100):
    append_only(path, [one(number)])
save(path.with_name("other"), [encode(one(1))], keep=bool, lock_timeout=5)
path.with_name("other").unlink()
at_first = peak()
save(path, (encode({{new}}) for number in range(100)), keep={{keep}}, lock_timeout=5)
print(peak() - at_first)
"""
TELLS = """
    import os, pathlib, re

    def peak():  # this program's own: that of getrusage begins with its parent's
        status = pathlib.Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\\s*(\\d+)", status)[1]) >> 10

    def pytest_unconfigure():
        print(f"\\nMiB: {os.environ['AT_FIRST']} {peak()}")
"""


@pytest.mark.parametrize("mode", ["once", "all"])
def test_many_cassettes(suite, api, request, mode):
    """The last of them need as many file descriptors, and open as many files, as the first."""
    number = 10_000 if request.config.getoption("--full") else 300
    suite.makepyfile(MANY.format(number=number))

    result = suite.runpytest_subprocess("-q", f"--record-mode={mode}", timeout=1800)

    result.assert_outcomes(passed=number)
    assert len(list(suite.path.rglob("cassettes/**/*.yaml"))) == len(api.seen) == number
    told = re.findall(r"at (\d+): (\d+) (\d+)", result.stdout.str())
    descriptors = {int(each[1]) for each in told}
    opened = [int(each[2]) for each in told]
    assert max(descriptors) - min(descriptors) <= 2
    assert abs((opened[3] - opened[2]) - (opened[1] - opened[0])) <= 10


@pytest.mark.parametrize("mode", ["once", "all"])
@pytest.mark.parametrize("place", ["beside", "inline"])
def test_a_large_recording(suite, api, request, place, mode):
    """However large it is, memory stays under what may wait to be written, and some."""
    number = (1000 if place == "beside" else 2100) if request.config.getoption("--full") else 60
    body = 'b"\\xff" * 1_100_000' if place == "beside" else 'b"x" * 512_000'
    suite.makeini("[pytest]\nreqord_queue_bytes = 8388608")
    suite.makeconftest(TELLS)
    suite.makepyfile(LARGE.format(number=number, body=body))

    result = suite.runpytest_subprocess(f"--record-mode={mode}", timeout=3600)

    result.assert_outcomes(passed=1)
    bodies = list(suite.path.rglob("cassettes/**/*.bodies/*"))
    assert len(bodies) == (2 * number if place == "beside" else 0)  # of requests and responses
    assert len(read_lean(next(suite.path.rglob("cassettes/**/*.yaml"))).entries) == number
    at_first, peak = map(int, re.findall(r"MiB: (\d+) (\d+)", result.stdout.str())[0])
    assert peak - at_first < 50


@pytest.mark.parametrize("keep", ["None", "bool", "lambda entry: False"])
@pytest.mark.parametrize("start", [0, 1000], ids=["among", "behind"])
def test_a_large_save(tmp_path, start, keep):
    """A recording that is larger than the memory, into such a cassette, needs none of it."""
    path = tmp_path / "cassettes" / "one.yaml"

    assert peak_of(path, f"one(number + 1000, at={start} + number + 0.5)", keep) < 20

    document = read_lean(path)
    expected = {number + 1000: start + number + 0.5 for number in range(100)}
    if "False" not in keep:
        expected.update((number, number) for number in range(100))
    assert [number_of(entry) for entry in document.entries] == sorted(expected, key=expected.get)
    last = document.entries[-1].interaction().response.body
    assert last == b"1099" + b" word" * 102_400
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_large_save_that_changes_nothing(tmp_path):
    """What comes out the same leaves a large cassette as it is, and needs no memory either."""
    path = tmp_path / "one.yaml"

    assert peak_of(path, "one(number, at=number + 500)", "lambda entry: False") < 20

    assert read_lean(path).entries[0].recorded_at < "2026-11-23T07:01"


def peak_of(path, new, keep):
    """The MiB that a process needs more than before to save into a cassette of 50 MB."""
    code = SAVES.format(new=new, keep=keep)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        check=True,
        stdout=subprocess.PIPE,
        timeout=100,
    )
    return int(done.stdout)
