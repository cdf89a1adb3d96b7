"""Wrong settings are usage errors that say where, what and how."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "reqord_record_mode = sometimes",
            "*record_mode = 'sometimes' (*tox.ini): *one of none, *",
        ),
        ("reqord_on_drift = maybe", "*on_drift = 'maybe' (*tox.ini)*one of ignore, warn, fail*"),
        ("reqord_batch_size = many", "*reqord_batch_size (*tox.ini)*many*"),
        ("reqord_batch_size = 0", "*batch_size = 0 (*tox.ini)*a whole number, 1 or more*"),
        ("reqord_match_on = method colour", "*'colour' is not a matcher; there are *uri*"),
        ("reqord_locked = perhaps", "*reqord_locked (*tox.ini)*perhaps*"),
    ],
)
def test_ini(suite, line, message):
    """A wrong ini key ends the run with exit status 4."""
    suite.makeini(f"[pytest]\n{line}")
    suite.makepyfile("def test_it(): pass")

    result = suite.runpytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_environment(suite, monkeypatch):
    """A wrong `REQORD` is named."""
    monkeypatch.setenv("REQORD", "record")
    suite.makepyfile("def test_it(): pass")

    result = suite.runpytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*'record' (the environment variable REQORD)*one of none, once*"])


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("record_mod='once'", "*record_mod (@pytest.mark.cassette(*)*did you mean record_mode*"),
        ("record_mode='on'", "*record_mode = 'on' (@pytest.mark.cassette(*)*one of none*"),
        ("'../../up'", "*'../../up' would lie outside of *path=*"),
        ("'/etc/x'", "*'/etc/x' would lie outside of *path=*"),
        ("'a', 'b'", "*takes one name*"),
        ("batch_size=3", "*batch_size (@pytest.mark.cassette(*)*whole run*reqord_batch_size*"),
    ],
)
def test_marker(suite, marker, message):
    """A wrong marker fails its test with the reason."""
    suite.makepyfile(f"""
        import pytest

        @pytest.mark.cassette({marker})
        def test_it(): pass
    """)

    result = suite.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_toml(suite):
    """pytest 9's native TOML tables take typed values."""
    suite.makepyprojecttoml("""
        [tool.pytest]
        reqord_batch_size = 3
        reqord_ignore_hosts = ["example.com"]
        reqord_locked = true
        reqord_lock_timeout = 2.5
    """)
    suite.makepyfile("""
        def test_it(cassette):
            settings = cassette.settings
            assert settings.batch_size == 3 and settings.ignore_hosts == ("example.com",)
            assert settings.locked is True and settings.lock_timeout == 2.5
    """)

    suite.runpytest().assert_outcomes(passed=1)


def test_precedence(suite, monkeypatch):
    """Command line, then `REQORD`, marker, `cassette_config`, ini."""
    suite.makeini("[pytest]\nreqord_record_mode = all\nreqord_on_drift = fail")
    suite.makepyfile("""
        import os, pytest

        @pytest.fixture
        def cassette_config():
            return {"record_mode": "rewrite", "on_drift": "ignore", "on_unplayed": "ignore"}

        @pytest.mark.cassette(record_mode="new_episodes", on_unplayed="fail")
        def test_it(cassette):
            assert cassette.record_mode == os.environ["EXPECTED"]
            assert cassette.settings.on_drift == "ignore"
            assert cassette.settings.on_unplayed == "fail"
    """)

    monkeypatch.setenv("EXPECTED", "new_episodes")
    suite.runpytest().assert_outcomes(passed=1)
    monkeypatch.setenv("REQORD", "none")
    monkeypatch.setenv("EXPECTED", "none")
    suite.runpytest().assert_outcomes(passed=1)
    monkeypatch.setenv("EXPECTED", "once")
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
