"""Runs of a size: what they need of the system doesn't grow with it."""

from __future__ import annotations

import re

import pytest

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
                body = n.to_bytes(4, "big") + b"\\xff" * 1_100_000
                assert session.post(os.environ["API"] + "/shuffle", data=body).content == body
                if n == 20:
                    os.environ["AT_FIRST"] = str(peak())
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
def test_a_large_recording(suite, api, request, mode):
    """However large it is, memory stays under what may wait to be written, and some."""
    number = 1000 if request.config.getoption("--full") else 60
    suite.makeini("[pytest]\nreqord_queue_bytes = 8388608")
    suite.makeconftest(TELLS)
    suite.makepyfile(LARGE.format(number=number))

    result = suite.runpytest_subprocess(f"--record-mode={mode}", timeout=3600)

    result.assert_outcomes(passed=1)
    bodies = list(suite.path.rglob("cassettes/**/*.bodies/*"))
    assert len(bodies) == 2 * number  # the requests' and the responses'
    at_first, peak = map(int, re.findall(r"MiB: (\d+) (\d+)", result.stdout.str())[0])
    assert peak - at_first < 50
