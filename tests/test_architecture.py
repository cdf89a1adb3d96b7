"""Imports run one way; what costs is imported late."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_reqord

PACKAGE = Path(pytest_reqord.__file__).parent

# Each room may import from the rings above its own. The table is the picture in CONTRIBUTING.
RINGS = """
base
errors
matching redaction storage interceptors
settings codec network_guard
playback
cassette_file report
writer
recording
run
cli plugin
vcr_compat
"""
INTERCEPTORS = """
added_headers framing imports no_socket patching
active child_processes socket_errors
recorder unsupported vcrpy
http_client httpx aiohttp tornado urllib3_future
registry
"""
CODEC = """
safe_yaml scalars
bodies
emit values
entries
vcr_read
any_yaml vcr_write
index
read
"""


def numbered(picture: str) -> dict[str, int]:
    """The rooms of a picture, each with the number of its ring."""
    return {
        room: number
        for number, ring in enumerate(picture.strip().splitlines())
        for room in ring.split()
    }


LEVELS = numbered(RINGS)
ENTRANCES = ("__init__", "__main__")  # they lead everywhere


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
    """No room imports from a room below it in the table or, but for itself, beside it."""
    own = part(path)
    if own in ENTRANCES:
        return
    for other in parts_imported(path) - {own}:
        assert LEVELS[other] < LEVELS[own], f"{own} imports {other}"


def test_the_table_has_every_room():
    """No room is missing in the table, and there are at most twenty and four more."""
    rooms = {part(path) for path in modules()} - set(ENTRANCES)
    assert rooms == set(LEVELS)
    assert len(rooms) <= 24


@pytest.mark.parametrize(
    ("room", "picture"),
    [("interceptors", INTERCEPTORS), ("codec", CODEC)],
    ids=lambda each: each[:12],
)
def test_imports_run_one_way_inside(room, picture):
    """Inside these two rooms there are rings, too."""
    levels = numbered(picture)
    found = {
        path.relative_to(PACKAGE / room).parts[0].removesuffix(".py")
        for path in modules()
        if part(path) == room
    }
    assert found - {"__init__"} == set(levels)
    for path in modules():
        if part(path) != room or path == PACKAGE / room / "__init__.py":
            continue
        own = path.relative_to(PACKAGE / room).parts[0].removesuffix(".py")
        for name in imported(ast.parse(path.read_text())):
            other = name.removeprefix(f"pytest_reqord.{room}.").partition(".")[0]
            if name.startswith(f"pytest_reqord.{room}.") and other in levels and other != own:
                assert levels[other] < levels[own], f"{own} imports {other}"


def test_no_module_imports_itself_around_a_corner():
    """There is no circle of modules, not even of imports for types alone."""
    names = {dotted(path): path for path in modules()}
    left = {
        name: {each for each in imported(ast.parse(path.read_text())) if each in names} - {name}
        for name, path in names.items()
        if path.name != "__init__.py"  # a room's entrance shows what is inside
    }
    while ends := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in ends}
    assert not left


def test_contributing_shows_the_same_picture():
    """CONTRIBUTING's pictures are the tables of this file."""
    page = Path(__file__).parents[1] / ".github" / "CONTRIBUTING.md"
    if not page.exists():
        pytest.skip("reason: the sdist comes without notes for contributors")
    text = page.read_text()
    for picture in (RINGS, INTERCEPTORS, CODEC):
        assert picture in text


def dotted(path: Path) -> str:
    """The name under which a module is imported."""
    return ".".join(
        ("pytest_reqord", *path.relative_to(PACKAGE).with_suffix("").parts)
    ).removesuffix(".__init__")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_who_knows_what(path):
    """Only the plugin knows pytest, interceptors know no cassette, storage no interaction."""
    names = imported(ast.parse(path.read_text()))
    others = parts_imported(path)

    if part(path) not in ("plugin", "vcr_compat"):
        assert not {name for name in names if name.partition(".")[0] in ("pytest", "_pytest")}
    if part(path) == "interceptors":
        assert not others & {"playback", "writer", "storage", "codec", "run"}
    if part(path) == "storage":
        assert not others & {"codec"}
        assert "pytest_reqord.base.models" not in names
    if part(path) in ("errors", "matching", "redaction", "codec"):
        heads = {name.partition(".")[0] for name in names}
        assert not heads & {"os", "pathlib", "socket", "time"}
        assert not names & {
            f"pytest_reqord.base.real.{name}" for name in ("Path", "io", "os", "time")
        }


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
    (
        "run/children/site/sitecustomize.py",
        "os",
    ),  # before a child's first line, with no path to ours
    *(
        ("cli/demo.py", name) for name in ("secrets", "subprocess", "threading", "time")
    ),  # a server of its own
    ("cli/docs.py", "read_text"),  # of the package
    ("cli/info.py", "subprocess"),  # pytest, asked for its settings
    ("vcr_compat/filters.py", "io"),  # a value that suites get, not a file
    ("recording/plan.py", "glob"),  # for `escape`, which asks no file
    (
        "interceptors/urllib3_future/__init__.py",
        "time",
    ),  # as the client's own clock, which a test may freeze
    ("interceptors/imports.py", "_thread"),  # the threads that a test sees, gevent's too
    ("interceptors/active.py", "_thread"),
    ("interceptors/active.py", "threading"),
    ("interceptors/tornado/__init__.py", "read_bytes"),  # of a stream
    ("network_guard/guard.py", "threading"),
    ("plugin/start.py", "mkdir"),  # of pytest's cache, which has it made
    ("storage/write.py", "stat"),  # of what `os.scandir` found
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
    for name in (
        "playback",
        "codec",
        "writer",
        "storage",
        "interceptors",
        "redaction",
        "recording",
    ):
        assert f"'pytest_reqord.{name}'" not in loaded
