"""Environments: which Pythons and packages the suites are run with, made once and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "ROOT",
    "Environment",
    "Python",
    "Row",
    "at_hand",
    "floors",
    "newest",
    "prune",
    "rows",
    "supported",
]

ROOT = Path(__file__).parents[2]
# no name of ours: whatever has that in the output of a suite was printed by us
CACHE = Path(
    os.environ.get("MATRIX_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "users-matrix")
)
PYTESTS = ("9.0.0", "9.0.3", "9.1.0")
"""What is run besides the oldest that pyproject.toml allows and the newest there is."""
_WHEELS = {"pyyaml": (3, 12)}
"""The newest Python for which the oldest release that we allow of a package has a wheel."""
_KEPT_FOR = 14 * 86400
_PROBE = "import ensurepip, sys; print(*sys.version_info[:2], sys.implementation.name, sys.version)"


@dataclass(frozen=True)
class Python:
    """A CPython that is here, and can make environments."""

    version: tuple[int, int]
    path: str
    build: str

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def at_hand() -> list[Python]:
    """The Pythons of this machine, oldest first, one of each version; the one running counts."""
    found = {}
    for version in supported():
        name = ".".join(map(str, version))
        places = sorted(Path.home().glob(f".pyenv/versions/{name}.*/bin/python"), reverse=True)
        if sys.version_info[:2] == version:
            places.insert(0, Path(sys.executable).resolve())  # not a venv's, which may go
        for place in [*places, f"python{name}"]:
            python = _asked(str(place))
            if python and python.version == version:
                found[version] = python
                break
    return [found[version] for version in sorted(found)]


def supported() -> list[tuple[int, int]]:
    """The versions of Python that pyproject.toml names, oldest first."""
    named = re.findall(r'"Programming Language :: Python :: (\d)\.(\d+)"', _pyproject())
    return sorted((int(major), int(minor)) for major, minor in named)


def _pyproject() -> str:
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def _asked(path: str) -> Python | None:
    try:
        done = subprocess.run(
            [path, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor, name, build = done.stdout.split(maxsplit=3)
    return Python((int(major), int(minor)), path, build) if name == "cpython" else None


def floors() -> dict[str, str]:
    """The oldest of each dependency that pyproject.toml allows, as ``{"pytest": "8.4"}``."""
    listed = re.search(r"^dependencies = \[(.*?)^\]", _pyproject(), re.MULTILINE | re.DOTALL)
    assert listed
    return dict(re.findall(r'"([\w-]+)>=([\d.]+)"', listed[1]))


@dataclass(frozen=True)
class Row:
    """A Python, and the packages that are not left to be the newest."""

    name: str
    python: Python
    pins: tuple[str, ...]
    pre: bool = False

    def environment(self, needs: tuple[str, ...]) -> Environment:
        own = floors()
        named = {re.split(r"[<=>!~\[ ]", pin)[0] for pin in self.pins}
        free = [name for name in own if name not in named]
        return Environment(self.python, tuple(sorted({*self.pins, *free, *needs})), self.pre)


def rows(pythons: list[Python], *, sample: bool) -> list[Row]:
    """The rows of the matrix on the oldest and the newest of these Pythons."""
    first, last = pythons[0], pythons[-1]
    own = floors()
    held = {name: at for name, at in own.items() if first.version <= _WHEELS.get(name, (4, 0))}
    for name in own.keys() - held.keys():
        print(f"left out: {name} {own[name]}, which has no wheel for Python {first}")
    pins = tuple(f"{name}=={version}" for name, version in held.items())
    least = Row(f"Python {first}, oldest of everything", first, pins)
    if sample:
        return [least, _with(pythons[len(pythons) // 2], "9.0.3"), newest(last)]
    between = [_with(python, version) for version in PYTESTS for python in (first, last)]
    every = [least, *between, newest(first), _with(last, own["pytest"]), newest(last)]
    return list(dict.fromkeys(every))


def newest(python: Python, *, pre: bool = False) -> Row:
    """The row in which nothing is held back."""
    name = "pre-releases" if pre else "newest of everything"
    return Row(f"Python {python}, {name}", python, (), pre)


def _with(python: Python, pytest: str) -> Row:
    return Row(f"Python {python}, pytest {pytest}", python, (f"pytest=={pytest}",))


@dataclass(frozen=True)
class Environment:
    """A Python with packages, kept under a key of both; what isn't pinned is a week old at most."""

    python: Python
    packages: tuple[str, ...]
    pre: bool = False

    @cached_property
    def folder(self) -> Path:
        week = time.strftime("%G-%V", time.gmtime())
        what = [self.python.path, self.python.build, week, str(self.pre), *self.packages]
        return CACHE / hashlib.sha256("\n".join(what).encode()).hexdigest()[:20]

    @property
    def command(self) -> str:
        """Its Python."""
        return str(self.folder / "bin" / "python")

    def make(self) -> None:
        """Have it there: whoever comes second waits for the first."""
        CACHE.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder.with_suffix(".lock")):
            if (self.folder / "complete").exists():
                os.utime(self.folder)  # see `prune`
                return
            shutil.rmtree(self.folder, ignore_errors=True)
            _run(self.python.path, "-m", "venv", str(self.folder))
            pre = ["--pre"] if self.pre else []
            _run(self.command, "-m", "pip", "install", "-q", *pre, *self.packages)
            (self.folder / "complete").touch()

    def with_wheel(self, wheel: Path, folder: Path) -> Path:
        """Make a thin environment on top that has the wheel, and return its folder of commands.

        The cached one stays without it, so that several runs can use it at the same time.
        """
        _run(self.command, "-m", "venv", "--without-pip", str(folder))
        (site,) = folder.glob("lib/python*/site-packages")
        (below,) = self.folder.glob("lib/python*/site-packages")
        # not the bare path: files .pth in it must count, too
        line = f"import site; site.addsitedir({str(below)!r})\n"
        (site / "below.pth").write_text(line, encoding="utf-8")
        python = folder / "bin" / "python"
        _run(
            *(self.command, "-m", "pip", "--python", str(python)),
            *("install", "-q", "--no-deps", "--no-index", str(wheel)),
        )
        # not `python -m pytest`, which would put the suite's folder on sys.path
        script = (self.folder / "bin" / "pytest").read_text(encoding="utf-8")
        pytest = folder / "bin" / "pytest"
        pytest.write_text(script.replace(self.command, str(python)), encoding="utf-8")
        pytest.chmod(0o755)
        return folder / "bin"


def prune() -> None:
    """Remove the environments that nobody has used for two weeks."""
    for complete in CACHE.glob("*/complete"):
        if time.time() - complete.parent.stat().st_mtime > _KEPT_FOR:
            shutil.rmtree(complete.parent)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CACHE)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
