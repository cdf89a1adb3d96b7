"""Who is measured, and the virtual environment of each, kept under ``.cache/benchmarks``."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "CACHE",
    "CONTESTANTS",
    "FLOORS",
    "HERE",
    "ROOT",
    "Contestant",
    "before",
    "build",
    "clean_environment",
]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "benchmarks"
_CLIENTS = ("pytest", "pytest-xdist", "requests", "httpx", "aiohttp")


@dataclass(frozen=True)
class Contestant:
    """Something that answers the requests of a suite.

    :param name: as it stands in tables.
    :param venv: the name of its virtual environment.
    :param packages: what that holds besides the clients; empty for our own wheel.
    :param plugin: its plugin's name, to switch it off.
    :param marker: the marker that opens a cassette.
    :param floor: which stub answers in its place; empty for a real contestant.
    :param commit: the commit that our wheel is built from; empty for the source as it lies here.
    """

    name: str
    venv: str
    packages: tuple[str, ...]
    plugin: str
    marker: str
    floor: str = ""
    commit: str = ""

    @property
    def tool(self) -> str:
        """What the probes call it by."""
        return self.name if self.packages or self.floor else "reqord"

    @property
    def python(self) -> Path:
        return CACHE / "venvs" / self.venv / "bin" / "python"

    @property
    def replay(self) -> tuple[str, ...]:
        """The options of pytest with which it plays."""
        if self.floor:
            return ("-p", f"no:{self.plugin}", "-p", "floors")
        return ("--record-mode=none",)

    @property
    def environment(self) -> dict[str, str]:
        environment = clean_environment()
        if self.floor:
            environment |= {"PYTHONPATH": str(HERE), "BENCHMARK_FLOOR": self.floor}
        return environment

    def version(self) -> str:
        """What is installed, as ``name version`` of each package."""
        if self.commit:
            return f"pytest-reqord {self.commit[:12]}"
        names = self.packages or ("pytest-reqord",)
        code = "import sys; from importlib.metadata import version\n"
        code += "print(', '.join(f'{n} {version(n)}' for n in sys.argv[1:]))"
        return _output(self.python, "-c", code, *names)


CONTESTANTS = (
    Contestant("reqord", "reqord", (), "reqord", "cassette"),
    Contestant("vcrpy", "vcrpy", ("vcrpy", "pytest-recording"), "recording", "vcr"),
    Contestant("cassetter", "cassetter", ("cassetter",), "cassetter", "vcr"),
)
FLOORS = {
    name: Contestant(f"floor-{name}", "reqord", (), "reqord", "floor", name)
    for name in ("stub", "wire")
}


def clean_environment() -> dict[str, str]:
    """The environment of every process that is measured: what this run's own has is no matter."""
    kept = ("HOME", "LANG", "PATH", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def before(reference: str) -> Contestant:
    """Ourselves as of the commit at which this branch left another one, or as of a tag."""
    found = subprocess.run(
        ["git", "merge-base", "HEAD", reference],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        raise SystemExit(f"git knows no {reference}: {found.stderr}")
    commit = found.stdout.strip()
    return Contestant("before", "before", (), "reqord", "cassette", commit=commit)


def build(contestants: Iterable[Contestant]) -> None:
    """Make what is missing, and put our wheel in as the source is now."""
    for contestant in contestants:
        folder = CACHE / "venvs" / contestant.venv
        if not contestant.python.exists():
            print(f"building the environment of {contestant.name} ...", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            _output(Path(sys.executable), "-m", "venv", str(folder))
        if not (folder / "complete").exists():
            _pip(contestant, "install", "--upgrade", *_CLIENTS, *contestant.packages)
            (folder / "complete").touch()
        if not contestant.packages:
            _install_wheel(contestant)


def _install_wheel(ours: Contestant) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = _source_of(ours, Path(folder))
        state = ours.commit or str(max(path.stat().st_mtime_ns for path in source.rglob("*.py")))
        stamp = CACHE / "venvs" / ours.venv / "installed"
        if stamp.exists() and stamp.read_text() == state:
            return
        print(f"building the wheel of {ours.name} ...", flush=True)
        wheels = Path(folder, "wheels")
        _pip(ours, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(source.parent))
        (wheel,) = wheels.glob("*.whl")
        _pip(ours, "install", str(wheel))  # with what it depends on
        _pip(ours, "install", "--force-reinstall", "--no-deps", str(wheel))
        stamp.write_text(state)


def _source_of(ours: Contestant, folder: Path) -> Path:
    """The folder of the package: here, or a copy of what a commit has."""
    if not ours.commit:
        return ROOT / "pytest_reqord"
    archive = subprocess.run(
        ["git", "archive", ours.commit], cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder / "source", filter="data")
    return folder / "source" / "pytest_reqord"


def _pip(contestant: Contestant, *arguments: str) -> None:
    _output(contestant.python, "-m", "pip", "-q", "--disable-pip-version-check", *arguments)


def _output(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [python, *arguments], capture_output=True, text=True, check=False, env=clean_environment()
    )
    if done.returncode:
        raise SystemExit(f"{python} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()
