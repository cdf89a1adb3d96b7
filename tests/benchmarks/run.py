"""Measure pytest-reqord, its peers and a floor side by side: ``python tests/benchmarks/run.py``.

Never part of the tests: a figure depends on the machine and on what else it does. The newest
releases of the peers come from PyPI into environments under ``.cache/benchmarks``.
"""

from __future__ import annotations

import argparse
import time

from contestants import build_all
from measuring import Line
from rows import ROWS, Effort
from table import broken_budgets, machine, table, write_into_readme

_ROUNDS, _QUICK_ROUNDS = 7, 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", action="append", choices=ROWS, help="only this row; repeatable")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--rounds", type=int, help="how often each takes its turn")
    parser.add_argument("--write-readme", action="store_true", help="put the table there")
    parser.add_argument("--check", action="store_true", help="fail if a budget isn't kept")
    options = parser.parse_args()
    build_all()
    effort = Effort(options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS), options.quick)
    lines: list[Line] = []
    for row in options.row or ROWS:
        start = time.perf_counter()
        found = ROWS[row](row, effort)
        print(f"\n{row}: {time.perf_counter() - start:.0f} s\n{table(found)}", flush=True)
        lines += found
    text = f"{machine()}\n\n{table(lines)}"
    print(f"\n{text}")
    if options.write_readme:
        write_into_readme(text)
    broken = broken_budgets(lines)
    for name in broken:
        print(f"over budget: {name}")
    return int(options.check and bool(broken))


if __name__ == "__main__":
    raise SystemExit(main())
