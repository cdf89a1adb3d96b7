"""Cassettes in other places: the hook, and tests that were moved or renamed."""

from __future__ import annotations

import pytest

SUITE = """
    import os, requests, pytest

    @pytest.mark.cassette
    def test_users():
        assert requests.get(os.environ["API"] + "/json?users").ok

    @pytest.mark.cassette
    def test_posts():
        assert requests.get(os.environ["API"] + "/json?posts").ok
"""


@pytest.fixture
def recorded(suite):
    suite.makepyfile(test_it=SUITE)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)
    return suite


def test_renamed(recorded):
    """The miss of a renamed test ends with the command that brings its cassette along."""
    recorded.makepyfile(test_it=SUITE.replace("test_users", "test_all_users"))

    result = recorded.runpytest()

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*mv *test_users.yaml *test_all_users.yaml *# if the test was*"])


def test_moved(recorded):
    """So does that of one in a module that has another name now."""
    (recorded.path / "test_it.py").rename(recorded.path / "test_other.py")

    result = recorded.runpytest()

    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*mv *test_it/test_users.yaml *test_other/test_users.yaml *"])


def test_new(recorded):
    """A new test is no renamed one: those beside it still have their cassettes."""
    recorded.makepyfile(test_it=SUITE + SUITE.replace("test_users", "test_user"))

    result = recorded.runpytest()

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.no_fnmatch_line("*mv *")


def test_hook(suite, api):
    """A conftest.py says where cassettes lie; None leaves a place as it is."""
    suite.makeconftest(
        """
        def pytest_reqord_cassette_path(item, path):
            if item.name == "test_users":
                return f"recorded/{path.parent.name}-{path.name}"
        """
    )
    suite.makepyfile(test_it=SUITE)

    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)
    suite.runpytest().assert_outcomes(passed=2)

    assert len(api.seen) == 2
    names = sorted(str(p.relative_to(suite.path)) for p in suite.path.rglob("*.yaml"))
    assert names == ["cassettes/test_it/test_posts.yaml", "recorded/test_it-test_users.yaml"]


NAMESAKES = """
    import os, requests, pytest

    def get(name):
        assert requests.get(os.environ["API"] + "/json", params={"name": name}).ok

    @pytest.mark.parametrize("name", ["q/r", "q-r"])
    def test_it(cassette, name):
        get(name)

    class TestA:
        class TestIt:
            def test_it(self, cassette):
                get("A")

    class TestB:
        class TestIt:
            def test_it(self, cassette):
                get("B")
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("test_it[q/r]", "test_it[q-r]"),
        ("TestA::TestIt::test_it", "TestB::TestIt::test_it"),
    ],
)
def test_two_tests_of_one_name(suite, cassettes, first, second):
    """Tests that a file system can't tell apart share a cassette; a miss of the later one says so."""
    suite.makepyfile(test_one=NAMESAKES)
    first, second = f"test_one.py::{first}", f"test_one.py::{second}"
    suite.runpytest(first, "--record-mode=once").assert_outcomes(passed=1)

    alone = suite.runpytest(second)
    suite.runpytest(second, "--record-mode=new_episodes").assert_outcomes(passed=1)
    both = suite.runpytest(first, second, "-o", "reqord_on_unplayed=fail")

    alone.assert_outcomes(failed=1)
    alone.stdout.fnmatch_lines(
        [f"*# {first.replace('[', '[[]')} has a cassette of this name too: *"]
    )
    both.assert_outcomes(passed=2)
    assert len(cassettes()) == 1


@pytest.mark.parametrize("letter", ["n", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_names_that_are_too_long(suite, cassettes, letter):
    """Names with more bytes than a file system takes are cut, and told apart by a hash."""
    suite.makepyfile(
        "import os, requests, pytest",
        *(
            f"def test_{letter * 130}{letter * 130 if letter == 'n' else ''}{end}(cassette):"
            f"    assert requests.get(os.environ['API'] + '/json?{end}').ok"
            for end in "ab"
        ),
    )

    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)

    suite.runpytest("-o", "reqord_on_unplayed=fail").assert_outcomes(passed=2)
    assert len(cassettes()) == 2
    assert all(len(name.encode()) <= 255 for name in cassettes())


REPEATED = """
import os, pytest, requests

@pytest.mark.parametrize("name", ["a", "b-1"])
@pytest.mark.cassette
def test_each(name):
    assert requests.get(f"{os.environ['API']}/echo/{name}").ok

@pytest.mark.cassette
def test_one():
    assert requests.get(f"{os.environ['API']}/json").ok
"""


def test_repeated_tests_share_the_cassette_of_the_test(suite, api, cassettes, monkeypatch):
    """However often pytest-repeat runs them, when they are recorded and when they are played."""
    pytest.importorskip("pytest_repeat")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p pytest_repeat")
    suite.makepyfile(REPEATED)
    names = {"test_each[a].yaml", "test_each[b-1].yaml", "test_one.yaml"}

    for count, recorded in (("1", 3), ("3", 9)):
        suite.runpytest("--record-mode=all", "--count", count).assert_outcomes(passed=recorded)
        assert set(cassettes()) == names
        with api.refusing():
            suite.runpytest("--count=2").assert_outcomes(passed=6)
            suite.runpytest().assert_outcomes(passed=3)


def test_a_repeated_test_keeps_the_cassette_of_its_own(suite, api, cassettes, monkeypatch):
    """One from before they were shared."""
    pytest.importorskip("pytest_repeat")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p reqord -p pytest_repeat")
    suite.makepyfile(REPEATED)
    suite.runpytest("--record-mode=once", "-k", "one").assert_outcomes(passed=1)
    folder = next(suite.path.rglob("test_one.yaml")).parent
    for number in (1, 2):
        text = (
            (folder / "test_one.yaml").read_text().replace("::test_one", f"::test_one[{number}-2]")
        )
        (folder / f"test_one[{number}-2].yaml").write_text(text)
    (folder / "test_one.yaml").unlink()

    with api.refusing():
        suite.runpytest("--count=2", "-k", "one").assert_outcomes(passed=2)


PARAMETERS = """
    import os, requests, pytest

    @pytest.mark.parametrize("number", [1, 2], ids=["one", "two"])
    @pytest.mark.cassette
    def test_number(number):
        assert requests.get(f"{os.environ['API']}/echo/{number}").ok
"""


def test_renamed_parameters(suite):
    """The miss of a test whose parameters have other names names the cassette of the old ones."""
    suite.makepyfile(test_it=PARAMETERS)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=2)
    suite.makepyfile(test_it=PARAMETERS.replace('"two"', '"the second one"'))

    result = suite.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*mv *'*test_number[[]two].yaml' *'*[[]the second one].yaml' *"])
    # what is left out of a run isn't gone
    for option in ("-k=second", "test_it.py::test_number[the second one]"):
        result = suite.runpytest(option)
        result.assert_outcomes(failed=1, deselected=int(option.startswith("-k")))
        result.stdout.no_fnmatch_line("*mv *test_number[[]one]*")
