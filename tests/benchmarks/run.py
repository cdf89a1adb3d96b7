"""Measure pytest-reqord, its peers and a floor side by side: ``python tests/benchmarks/run.py``.

Never part of the tests: a figure depends on the machine and on what else it does. The newest
releases of the peers come from PyPI into environments under ``.cache/benchmarks``. With
``--against main`` it measures us as we were where this branch began instead of the peers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from contestants import CONTESTANTS, Contestant, before, build
from measuring import Line
from rows import ROWS, Effort
from table import broken_budgets, comparison, grown, machine, table, write_results

_ROUNDS, _QUICK_ROUNDS = 5, 3  # all rows in a quarter of an hour, or in three minutes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", action="append", choices=ROWS, help="only this row; repeatable")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--rounds", type=int, help="how often each takes its turn")
    parser.add_argument("--against", metavar="REF", help="a tag or branch to compare us with")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    parser.add_argument("--check", action="store_true", help="fail if a budget isn't kept")
    options = parser.parse_args()
    contestants: tuple[Contestant, ...] = CONTESTANTS
    if options.against:
        contestants = (CONTESTANTS[0], before(options.against))
    build(contestants)
    rounds = options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS)
    effort = Effort(contestants, rounds, options.quick)
    lines = measured(
        options.row or list(ROWS), effort, show=comparison if options.against else table
    )
    if options.against:
        broken = grown(lines)
    else:
        text = f"{machine()}\n\n{table(lines)}"
        print(f"\n{text}")
        broken = broken_budgets(lines)
        if options.write:
            write_results(text)
    for name in broken:
        print(f"over budget: {name}")
    return int(options.check and bool(broken))


def measured(rows: list[str], effort: Effort, show: Callable[[list[Line]], str]) -> list[Line]:
    """Measure row by row, and show each as soon as it is there."""
    lines: list[Line] = []
    for row in rows:
        start = time.perf_counter()
        try:
            found = ROWS[row](row, effort)
        except RuntimeError as error:
            if not any(who.commit for who in effort.contestants):
                raise
            print(f"\n{row}: can't be measured in what was before:\n{error}")  # it lacks something
            continue
        print(f"\n{row}: {time.perf_counter() - start:.0f} s\n{show(found)}", flush=True)
        lines += found
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
