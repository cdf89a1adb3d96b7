"""Imports run one way; what costs is imported late."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_reqord

PACKAGE = Path(pytest_reqord.__file__).parent

# lower numbers know nothing of higher ones; imports for types count too
LEVELS = {
    "real": -1,
    "content": 0,
    "options": 0,
    "modes": 1,
    "hosts": 0,
    "clock": 0,
    "notes": 0,
    "once": 0,
    "models": 1,
    "errors": 2,
    "paths": 3,
    "seam": 3,
    "matching": 2,
    "redaction": 3,
    "codec": 3,
    "storage": 3,
    "interceptors": 4,
    "runinfo": 4,
    "comparison": 4,
    "difference": 4,
    "exchange": 4,
    "index": 4,
    "lean": 4,
    "loading": 0,
    "loops": 0,
    "leaks": 4,
    "replay": 5,
    "settings": 4,
    "network": 5,
    "writer": 5,
    "source": 6,
    "cassette": 7,
    "kin": 6,
    "library": 5,
    "hints": 0,
    "patterns": 0,
    "host": 3,
    "staged": 6,
    "plan": 7,
    "drafts": 7,
    "expiry": 7,
    "handover": 7,
    "books": 8,
    "moved": 7,
    "opening": 8,
    "planning": 9,
    "ending": 9,
    "settling": 9,
    "run": 10,
    "children": 11,
    "report": 11,
    "script": 12,
    "session": 13,
    "hookspecs": 14,
    "cli": 15,
    "plugin": 15,
    "compat": 16,
    "__init__": 17,
    "__main__": 17,
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    """The part of the package that a module belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Everything that a module imports, as dotted names."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def parts_imported(path: Path) -> set[str]:
    found = set()
    for name in imported(ast.parse(path.read_text())):
        head, _, rest = name.partition(".")
        if head == "pytest_reqord" and rest and rest.partition(".")[0] in LEVELS:
            found.add(rest.partition(".")[0])
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    """No part imports from a part above it or, but for itself, beside it."""
    own = part(path)
    for other in parts_imported(path) - {own}:
        assert LEVELS[other] < LEVELS[own], f"{own} imports {other}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_who_knows_what(path):
    """Only the plugin knows pytest, interceptors know no cassette, storage no interaction."""
    names = imported(ast.parse(path.read_text()))
    others = parts_imported(path)

    if part(path) not in ("plugin", "compat", "hookspecs"):
        assert not {name for name in names if name.partition(".")[0] in ("pytest", "_pytest")}
    if part(path) == "interceptors":
        assert not others & {"cassette", "replay", "writer", "storage", "codec", "run"}
    if part(path) == "storage":
        assert not others & {"models", "codec"}
    if part(path) in ("errors", "models", "matching", "redaction", "codec", "modes"):
        heads = {name.partition(".")[0] for name in names}
        assert not heads & {"os", "pathlib", "socket", "time"}
        assert not names & {f"pytest_reqord.real.{name}" for name in ("Path", "io", "os", "time")}


# what tests replace: these modules, and what pathlib does with a file
DOUBLED = {
    *("os", "posix", "io", "_io", "pathlib", "fcntl", "tempfile", "shutil", "glob", "linecache"),
    *("time", "threading", "_thread", "json", "random", "uuid", "secrets", "subprocess"),
}
FILE_METHODS = {
    *("absolute", "chmod", "cwd", "exists", "expanduser", "glob", "hardlink_to", "home", "is_dir"),
    *("is_file", "is_symlink", "iterdir", "lchmod", "lstat", "mkdir", "read_bytes", "read_text"),
    *("readlink", "rename", "rglob", "rmdir", "samefile", "stat", "symlink_to", "touch", "unlink"),
    *("write_bytes", "write_text"),
}
ON_PURPOSE = {
    ("children/site/sitecustomize.py", "os"),  # before a child's first line, with no path to ours
    ("compat/filters.py", "io"),  # a value that suites get, not a file
    ("expiry.py", "glob"),  # for `escape`, which asks no file
    ("interceptors/hface_held.py", "time"),  # as the client's own clock, which a test may freeze
    ("interceptors/imports.py", "_thread"),  # the threads that a test sees, gevent's too
    ("interceptors/context.py", "_thread"),
    ("interceptors/context.py", "threading"),
    ("interceptors/tornado_client.py", "read_bytes"),  # of a stream
    ("network/sockets.py", "threading"),
    ("plugin/starting.py", "mkdir"),  # of pytest's cache, which has it made
    ("storage/writing.py", "stat"),  # of what `os.scandir` found
}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_a_test_may_replace_is_taken_from_one_place(path):
    """Files, clock, locks, threads and JSON are those of `real`, whatever a test has patched."""
    if path.name == "real.py":
        return
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    methods = [function for function in called if isinstance(function, ast.Attribute)]

    found = imported(tree) & DOUBLED
    found |= {each.id for each in called if isinstance(each, ast.Name) and each.id == "open"}
    found |= {each.attr for each in methods if not ast.unparse(each.value).startswith("os")} & (
        FILE_METHODS
    )
    if "private" not in {each.id for each in called if isinstance(each, ast.Name)}:
        found |= imported(tree) & {"filelock"}
    assert not {(str(path.relative_to(PACKAGE)), each) for each in found} - ON_PURPOSE


def test_a_run_without_a_cassette_imports_nothing_that_costs(tmp_path):
    """Loading the plugin imports no client, no YAML, no lock, no thread pool."""
    code = (
        "import sys, pytest; before = set(sys.modules)\n"
        "pytest.main(['-p', 'reqord', '-q', '--collect-only', '-p', 'no:cacheprovider'])\n"
        "print(sorted(set(sys.modules) - before))"
    )
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=tmp_path,
    )

    loaded = done.stdout
    assert "'pytest_reqord.plugin'" in loaded
    for name in ("yaml", "filelock", "http.client", "requests", "httpx", "aiohttp", "urllib3"):
        assert f"'{name}'" not in loaded
    for name in ("run", "cassette", "codec", "writer", "storage", "interceptors", "redaction"):
        assert f"'pytest_reqord.{name}'" not in loaded
