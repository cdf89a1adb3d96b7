"""The driver of the user's matrix: what isn't as a suite declares it is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

MATRIX = Path(__file__).parents[1] / "matrix"
SUITES = [path.name for path in (MATRIX / "suites").iterdir() if path.is_dir()]
ASK = "import os, urllib.request\nurllib.request.urlopen(os.environ['API'] + '/a').read()\n"


@pytest.fixture
def matrix(monkeypatch):
    """The modules of the driver, which stand beside it."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(MATRIX))
    import declared
    import trial

    yield declared, trial
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def tried(matrix, tmp_path, monkeypatch):
    """Try a suite of one step with a command in pytest's place."""
    declared, trial = matrix
    suites = tmp_path / "suites"
    (suites / "one").mkdir(parents=True)
    (suites / "one" / "test_it.py").write_text("wrong\n")
    monkeypatch.setattr(trial, "SUITES", suites)

    def run(code, **step):
        pytest_command = tmp_path / "pytest"
        pytest_command.write_text(f"#!{sys.executable}\n{code}\n")
        pytest_command.chmod(0o755)
        suite = declared.Suite(steps=(declared.Step(**step),))
        one = trial.Trial("row", tmp_path, "one", suite, trial.IN_ORDER, 1)
        return one.run(tmp_path / "copy")

    return run


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_declares_what_is_to_happen(matrix, name):
    """A folder without `suite.py`, or with a word that isn't known, would be passed over."""
    _, trial = matrix

    assert any(step.outcomes or step.says for step in trial.load(name).steps)


def test_what_is_as_declared_is_right(tried):
    """Outcomes, exit status, requests, output, silence."""
    step = {"passed": 2, "asks": 1, "says": ("at {api}",), "holds": 0, "silent": True}

    code = f"{ASK}print('at', os.environ['API'], '\\n= 2 passed in 1s =')"
    assert tried(code, **step) == ""


WRITE = """
from pathlib import Path
Path("cassettes").mkdir()
Path("cassettes/a.yaml").write_text("- recorded_at: now")
"""


@pytest.mark.parametrize(
    ("told", "code", "step"),
    [
        ("exit status 3, not 0", "raise SystemExit(3)", {}),
        ("exit status 0, not 1", "print('1 failed')", {"failed": 1}),
        ("outcomes {'passed': 1}, not {'passed': 2}", "print('1 passed')", {"passed": 2}),
        ("{'passed': 1, 'errors': 1}", "print('1 passed, 1 error')", {"passed": 1}),
        ("0 requests reached the API, not 1", "", {"asks": 1}),
        ("1 requests reached the API, not 0", ASK, {"asks": 0}),
        ("Connection refused", ASK, {"api": False, "passed": 1}),
        ("the output lacks 'draft'", "print('saved')", {"says": ("draft",)}),
        ("the output has 'saved'", "print('saved')", {"never_says": ("saved",)}),
        ("the plugin printed", "print('reqord: record mode once')", {"silent": True}),
        ("the plugin printed", "print('=== cassettes ===')", {"silent": True}),
        ("cassettes were changed", WRITE, {"touches": False}),
        ("the cassettes hold 1 interactions, not 2", WRITE, {"holds": 2}),
    ],
)
def test_what_is_not_is_told(tried, told, code, step):
    """Each of them by itself."""
    assert told in tried(code, **step)


def test_what_hangs_is_told(tried, matrix, monkeypatch):
    """It is ended with the workers that it started, which have its output open."""
    monkeypatch.setattr(matrix[1], "PATIENCE", 10)  # a Python starts in it on a busy machine, too
    code = "import subprocess, time; print('begun', flush=True)\n"
    code += "subprocess.Popen(['sleep', '600']); time.sleep(600)"

    told = tried(code)

    assert "not over after 10 seconds" in told
    assert "begun" in told


def test_an_edit_that_finds_nothing_is_an_error(tried):
    """The step after it would not be what it says."""
    with pytest.raises(AssertionError, match="has no 'right'"):
        tried("", change={"test_it.py": ("right", "")})
