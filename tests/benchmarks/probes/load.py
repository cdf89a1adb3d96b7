"""Load a cassette of so many entries: microseconds an entry, indexed and decoded."""

import tempfile
from pathlib import Path

from tools import ARGUMENTS, decode, loader, median, report, timed, with_entries

with tempfile.TemporaryDirectory() as folder:
    count = ARGUMENTS["count"]
    path = str(Path(folder, "cassette.yaml"))
    with_entries(ARGUMENTS["source"], path, min(count, 10))
    load = loader()
    decode(load(path))  # what is imported and compiled by that is no part of it
    with_entries(ARGUMENTS["source"], path, count)
    loads, decodes = [], []
    for _ in range(max(1, min(20, 2000 // count))):
        seconds, loaded = timed(load, path)
        loads.append(seconds / count * 1e6)
        seconds, _ = timed(decode, loaded)
        decodes.append(seconds / count * 1e6)
    report(load=median(loads), all=median(loads) + median(decodes))
