"""Measure processes against each other on a machine that does other things too.

Contestants take turns, so that a busy minute hits all of them; beside the time on the wall stands
the processor's, which a busy machine changes less; of many rounds the median counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from contestants import HERE, Contestant

__all__ = ["Line", "Time", "probe", "run", "running_server", "take_turns"]


@dataclass(frozen=True)
class Time:
    """What a process took, in seconds.

    :param cpu: on the processor, its children's included.
    """

    wall: float
    cpu: float

    def __sub__(self, other: Time) -> Time:
        return Time(self.wall - other.wall, self.cpu - other.cpu)


@dataclass
class Line:
    """A line of the table.

    :param row: the row that it belongs to, as in ``budgets.toml``.
    :param name: what was measured.
    :param unit: the unit of the figures.
    :param figures: one a round, by contestant.
    :param floor: the contestant that the others are compared with.
    """

    row: str
    name: str
    unit: str
    figures: dict[str, list[float]] = field(default_factory=dict)
    floor: str = ""

    def add(self, contestant: str, figure: float) -> None:
        self.figures.setdefault(contestant, []).append(figure)

    def median(self, contestant: str) -> float:
        return median(self.figures[contestant])

    def ratio(self, contestant: str, other: str) -> float | None:
        """The median of the rounds' own ratios: of one round both saw the same machine."""
        if other not in self.figures or contestant not in self.figures or contestant == other:
            return None
        pairs = zip(self.figures[contestant], self.figures[other], strict=False)
        return median(one / (under or 1e-9) for one, under in pairs)


def run(
    contestant: Contestant, folder: Path, *options: str, plays: bool = True, **variables: str
) -> Time:
    """Run pytest in a folder.

    :param variables: what is set in its environment besides.
    """
    environment = contestant.environment | variables
    command = [contestant.python, "-m", "pytest", "-q", *options]
    if plays:
        command += contestant.replay
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise RuntimeError(f"{contestant.name} in {folder}:\n{text[-3000:]}")
    return Time(wall, used.ru_utime + used.ru_stime)


def take_turns(
    rounds: int, contestants: Iterable[Contestant], measure: Callable[[Contestant], Any]
) -> Iterator[dict[str, Any]]:
    """Measure each in turn, as often as it takes; who comes first changes from round to round."""
    order = list(contestants)
    for _ in range(rounds):
        yield {contestant.name: measure(contestant) for contestant in order}
        order.append(order.pop(0))


def probe(contestant: Contestant, name: str, **arguments: Any) -> Mapping[str, Any]:
    """Run a program of ``probes`` with a contestant's Python; it prints what it found as JSON."""
    given = json.dumps({"tool": contestant.tool, **arguments})
    done = subprocess.run(
        [contestant.python, HERE / "probes" / f"{name}.py", given],
        capture_output=True,
        text=True,
        check=False,
        env=contestant.environment,
    )
    if done.returncode:
        raise RuntimeError(f"probe {name} of {contestant.name}:\n{done.stderr[-3000:]}")
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def running_server() -> Iterator[str]:
    """The server of `answers` in a process of its own: its base URL."""
    process = subprocess.Popen(
        [sys.executable, HERE / "answers.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.communicate()
