"""A disk that is full while a suite records."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from server import running

SUITE = """
    import os, requests

    def test_it(cassette):
        for n in range(30):
            assert requests.post(os.environ["API"] + "/echo", data="x" * 2000).status_code == 200
"""

# no file may grow over 20 kB from the first test on: staging, then cassettes, as on a full disk
CONFTEST = """
    import resource, signal, sys

    def pytest_runtest_setup(item):
        sys.dont_write_bytecode = True  # or what is imported now would be cut off for good
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    def pytest_sessionfinish(session):
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
"""


def run(folder, api, *arguments):
    environment = dict(os.environ, API=api, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "reqord", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_recording_that_does_not_fit(tmp_path):
    """The test passes, the run fails and says why; no half cassette, no stray file is left."""
    (tmp_path / "test_it.py").write_text(textwrap.dedent(SUITE))
    (tmp_path / "conftest.py").write_text(textwrap.dedent(CONFTEST))

    with running() as server:
        done = run(tmp_path, server.url, "--record-mode=once")

    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1
    assert "NOT SAVED" in done.stdout
    assert "File too large" in done.stdout
    assert not list(tmp_path.rglob("cassettes/**/*.yaml"))
