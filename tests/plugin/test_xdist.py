"""xdist workers record as one run: nothing is lost, everything is in order."""

from __future__ import annotations

import pytest
import yaml

MANY = """
    import os, requests, pytest
    API = os.environ["API"]
    {mark}

    @pytest.mark.parametrize("n", range({tests}))
    def test_it(n{fixture}):
        for k in range(3):
            requests.post(API + "/echo", json={{"n": n, "k": k}})
"""
MARK = 'pytestmark = pytest.mark.cassette("shared")'
SHARED = MANY.format(mark=MARK, tests=20, fixture="")
OWN = MANY.format(mark="", tests=8, fixture=", cassette")


def interactions(data: bytes) -> list[dict]:
    return yaml.safe_load(data)["interactions"]


def assert_complete(data: bytes, tests: int) -> None:
    stored = interactions(data)
    assert len({(one["recorded_by"], one["request"]["body"]["json"]) for one in stored}) == (
        len(stored)
    )
    assert len(stored) == 3 * tests
    times = [one["recorded_at"] for one in stored]
    assert times == sorted(times)


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all", "rewrite"])
def test_workers_record_into_one_cassette(suite, api, request, mode):
    """Four workers, one cassette: every interaction is in it, in order of time."""
    tests = 200 if request.config.getoption("--full") else 20
    suite.makepyfile(MANY.format(mark=MARK, tests=tests, fixture=""))

    result = suite.runpytest_subprocess("-n4", f"--record-mode={mode}")

    result.assert_outcomes(passed=tests)
    (cassette,) = suite.path.rglob("shared.yaml")
    assert_complete(cassette.read_bytes(), tests)
    result.stdout.fnmatch_lines([f"saved *shared.yaml ({3 * tests} interactions)"])
    suite.runpytest_subprocess("-n4").assert_outcomes(passed=tests)
    assert len(api.seen) == 3 * tests


@pytest.mark.parametrize("mode", ["once", "all"])
@pytest.mark.parametrize(
    "dist", ["load", "loadfile", "loadgroup", "loadscope", "worksteal", "each"]
)
def test_dist_modes(suite, cassettes, dist, mode):
    """One recording per test is saved, however the tests are spread over four workers."""
    suite.makepyfile(test_own=OWN, test_shared=SHARED)

    result = suite.runpytest_subprocess("-n4", f"--dist={dist}", f"--record-mode={mode}")

    result.assert_outcomes(passed=28 * (4 if dist == "each" else 1))
    found = cassettes()
    assert_complete(found.pop("shared.yaml"), 20)
    assert len(found) == 8
    for data in found.values():
        assert_complete(data, 1)


def test_all_again_changes_nothing(suite, cassettes):
    """The controller replaces nothing that came out the same."""
    same_request = SHARED + '            requests.get(API + "/json")\n'
    suite.makepyfile(same_request)
    suite.runpytest_subprocess("-n2", "--record-mode=all")
    before = cassettes()

    result = suite.runpytest_subprocess("--dist=loadscope", "-n2", "--record-mode=all")

    assert cassettes() == before
    result.stdout.fnmatch_lines(["unchanged *shared.yaml"])


@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_worker_that_crashes(suite, cassettes, mode):
    """A crashed worker's test leaves a draft, everything else is saved."""
    suite.makepyfile("""
        import os, requests, pytest

        @pytest.mark.parametrize("n", range(6))
        def test_it(n, cassette):
            requests.get(os.environ["API"] + f"/json?{n}")
            if n == 3:
                cassette.flush()
                os._exit(1)
    """)

    result = suite.runpytest_subprocess("-n2", f"--record-mode={mode}")

    result.assert_outcomes(passed=5, failed=1)
    assert sorted(cassettes()) == [f"test_it[{n}].yaml" for n in (0, 1, 2, 4, 5)]
    result.stdout.fnmatch_lines(["draft *test_it?3? *ended in the middle*"])


def test_a_failing_test_in_all(suite, cassettes, monkeypatch):
    """In `all` a test that fails on a worker keeps its old interactions in a shared cassette."""
    suite.makepyfile(SHARED)
    suite.runpytest_subprocess("-n2", "--record-mode=all")
    before = interactions(cassettes()["shared.yaml"])
    suite.makepyfile(SHARED + "        assert n != 5\n        requests.get(API + '/json')\n")

    suite.runpytest_subprocess("-n2", "--record-mode=all").assert_outcomes(passed=19, failed=1)

    after = interactions(cassettes()["shared.yaml"])
    assert len(after) == 20 * 3 + 19
    assert [one for one in after if "[5]" in one["recorded_by"]] == [
        one for one in before if "[5]" in one["recorded_by"]
    ]


def test_unplayed_and_drift_are_told_by_the_controller(suite):
    """The summary is merged from all workers."""
    suite.makepyfile(OWN)
    suite.runpytest_subprocess("--record-mode=once")
    suite.makepyfile(OWN.replace("range(3)", "range(2)").replace('"k": k', '"k": k + 7'))

    result = suite.runpytest_subprocess("-n2")

    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(
        ["drifted   body.k: sent 7, recorded 0: 8 requests of 8 tests", "*left 1 interaction of*"]
    )


def test_without_xdist(suite, cassettes):
    """Without xdist everything works."""
    suite.makepyfile(SHARED)

    suite.runpytest_subprocess("-p", "no:xdist", "--record-mode=all").assert_outcomes(passed=20)

    assert_complete(cassettes()["shared.yaml"], 20)


def test_without_a_cache(suite, cassettes):
    """Staging files find a place where pytest has no cache; nothing is left beside the suite."""
    suite.makepyfile(SHARED)

    suite.runpytest_subprocess(
        "-n2", "-p", "no:cacheprovider", "--record-mode=all"
    ).assert_outcomes(passed=20)

    assert_complete(cassettes()["shared.yaml"], 20)
    assert not (suite.path / ".pytest_cache").exists()


def test_cache_clear(suite, cassettes):
    """`--cache-clear` on every worker costs no recording."""
    suite.makepyfile(SHARED)

    suite.runpytest_subprocess("-n4", "--cache-clear", "--record-mode=all").assert_outcomes(
        passed=20
    )

    assert_complete(cassettes()["shared.yaml"], 20)
