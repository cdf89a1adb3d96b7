"""Runs that end early, try again, or meet: what passed is saved, the rest is kept as drafts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import yaml

ONE_FAILS = """
    import os, pytest, requests

    @pytest.mark.parametrize("n", range(6))
    def test_it(n, cassette):
        requests.get(os.environ["API"] + f"/json?{n}")
        assert n != 2
"""
# a test that hangs when its turn comes, having recorded and told so
HANGS = """
    import os, pathlib, pytest, requests, time

    @pytest.mark.parametrize("n", range(4))
    def test_it(n, cassette):
        requests.get(os.environ["API"] + f"/json?{n}")
        if n == 3:
            cassette.flush()
            pathlib.Path("hangs").touch()
            time.sleep(60)
"""


def queries(data: bytes) -> list[str]:
    return [
        one["request"]["uri"].rpartition("?")[2] for one in yaml.safe_load(data)["interactions"]
    ]


@pytest.mark.parametrize("mode", ["once", "all"])
@pytest.mark.parametrize("options", [["-x"], ["--maxfail=1"], ["-x", "-n2"]])
def test_a_run_that_stops_at_a_failure(suite, cassettes, mode, options):
    """`-x` and `--maxfail` save what passed before, and the failed test leaves a draft."""
    suite.makepyfile(ONE_FAILS)

    result = suite.runpytest_subprocess(f"--record-mode={mode}", *options)

    passed = result.parseoutcomes().get("passed", 0)
    assert len(cassettes()) == passed >= 1
    assert "test_it[2].yaml" not in cassettes()
    result.stdout.fnmatch_lines(["draft *test_it?2?*the test failed"])


@pytest.mark.parametrize("mode", ["once", "all"])
@pytest.mark.parametrize("options", [[], ["-n2"]])
def test_ctrl_c(suite, cassettes, mode, options):
    """Ctrl-C saves what passed; what was under way is a draft, which the next run tells."""
    suite.makepyfile(HANGS)
    command = [sys.executable, "-m", "pytest", f"--record-mode={mode}", *options]
    with (suite.path / "out.txt").open("w") as out:
        run = subprocess.Popen(command, cwd=suite.path, stdout=out, stderr=out)
    wait_until((suite.path / "hangs").exists)
    time.sleep(0.5)  # the other worker's reports are on their way

    run.send_signal(signal.SIGINT)
    assert run.wait(60) == pytest.ExitCode.INTERRUPTED

    assert sorted(cassettes()) == [f"test_it[{n}].yaml" for n in range(3)]
    suite.makepyfile(HANGS.replace("if n == 3", "if False"))
    result = suite.runpytest_subprocess("--record-mode=once")
    result.assert_outcomes(passed=4)
    told = (suite.path / "out.txt").read_text() + result.stdout.str()
    assert re.search(r"draft .*test_it\[3\]", told)
    assert sorted(cassettes()) == [f"test_it[{n}].yaml" for n in range(4)]


@pytest.mark.parametrize("signals", [[signal.SIGINT] * 2, [signal.SIGKILL]], ids=["^C^C", "kill"])
@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_controller_that_dies(suite, api, cassettes, mode, signals):
    """What its workers recorded is saved or a draft, so that the next run asks for nothing again."""
    suite.makepyfile(HANGS.replace("sleep(60)", "sleep(3)"))
    command = [sys.executable, "-m", "pytest", f"--record-mode={mode}", "-n2"]
    run = subprocess.Popen(
        command, cwd=suite.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until((suite.path / "hangs").exists)
    time.sleep(0.5)  # the other worker's reports are on their way

    for each in signals:
        run.send_signal(each)
    run.wait(60)

    time.sleep(4)  # the workers end with their tests
    suite.makepyfile(HANGS.replace("if n == 3", "if False"))
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=4)
    assert sorted(cassettes()) == [f"test_it[{n}].yaml" for n in range(4)]
    assert len(api.seen) == 4


def wait_until(holds) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise TimeoutError


@pytest.mark.parametrize("restarts", [0, 1])
def test_workers_that_may_not_be_replaced(suite, cassettes, restarts):
    """With `--max-worker-restart` what passed before the last crash is saved."""
    suite.makepyfile(
        ONE_FAILS.replace("assert n != 2", "cassette.flush()\n        n in (2, 4) and os._exit(1)")
    )

    result = suite.runpytest_subprocess(
        "-n2", f"--max-worker-restart={restarts}", "--record-mode=all"
    )

    passed = result.parseoutcomes()["passed"]
    assert passed >= 1
    assert len(cassettes()) == passed
    result.stdout.fnmatch_lines(["draft *test_it?[24]?*ended in the middle*"])


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
@pytest.mark.parametrize("options", [[], ["-n2"]])
def test_reruns(suite, api, cassettes, mode, options):
    """Of a test that is run again only the attempt that passed is saved, and nothing played."""
    suite.makepyfile("""
        import os, pathlib, requests

        def test_it(cassette):
            attempts = pathlib.Path("attempts")
            attempts.write_text(attempts.read_text() + "x" if attempts.exists() else "x")
            n = len(attempts.read_text())
            requests.get(os.environ["API"] + f"/json?{n}")
            requests.get(os.environ["API"] + "/json?again")
            assert n == 3
    """)

    result = suite.runpytest_subprocess(
        "-p", "pytest_rerunfailures", "--reruns=2", f"--record-mode={mode}", *options
    )

    assert result.parseoutcomes() == {"passed": 1, "rerun": 2}
    assert queries(cassettes()["test_it.yaml"]) == ["3", "again"]
    assert len(api.seen) == 6


@pytest.mark.parametrize("options", [[], ["-n2"]])
def test_subtests(suite, cassettes, options):
    """A sub-test that fails keeps its test's recording from being saved; those that pass don't."""
    suite.makepyfile("""
        import os, pytest, requests

        @pytest.mark.parametrize("bad", [2, 5])
        def test_it(bad, cassette, subtests):
            for n in range(3):
                with subtests.test(n=n):
                    requests.get(os.environ["API"] + f"/json?{n}")
                    assert n != bad
    """)

    result = suite.runpytest_subprocess("--record-mode=once", *options)

    assert sorted(cassettes()) == ["test_it[5].yaml"]
    assert queries(cassettes()["test_it[5].yaml"]) == ["0", "1", "2"]
    result.stdout.fnmatch_lines(["draft *test_it?2?*"])


def test_last_failed(suite, api, cassettes):
    """`--lf` in mode `all` records the test that failed and leaves the others alone."""
    suite.makepyfile(
        ONE_FAILS.replace("def test_it", '@pytest.mark.cassette("shared")\n    def test_it')
    )
    suite.runpytest_subprocess("--record-mode=all").assert_outcomes(passed=5, failed=1)
    assert queries(cassettes()["shared.yaml"]) == list("01345")
    suite.makepyfile(
        ONE_FAILS.replace(
            "def test_it", '@pytest.mark.cassette("shared")\n    def test_it'
        ).replace("assert n != 2", "")
    )

    suite.runpytest_subprocess("--lf", "--record-mode=all").assert_outcomes(passed=1)

    assert queries(cassettes()["shared.yaml"]) == list("013452")
    assert len(api.seen) == 7


@pytest.mark.parametrize("mode", ["all", "new_episodes", "once"])
@pytest.mark.parametrize("place", ["one checkout", "two tox environments"])
def test_two_runs_at_once(suite, cassettes, place, mode):
    """Two runs with one cache, or each with its own and its own temp folder, lose nothing."""
    suite.makepyfile("""
        import os, pytest, requests
        @pytest.mark.parametrize("n", range(5))
        @pytest.mark.cassette("shared")
        def test_it(n):
            requests.get(os.environ["API"] + f"/json?{n}")
    """)
    command = [sys.executable, "-m", "pytest", "-n2", f"--record-mode={mode}"]
    runs = []
    for name in ("py1", "py2"):
        options, environment = [], dict(os.environ)
        if place == "two tox environments":
            folder = suite.mkdir(name)
            options, environment["TMPDIR"] = ["-o", f"cache_dir={folder}/cache"], str(folder)
        run = subprocess.Popen(
            [*command, *options], cwd=suite.path, env=environment, stdout=subprocess.DEVNULL
        )
        runs.append(run)

    assert [run.wait(120) for run in runs] == [0, 0]
    stored = queries(cassettes()["shared.yaml"])
    assert sorted(set(stored)) == list("01234")
    suite.runpytest_subprocess().assert_outcomes(passed=5)


def test_a_cache_that_can_not_be_written(suite, cassettes):
    """Where pytest's cache has no place staging files find one, and a failed test its draft."""
    (suite.path / ".pytest_cache").write_text("in the way")
    suite.makepyfile(ONE_FAILS)

    result = suite.runpytest_subprocess(
        "--record-mode=once", "-W", "ignore::pytest.PytestCacheWarning"
    )

    result.assert_outcomes(passed=5, failed=1)
    assert len(cassettes()) == 5
    result.stdout.fnmatch_lines(["draft *test_it?2?*the test failed"])


