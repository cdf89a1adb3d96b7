"""Death at any moment of a recording run: what was flushed is found, what was saved is whole."""

from __future__ import annotations

import re
import signal

import pytest
import yaml

DEATHS = {
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    # The handler returns at once and a thread of ours ends the process after its flush. A test that
    # ended in the meantime would have its recording saved, so this one waits for its end.
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)",
    "exit": "os._exit(3)",
    "SIGINT twice": "[os.kill(os.getpid(), signal.SIGINT) for _ in range(2)]",
}
SUITE = """
    import os, requests, signal, time

    def test_it(cassette):
        with requests.Session() as session:
            for n in range({number}):
                session.get(os.environ["API"] + f"/json?{{n}}")
        {death}
"""


def stored(data: bytes) -> list[str]:
    return [
        one["request"]["uri"].rpartition("?")[2] for one in yaml.safe_load(data)["interactions"]
    ]


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("mode", ["once", "all"])
def test_a_run_that_dies(suite, cassettes, request, death, mode):
    """What it had flushed is told as a draft, by the next run or itself."""
    number = 1000 if request.config.getoption("--full") else 100
    more = "cassette.flush(); requests.get(os.environ['API'] + '/json?last'); "
    suite.makepyfile(SUITE.format(number=number, death=more + DEATHS[death]))

    dying = suite.runpytest_subprocess(f"--record-mode={mode}")

    assert cassettes() == {}
    suite.makepyfile(test_other="def test_other(cassette): pass")
    result = suite.runpytest_subprocess("--record-mode=once", "-k", "test_other")
    told = dying.stdout.str() + result.stdout.str()
    (draft,) = re.findall(r"kept in (.*?); save it", told)
    found = stored((suite.path / draft).read_bytes())
    assert found[:number] == [str(n) for n in range(number)]
    assert found[number:] in ([], ["last"])


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("mode", ["all", "rewrite", "new_episodes"])
def test_a_good_cassette_while_it_is_rewritten(suite, cassettes, death, mode):
    """A run that dies while it records a cassette anew leaves the old one byte for byte."""
    suite.makepyfile(SUITE.format(number=5, death=""))
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)
    before = cassettes()
    suite.makepyfile(SUITE.format(number=20, death=DEATHS[death]))

    suite.runpytest_subprocess(f"--record-mode={mode}")

    assert cassettes() == before
    beside = {path.suffix for path in (suite.path / "cassettes").rglob("*.*")}
    assert beside == {".yaml"}


def test_the_draft_of_a_dead_run_is_played(suite, api, cassettes):
    """What a killed run had flushed need not be asked for again."""
    suite.makepyfile(SUITE.format(number=20, death="cassette.flush(); " + DEATHS["SIGKILL"]))
    assert suite.runpytest_subprocess("--record-mode=once").ret == -signal.SIGKILL
    suite.makepyfile(SUITE.format(number=22, death=""))

    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=1)

    assert len(api.seen) == 22
    (data,) = cassettes().values()
    assert stored(data) == [str(n) for n in range(22)]
