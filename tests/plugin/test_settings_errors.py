"""Wrong settings are usage errors that say where, what and how."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("reqord_record_mode=sometimes", "record_mode = 'sometimes' (PLACE): *one of none, *"),
        ("reqord_on_drift=maybe", "on_drift = 'maybe' (PLACE): *one of ignore, warn, fail*"),
        ("reqord_batch_size=many", "batch_size = 'many' (PLACE): *a whole number, 1 or more"),
        ("reqord_batch_size=0", "batch_size = 0 (PLACE): *a whole number, 1 or more"),
        ("reqord_lock_timeout=nan", "lock_timeout = nan (PLACE): *a number, 0 or more"),
        (
            "reqord_match_on=method colour",
            "*(PLACE): 'colour' is not a matcher: *see: reqord docs matching",
        ),
        ("reqord_locked=perhaps", "locked = 'perhaps' (PLACE): it has to be true or false"),
        ("reqord_secrets='KEY", 'secrets = "\'KEY" (PLACE): it has to be a list of words'),
        ("reqord_ondrift=fail", "ondrift = 'fail' (PLACE) is not *did you mean reqord_on_drift?"),
        (
            "reqord_colour=red",
            "colour = 'red' (PLACE) is not a setting: *see: reqord docs settings",
        ),
        ("reqord_rerecord=*", "rerecord = '[*]' (PLACE) is not a setting: *"),
    ],
)
@pytest.mark.parametrize("place", ["*tox.ini", "-o on the command line"])
def test_ini(suite, setting, message, place):
    """A wrong ini key, wherever it is set, ends the run: key, value, place, what is allowed."""
    options = ["-o", setting] if place.startswith("-o") else []
    suite.makeini("[pytest]\n" + ("" if options else setting))
    suite.makepyfile("def test_it(): pass")

    result = suite.runpytest(*options)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: reqord_" + message.replace("PLACE", place) + "*"])


def test_keys_of_other_plugins(suite):
    """An ini key of another plugin may begin as ours do."""
    suite.makeini("[pytest]\nreqord_theirs = 1")
    suite.makeconftest("def pytest_addoption(parser): parser.addini('reqord_theirs', 'help')")
    suite.makepyfile("def test_it(): pass")

    suite.runpytest().assert_outcomes(passed=1)


def test_allowed_hosts(suite):
    """A pattern of --allowed-hosts that is none ends the run, whether a test needs it or not."""
    suite.makepyfile("def test_it(): pass")

    result = suite.runpytest("--allowed-hosts=example.com,(")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*'(' is not a regular expression*(--allowed-hosts on the *"])


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
        (
            "record_mod='once'",
            "*record_mod = 'once' (@pytest.mark.cassette(*)*did you mean record_mode*",
        ),
        ("record_mode='on'", "*record_mode = 'on' (@pytest.mark.cassette(*)*one of none*"),
        ("'../../up'", "*'../../up' would lie outside of *path=*"),
        ("'/etc/x'", "*'/etc/x' would lie outside of *path=*"),
        ("'a', 'b'", "*takes one name*"),
        ("batch_size=3", "*batch_size = 3 (@pytest.mark.cassette(*)*whole run*reqord_batch_size*"),
        (
            "batchsize=3",
            "*batchsize = 3 (@pytest.mark.cassette(*) is not a setting: *see: reqord docs settings",
        ),
        ("rerecord=['*']", "*rerecord = * is not a setting: *"),
        ("match_on=[['uri']]", "*match_on = *: ?'uri'? is not a matcher: *"),
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


def test_run_wide_settings_are_no_hint_for_a_marker(suite):
    """What a marker can't set isn't among what its error offers."""
    suite.makepyfile("""
        import pytest

        @pytest.mark.cassette(batch_siz=3)
        def test_it(): pass
    """)

    result = suite.runpytest()

    result.stdout.fnmatch_lines(["* is not a setting: *"])
    result.stdout.no_fnmatch_line("*did you mean *batch_size*")


def test_a_cassette_config_that_is_no_dictionary(suite):
    """Its error says which fixture, and what it has to return."""
    suite.makepyfile("""
        import pytest

        @pytest.fixture
        def cassette_config():
            return ["once"]

        def test_it(cassette): pass
    """)

    result = suite.runpytest()

    result.stdout.fnmatch_lines(
        ["*the fixture cassette_config*has to return a dictionary*not ?'once'?*"]
    )


@pytest.mark.parametrize(
    "table",
    [
        "tool.pytest.ini_options",
        pytest.param(
            "tool.pytest",
            marks=pytest.mark.skipif(
                pytest.version_tuple < (9,), reason="pytest 9 is the first that reads this table"
            ),
        ),
    ],
)
def test_toml(suite, table):
    """The tables of pyproject.toml, pytest 9's native one, too, take typed values."""
    suite.makepyprojecttoml(f"""
        [{table}]
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


def test_the_network_guard_is_on_or_off(suite):
    """Anything else is told with the file that says it."""
    suite.makeini("[pytest]\nreqord_block_network = perhaps")

    result = suite.runpytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*reqord_block_network in *.ini: *perhaps*"])


def test_a_typo_in_a_key_of_the_network_guard(suite):
    """What is close to one of its keys is told as such, too."""
    suite.makeini("[pytest]\nreqord_block_networks = true")

    result = suite.runpytest()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*did you mean reqord_block_network?*"])
