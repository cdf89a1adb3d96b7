"""Record a suite against a live API, stop the API, replay: each step with what pytest prints.

python examples/quickstart.py       needs requests; leaves nothing behind
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from pytest_reqord.cli.demo import environment, running

SUITE = Path(__file__).parent / "requests_basic"
IN_THE_WAY = ("CI", "REQORD", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
OTHERS = [f"-pno:{name}" for name in ("recording", "vcr", "cassetter")]  # what does the same


def main() -> int:
    with TemporaryDirectory(prefix="quickstart-") as folder:
        suite = Path(folder, SUITE.name)
        shutil.copytree(SUITE, suite, ignore=shutil.ignore_patterns("cassettes", "__pycache__"))
        with running() as address:
            _say(f"1. The API is up at {address}. Record:")
            recorded = _pytest(suite, address, "--record-mode=once")
        cassettes = sorted(path.relative_to(suite) for path in suite.rglob("cassettes/**/*.yaml"))
        _say("2. The API is stopped, its port is closed. Replay, from:", *cassettes)
        replayed = _pytest(suite, address)
    is_well = recorded == replayed == 0 and bool(cassettes)
    _say("Recorded once, replayed without the API." if is_well else "Something went wrong.")
    return 0 if is_well else 1


def _pytest(suite: Path, address: str, *options: str) -> int:
    """Run the suite; clients look for the API at the same address, whether it is there or not."""
    env = environment(address)
    for name in IN_THE_WAY:
        env.pop(name, None)
    print("$ pytest", *options, flush=True)
    colour = ["--color=yes"] if sys.stdout.isatty() else []
    command = [sys.executable, "-m", "pytest", *OTHERS, *colour, *options]
    return subprocess.run(command, cwd=suite, env=env, check=False).returncode  # noqa: S603 -- ours


def _say(title: str, *paths: os.PathLike[str]) -> None:
    print("", f"== {title}", *(f"   {os.fspath(path)}" for path in paths), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
