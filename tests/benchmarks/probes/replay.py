"""Replay a cassette: microseconds of processor time for one more request, its client included.

Floors come here, too. What disturbs a block only makes it slower, so the quickest one counts.
"""

import re
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from clients import caller
from tools import ARGUMENTS, TOOL, opener, report, with_entries

count = ARGUMENTS["count"]
call, close = caller(ARGUMENTS["client"])
base = "http://127.0.0.1:1"
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "cassette.yaml")
    if TOOL.startswith("floor"):
        sys.path.insert(0, str(Path(__file__).parents[1]))
        import floors

        floors.pytest_collection_finish(None)
    else:
        with_entries(ARGUMENTS["source"], path, count)
        base = re.search(r"uri: ['\"]?(http://[^/]+)", path.read_text())[1]
    open_cassette = opener() if path.exists() else lambda *_: nullcontext()
    first, *others = [f"{base}/items/item-{i // 1000:06}-{i % 1000:06}" for i in range(count)]
    blocks = []
    for _ in range(ARGUMENTS["blocks"]):
        if path.exists():
            path.touch()  # an index that was kept is not to be used
        with open_cassette(path, "none"):
            call([first])
            start = time.thread_time()
            call(others)
            blocks.append((time.thread_time() - start) / (count - 1) * 1e6)
close()
report(least=min(blocks))
