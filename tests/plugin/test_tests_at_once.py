"""Plugins that run several tests at once, each in a thread of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml

# what pytest-concurrency, pytest-parallel and their like do
PLUGIN = """
    import threading
    from _pytest import fixtures, runner

    class SetupState(threading.local, runner.SetupState): ...
    class FixtureDef(threading.local, fixtures.FixtureDef): ...

    runner.SetupState, fixtures.FixtureDef = SetupState, FixtureDef

    def pytest_runtestloop(session):
        def run(item):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        threads = [threading.Thread(target=run, args=(item,)) for item in session.items]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return True
"""

SUITE = """
    import os, threading, urllib.request
    import pytest
    from pytest_reqord import use_cassette

    together = threading.Barrier(4)

    def get(name):
        urllib.request.urlopen(os.environ["API"] + "/json?" + name).read()

    def test_one(cassette):
        together.wait(30)
        get("one")
        together.wait(30)

    @pytest.mark.cassette
    def test_of_a_thread():
        together.wait(30)
        thread = threading.Thread(target=get, args=("thread",))
        thread.start()
        thread.join()
        together.wait(30)

    def test_use_cassette():
        with use_cassette("used.yaml"):
            together.wait(30)
            get("used")
            together.wait(30)

    def test_failed(cassette):
        together.wait(30)
        try:
            get("failed")
        finally:
            together.wait(30)
        assert os.environ.get("IS_FIXED")
"""


def queries(cassettes):
    return {
        name: [
            one["request"]["uri"].partition("?")[2] for one in yaml.safe_load(text)["interactions"]
        ]
        for name, text in cassettes.items()
    }


@pytest.mark.parametrize("mode", ["once", "all"])
def test_each_has_its_own(suite, api, cassettes, monkeypatch, mode):
    """Each records into its own cassette and plays from it, and shares no other one's fate."""
    suite.makepyfile(at_once=PLUGIN, test_it=SUITE)

    result = suite.runpytest_subprocess("-p", "at_once", f"--record-mode={mode}", timeout=120)

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["draft     test_it.py::test_failed for *: the test failed"])
    found = queries({**cassettes(), "used": (suite.path / "used.yaml").read_bytes()})
    assert found == {
        "test_one.yaml": ["one"],
        "test_of_a_thread.yaml": ["thread"],
        "used": ["used"],
    }
    monkeypatch.setenv("IS_FIXED", "1")
    api.reset()
    result = suite.runpytest_subprocess("-p", "at_once", timeout=120)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*CassetteMissError: GET *?failed is not in *"])
    assert not api.seen


def test_the_first_cassettes_of_two_threads(api, tmp_path):
    """Whoever opens a cassette while another thread takes the clients doesn't go live unseen."""
    (tmp_path / "script.py").write_text(f"""
import threading, time, urllib.request
from pytest_reqord import use_cassette
from pytest_reqord.interceptors import registry

install, is_there = registry._install, threading.Event()

def slowly(ours):
    is_there.set()
    time.sleep(0.3)
    install(ours)

registry._install = slowly

def first():
    with use_cassette("first.yaml"):
        pass

def second():
    is_there.wait(30)
    with use_cassette("second.yaml"):
        urllib.request.urlopen("{api.url}/json").read()

threads = [threading.Thread(target=each) for each in (first, second)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
""")

    environment = {**os.environ, "REQORD": "once"}
    subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, check=True, timeout=60
    )

    assert len(yaml.safe_load((tmp_path / "second.yaml").read_text())["interactions"]) == 1


def test_in_one_thread(suite):
    """A test that begins in the middle of another one, in the same thread, is told that it can't."""
    suite.makepyfile("""
        import pytest
        from pytest_reqord.errors import UsageError

        def test_one(cassette, request):
            other = request.session.items[1]
            with pytest.raises(UsageError, match="test_one goes on in this thread"):
                other.ihook.pytest_runtest_setup(item=other)

        def test_other(cassette):
            pass
    """)

    suite.runpytest_subprocess().assert_outcomes(passed=2)
