"""The contract between a client's interceptor and whatever decides about its requests.

An interceptor converts: it calls `Recorder.begin` when a request starts, asks the `Exchange` to
play or hands it what came back, and knows nothing of cassettes. Whoever implements `Recorder`
decides, and knows nothing of clients.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reqord.base.models import Client, Failure, Request, Response

__all__ = ["Exchange", "Recorder", "Route"]


class Route(Enum):
    """What may happen to a request, known as soon as its method and URI are."""

    PLAY = "play"
    """Answered from the cassette or refused: never open a connection."""
    RECORD = "record"
    """Goes live and is recorded: connect at once, let every byte through as it comes."""
    EITHER = "either"
    """Played if the cassette has it, else live: hold the request until `Exchange.play` says."""


class Exchange(Protocol):
    """One request on its way. Exactly one of `record`, `fail`, `discard` and `let_go` ends it."""

    route: Route
    client: Client | None
    """What sends it; set by an interceptor that can tell."""

    @property
    def records_errors(self) -> bool:
        """Whether `fail` keeps what it is given, so that half a response is worth less."""

    def play(self, request: Request) -> Response | Failure | None:
        """Claim the recorded answer. Not to be called where the route is ``RECORD``.

        :returns: what was recorded; None where the request has to go live (``EITHER`` only).
        :raises CassetteMissError: if there is none and the request may not go live.
        """

    def record(self, request: Request, response: Response) -> None:
        """The request went live and this came back, complete or as far as it was read."""

    def fail(self, request: Request, failure: Failure) -> None:
        """The request went live and ended in an error."""

    def discard(self) -> None:
        """The request went live and got no answer, for a reason that no replay can repeat."""

    def let_go(self) -> None:
        """The connection becomes something else, of which nothing is kept."""

    async def room(self) -> None:
        """Before going live from an event loop: wait until the writer keeps up, without blocking.

        Elsewhere `record` itself waits, which would hold up a loop.
        """

    def finish_with(self, finish: Callable[[], None]) -> None:
        """Have ``finish`` called if the cassette closes first; it then calls `record`.

        A response that the test never read to its end has no other end.
        """


class Recorder(Protocol):
    """What decides about requests: an open cassette."""

    @property
    def file(self) -> str:
        """The file of the cassette."""

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more requests."""

    def begin(self, method: str, uri: str, worker: str) -> Exchange | None:
        """A request starts now; this moment is its ``recorded_at``.

        :param worker: the name of the thread that makes it, where that is not known to work for
            this cassette: then a refusal is its own affair, and fails no test. Else empty.
        :returns: its exchange; None to let it through untouched and unrecorded.
        :raises PlaybackError: if it can't even start, as after the end of its test.
        """

    def route(self, uri: str) -> Route | None:
        """What may happen to requests to the host of ``uri``, for a client that connects first.

        :returns: ``RECORD`` to connect at once, ``PLAY`` and ``EITHER`` to connect later if at
            all; None to leave it alone.
        """

    def lose(self, uri: str, why: str) -> None:
        """A connection for a request that is to be recorded failed, before the request began.

        :param why: why, in a few words.
        """

    def meet_unsupported(
        self, client: str, version: str, uri: str, worker: str, why: str = ""
    ) -> bool:
        """A client that can't be recorded is about to connect.

        :param worker: see `begin`.
        :param why: why a client can't that should be recorded; such a one must never go live.
        :returns: whether the user has to know that it isn't recorded.
        :raises UnsupportedClient: if it must not go live.
        """