@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_cassette_folder_that_can_not_be_written(suite, cassettes, mode):
    """Where cassettes have no place the run fails with the reason, and keeps a draft of each."""
    (suite.path / "cassettes").write_text("in the way")
    suite.makepyfile(ONE_FAILS.replace("assert n != 2", ""))

    result = suite.runpytest_subprocess("-n2", f"--record-mode={mode}")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=6)
    assert len([line for line in result.outlines if line.startswith("draft ")]) == 6
    (suite.path / "cassettes").unlink()
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=6)
    assert len(cassettes()) == 6


def test_a_clock_that_is_set_back(suite, cassettes):
    """A wall clock that is set back during a test leaves its requests in their order."""
    suite.makepyfile("""
        import os, requests, time

        def test_it(cassette, monkeypatch):
            for n in range(3):
                requests.get(os.environ["API"] + f"/json?{n}")
                back = time.time() - 3600
                monkeypatch.setattr(time, "time", lambda: back)
                monkeypatch.setattr(time, "time_ns", lambda: int(back * 1e9))
    """)

    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    assert queries(cassettes()["test_it.yaml"]) == ["0", "1", "2"]


def test_nothing_of_a_run_stays(suite, tmp_path_factory):
    """After a run in which all passed no staging file, lock or folder of ours is in the checkout."""
    suite.makepyfile(ONE_FAILS.replace("assert n != 2", ""))

    suite.runpytest_subprocess("-n2", "--record-mode=all").assert_outcomes(passed=6)

    left = [path for path in suite.path.rglob("*") if "reqord" in path.name]
    assert [path for path in left if any(path.rglob("*")) or path.is_file()] == []
    assert {path.suffix for path in (suite.path / "cassettes").rglob("*.*")} == {".yaml"}
