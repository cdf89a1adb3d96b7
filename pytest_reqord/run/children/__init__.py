"""Child processes of a test use its cassette as the test itself does.

Reached are children that are forked, that ``multiprocessing`` starts in any way, and Python
programs that ``subprocess`` or ``asyncio`` start, unless Python is told to look at no variables
(``-I``, ``-E``) or to run no ``sitecustomize`` (``-S``). A child imports what it needs with its
first request.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest_reqord
from pytest_reqord.base.real import Path, os
from pytest_reqord.interceptors import active, child_processes, registry
from pytest_reqord.run.children.joining import Ticket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_reqord.recording.opening import Opening
    from pytest_reqord.run.children.joining import Joined
    from pytest_reqord.run.run import Run

__all__ = [
    "enter",
    "enter_from_environment",
    "guarded",
    "install",
    "run_of_parent",
    "uninstall",
]

VARIABLE = "REQORD_CHILD"
_SITE = Path(__file__).parent / "site"

_run: Run | None = None
_joined: Joined | None = None


def install(run: Run) -> None:
    """Let the children of this process use the cassettes of a run."""
    global _run  # noqa: PLW0603 -- one run a process
    _run = run
    child_processes.install(_variables, _carried)


def uninstall() -> None:
    """Let go of the run; children that are started from now on are on their own."""
    global _run  # noqa: PLW0603 -- as above
    _run = None
    child_processes.uninstall()


@contextmanager
def guarded() -> Iterator[None]:
    """Have children hold to the network guard in a run that uses no cassette, too."""
    child_processes.install(_variables, _carried)
    try:
        yield
    finally:
        if not _runs():
            child_processes.uninstall()


def enter_from_environment() -> None:
    """Join the cassette that the environment names, if it names one."""
    text = os.environ.get(VARIABLE, "")
    enter(Ticket.parse(text) if text else None, os.environ)


def enter(ticket: Ticket | None, guard: Mapping[str, str]) -> None:
    """Be a child process of a test.

    :param ticket: which cassette to use; None for none.
    :param guard: the variables of the network guard.
    """
    global _joined  # noqa: PLW0603 -- as above
    if any(name.startswith("REQORD_BLOCK") for name in guard):
        from pytest_reqord import network_guard  # late: most suites have no guard

        network_guard.install_from_environment(guard)
        child_processes.install(_variables, _carried)
    if ticket is not None:
        from pytest_reqord.run.children.joining import Joined  # late: as above

        _joined = Joined(ticket)
        registry.ensure()
        child_processes.install(_variables, _carried)
        active.open_test(_joined)


def run_of_parent() -> Run | None:
    """In a child: a run with the settings of the parent's."""
    return _joined.run if _joined is not None else None


# what is given to a child


class _Carrier:
    """Enters where it is unpickled."""

    def __init__(self, ticket: Ticket | None, guard: Mapping[str, str]) -> None:
        self._arguments = ticket, guard

    def __reduce__(self) -> tuple[Any, ...]:
        return enter, self._arguments


def _carried() -> _Carrier | None:
    ticket, guard = _ticket(), _guard()
    return _Carrier(ticket, guard) if ticket or guard else None


def _variables(environment: Mapping[str, str]) -> Mapping[str, str]:
    ticket, guard = _ticket(), _guard()
    if ticket is None and not guard:
        return {}
    paths = [str(_SITE), *filter(None, [environment.get("PYTHONPATH")])]
    more = {**guard, "PYTHONPATH": os.pathsep.join(paths)}
    return {**more, VARIABLE: str(ticket)} if ticket else more


def _ticket() -> Ticket | None:
    """What a child that is started here and now needs to join the cassette in force."""
    opened = active.in_force()
    recorder: Any = opened.recorder if opened else None
    if recorder is None or recorder.is_closed:
        return None
    if _joined is not None and recorder is _joined:
        return _joined.ticket
    for run in _runs():
        for opening in run.openings():
            if opening.cassette is recorder:
                kin = opening.share()
                kin.provide(functools.partial(_spec, run, opening))
                return Ticket(str(kin.folder), str(opening.plan.path), opening.owner, kin.key.hex())
    return None


def _spec(run: Run, opening: Opening) -> bytes:
    from pytest_reqord.run.children.joining import spec_of  # late: only for children

    return spec_of(run, opening)


def _guard() -> dict[str, str]:
    network_guard = getattr(
        pytest_reqord, "network_guard", None
    )  # imported where a test is guarded
    return network_guard.environment() if network_guard else {}


# forks


def _before_fork() -> None:
    for run in _runs():
        for opening in run.openings():
            opening.share()


def _after_fork_in_child() -> None:
    for run in _runs():
        run.be_child()


def _runs() -> list[Run]:
    joined = _joined.run_if_made if _joined else None
    return [run for run in (_run, joined) if run is not None]


os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
