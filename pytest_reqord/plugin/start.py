"""Make the `Run` behind a pytest run, in the controller or in a worker of pytest-xdist.

The controller tells its workers about the run and gathers what they noted. A worker on another
machine (``--tx ssh=...``, or with a folder of its own) sees neither the staging folder nor the locks
of its controller: it hands its recordings over.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base.clock import Clock, format_time
from pytest_reqord.base.real import Path, os
from pytest_reqord.errors import UsageError
from pytest_reqord.plugin.outcomes import Outcomes
from pytest_reqord.recording.run_info import RunInfo, new_run_id, staging_without_cache
from pytest_reqord.run import children, use_cassette as current
from pytest_reqord.run.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_reqord.base.models import Interaction, LeaveOut
    from pytest_reqord.plugin.placing import CurrentTest
    from pytest_reqord.recording.remote_workers import Intake, Places
    from pytest_reqord.settings.options import Layer, Own

__all__ = ["INPUT", "Workers", "end_run", "is_elsewhere", "places_of", "start_run"]

INPUT = "reqord"
"""The key of ours in what xdist passes between controller and workers."""


class Workers:
    """Registered where xdist is, in the controller.

    :param get_run: gives the run, which it makes on the first call.
    """

    def __init__(self, get_run: Callable[[], Run]) -> None:
        self._get_run = get_run
        self._token: Path | None = None
        self._intakes: dict[Any, Intake] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker which run it is part of and where staging files go."""
        run = self._get_run()
        with suppress(OSError, UsageError):  # whoever records is told
            run.hold()
        node.workerinput[INPUT] = {
            "id": run.info.id,
            "staging": str(run.info.staging or ""),
            "started_at": run.info.started_at,
        }
        spec = node.gateway.spec
        if not spec.popen or spec.chdir or spec.via:
            node.workerinput[INPUT] |= self._meet(node, run)

    def _meet(self, node: Any, run: Run) -> dict[str, Any]:
        """What a worker needs that may be on another machine."""
        channel = node.gateway.newchannel()
        intake = self._intakes[node] = run.take_in(channel.send)
        channel.setcallback(intake)
        return {
            "base": str(run.info.base),
            # only where xdist copies the suite there, which a version to come will not
            "roots": list(map(str, getattr(node.nodemanager, "roots", ()))),
            "token": str(self._token_of(run)),
            "channel": channel,
        }

    def _token_of(self, run: Run) -> Path:
        """A file that only processes with our temp folder see, and so with our locks."""
        from pytest_reqord.storage import user_folder  # late: few runs have such workers

        if self._token is None:
            self._token = user_folder("tokens") / run.info.id
            os.close(os.open(self._token, os.O_WRONLY | os.O_CREAT, 0o600))
        return self._token

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker has to tell; one that crashed has left its journal."""
        plain = getattr(node, "workeroutput", {}).get(INPUT)
        if plain:
            self._get_run().notes.merge(plain)
        intake = self._intakes.pop(node, None)
        if intake is not None:
            intake.close()

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        if self._token is not None:
            with suppress(OSError):
                os.unlink(self._token)


def is_elsewhere(config: pytest.Config, given: Mapping[str, Any]) -> bool:
    """Whether this worker can't save as its controller does: other files, or other locks.

    :param given: what the controller told.
    """
    if "channel" not in given:
        return False
    is_same_suite = os.fspath(config.rootpath) == given["base"]
    sees_run = os.path.isdir(Path(given["staging"], given["id"]))
    return not (is_same_suite and sees_run and os.path.exists(given["token"]))


def places_of(config: pytest.Config, given: Mapping[str, Any]) -> Places:
    """Where the controller has what this worker has: where xdist copied it from, if it did."""
    from pytest_reqord.recording.remote_workers import Places  # late: few workers are elsewhere

    here = config.invocation_params.dir
    copied = [(str(here / Path(root).name), root) for root in given["roots"]]
    return Places([(str(config.rootpath), given["base"]), *copied])


# Make the `Run` behind a pytest run, in whichever of its processes this is.


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

    def redact(interaction: Interaction) -> Interaction | LeaveOut:
        found: Interaction | LeaveOut = config.hook.pytest_reqord_redact(interaction=interaction)
        return found

    redact.__qualname__ = "pytest_reqord_redact"  # what an error calls it

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
        from pytest_reqord.recording.remote_workers import Handover

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
