"""What goes wrong in a test is told by one error, and without our frames."""

from __future__ import annotations

import sys

import pytest

from pytest_reqord.options import MODES

ASKS = """
    import os, requests
    API = os.environ["API"]

    def test_it(cassette):
        requests.get(API + "/json")
"""


def assert_no_frames_of_ours(result) -> None:
    result.stdout.no_fnmatch_line("*pytest_reqord/*.py*")
    result.stdout.no_fnmatch_line("*urllib3*")


@pytest.mark.parametrize("mode", MODES)
def test_a_folder_in_the_place_of_a_cassette(suite, api, mode):
    """It is named as such in every mode, not as a broken connection of the client's."""
    suite.makepyfile(test_it=ASKS)
    folder = suite.mkdir("cassettes") / "test_it" / "test_it.yaml"
    folder.mkdir(parents=True)

    result = suite.runpytest(f"--record-mode={mode}")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*CassetteFormatError: {folder}: it is a folder. Move it away,*"])
    assert_no_frames_of_ours(result)
    assert not api.seen


def test_a_cassette_that_may_not_be_read(suite, monkeypatch):
    """What the system says is an error of ours: a client would take it for its own."""
    suite.makepyfile(test_it=ASKS)
    suite.runpytest("--record-mode=once")

    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pytest_reqord.storage.read", refuse)
    result = suite.runpytest()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*CassetteFormatError: *it can't be read: Permission denied. *"])


def test_a_wrong_marker_is_one_line(suite):
    """Where the suite has no part in the traceback there is none."""
    suite.makepyfile("""
        import pytest

        @pytest.mark.cassette(on_drift="maybe")
        def test_it(): pass
    """)

    result = suite.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["UsageError: on_drift = 'maybe' (@pytest.mark.cassette(*"])
    assert_no_frames_of_ours(result)


def test_a_wrong_use_of_a_cassette_ends_in_the_suite(suite):
    """The traceback ends where the suite opened it."""
    suite.makepyfile("""
        from pytest_reqord import use_cassette

        def test_it():
            with use_cassette("a.yaml", on_drift="maybe"):
                pass
    """)

    result = suite.runpytest()

    result.stdout.fnmatch_lines(["E *UsageError: on_drift = 'maybe' (use_cassette('a.yaml')): *"])
    assert_no_frames_of_ours(result)


@pytest.mark.parametrize(
    ("mode", "place", "message"),
    [
        ("record", "a.yaml", "record_mode = 'record' (the environment variable REQORD): *one of *"),
        ("once", ".", "* it is a folder. Move it away, or give the cassette another path"),
    ],
)
def test_a_wrong_use_in_a_script(suite, monkeypatch, mode, place, message):
    """A script ends with one error, below two frames: its own and the one that it called."""
    monkeypatch.setenv("REQORD", mode)
    script = suite.makepyfile(
        script=f"""
        from pytest_reqord import use_cassette

        with use_cassette({place!r}):
            pass
    """
    )

    result = suite.run(sys.executable, script)

    assert result.ret == 1
    assert result.stderr.lines[-1].startswith("pytest_reqord.errors.")
    result.stderr.fnmatch_lines([f"*Error: {message}"])
    assert sum(line.startswith("  File") for line in result.stderr.lines) == 2
