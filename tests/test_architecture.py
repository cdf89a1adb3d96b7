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


def test_a_run_without_a_cassette_imports_nothing_that_costs():
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
        cwd=Path(__file__).parent / "typing",
    )

    loaded = done.stdout
    for name in ("yaml", "filelock", "http.client", "requests", "httpx", "aiohttp", "urllib3"):
        assert f"'{name}'" not in loaded
    for name in ("run", "cassette", "codec", "writer", "storage", "interceptors", "redaction"):
        assert f"'pytest_reqord.{name}'" not in loaded
