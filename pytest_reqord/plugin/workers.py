"""pytest-xdist: the controller tells its workers about the run and gathers what they noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reqord.run import Run

__all__ = ["INPUT", "Workers"]

INPUT = "reqord"
"""The key of ours in what xdist passes between controller and workers."""


class Workers:
    """Registered where xdist is, in the controller.

    :param get_run: gives the run, which it makes on the first call.
    """

    def __init__(self, get_run: Callable[[], Run]) -> None:
        self._get_run = get_run

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker which run it is part of and where staging files go."""
        run = self._get_run()
        run.hold()
        node.workerinput[INPUT] = {
            "id": run.info.id,
            "staging": str(run.info.staging),
            "started_at": run.info.started_at,
        }

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker has to tell; one that crashed has left its journal."""
        plain = getattr(node, "workeroutput", {}).get(INPUT)
        if plain:
            self._get_run().notes.merge(plain)
