"""Make the `Run` behind a pytest run, in whichever of its processes this is."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.clock import Clock, format_time
from pytest_reqord.base.real import Path
from pytest_reqord.plugin.outcomes import Outcomes
from pytest_reqord.plugin.workers import INPUT, is_elsewhere, places_of
from pytest_reqord.recording.run_info import RunInfo, new_run_id, staging_without_cache
from pytest_reqord.run import children, use_cassette as current
from pytest_reqord.run.run import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.plugin.placing import CurrentTest
    from pytest_reqord.settings.options import Layer, Own

__all__ = ["end_run", "start_run"]

_runs: list[Run] = []
"""Those that go on, the inmost last: a test may run pytest in its own process."""


def start_run(
    config: pytest.Config,
    current_test: CurrentTest,
    layers: tuple[Sequence[Layer], Sequence[Layer]],
    own: Own,
    *,
    is_ci: bool,
) -> Run:
    """Make the run and register what watches its tests.

    :param config: pytest's configuration.
    :param current_test: which test runs.
    :param layers: its settings: those that win over markers, and those that give way to them.
    :param own: what has a name in this suite.
    :param is_ci: whether ``CI`` is set.
    """
    given = getattr(config, "workerinput", {}).get(INPUT)

    def redact(interaction: Interaction) -> Interaction | None:
        changed: Interaction | None = config.hook.pytest_reqord_redact(interaction=interaction)
        return changed

    run = Run(
        _info(config, given, is_ci=is_ci),
        strong=layers[0],
        weak=layers[1],
        own=own,
        redact=redact if config.hook.pytest_reqord_redact.get_hookimpls() else None,
    )
    outcomes = Outcomes(run, current_test, is_verbose=config.get_verbosity() > 0)
    run.attempt_now = outcomes.current_attempt
    run.nodeid_now = lambda: current_test.item.nodeid if current_test.item else ""
    config.pluginmanager.register(outcomes, "reqord-outcomes")
    _runs.append(run)
    current.set_run(run)
    children.install(run)
    if given and is_elsewhere(config, given):
        from pytest_reqord.recording.remote_workers import (
            Handover,  # late: few workers are elsewhere
        )

        run.hand_over(Handover(given["channel"], places_of(config, given)))
    return run


def end_run(run: Run) -> None:
    """Let go of a run: put the clients back as they were, or as the run around it has them."""
    children.uninstall()
    run.stop()
    _runs.remove(run)
    current.set_run(None)
    if _runs:
        current.set_run(_runs[-1])
        children.install(_runs[-1])
        _runs[-1].resume()


def _info(config: pytest.Config, given: dict[str, Any] | None, *, is_ci: bool) -> RunInfo:
    if given and is_elsewhere(config, given):
        return RunInfo(
            id=new_run_id(),
            # not in the suite's folder, of which xdist may make a new copy
            staging=_without_cache(config.rootpath),
            base=config.rootpath,
            started_at=given["started_at"],
            is_worker=True,
            is_ci=is_ci,
            started_in=str(config.invocation_params.dir),
        )
    if given:
        return RunInfo(
            id=given["id"],
            staging=Path(given["staging"]) if given["staging"] else None,
            base=config.rootpath,
            started_at=given["started_at"],
            is_worker=True,
            is_ci=is_ci,
            started_in=str(config.invocation_params.dir),
        )
    return RunInfo(
        id=new_run_id(),
        staging=_staging_folder(config),
        base=config.rootpath,
        started_at=format_time(Clock().now()),
        is_ci=is_ci,
        started_in=str(config.invocation_params.dir),
    )


def _staging_folder(config: pytest.Config) -> Path | None:
    """The run's folder for staging files: in pytest's cache, or the user's temp folder."""
    cache: Any = getattr(config, "cache", None)
    if cache is not None:
        try:
            # not below it: xdist workers empty that folder with --cache-clear
            return Path(cache.mkdir("reqord")).parent.parent / "reqord"
        except OSError:  # a read-only rootdir
            pass
    return _without_cache(config.rootpath)


def _without_cache(base: Path) -> Path | None:
    with suppress(OSError):  # a run that only plays needs none
        return staging_without_cache(base)
    return None
