"""The run behind `use_cassette` outside of pytest."""

from __future__ import annotations

import atexit
import os
from pathlib import Path

from pytest_reqord.clock import Clock, format_time
from pytest_reqord.options import Layer
from pytest_reqord.run import Run, RunInfo, new_run_id, staging_without_cache

__all__ = ["script_run"]


def script_run() -> Run:
    """Make a run that ends with the interpreter; relative paths start where it was made.

    Its record mode is ``once`` where nobody says otherwise, as in every tool of the field: a
    script has no command line of ours.
    """
    base = Path.cwd()
    info = RunInfo(
        id=new_run_id(),
        staging=staging_without_cache(base),
        base=base,
        started_at=format_time(Clock().now()),
    )
    mode = os.environ.get("REQORD")
    strong = [Layer("the environment variable REQORD", {"record_mode": mode})] if mode else []
    run = Run(info, strong=strong, weak=[Layer("the default of a script", {"record_mode": "once"})])
    atexit.register(_end, run)
    return run


def _end(run: Run) -> None:
    run.finish()
    run.stop()
