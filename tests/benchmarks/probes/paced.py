"""A pytest plugin that tells what tests took: milliseconds of processor time from start to start.

The first test of a run is told alone. Of the others the middle one of blocks counts: a block is
long enough to have its part of what is done now and then, such as collecting garbage.
"""

import json
import os
import time
from pathlib import Path
from statistics import median

_BLOCK = 40
_starts = []


def pytest_runtest_logstart():
    _starts.append(time.process_time())


def pytest_unconfigure():
    warm = _starts[_BLOCK:]
    blocks = [after - before for before, after in zip(warm, warm[_BLOCK:], strict=False)][::_BLOCK]
    found = {"first": (_starts[1] - _starts[0]) * 1e3, "more": median(blocks) / _BLOCK * 1e3}
    Path(os.environ["BENCHMARK_PACE"]).write_text(json.dumps(found))
