"""The run behind `use_cassette` outside of pytest."""

from __future__ import annotations

import atexit
import sys

from pytest_reqord.base.clock import Clock, format_time
from pytest_reqord.base.real import Path, os
from pytest_reqord.recording.run_info import RunInfo, is_under_ci, new_run_id
from pytest_reqord.report import drafts, problems
from pytest_reqord.run import children
from pytest_reqord.run.run import Run
from pytest_reqord.settings.options import Layer

__all__ = ["script_run"]


def script_run() -> Run:
    """Make a run that ends with the interpreter; relative paths start where it was made.

    Its record mode is ``once`` where nobody says otherwise, as in every tool of the field: a
    script has no command line of ours.
    """
    inherited = children.run_of_parent()
    if inherited is not None:
        return inherited
    base = Path(os.getcwd())
    info = RunInfo(
        id=new_run_id(),
        staging=None,  # in the user's temp folder, once something is recorded
        base=base,
        started_at=format_time(Clock().now()),
        is_ci=is_under_ci(os.environ.get("CI", "")),
    )
    mode = os.environ.get("REQORD")
    place = "the environment variable REQORD"
    strong = [Layer(place, {"record_mode": mode}, is_explicit=True)] if mode else []
    run = Run(info, strong=strong, weak=[Layer("the default of a script", {"record_mode": "once"})])
    children.install(run)
    atexit.register(_end, run)
    return run


def _end(run: Run) -> None:
    children.uninstall()
    run.finish()
    run.stop()
    for line in (*drafts(run.notes), *problems(run.notes)):
        sys.stderr.write(f"reqord: {line}\n")
