"""The lines as a table: medians, spread, ratios, and whether the budget is kept."""

from __future__ import annotations

import os
import platform
import re
from datetime import datetime, timezone
from pathlib import Path

import tomllib
from contestants import CONTESTANTS, FLOORS, HERE, ROOT
from measuring import Line

__all__ = [
    "broken_budgets",
    "comparison",
    "grown",
    "machine",
    "table",
    "write_results",
]

_TOML = tomllib.loads((HERE / "budgets.toml").read_text())
_BUDGETS = _TOML["budget"]
_GROWTH = _TOML["growth"]
_COLUMNS = [*(floor.name for floor in FLOORS.values()), *(who.name for who in CONTESTANTS)]
_OURS, _BEFORE = CONTESTANTS[0].name, "before"
_PLACE = re.compile(r"(<!-- benchmark -->\n).*?(<!-- /?benchmark -->)", re.DOTALL)


def table(lines: list[Line]) -> str:
    """The table in Markdown. A cell: median (lowest to highest) and the ratio to the floor."""
    rows = [["what", *_COLUMNS, "goal"]]
    for line in lines:
        budget = _budget(line)
        is_kept = "" if budget is None else " ✓" if _is_kept(line, budget) else " ✗"
        cells = [_cell(line, column) for column in _COLUMNS]
        rows.append([f"{line.name} [{line.unit}]", *cells, _goal(budget) + is_kept])
    used = [at for at in range(len(rows[0])) if any(row[at] for row in rows[1:])]
    rows = [[row[at] for at in used] for row in rows]
    rows.insert(1, ["---"] * len(used))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def broken_budgets(lines: list[Line]) -> list[str]:
    """The lines whose budget isn't kept."""
    budgets = ((line, _budget(line)) for line in lines)
    return [line.name for line, budget in budgets if budget and not _is_kept(line, budget)]


def comparison(lines: list[Line]) -> str:
    """What a line shows before and now, and how much more that is. In Markdown."""
    rows = [["what", "before", "now", "now/before"], ["---"] * 4]
    for line in lines:
        cells = [_cell(line, name) for name in (_BEFORE, _OURS)]
        ratio = line.ratio(_OURS, _BEFORE)
        rows.append([f"{line.name} [{line.unit}]", *cells, "" if ratio is None else f"{ratio:.2f}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def grown(lines: list[Line]) -> list[str]:
    """The lines that show more than before, beyond what a busy machine makes of equals.

    Its best round is worse than the worst before, and the difference is one that can be felt: a
    ratio of two figures near zero says nothing.
    """
    return [line.name for line in lines if _has_grown(line)]


def _has_grown(line: Line) -> bool:
    ratio = line.ratio(_OURS, _BEFORE)
    if ratio is None or min(line.figures[_OURS]) <= max(line.figures[_BEFORE]):
        return False
    more = line.median(_OURS) - line.median(_BEFORE)
    return ratio > _GROWTH["ratio"] and more > _GROWTH["least"][line.unit]


def machine() -> str:
    """The machine and the versions, in a line or two."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists() and (found := re.search(r"model name\s*: (.+)", info.read_text())):
        model = found[1]
    today = datetime.now(timezone.utc).date()
    load = f"{os.getloadavg()[0]:.1f}"
    versions = "; ".join(who.version() for who in CONTESTANTS)
    return (
        f"{today}, {os.cpu_count()} cores of {model}, {platform.system()}, load {load},"
        f" Python {platform.python_version()}; {versions}."
        " Median (lowest to highest), × the floor of the same round."
    )


def write_results(text: str) -> None:
    """Put the table between the markers."""
    results = ROOT / "tests" / "benchmarks" / "RESULTS.md"
    before = results.read_text(encoding="utf-8")
    after, count = _PLACE.subn(lambda match: f"{match[1]}{text}\n{match[2]}", before)
    if not count:
        raise SystemExit(f"{results} has no place for it: two lines <!-- benchmark -->")
    results.write_text(after, encoding="utf-8")


def _cell(line: Line, column: str) -> str:
    figures = line.figures.get(column)
    if not figures:
        return ""
    ratio = line.ratio(column, line.floor)
    text = f"{_short(line.median(column))}"
    if len(figures) > 1:
        text += f" ({_short(min(figures))}–{_short(max(figures))})"
    return f"{text} ×{ratio:.2f}" if ratio else text


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def _budget(line: Line) -> dict[str, float] | None:
    return next((each for each in _BUDGETS if re.search(each["pattern"], line.name)), None)


def _goal(budget: dict[str, float] | None) -> str:
    if budget is None:
        return ""
    return f"≤ ×{budget['ratio']:g}" if "ratio" in budget else f"≤ {budget['most']:g}"


def _is_kept(line: Line, budget: dict[str, float]) -> bool:
    if "ratio" in budget:
        return (line.ratio(_OURS, line.floor) or 0) <= budget["ratio"]
    return line.median(_OURS) <= budget["most"]
