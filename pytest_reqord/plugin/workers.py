"""pytest-xdist: the controller tells its workers about the run and gathers what they noted.

A worker on another machine (``--tx ssh=...``, or with a folder of its own) sees neither the staging
folder nor the locks of its controller: it hands its recordings over.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base.real import Path, os
from pytest_reqord.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reqord.recording.remote_workers import Intake, Places
    from pytest_reqord.run.run import Run

__all__ = ["INPUT", "Workers", "is_elsewhere", "places_of"]

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
