"""Add one interaction to a cassette of so many entries: milliseconds to open it and to write."""

import shutil
import tempfile
import time
from pathlib import Path

import requests
from tools import ARGUMENTS, median, opener, report, timed, with_entries

client = requests.Session()  # all of them take it


def ask(number):
    client.get(f"{ARGUMENTS['base']}/items/new-{number}")


open_cassette = opener()
with tempfile.TemporaryDirectory() as folder:
    original, path = Path(folder, "original.yaml"), Path(folder, "cassette.yaml")
    with_entries(ARGUMENTS["source"], original, ARGUMENTS["count"])
    opened, written = [], []
    live = median([timed(ask, 0, clock=time.perf_counter)[0] for _ in range(20)])
    for number in range(ARGUMENTS["times"] + 1):
        shutil.copy(original, path)
        start = time.perf_counter()
        with open_cassette(path, "new_episodes"):
            ask(number)
            asked = time.perf_counter()
        written.append((time.perf_counter() - asked) * 1e3)
        opened.append((asked - start - live) * 1e3)
        if f"new-{number}".encode() not in path.read_bytes():
            raise SystemExit("nothing was appended")
    report(open=median(opened[1:]), write=median(written[1:]))  # the first one imports
