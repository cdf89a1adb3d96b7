"""Folders of cassettes are none of pytest's affair."""

from __future__ import annotations

from textwrap import dedent

import pytest

SPY = """
    seen = []

    def pytest_ignore_collect(collection_path):
        seen.append(collection_path.name)

    def pytest_terminal_summary(terminalreporter):
        seen.remove("cassettes")
        inside = [name for name in seen if name.endswith((".yaml", ".bodies", ".bin", "test_it"))]
        terminalreporter.line(f"seen in it: {inside}")
"""


def test_a_folder_of_cassettes_is_passed_by(suite):
    """Nobody is asked about the files in it, which takes longer than to play them."""
    suite.makeconftest(SPY)
    suite.makepyfile(test_it="def test_it(cassette):\n    pass")
    for name in ("cassettes/test_it/test_it.yaml", "cassettes/test_it/a.bodies/0.bin"):
        path = suite.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    result = suite.runpytest()

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["seen in it: []"])


@pytest.mark.parametrize("name", ["test_own.py", "sub/test_own.py", "test_own.txt"])
def test_tests_beside_cassettes_are_collected(suite, name):
    """A folder of that name may hold more than cassettes."""
    path = suite.path / "cassettes" / name
    path.parent.mkdir(parents=True)
    path.write_text("def test_own():\n    pass\n" if name.endswith("py") else ">>> 1\n1\n")
    (suite.path / "cassettes" / "a.yaml").write_text("")

    suite.runpytest().assert_outcomes(passed=1)


ITEM = """
    import pytest

    class Item(pytest.Item):
        def runtest(self):
            pass
"""
COLLECT_FILE = """
    class File(pytest.File):
        def collect(self):
            yield Item.from_parent(self, name="one")

    def pytest_collect_file(parent, file_path):
        if file_path.suffix == ".yaml":
            return File.from_parent(parent, path=file_path)
"""
COLLECT_DIRECTORY = """
    class Folder(pytest.Directory):
        def collect(self):
            yield Item.from_parent(self, name="one")

    def pytest_collect_directory(path, parent):
        if path.name == "cassettes":
            return Folder.from_parent(parent, path=path)
"""


@pytest.mark.parametrize("hook", [COLLECT_FILE, COLLECT_DIRECTORY], ids=["file", "directory"])
@pytest.mark.parametrize("where", [".", "sub"])
def test_what_another_plugin_collects_is_left_to_it(suite, hook, where):
    """Tests in YAML are somebody's, too; a conftest counts wherever it lies."""
    cassettes = suite.path / where / "cassettes"
    cassettes.mkdir(parents=True)
    cassettes.joinpath("a.yaml").write_text("")
    cassettes.parent.joinpath("conftest.py").write_text(dedent(ITEM) + dedent(hook))

    suite.runpytest().assert_outcomes(passed=1)
