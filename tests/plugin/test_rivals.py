"""Plugins that take the same options: pytest-recording is installed, the others are stand-ins."""

from __future__ import annotations

import pytest

SUITE = """
    import os, pytest, requests

    @pytest.mark.vcr
    def test_it(vcr):
        assert requests.get(os.environ["API"] + "/json").ok
        assert len(vcr) == 1
"""
OPTIONS = """
    def pytest_addoption(parser):
        parser.addoption("--record-mode")
"""


@pytest.fixture
def installed(suite, monkeypatch):
    """Install a stand-in of a distribution with a plugin; pytest finds all that is installed."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    # what else is installed here is none of this
    monkeypatch.setenv(
        "PYTEST_ADDOPTS", "-pno:django -pno:randomly -pno:asyncio -pno:rerunfailures"
    )
    monkeypatch.setenv("PYTHONPATH", str(suite.path / "site"))
    suite.makepyfile(test_it=SUITE)

    def install(distribution, name, module):
        site = suite.path / "site"
        file = site.joinpath(*module.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True)
        file.write_text(OPTIONS.replace("\n    ", "\n"))
        if file.parent != site:
            (file.parent / "__init__.py").touch()
        info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[pytest11]\n{name} = {module}\n")

    return install


@pytest.mark.parametrize(
    ("distribution", "name", "module"),
    [
        ("pytest-recording", "recording", ""),
        ("pytest-vcr", "vcr", "pytest_vcr"),
        ("cassetter", "cassetter", "cassetter.pytest_plugin"),
    ],
)
def test_one_of_them_has_to_be_switched_off(suite, installed, distribution, name, module):
    """A usage error says how, and `-p no:NAME` is enough."""
    others = [] if name == "recording" else ["-pno:recording"]
    if module:
        installed(distribution, name, module)

    both = suite.runpytest_subprocess(*others)
    assert both.ret == pytest.ExitCode.USAGE_ERROR
    both.stderr.fnmatch_lines([f"*{distribution} can't be used*-p no:{name} or -p no:reqord*"])
    assert "Traceback" not in both.stderr.str()

    for mode in ("once", "none"):
        only = suite.runpytest_subprocess(*others, f"-pno:{name}", f"--record-mode={mode}")
        only.assert_outcomes(passed=1)


def test_named_plugins(suite, monkeypatch):
    """It is told of one that `-p` names, too."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p pytest_recording.plugin -p reqord")
    suite.makepyfile(SUITE)

    result = suite.runpytest_subprocess()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*pytest-recording can't be used in one run*"])
