"""``--unused-cassettes``: what no test has any more, and nothing else."""

from __future__ import annotations

import pytest

SUITE = """
    import os, requests, pytest

    @pytest.mark.cassette
    @pytest.mark.parametrize("n", [1, 2])
    def test_it(n):
        assert requests.get(f"{os.environ['API']}/json?n={n}").ok

    class TestGroup:
        @pytest.mark.cassette
        def test_in_class(self):
            assert requests.get(f"{os.environ['API']}/json").ok

    @pytest.mark.cassette("shared")
    def test_named():
        assert requests.get(f"{os.environ['API']}/json").ok

    def test_by_path():
        import pytest_reqord
        name = "by_" + "path"
        with pytest_reqord.use_cassette(f"cassettes/test_it/{name}.yaml"):
            assert requests.get(f"{os.environ['API']}/json").ok
"""
OTHER = """
    import os, requests, pytest

    @pytest.mark.cassette
    def test_other():
        assert requests.get(f"{os.environ['API']}/json").ok
"""


@pytest.fixture
def recorded(suite):
    """A suite of two modules in which every cassette is used."""
    suite.makepyfile(test_it=SUITE, test_other=OTHER)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=6)
    return suite


def put(suite, *names):
    """Cassettes that no test has."""
    some = next(suite.path.rglob("cassettes/test_it/shared.yaml")).read_bytes()
    for name in names:
        path = suite.path / "cassettes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(some)


def unused(suite, *arguments):
    """The cassettes that a run lists."""
    run = suite.runpytest_subprocess if "-n2" in arguments else suite.runpytest
    result = run("--unused-cassettes", *arguments)
    lines = [line.split() for line in result.outlines if line.startswith("unused")]
    return sorted(path.removeprefix("cassettes/") for _, path in lines)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("-n2",),
        ("-k", "named"),
        ("-k", "by_path", "-n2"),
        ("--deselect", "test_it.py::test_by_path"),
        ("test_other.py",),
        ("test_it.py",),
        ("test_it.py::test_named",),
        ("test_it.py::TestGroup", "test_other.py"),
        ("--collect-only",),
        ("-x",),
    ],
    ids=" ".join,
)
def test_nothing_is_listed_where_all_are_used(recorded, arguments):
    """Whatever part of the suite runs, no cassette in use is listed."""
    assert unused(recorded, *arguments) == []


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["alone", "xdist"])
def test_cassettes_without_a_test(recorded, arguments):
    """Of functions that are gone, of names that nobody opens, of modules that are gone."""
    gone = ["test_it/test_old.yaml", "test_it/other.yaml", "test_gone/test_a.yaml"]
    put(recorded, *gone, "test_it/TestGroup.test_old[1].yaml", "shared/people.yaml")

    found = unused(recorded, *arguments)

    assert found == sorted([*gone, "test_it/TestGroup.test_old[1].yaml"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("-k", "named"), ["test_gone/test_a.yaml", "test_it/test_old.yaml"]),
        (("test_it.py",), ["test_it/named.yaml", "test_it/test_old.yaml"]),
        (("test_other.py",), []),
        (("test_it.py::test_named",), []),
        (("--collect-only",), ["test_gone/test_a.yaml", "test_it/test_old.yaml"]),
    ],
    ids=str,
)
def test_partial_runs_list_what_is_certain(recorded, arguments, expected):
    """A name that is no test's may be opened by a test that doesn't run now."""
    put(recorded, "test_it/test_old.yaml", "test_it/named.yaml", "test_gone/test_a.yaml")

    assert unused(recorded, *arguments) == expected


def test_a_run_that_was_cut_short(recorded):
    """After `-x` a cassette is listed only if its name is that of a test that is gone."""
    put(recorded, "test_other/people.yaml", "test_other/test_old.yaml")
    recorded.makepyfile(test_a="def test_a(): assert False")

    assert unused(recorded, "-x") == ["test_other/test_old.yaml"]


def test_a_module_that_cannot_be_imported(recorded):
    """What is in doubt is used."""
    put(recorded, "test_it/test_old.yaml")
    (recorded.path / "test_it.py").write_text("import no_such_module\n")

    assert unused(recorded) == []


def test_a_module_without_tests(recorded):
    """A module that is there, but all its tests are gone."""
    (recorded.path / "test_it.py").write_text("\n")

    assert unused(recorded) == [
        "test_it/TestGroup.test_in_class.yaml",
        "test_it/by_path.yaml",
        "test_it/shared.yaml",
        "test_it/test_it[1].yaml",
        "test_it/test_it[2].yaml",
    ]


