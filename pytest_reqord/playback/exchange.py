"""One request on its way through a cassette; see `pytest_reqord.base.seam.Exchange`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Failure, Interaction
from pytest_reqord.base.real import threading
from pytest_reqord.base.seam import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_reqord.base.clock import Clock
    from pytest_reqord.base.models import Client, Request, Response
__all__ = ["CassetteExchange", "Decisions", "Unfinished", "Unreachable"]


class Unfinished:
    """The exchanges of a cassette that nothing has ended yet, and how to end them.

    A reader's close and the cassette's may meet: each exchange ends once.
    """

    def __init__(self) -> None:
        self._finishers: dict[CassetteExchange, Callable[[], None]] = {}
        # a garbage collection may come while it is held, and close a reader, which ends an exchange
        self._lock = threading.RLock()
        self._is_over = False

    def add(self, exchange: CassetteExchange, finish: Callable[[], None]) -> None:
        """Have ``finish`` end an exchange if nothing else does."""
        with self._lock:
            if not self._is_over:
                self._finishers[exchange] = finish

    def finish_all(self) -> None:
        """End what is still open.

        A request that is under way in another thread goes on, and what comes of it is too late: its
        test's recording is settled.
        """
        for finish in list(self._finishers.values()):
            finish()
        with self._lock:
            self._is_over = True
            self._finishers.clear()

    def forget(self) -> None:
        """Be a forked child, where all of them are the parent's and the lock may be held."""
        self._finishers = {}
        self._lock = threading.RLock()

    def end(self, exchange: CassetteExchange) -> bool:
        """End an exchange.

        :returns: whether this call did, and not one before it.
        """
        with self._lock:
            before, exchange.is_ended = exchange.is_ended or self._is_over, True
            self._finishers.pop(exchange, None)
        return not before


class Decisions(NamedTuple):
    """What a cassette decides for its exchanges.

    :param claim: gives the recorded answer to what a client sends, or None, or raises a miss; it
        is given the worker that asks, see `pytest_reqord.base.seam.Recorder.begin`.
    :param keep: takes what was recorded of a client, and the worker.
    :param lose: takes method and URI of a request that ended without a recording, and why.
    :param room: waits until the writer keeps up, without blocking an event loop.
    :param unfinished: the exchanges that are still open.
    :param owner: the test that records.
    :param records_errors: whether network errors are recorded.
    """

    claim: Callable[[Request, Client | None, str], Response | Failure | None]
    keep: Callable[[Interaction, Client | None, str], None]
    lose: Callable[[str, str, str], None]
    room: Callable[[], Awaitable[None]]
    unfinished: Unfinished
    owner: str
    records_errors: bool


class CassetteExchange:
    """One request of an open cassette.

    :param decisions: what the cassette decides.
    :param method: the request's.
    :param uri: the request's.
    :param route: what may happen to the request.
    :param clock: tells when it starts, its ``recorded_at``.
    :param worker: see `pytest_reqord.base.seam.Recorder.begin`.
    """

    __slots__ = (
        "_decisions",
        "_method",
        "_started",
        "_started_at",
        "_uri",
        "_worker",
        "client",
        "is_ended",
        "route",
    )

    def __init__(
        self,
        decisions: Decisions,
        method: str,
        uri: str,
        *,
        route: Route,
        clock: Clock,
        worker: str,
    ) -> None:
        self.route = route
        self.client: Client | None = None
        self.is_ended = False
        self._decisions = decisions
        self._method = method
        self._uri = uri
        self._worker = worker
        if route is not Route.PLAY:  # of which nothing is kept
            self._started_at = clock.now()
            self._started = monotonic()

    @property
    def records_errors(self) -> bool:
        """See `pytest_reqord.base.seam.Exchange`."""
        return self._decisions.records_errors

    def play(self, request: Request) -> Response | Failure | None:
        """See `pytest_reqord.base.seam.Exchange`."""
        return self._decisions.claim(request, self.client, self._worker)

    def record(self, request: Request, response: Response) -> None:
        """See `pytest_reqord.base.seam.Exchange`."""
        self._end(request, response, None)

    def fail(self, request: Request, failure: Failure) -> None:
        """See `pytest_reqord.base.seam.Exchange`."""
        if self.records_errors:
            self._end(request, None, failure)
        else:
            kind = failure.kind.removeprefix("builtins.")
            self._lose(kind if kind == "cancelled" else f"{kind}: {failure.message}")

    def discard(self) -> None:
        """See `pytest_reqord.base.seam.Exchange`."""
        self._lose("no answer")

    def _lose(self, why: str) -> None:
        if self._decisions.unfinished.end(self):
            self._decisions.lose(self._method, self._uri, why)

    def let_go(self) -> None:
        """See `pytest_reqord.base.seam.Exchange`."""
        self._decisions.unfinished.end(self)

    async def room(self) -> None:
        """See `pytest_reqord.base.seam.Exchange`."""
        await self._decisions.room()

    def finish_with(self, finish: Callable[[], None]) -> None:
        """See `pytest_reqord.base.seam.Exchange`."""
        self._decisions.unfinished.add(self, finish)

    def _end(self, request: Request, response: Response | None, failure: Failure | None) -> None:
        decisions = self._decisions
        if decisions.unfinished.end(self):
            elapsed = round(monotonic() - self._started, 6)
            interaction = Interaction(
                request, response, self._started_at, decisions.owner, elapsed, failure
            )
            decisions.keep(interaction, self.client, self._worker)


class Unreachable:
    """A cloud metadata service on replay: as on a machine that isn't in that cloud.

    :param host: its name or address.
    """

    route = Route.PLAY
    client: Client | None = None
    records_errors = False

    def __init__(self, host: str) -> None:
        self._host = host

    def play(self, request: Request) -> Failure:  # noqa: ARG002 -- the seam has it
        """Answer as a network would that has no such host."""
        return Failure("unreachable", f"{self._host} is not reachable while replaying")

    def record(self, request: Request, response: Response) -> None:
        """Never live."""

    def fail(self, request: Request, failure: Failure) -> None:
        """Never live."""

    def discard(self) -> None:
        """Never live."""

    def let_go(self) -> None:
        """Never live."""

    async def room(self) -> None:
        """Never live."""

    def finish_with(self, finish: Callable[[], None]) -> None:
        """Never live."""
