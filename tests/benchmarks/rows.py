"""The rows of the table: what is measured, and how."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contestants import CACHE, FLOORS, HERE, Contestant
from measuring import Line, Time, probe, run, running_server, take_turns
from suites import Suite, recorded

__all__ = ["ROWS", "Effort"]

_STUB, _WIRE = FLOORS["stub"], FLOORS["wire"]
_HAS_WIRE = ("requests", "aiohttp")


@dataclass(frozen=True)
class Effort:
    """How much is done for a figure.

    :param contestants: who is measured; the first one is us.
    :param rounds: how often each contestant takes its turn.
    :param is_quick: whether small sizes and few rounds are enough.
    """

    contestants: tuple[Contestant, ...]
    rounds: int
    is_quick: bool

    def floors(self, client: str) -> list[Contestant]:
        """What answers in their place."""
        return [_STUB, *([_WIRE] if client in _HAS_WIRE else [])]

    def players(self, client: str) -> list[Contestant]:
        """Who takes turns: floors first."""
        return [*self.floors(client), *self.contestants]

    def able(self, size: int, most: dict[str, int]) -> list[Contestant]:
        """Who takes a cassette of so many entries.

        :param most: how many a peer takes in reasonable time; who isn't there takes any.
        """
        return [who for who in self.contestants if size <= most.get(who.tool, size)]


def _replays(
    suites: list[Suite], rounds: int, players: list[Contestant], *options: str
) -> Iterator[dict[str, list[Time]]]:
    """Rounds in which each contestant replays each suite."""
    folders = {(who, suite): recorded(suite, who) for who in players for suite in suites}

    def measure(who: Contestant) -> list[Time]:
        return [run(who, folders[who, suite], *options) for suite in suites]

    for who in players:  # once before, for what is written at the first run
        measure(who)
    yield from take_turns(rounds, players, measure)


def suite(client: str, options: tuple[str, ...], row: str, effort: Effort) -> list[Line]:
    """500 tests with three requests each."""
    shape = Suite(client, 100 if effort.is_quick else 500, 3)
    name = f"{shape.tests} tests x 3 requests, {client}{' -n 2' if options else ''}"
    lines = []
    for floor in effort.floors(client):
        of = f"{name}, to {floor.name}"
        wall, cpu = (Line(row, f"{of}, {kind}", "s", floor=floor.name) for kind in ("wall", "CPU"))
        lines.append((wall, cpu))
    for times in _replays([shape], effort.rounds, effort.players(client), *options):
        for who, (time,) in times.items():
            for wall, cpu in lines:
                wall.add(who, time.wall)
                cpu.add(who, time.cpu)
    return [line for of_floor in lines for line in of_floor]


def tests(client: str, row: str, effort: Effort) -> list[Line]:
    """What the first test and another test of a run cost, with one request each, above the floors'."""
    shape = Suite(client, 150 if effort.is_quick else 500, 1)
    players = effort.players(client)
    folders = {who: recorded(shape, who) for who in players}
    lines = {}
    for floor in effort.floors(client):
        of = f"with a cassette and a request, {client}, above {floor.name} (CPU)"
        lines[floor.name] = (
            Line(row, f"the first test {of}", "ms"),
            Line(row, f"one more test {of}", "ms"),
        )
    for found in take_turns(effort.rounds, players, lambda who: _paced(who, folders[who])):
        for floor, (first, more) in lines.items():
            for who in effort.contestants:
                first.add(who.name, found[who.name]["first"] - found[floor]["first"])
                more.add(who.name, found[who.name]["more"] - found[floor]["more"])
    return [line for of_floor in lines.values() for line in of_floor]


def _paced(who: Contestant, folder: Path) -> dict[str, float]:
    """What the tests of a suite took, as `probes/paced.py` sees it."""
    with tempfile.TemporaryDirectory() as there:
        told = Path(there, "pace.json")
        path = f"{HERE}{os.pathsep}{HERE / 'probes'}"
        run(who, folder, "-p", "paced", PYTHONPATH=path, BENCHMARK_PACE=str(told))
        found: dict[str, float] = json.loads(told.read_text())
    return found


