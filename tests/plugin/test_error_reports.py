"""What goes wrong in a test is told by one error, and without our frames."""

from __future__ import annotations

import os
import sys

import pytest

from pytest_reqord.settings.options import MODES
from pytest_reqord.storage import files

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


@pytest.mark.parametrize("mark", ["cassette", "vcr"])
@pytest.mark.parametrize("mode", MODES)
def test_a_pipe_in_the_place_of_a_cassette(suite, api, mode, mark):
    """Nobody waits for what comes out of it, and it isn't replaced."""
    suite.makepyfile(test_it=ASKS.replace("(cassette)", "()"))
    suite.makeconftest(f"""
        import pytest

        def pytest_collection_modifyitems(items):
            items[0].add_marker(pytest.mark.{mark})
    """)
    folder = suite.mkdir("cassettes") / "test_it"
    folder.mkdir()
    pipe = folder / "test_it.yaml"
    os.mkfifo(folder / "pipe")
    pipe.symlink_to("pipe")

    result = suite.runpytest(f"--record-mode={mode}")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*CassetteFormatError: {pipe}: it is a pipe or a device. *"])
    assert pipe.is_symlink()
    assert pipe.is_fifo()
    assert not api.seen


@pytest.mark.parametrize("mode", ["none", "once", "all"])
@pytest.mark.parametrize(
    "mark",
    [
        r'cassette(path="a\0b.yaml")',
        r'cassette(path="a\ud800b.yaml")',
        r'cassette("a\ud800b")',
        r'default_cassette("a\0b")',
        r'default_cassette("a\ud800b")',
        r'vcr("a\0b")',
    ],
)
def test_a_path_that_no_file_can_have(suite, mode, mark):
    """It is one error of its test, in words; the others are saved."""
    suite.makepyfile(f"""
        import os, pytest, requests

        @pytest.mark.cassette
        def test_good():
            requests.get(os.environ["API"] + "/json")

        @pytest.mark.{mark}
        {"" if mark.startswith("cassette") else "@pytest.mark.vcr"}
        def test_it():
            requests.get(os.environ["API"] + "/json")
    """)
    suite.runpytest("-k", "good", "--record-mode=once")

    result = suite.runpytest(f"--record-mode={mode}", "--unused-cassettes")

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*UsageError: *no file can have the path *another name"])


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


@pytest.mark.parametrize("mode", ["all", "rewrite"])
@pytest.mark.parametrize("wrong", ['cassette("a", "b")', 'cassette("../../a")', "cassette(path=3)"])
def test_a_wrong_marker_where_all_is_recorded(suite, cassettes, monkeypatch, mode, wrong):
    """That test fails; the others are saved, and nothing is taken for gone."""
    test = """
        import os, pytest, requests

        @pytest.mark.cassette
        def test_good():
            requests.get(os.environ["API"] + "/json?" + os.environ["RUN"])

        @pytest.mark.parametrize("at", [pytest.param(1, marks=pytest.mark.WRONG), 2])
        def test_it(at, cassette):
            requests.get(os.environ["API"] + f"/json?{at}")
    """
    suite.makepyfile(test_it=test.replace("WRONG", 'cassette("shared")'))
    suite.makeconftest("""
        def pytest_reqord_cassette_path(item, path):
            return path.with_name("all.yaml")
    """)
    monkeypatch.setenv("RUN", "first")
    suite.runpytest("--record-mode=once")
    (before,) = cassettes().values()
    suite.makepyfile(test_it=test.replace("WRONG", wrong))
    monkeypatch.setenv("RUN", "second")

    result = suite.runpytest(f"--record-mode={mode}", "--unused-cassettes")

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*UsageError: *", "*saved * cassettes/test_it/all.yaml *"])
    (after,) = cassettes().values()
    assert b"json?first" in before
    assert b"json?second" in after
    assert (b"json?1" in after) == (mode == "all")


def test_a_hook_that_fails_where_all_is_recorded(suite, cassettes):
    """A hook that can't place a test that isn't even run keeps nothing from being saved."""
    suite.makepyfile(
        test_it="""
        import os, requests

        def test_good(cassette):
            requests.get(os.environ["API"] + "/json")

        def test_other(cassette):
            pass
    """
    )
    suite.makeconftest("""
        def pytest_reqord_cassette_path(item, path):
            assert item.name == "test_good", "no place for it"
    """)

    result = suite.runpytest("--record-mode=all", "-k", "good", "--unused-cassettes")

    result.assert_outcomes(passed=1, deselected=1)
    assert set(cassettes()) == {"test_good.yaml"}


def test_a_temp_folder_of_somebody_else(suite, cassettes, monkeypatch):
    """It matters to who records, who is told the way out; a replay needs none."""
    suite.makepyfile(test_it=ASKS + "\n    def test_other():\n        pass\n")
    suite.runpytest("--record-mode=once")
    (recorded,) = cassettes().values()
    temp = suite.mkdir("temp")
    temp.joinpath(f"pytest-reqord-{os.getuid()}").touch()  # theirs, for all we can do about it
    monkeypatch.setattr("pytest_reqord.storage.files._SYSTEM_TEMP", str(temp))
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    files._own_folder.cache_clear()

    played = suite.runpytest("-p", "no:cacheprovider")
    refused = suite.runpytest("-p", "no:cacheprovider", "--record-mode=all")
    monkeypatch.setenv("TMPDIR", str(suite.mkdir("mine")))
    saved = suite.runpytest("-p", "no:cacheprovider", "--record-mode=all")
    files._own_folder.cache_clear()

    played.assert_outcomes(passed=2)
    refused.assert_outcomes(passed=1, errors=1)
    refused.stdout.fnmatch_lines(["*no place for what is recorded: * Set TMPDIR to a folder *"])
    saved.assert_outcomes(passed=2)
    assert [*cassettes().values()] == [recorded]


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
