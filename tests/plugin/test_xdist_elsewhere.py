"""Workers with files of their own, as on other machines: their recordings go to the controller."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from pytest_reqord.storage import user_folder

if TYPE_CHECKING:
    from pathlib import Path

SUITE = """
    import os, pathlib, pytest, requests
    API = os.environ["API"]

    @pytest.mark.parametrize("n", range(6))
    def test_own(n, cassette):
        for k in range(3):
            requests.post(API + "/echo", json={"n": n, "k": k})

    @pytest.mark.parametrize("n", range(6))
    @pytest.mark.cassette("shared")
    def test_shared(n):
        requests.post(API + "/echo", json={"n": n})
        assert f"fails {n}" != os.environ.get("WHAT")
        if f"dies {n}" == os.environ.get("WHAT"):
            os._exit(1)
"""
COPIED = "ignore:The --rsyncdir:DeprecationWarning"


class Machines:
    """Two folders that stand for other machines, to which xdist copies the suite."""

    def __init__(self, suite, folder: Path) -> None:
        self.suite = suite
        self.folders = [folder / "one", folder / "two"]
        for each in self.folders:
            each.mkdir()

    def run(self, *options: str, dist: str = "load"):
        workers = [f"--tx=popen//chdir={each}" for each in self.folders]
        return self.suite.runpytest_subprocess(
            *("-W", COPIED, f"--rsyncdir={self.suite.path}", f"--dist={dist}"),
            *workers,
            str(self.suite.path),
            *options,
        )

    @property
    def recordings(self) -> list[Path]:
        return [path for each in self.folders for path in each.rglob("*.yaml")]


@pytest.fixture
def machines(suite, tmp_path_factory):
    suite.makeini("[pytest]")
    return Machines(suite, tmp_path_factory.mktemp("machines"))


def stored(data: bytes) -> list[dict]:
    return yaml.safe_load(data)["interactions"]


def assert_whole(cassettes, shared=range(6)):
    assert sorted(cassettes) == ["shared.yaml", *(f"test_own[{n}].yaml" for n in range(6))]
    for name, data in cassettes.items():
        bodies = [one["request"]["body"]["json"] for one in stored(data)]
        assert len(set(bodies)) == len(bodies) == (len(shared) if name == "shared.yaml" else 3)
        times = [one["recorded_at"] for one in stored(data)]
        assert times == sorted(times)


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all", "rewrite"])
def test_recorded_there_saved_here(machines, api, cassettes, mode):
    """The suite records as on one machine, and replays there from what xdist copies."""
    machines.suite.makeconftest("""
        import os, pathlib

        def pytest_configure(config):
            if not hasattr(config, "workerinput"):
                pathlib.Path("controller").write_text(str(os.getpid()))
    """)

    result = machines.run(f"--record-mode={mode}")

    result.assert_outcomes(passed=12)
    assert_whole(cassettes())
    result.stdout.fnmatch_lines(["saved     cassettes/*/shared.yaml (6 interactions)"])
    assert len(api.seen) == 24
    assert machines.recordings == []
    controller = (machines.suite.path / "controller").read_text()
    assert not list(user_folder("tokens").glob(f"*-{controller}-*"))
    machines.run().assert_outcomes(passed=12)
    assert len(api.seen) == 24


def test_each(machines, cassettes):
    """With `--dist each` one machine's recording is saved."""
    machines.run("--record-mode=once", dist="each")

    assert_whole(cassettes())


def test_beside_a_worker_here(machines, cassettes):
    """A worker on this machine and others record into one cassette."""
    machines.run("--record-mode=once", "--tx=popen").assert_outcomes(passed=12)

    assert_whole(cassettes())


@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_test_that_fails_there(machines, api, cassettes, monkeypatch, mode):
    """Its recording is a draft here, which a run here plays and saves."""
    monkeypatch.setenv("WHAT", "fails 3")

    result = machines.run(f"--record-mode={mode}")

    result.assert_outcomes(passed=11, failed=1)
    assert_whole(cassettes(), shared=[0, 1, 2, 4, 5])
    result.stdout.fnmatch_lines(
        ["draft *test_shared?3?*the test failed", "*kept in .pytest_cache*"]
    )
    monkeypatch.delenv("WHAT")
    machines.suite.runpytest_subprocess("--record-mode=new_episodes").assert_outcomes(passed=12)
    assert_whole(cassettes())
    assert len(api.seen) == 24