def requests(client: str, row: str, effort: Effort) -> list[Line]:
    """What one more replayed request costs."""
    sources = _small_cassettes(effort)
    floors = effort.floors(client)
    lines = [
        Line(row, f"one more replayed request, {client}, above {floor.name} (CPU)", "us")
        for floor in floors
    ]

    def measure(who: Contestant) -> float:
        source = sources.get(who.name, "")
        found = probe(who, "replay", client=client, source=source, count=200, blocks=10)
        return float(found["least"])

    for found in take_turns(effort.rounds, effort.players(client), measure):
        for floor, line in zip(floors, lines, strict=True):
            for who in effort.contestants:
                line.add(who.name, found[who.name] - found[floor.name])
    return lines


def startup(row: str, effort: Effort) -> list[Line]:
    """``--collect-only`` with the plugin installed and not used, against the same without it."""
    folder = CACHE / "suites" / "plain"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_plain.py").write_text("def test_nothing():\n    pass\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    wall = Line(row, "start-up above bare pytest, wall", "ms")
    cpu = Line(row, "start-up above bare pytest, CPU", "ms")
    modules = Line(row, "modules imported by a plugin that isn't used", "modules")
    options = ("--collect-only", "-p", "no:cacheprovider")

    def measure(who: Contestant) -> Time:
        with_it = run(who, folder, *options, plays=False)
        return with_it - run(who, folder, *options, "-p", f"no:{who.plugin}", plays=False)

    for who in effort.contestants:
        measure(who)
        modules.add(who.name, len(_imported(who, folder)))
    for times in take_turns(effort.rounds * 4, effort.contestants, measure):
        for name, time in times.items():
            wall.add(name, time.wall * 1e3)
            cpu.add(name, time.cpu * 1e3)
    return [wall, cpu, modules]


def _imported(who: Contestant, folder: Path) -> set[str]:
    """What is imported with the plugin and isn't without it."""

    def modules(*options: str) -> set[str]:
        done = subprocess.run(
            [who.python, "-m", "pytest", "--collect-only", "-p", "collected", "-s", *options],
            cwd=folder,
            env=who.environment | {"PYTHONPATH": str(HERE / "probes")},
            capture_output=True,
            text=True,
            check=True,
        )
        return set(done.stdout.partition("imported:")[2].split())

    return modules() - modules("-p", f"no:{who.plugin}")


def _cassette(who: Contestant, shape: Suite) -> str:
    (path,) = (recorded(shape, who) / "cassettes").rglob("*.yaml")
    return str(path)


def _small_cassettes(effort: Effort) -> dict[str, str]:
    return {who.name: _cassette(who, Suite("requests", 1, 1)) for who in effort.contestants}


def load(row: str, effort: Effort) -> list[Line]:
    """Index a cassette, and decode all of it."""
    sizes = (10, 100, 1000) if effort.is_quick else (10, 100, 1000, 10_000, 100_000)
    sources = _small_cassettes(effort)
    lines = []
    for size in sizes:
        lazily = Line(row, f"load {size:,} entries, ready for a request, an entry", "us")
        decoded = Line(row, f"load {size:,} entries, all decoded, an entry", "us")
        able = effort.able(size, {"vcrpy": 1000, "cassetter": 2000})  # the latter refuses more
        measure = partial(_load, sources, size)
        for found in take_turns(1 if size > 1000 else effort.rounds, able, measure):
            for who, figures in found.items():
                lazily.add(who, figures["load"])
                decoded.add(who, figures["all"])
        lines += [lazily, decoded]
    return lines


def _load(sources: dict[str, str], size: int, who: Contestant) -> dict[str, float]:
    return dict(probe(who, "load", source=sources[who.name], count=size))


