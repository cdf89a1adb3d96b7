"""``reqord info``: what a bug report tells, and what it keeps to itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

INFO = "import sys; from pytest_reqord.cli import main; sys.exit(main(sys.argv[1:]))"


def info(folder, *options: str, before: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    quiet = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "REQORD", "CI"))}
    quiet |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env}
    words = [sys.executable, "-c", f"{before}\n{INFO}", "info", "--", "-p", "reqord", *options]
    return subprocess.run(words, cwd=folder, env=quiet, capture_output=True, text=True, check=False)


def test_all_of_it(tmp_path):
    """Versions, clients, plugins, the settings that somebody set, and each one's place."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nreqord_on_drift = fail\nreqord_locked = true\n")

    done = info(tmp_path, "-o", "reqord_locked=false", "--record-mode=once", REQORD="all")

    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("pytest-reqord ")
    assert re.search(rf"^Python {sys.version_info[0]}\.{sys.version_info[1]}\.", lines[1])
    assert any(re.fullmatch(r"requests \S+ hooked, at http.client", line) for line in lines)
    assert any(re.fullmatch(r"websockets \S+ not recorded: .*", line) for line in lines)
    assert any(re.fullmatch(r"pytest-reqord \S+", line) for line in lines)
    assert "REQORD all" in lines
    assert [line for line in lines if " = " in line] == [
        "record_mode = 'once' the command line",
        "record_mode = 'all' the environment variable REQORD (set by a stronger place above)",
        "locked = False (the default) -o on the command line",
        f"on_drift = 'fail' {tmp_path / 'pytest.ini'}",
    ]


def test_no_secret(tmp_path):
    """Patterns of secrets, passwords of proxies and options' values are counted or left out."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nreqord_redact_patterns =\n    hunter2\n")

    proxy = "http://ada:hunter2@proxy.example.test"
    done = info(tmp_path, HTTPS_PROXY=proxy, PYTEST_ADDOPTS="-o console_output_style=hunter2")

    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert "redact_patterns = (1, not shown)" in done.stdout


def test_a_wrong_setting(tmp_path):
    """All but the settings is told where pytest can't read them, and pytest's error."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nreqord_on_drift = explode\nnonsense\n")

    done = info(tmp_path)

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "hooked, at http.client" in done.stdout
    assert "pytest.ini" in done.stderr


def test_a_client_that_lost_its_seam(tmp_path):
    """A client that can't be hooked is told with the reason."""
    before = (
        "from tornado import simple_httpclient\n"
        "del simple_httpclient._HTTPConnection._create_connection"
    )

    done = info(tmp_path, before=before)

    assert re.search(r"tornado \S+ +NOT hooked: .*_create_connection", done.stdout)


def test_without_the_plugin(tmp_path):
    """A run that doesn't load the plugin is told of, with what loads it."""
    done = info(tmp_path, "-p", "no:reqord")

    assert done.returncode == 0, done.stderr
    assert "doesn't load the plugin reqord" in done.stdout
