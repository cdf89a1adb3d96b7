"""The user's matrix: small suites, as users write them, with many versions of what is around them.

    python tests/matrix/run.py                 all suites, in all rows, in both ways
    python tests/matrix/run.py --sample        three rows, each suite once in each
    python tests/matrix/run.py --newest        only the newest releases; with --pre, pre-releases
    python tests/matrix/run.py --suite late_imports --row 'pytest 9.0'

It needs nothing but the standard library. README.md beside it says how to add a suite.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from environments import ROOT, at_hand, newest, prune, rows, supported
from trial import SUITES, WAYS, Trial, load

if TYPE_CHECKING:
    from declared import Suite
    from environments import Environment, Row

_PLUGINS = ("pytest-randomly",)
_SEED = 20260101


def main() -> int:
    options = _arguments()
    start = time.monotonic()
    suites = {name: load(name) for name in options.suite or sorted(_names())}
    pythons = at_hand()
    if options.newest or options.pre:
        picked = [newest(pythons[-1], pre=options.pre)]
    else:
        picked = rows(pythons, sample=options.sample)
    picked = [row for row in picked if options.row in row.name]
    seed = random.randrange(10**6) if options.seed == "random" else int(options.seed)
    print(f"Pythons at hand: {', '.join(map(str, pythons))}; seed {seed}", flush=True)
    for version in {supported()[0], supported()[-1]} - {python.version for python in pythons}:
        print(f"left out: Python {version[0]}.{version[1]}, which is not here")
    prune()
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        trials = _trials(Path(folder), picked, suites, options, seed)
        print(f"{len(trials)} trials; ready after {time.monotonic() - start:.0f} s", flush=True)
        failed = _run(trials, Path(folder, "trials"), options)
    print(f"{len(trials) - failed} of {len(trials)} right, {time.monotonic() - start:.0f} s")
    return int(bool(failed or not trials))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", action="store_true", help="three rows, one way each")
    parser.add_argument("--newest", action="store_true", help="only the newest releases")
    parser.add_argument("--pre", action="store_true", help="pre-releases, too")
    parser.add_argument("--suite", action="append", help="only this one; repeatable")
    parser.add_argument("--row", default="", help="only rows whose names have this text")
    parser.add_argument("--seed", default=str(_SEED), help="of the order of tests; or: random")
    parser.add_argument("--wheel", type=Path, help="the wheel to try; else built from this tree")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trials at a time")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / ".cache" / "matrix",
        help="where suites that went wrong are left",
    )
    return parser.parse_args()


def _names() -> list[str]:
    return [path.parent.name for path in SUITES.glob("*/suite.py")]


def _trials(
    folder: Path,
    picked: list[Row],
    suites: dict[str, Suite],
    options: argparse.Namespace,
    seed: int,
) -> list[Trial]:
    """Make the environments, and list what is to be tried."""
    wheel = (options.wheel or _built(folder)).resolve()
    planned = []
    for turn, row in enumerate(picked):
        fit = {name: one for name, one in suites.items() if row.python.version >= one.oldest}
        for name in sorted(set(suites) - set(fit)):
            print(f"left out: {name} on Python {row.python}")
        shared = {need for one in fit.values() if not one.apart for need in one.needs}
        for place, (name, suite) in enumerate(fit.items()):
            needs = set(suite.needs) if suite.apart else shared
            environment = row.environment((*needs, *_PLUGINS))
            ways = (WAYS[(turn + place) % 2],) if options.sample else WAYS
            planned += [(row, environment, name, suite, way) for way in ways]
    environments = list(dict.fromkeys(environment for _, environment, *_ in planned))

    def prepare(environment: Environment) -> Path:
        environment.make()
        return environment.with_wheel(wheel, folder / environment.folder.name)

    with ThreadPoolExecutor(options.jobs) as pool:
        commands = dict(zip(environments, pool.map(prepare, environments), strict=True))
    return [
        Trial(row.name, commands[environment], name, suite, way, seed)
        for row, environment, name, suite, way in planned
    ]


def _built(folder: Path) -> Path:
    """The wheel of this tree."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _tried(trial: Trial, folder: Path) -> str:
    try:
        return trial.run(folder)
    except Exception:  # one that can't be run is as wrong as one that went wrong
        return traceback.format_exc()


def _run(trials: list[Trial], folder: Path, options: argparse.Namespace) -> int:
    """Run them all, say what is wrong, and return how many are."""
    failed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        # away from this tree, whose pyproject.toml would be the suite's
        folders = [folder / f"{number:03}-{trial.name}" for number, trial in enumerate(trials)]
        results = pool.map(_tried, trials, folders)
        for trial, place, wrong in zip(trials, folders, results, strict=True):
            if wrong:
                failed += 1
                kept = options.folder / place.name
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(place, kept, symlinks=True)
                print(f"\nWRONG: {trial}\nleft in {kept}\n{wrong}\n", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