@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_worker_that_crashes_there(machines, suite, cassettes, monkeypatch, mode):
    """What it had staged is a draft here, by way of the next worker there; all else is saved."""
    text = SUITE.replace("def test_shared(n)", "def test_shared(n, cassette)")
    suite.makepyfile(text.replace("os._exit", "cassette.flush(); os._exit"))
    monkeypatch.setenv("WHAT", "dies 3")

    result = machines.run(f"--record-mode={mode}")
    if "ended in the middle" not in result.stdout.str():  # no cassette was left for a next worker
        result = machines.run("-k", "own", "--record-mode=once")

    assert_whole(cassettes(), shared=[0, 1, 2, 4, 5])
    result.stdout.fnmatch_lines(["draft *test_shared?3?*ended in the middle", "*kept in *_cache*"])
    assert machines.recordings == [
        each for each in machines.recordings if "cassettes" in each.parts
    ]


def test_a_checkout_of_their_own(machines, suite, api, cassettes):
    """Workers that have the suite already, in another place, need no copy."""
    for folder in machines.folders:
        shutil.copytree(suite.path, folder, dirs_exist_ok=True)
    workers = [f"--tx=popen//chdir={each}" for each in machines.folders]

    result = suite.runpytest_subprocess(*workers, "--dist=load", "--record-mode=all")

    result.assert_outcomes(passed=12)
    assert_whole(cassettes())
    assert machines.recordings == []


def test_the_same_folder(suite, cassettes):
    """A worker that was sent to the controller's own folder saves for itself."""
    suite.makeini("[pytest]")
    suite.makepyfile(SUITE)

    result = suite.runpytest_subprocess(
        f"--tx=popen//chdir={suite.path}", "--dist=load", "--record-mode=once"
    )

    result.assert_outcomes(passed=12)
    assert_whole(cassettes())


def test_large_bodies(machines, suite, api):
    """Bodies beside the cassette arrive whole."""
    suite.makepyfile("""
        import os, requests

        def test_it(cassette):
            answer = requests.get(os.environ["API"] + "/binary/5000000")
            assert len(answer.content) == 5_000_000
    """)

    machines.run("--record-mode=once").assert_outcomes(passed=1)

    (body,) = suite.path.rglob("cassettes/**/*.bodies/*")
    assert body.stat().st_size == 5_000_000
    machines.run().assert_outcomes(passed=1)
    assert len(api.seen) == 1


def test_settings_of_a_test(machines, suite, cassettes):
    """What the marker of a test says of its cassette holds where the controller saves it."""
    suite.makepyfile("""
        import os, pytest, requests

        @pytest.mark.cassette(format="vcr")
        def test_it():
            requests.get(os.environ["API"] + "/json")
    """)

    machines.run("--record-mode=once").assert_outcomes(passed=1)

    assert cassettes()["test_it.yaml"].endswith(b"version: 1\n")


def test_what_a_machine_tells(machines, suite, cassettes):
    """The summary names the places of the controller's machine."""
    suite.makepyfile(SUITE)
    machines.run("--record-mode=all").assert_outcomes(passed=12)
    suite.makepyfile(SUITE.replace("range(3)", "range(2)").replace("test_shared", "test_other"))

    result = machines.run("--record-mode=all", "--unused-cassettes")
    replayed = machines.run()

    result.stdout.fnmatch_lines(
        ["dropped *test_shared?0?* from cassettes/*/shared.yaml: *", "*passed*"]
    )
    result.stdout.no_fnmatch_line("unused *")
    told = result.stdout.str() + replayed.stdout.str()
    assert not any(f"{each}{'/' + suite.path.name}/cassettes" in told for each in machines.folders)


def test_only_its_suite_can_save_it(machines, suite, cassettes):
    """A cassette in a format of the suite's own is kept as a draft, and the run fails."""
    suite.makeconftest("""
        import json, pytest

        class Own:
            def serialize(self, values): return json.dumps(values)
            def deserialize(self, text): return json.loads(text)

        def pytest_recording_configure(config, vcr):
            vcr.register_serializer("own", Own())
    """)
    suite.makepyfile("""
        import os, pytest, requests

        @pytest.mark.vcr(serializer="own")
        def test_it():
            requests.get(os.environ["API"] + "/json")
    """)

    result = machines.run("--record-mode=once")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT SAVED *only the suite's own serializer*"])


@pytest.fixture(autouse=True)
def tests_of_the_suite(suite):
    suite.makepyfile(SUITE)