def replay_all(row: str, effort: Effort) -> list[Line]:
    """All of a large cassette."""
    sources = _small_cassettes(effort)
    lines = []
    for size in (100, 1000) if effort.is_quick else (100, 1000, 10_000):
        line = Line(row, f"replay all of {size:,} entries, a request above floor-wire (CPU)", "us")
        # 16 ms a request, and more, or refused
        able = effort.able(size, {"vcrpy": 1000, "cassetter": 1000})

        def measure(who: Contestant, size: int = size) -> float:
            source, blocks = sources.get(who.name, ""), 1 if who.packages else 3
            found = probe(
                who, "replay", client="requests", source=source, count=size, blocks=blocks
            )
            return float(found["least"])

        for found in take_turns(1 if effort.is_quick else 3, [_WIRE, *able], measure):
            for who in able:
                line.add(who.name, found[who.name] - found[_WIRE.name])
        lines.append(line)
    return lines


def append(row: str, effort: Effort) -> list[Line]:
    """Add one interaction to a cassette."""
    sources = _small_cassettes(effort)
    lines = []
    with running_server() as base:
        for size in (1000,) if effort.is_quick else (1000, 10_000):
            opening = Line(row, f"append 1 to {size:,} entries, opening", "ms")
            writing = Line(row, f"append 1 to {size:,} entries, writing", "ms")
            # the others take 8 s, or fail
            able = effort.able(size, {"vcrpy": 1000, "cassetter": 1000})

            def measure(who: Contestant, size: int = size) -> dict[str, float]:
                source, times = sources[who.name], 1 if who.tool == "vcrpy" else 5
                return dict(probe(who, "append", source=source, base=base, count=size, times=times))

            for found in take_turns(effort.rounds, able, measure):
                for who, figures in found.items():
                    opening.add(who, figures["open"])
                    writing.add(who, figures["write"])
            lines += [opening, writing]
    return lines


def record(row: str, effort: Effort) -> list[Line]:
    """What recording adds to a request, in the call."""
    lines = []
    with running_server() as base:
        for client in ("requests", "httpx", "aiohttp"):
            at_once = ", 50 at once" if client == "aiohttp" else ""
            cpu = Line(row, f"recording, {client}{at_once}, added to a request (CPU)", "us")
            wall = Line(row, f"recording, {client}{at_once}, added to a request, wall", "us")
            measure = partial(probe, name="record", base=base, client=client, blocks=10)
            for found in take_turns(effort.rounds, effort.contestants, measure):
                for who, figures in found.items():
                    cpu.add(who, figures["cpu"])
                    wall.add(who, figures["wall"])
            lines += [cpu, wall]
    return lines


def memory(row: str, effort: Effort) -> list[Line]:
    """Open a cassette of 50 MB (quick: 10 MB)."""
    entries = 100 if effort.is_quick else 500
    line = Line(row, f"memory to open a cassette of {entries // 10} MB, of its size", "x")
    small = Suite("requests", 1, 1)
    large = Suite("requests", 1, entries, "/text/100000/")
    sources = {
        who.name: (_cassette(who, small), _cassette(who, large)) for who in effort.contestants
    }

    def measure(who: Contestant) -> float:
        few, many = sources[who.name]
        return float(probe(who, "memory", small=few, source=many)["ratio"])

    for found in take_turns(min(effort.rounds, 3), effort.contestants, measure):
        for who, ratio in found.items():
            line.add(who, ratio)
    return [line]


ROWS: dict[str, Callable[[str, Effort], list[Line]]] = {
    **{
        f"suite-{client}{name}": partial(suite, client, options)
        for name, options in (("", ()), ("-n2", ("-n", "2")))
        for client in ("requests", "httpx", "aiohttp")
    },
    **{f"tests-{client}": partial(tests, client) for client in ("requests", "httpx", "aiohttp")},
    **{
        f"requests-{client}": partial(requests, client)
        for client in ("requests", "httpx", "aiohttp")
    },
    "startup": startup,
    "load": load,
    "replay-all": replay_all,
    "append": append,
    "record": record,
    "memory": memory,
}
