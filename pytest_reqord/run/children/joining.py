"""What a child process is given to find the cassette of its parent."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.base.hosts import without_secrets
from pytest_reqord.base.lazy import once
from pytest_reqord.base.models import Headers, Request
from pytest_reqord.base.real import Path, os
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import CassetteClosed, UnsupportedClient

if TYPE_CHECKING:
    from pytest_reqord.base.seam import Exchange
    from pytest_reqord.playback.cassette import Cassette
    from pytest_reqord.recording.opening import Opening
    from pytest_reqord.run.run import Run

__all__ = ["Joined", "Ticket", "spec_of"]


class Ticket(NamedTuple):
    """Names an open cassette.

    :param folder: where the processes that use it meet; gone when it is closed.
    :param cassette: its file.
    :param owner: the test.
    :param key: what the processes tell each other is told under, in hexadecimal.
    """

    folder: str
    cassette: str
    owner: str
    key: str

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
            request = Request(method, without_secrets(uri), Headers(()), b"")
            raise CassetteClosed(request, self.ticket.cassette, self.ticket.owner)
        if isinstance(made, str):
            raise UnsupportedClient("a child process", "", made)
        return made[1].cassette

    def route(self, uri: str) -> Route | None:
        """See `pytest_reqord.base.seam.Recorder.route`."""
        made = self._made
        return made[1].cassette.route(uri) if isinstance(made, tuple) else Route.PLAY

    def pass_untaken(self, client: str, version: str, uri: str, worker: str, why: str = "") -> bool:
        """See `pytest_reqord.base.seam.Recorder.pass_untaken`."""
        return self._cassette("CONNECT", uri).pass_untaken(client, version, uri, worker, why)

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
        from pytest_reqord.recording.processes import Kin
        from pytest_reqord.run.run import Run
        from pytest_reqord.storage import Family

        kin = Kin(Family(Path(self.ticket.folder)), bytes.fromhex(self.ticket.key))
        spec = kin.spec()
        if spec is None:
            return None
        try:
            # the parent wrote it into a folder that is its user's own
            info, arguments, shared = pickle.loads(spec)  # noqa: S301
        except (ImportError, AttributeError, ValueError):  # a function of a conftest.py; nothing
            return _NOT_SENT
        run = Run(info, **arguments)
        return run, run.join(shared, kin)


def spec_of(run: Run, opening: Opening) -> bytes:
    """What a child needs to open the same cassette; nothing, where that can't be sent."""
    try:
        info = run.info._replace(is_worker=True)
        return pickle.dumps((info, run.arguments(), opening.shared()))
    except (pickle.PicklingError, AttributeError, TypeError):
        return pickle.dumps(())
