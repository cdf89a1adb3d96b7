"""Record: microseconds added to a request, in the call; blocks live and recorded by turns."""

import itertools
import tempfile
import time
from pathlib import Path

from clients import caller
from tools import ARGUMENTS, median, opener, report

EACH = 50
numbers = itertools.count()


def urls():
    return [f"{ARGUMENTS['base']}/items/item-{next(numbers):06}" for _ in range(EACH)]


def measured():
    asked = urls()
    wall, cpu = time.perf_counter(), time.thread_time()
    call(asked, is_at_once=True)
    wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
    return wall / EACH * 1e6, cpu / EACH * 1e6


open_cassette = opener()
call, close = caller(ARGUMENTS["client"])
live, kept = [], []
with tempfile.TemporaryDirectory() as folder:
    call(urls())
    for block in range(ARGUMENTS["blocks"] + 1):
        live.append(measured())
        with open_cassette(Path(folder, f"{block}.yaml"), "once"):
            kept.append(measured())
close()
del live[0], kept[0]  # they import
added = [
    after - before
    for after, before in zip(
        map(median, zip(*kept, strict=False)), map(median, zip(*live, strict=False)), strict=False
    )
]
report(wall=added[0], cpu=added[1])
