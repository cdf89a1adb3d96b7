"""Child processes of a test use its cassette as the test itself does.

Reached are children that are forked, that ``multiprocessing`` starts in any way, and Python
programs that ``subprocess`` or ``asyncio`` start, unless Python is told to look at no variables
(``-I``, ``-E``) or to run no ``sitecustomize`` (``-S``). A child imports what it needs with its
first request.
"""

from __future__ import annotations

import atexit
import functools
import pickle
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest_reqord
from pytest_reqord.base.lazy import once
from pytest_reqord.base.models import Headers, Request, without_secrets
from pytest_reqord.base.platform import at_fork
from pytest_reqord.base.real import Path, os
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import CassetteClosed, UnsupportedClient
from pytest_reqord.interceptors import active, child_processes, registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_reqord.base.seam import Exchange
    from pytest_reqord.playback.cassette import Cassette
    from pytest_reqord.recording.opening import Opening
    from pytest_reqord.run.run import Run

__all__ = [
    "Joined",
    "Ticket",
    "enter",
    "enter_from_environment",
    "guarded",
    "install",
    "run_of_parent",
    "spec_of",
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
    child_processes.install(_variables, _carried, _end)


def uninstall() -> None:
    """Let go of the run; children that are started from now on are on their own."""
    global _run  # noqa: PLW0603 -- as above
    _run = None
    child_processes.uninstall()


@contextmanager
def guarded() -> Iterator[None]:
    """Have children hold to the network guard in a run that uses no cassette, too."""
    child_processes.install(_variables, _carried, _end)
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
        child_processes.install(_variables, _carried, _end)
    if ticket is not None:
        _joined = Joined(ticket)
        registry.ensure()
        child_processes.install(_variables, _carried, _end)
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
                peers = opening.share()
                peers.provide(functools.partial(_spec, run, opening))
                return Ticket(str(peers.folder), str(opening.plan.path), opening.owner)
    return None


def _spec(run: Run, opening: Opening) -> bytes:

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


# ends


def _end() -> None:
    """Record what this process, a child, has not read to its end, while there is an interpreter."""
    for run in _runs():
        if run.is_child:
            for opening in run.openings():
                opening.cassette.finish()


def _runs() -> list[Run]:
    joined = _joined.run_if_made if _joined else None
    return [run for run in (_run, joined) if run is not None]


at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
# a child's own handlers, which may make requests, are registered later, and so run before it
atexit.register(_end)


# What a child process is given to find the cassette of its parent.


class Ticket(NamedTuple):
    """Names an open cassette.

    :param folder: where the processes that use it meet; gone when it is closed.
    :param cassette: its file.
    :param owner: the test.
    """

    folder: str
    cassette: str
    owner: str

    def __str__(self) -> str:
        return "\n".join(self)

    @classmethod
    def parse(cls, text: str) -> Ticket:
        """The inverse of ``str``."""
        return cls(*text.split("\n"))


# The cassette of a parent process, opened with the first request of a child.


_NOT_SENT = (
    "the cassette's settings have a function (a matcher, or the hook pytest_reqord_redact) that"
    " can't be sent to it: define it in a module that can be imported, or fork the process"
)


class Joined:
    """A `Recorder` that asks the parent's cassette.

    :param ticket: which one.
    """

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    @property
    def is_closed(self) -> bool:
        """Whether the parent has closed it."""
        return not os.path.exists(self.ticket.folder)

    @property
    def file(self) -> str:
        """The file of the cassette."""
        return self.ticket.cassette

    def begin(self, method: str, uri: str, worker: str) -> Exchange | None:
        """See `pytest_reqord.base.seam.Recorder.begin`.

        :raises CassetteClosed: if the parent has closed the cassette.
        :raises UnsupportedClient: if its settings could not be sent to this process.
        """
        return self._cassette(method, uri).begin(method, uri, worker)

    def _cassette(self, method: str, uri: str) -> Cassette:
        made = self._made
        if made is None:
            active.leave_if_ending()
            request = Request(method, without_secrets(uri), Headers(()), b"")
            raise CassetteClosed(request, self.ticket.cassette, self.ticket.owner)
        if isinstance(made, str):
            raise UnsupportedClient("a child process", "", made)
        return made[1].cassette

    def route(self, uri: str) -> Route | None:
        """See `pytest_reqord.base.seam.Recorder.route`."""
        made = self._made
        return made[1].cassette.route(uri) if isinstance(made, tuple) else Route.PLAY

    def meet_unsupported(
        self, client: str, version: str, uri: str, worker: str, why: str = ""
    ) -> bool:
        """See `pytest_reqord.base.seam.Recorder.meet_unsupported`."""
        return self._cassette("CONNECT", uri).meet_unsupported(client, version, uri, worker, why)

    def lose(self, uri: str, why: str) -> None:
        """See `pytest_reqord.base.seam.Recorder.lose`."""
        if isinstance(self._made, tuple):
            self._made[1].cassette.lose(uri, why)

    @property
    def run(self) -> Run | None:
        """A run with the settings of the parent's; None if the parent has closed the cassette."""
        return self._made[0] if isinstance(self._made, tuple) else None

    @property
    def run_if_made(self) -> Run | None:
        """The same, if there was a request."""
        return self.run if "_made" in self.__dict__ else None

    @once
    def _made(self) -> tuple[Run, Opening] | str | None:
        """The cassette; why it can't be had; None if the parent has closed it."""
        # late: many children make no request
        from pytest_reqord.recording.processes import Peers
        from pytest_reqord.run.run import Run

        peers = Peers.join(Path(self.ticket.folder))
        spec = peers.spec()
        if spec is None:
            return None
        try:
            # the parent wrote it into a folder that is its user's own
            info, arguments, shared = pickle.loads(spec)  # noqa: S301 -- ours, from a folder that only this user may write into
        except (ImportError, AttributeError, ValueError):  # a function of a conftest.py; nothing
            return _NOT_SENT
        run = Run(info, **arguments)
        return run, run.join(shared, peers)


def spec_of(run: Run, opening: Opening) -> bytes:
    """What a child needs to open the same cassette; nothing, where that can't be sent."""
    try:
        info = run.info._replace(is_worker=True)
        return pickle.dumps((info, run.arguments(), opening.shared()))
    except (pickle.PicklingError, AttributeError, TypeError):
        return pickle.dumps(())
