"""Open a large cassette: how much more memory the process takes at its peak, in file sizes."""

import resource
import tempfile
from pathlib import Path

from tools import ARGUMENTS, loader, report, with_entries

with tempfile.TemporaryDirectory() as folder:
    small = str(Path(folder, "cassette.yaml"))
    with_entries(ARGUMENTS["small"], small, 2)
    load = loader()
    load(small)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loaded = load(ARGUMENTS["source"])
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = Path(ARGUMENTS["source"]).stat().st_size
    report(ratio=(after - before) * 1024 / size, size=size)
