"""Tests whose cassettes' names differ only in case, which is one file where case is ignored."""

from __future__ import annotations

import pytest

SUITE = """
    import os, pytest, requests

    API = os.environ["API"]

    @pytest.mark.{mark}
    @pytest.mark.parametrize("name", ["Ada", "ADA", "ada", "bob"])
    def test_it(name):
        answer = requests.post(API + "/echo", data=name)
        assert answer.json()["body"] == name
"""

# stands in for a file system that finds a file by its name in any case, as macOS has it
IGNORES_CASE = """
    import builtins, os

    def found(path):
        folder, name = os.path.split(os.fspath(path))
        names = os.listdir(folder) if folder and os.path.isdir(folder) else ()
        same = [each for each in names if each.casefold() == name.casefold()]
        return os.path.join(folder, same[0]) if same else path

    def ignoring(original, paths):
        def call(*args, **kwargs):
            if "test_it[" in str(args[paths - 1]):
                args = (*map(found, args[:paths]), *args[paths:])
            return original(*args, **kwargs)
        return call

    for owner, name, paths in [
        (builtins, "open", 1), (os, "open", 1), (os, "stat", 1), (os, "lstat", 1),
        (os, "unlink", 1), (os, "replace", 2), (os, "rename", 2),
    ]:
        setattr(owner, name, ignoring(getattr(owner, name), paths))
"""


@pytest.fixture(params=["cassette", "vcr"])
def mark(request):
    return request.param


@pytest.fixture(params=["tells", "ignores"])
def system(request, suite):
    """A suite on a file system that tells names apart by case, and on one that doesn't."""
    if request.param == "ignores":
        suite.makeconftest(IGNORES_CASE)
    return suite


@pytest.mark.parametrize("options", [("once", "-n2"), ("all", "-n2"), ("once",)])
def test_each_plays_its_own(system, api, cassettes, mark, options):
    """They share one file, on every system, in which each test finds what it recorded."""
    system.makepyfile(test_it=SUITE.format(mark=mark))
    mode, *rest = options

    system.runpytest_subprocess(f"--record-mode={mode}", *rest).assert_outcomes(passed=4)
    names = {name.casefold() for name in cassettes()}
    assert len(names) == len(cassettes()) == 2
    system.runpytest_subprocess("-k", "ADA", "--record-mode=all").assert_outcomes(passed=3)
    system.runpytest_subprocess().assert_outcomes(passed=4)

    assert len(api.seen) == 7


def test_a_file_of_another_system(suite, cassettes, mark):
    """A cassette from a system that ignores case is played by all its tests on one that doesn't."""
    suite.makeconftest(IGNORES_CASE)
    suite.makepyfile(test_it=SUITE.format(mark=mark))
    suite.runpytest_subprocess("--record-mode=once").assert_outcomes(passed=4)
    assert sorted(cassettes()) == ["test_it[Ada].yaml", "test_it[bob].yaml"]

    suite.makeconftest("")
    suite.runpytest_subprocess().assert_outcomes(passed=4)
    result = suite.runpytest_subprocess("--unused-cassettes")

    result.stdout.no_fnmatch_line("*unused*")


def test_names_that_somebody_gave(suite, cassettes):
    """What a marker or `use_cassette` names is that file, however alike another name is."""
    suite.makepyfile(
        test_it="""
        import os, pytest, requests
        from pytest_reqord import use_cassette

        @pytest.mark.parametrize("name", ["given", "Given"])
        def test_it(name):
            with use_cassette(f"cassettes/{name}.yaml"):
                assert requests.get(os.environ["API"] + "/json").ok

        @pytest.mark.cassette("named")
        def test_lower():
            assert requests.get(os.environ["API"] + "/json").ok

        @pytest.mark.cassette("Named")
        def test_upper():
            assert requests.get(os.environ["API"] + "/json").ok
        """
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=4)
    suite.runpytest().assert_outcomes(passed=4)

    assert sorted(cassettes()) == ["Given.yaml", "Named.yaml", "given.yaml", "named.yaml"]


def test_two_files_that_are_there(suite, cassettes, mark):
    """Where each has a file already, as under pytest-recording, each keeps it."""
    source = SUITE.format(mark=mark)
    for name in ("Ada", "ADA"):
        suite.makepyfile(test_it=source.replace('"Ada", "ADA", "ada", "bob"', f'"{name}"'))
        suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
        (stored,) = (suite.path / "cassettes/test_it").iterdir()
        stored.rename(suite.path / stored.name)
    for stored in suite.path.glob("*.yaml"):
        stored.rename(suite.path / "cassettes/test_it" / stored.name)

    suite.makepyfile(test_it=source.replace('"ada", "bob"', ""))
    suite.runpytest().assert_outcomes(passed=2)
    suite.runpytest("--record-mode=all").assert_outcomes(passed=2)

    assert {name: text.count(b"- recorded_at") for name, text in cassettes().items()} == {
        "test_it[ADA].yaml": 1,
        "test_it[Ada].yaml": 1,
    }