def test_cassette_dir(suite):
    """Below `reqord_cassette_dir` as well."""
    suite.makeini("[pytest]\nreqord_cassette_dir = recorded\n")
    suite.makepyfile(test_other=OTHER)
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    (path,) = suite.path.rglob("test_other.yaml")
    path.with_name("test_old.yaml").write_bytes(path.read_bytes())

    assert unused(suite) == ["recorded/test_other/test_old.yaml"]


def test_cassettes_of_pytest_recording(suite):
    """Tests of `@pytest.mark.vcr` count, and the cassettes that their marks name."""
    suite.makepyfile(
        test_it="""
        import os, requests, pytest

        @pytest.mark.vcr("more.yaml")
        @pytest.mark.default_cassette("main")
        def test_it():
            assert requests.get(f"{os.environ['API']}/json").ok
        """
    )
    suite.runpytest("--record-mode=once").assert_outcomes(passed=1)
    (path,) = suite.path.rglob("main.yaml")
    for name in ("more.yaml", "old.yaml"):
        path.with_name(name).write_bytes(path.read_bytes())

    assert unused(suite) == ["test_it/old.yaml"]
    assert unused(suite, "-k", "nothing") == []


def test_nothing_is_said_without_the_option(recorded):
    """A plain run looks for nothing."""
    put(recorded, "test_it/test_old.yaml")

    recorded.runpytest().stdout.no_fnmatch_line("*unused*")


FACTORY = """
    import pytest

    @pytest.fixture(scope="session")
    def users(cassette_factory):
        with cassette_factory("users"):
            yield

    def test_users(users):
        pass
"""


def test_parameters_and_factories(recorded):
    """A parameter that is gone, and a file of `cassette_factory` that nobody names."""
    recorded.makepyfile(test_factory=FACTORY)
    put(
        recorded,
        "test_it/test_it[3].yaml",
        "users.yaml",
        "old_users.yaml",
        "test_it/test_it[a...b].yaml",
    )

    assert unused(recorded) == ["old_users.yaml", "test_it/test_it[3].yaml"]
    assert unused(recorded, "-n2") == ["old_users.yaml", "test_it/test_it[3].yaml"]
    assert unused(recorded, "-k", "test_named") == []
    assert unused(recorded, "test_it.py") == ["test_it/test_it[3].yaml"]


def test_names_of_many(recorded):
    """Twenty are named, and with `-v` all of them."""
    names = [f"test_it/test_old_{number:02}.yaml" for number in range(25)]
    put(recorded, *names)

    assert unused(recorded) == names[:20]
    assert unused(recorded, "-v") == names


def test_fail(recorded):
    """With `=fail` the run fails where there are any, and only then."""
    assert recorded.runpytest("--unused-cassettes=fail").ret == pytest.ExitCode.OK
    put(recorded, "test_it/test_old.yaml")

    assert recorded.runpytest("--unused-cassettes=fail").ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["alone", "xdist"])
def test_delete(recorded, arguments):
    """With `=delete` they go, but for locked ones; after a part of the suite or a failure none does."""
    put(recorded, "test_it/test_old.yaml", "test_it/test_kept.yaml")
    old, kept = (recorded.path / f"cassettes/test_it/test_{name}.yaml" for name in ("old", "kept"))
    kept.write_bytes(b"locked: true\n" + kept.read_bytes())
    run = recorded.runpytest_subprocess if arguments else recorded.runpytest
    run("--unused-cassettes=delete", "--collect-only", *arguments)
    assert old.exists()

    result = run("--unused-cassettes=delete", *arguments)

    result.stdout.fnmatch_lines(
        ["deleted   cassettes/test_it/test_old.yaml", "unused    *test_kept*"]
    )
    assert not old.exists()
    assert kept.exists()
    assert unused(recorded) == ["test_it/test_kept.yaml"]


@pytest.mark.parametrize("reason", ["pytest.skip('x')", "assert False"])
def test_delete_in_doubt(recorded, reason):
    """After a failure nothing is deleted; where a test was skipped, only what has the name of a gone test."""
    put(recorded, "test_it/test_old.yaml", "test_it/people.yaml")
    recorded.makepyfile(test_a=f"import pytest\ndef test_a(): {reason}")

    recorded.runpytest("--unused-cassettes=delete")

    left = {path.name for path in recorded.path.rglob("cassettes/test_it/*")}
    assert "people.yaml" in left
    assert ("test_old.yaml" in left) == reason.startswith("assert")


def test_a_factory_of_tests_that_are_not_collected(recorded):
    """A name that stands in any file of the project is in use."""
    put(recorded, "users.yaml", "old_users.yaml")
    recorded.mkdir("slow").joinpath("test_slow.py").write_text("NAME = 'users'\n")
    recorded.makeini("[pytest]\nnorecursedirs = slow\n")

    assert unused(recorded) == ["old_users.yaml"]
