"""Decide on each request: play it, record it or refuse it. Nothing else decides.

The source says where recordings come from and the redactor takes secrets out; the cassette decides;
an exchange is one request on its way through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from pytest_reqord.base.clock import expiry_limit, format_time, has_expired, monotonic
from pytest_reqord.base.lazy import once
from pytest_reqord.base.models import (
    Failure,
    Headers,
    Interaction,
    Request,
    Response,
    host_of,
    place_of,
)
from pytest_reqord.base.real import Path, os, threading
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import (
    CassetteClosed,
    CassetteMiss,
    CassetteMissError,
    RedactorError,
    ReqordError,
    UnsupportedClient,
)
from pytest_reqord.interceptors.active import leave_if_ending
from pytest_reqord.redaction.marks import marks_of, unmarked, unmarked_interaction
from pytest_reqord.settings.options import SAVED_AT_END

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pytest_reqord.base.clock import Clock
    from pytest_reqord.base.models import Client, Host
    from pytest_reqord.base.seam import Exchange
    from pytest_reqord.matching.matchers import Matching
    from pytest_reqord.playback.replay import Index, Player, Stored
    from pytest_reqord.settings.options import Access
    from pytest_reqord.settings.resolve import Settings

__all__ = [
    "Cassette",
    "CassetteExchange",
    "Decisions",
    "Drift",
    "Filter",
    "Source",
    "Unfinished",
    "Unreachable",
    "Verified",
]


class Filter(Protocol):
    """What requests are matched as and interactions are kept as: without their secrets."""

    def request(self, request: Request) -> Request | None:
        """The request as it is matched; None for one to let through untouched."""

    def interaction(self, interaction: Interaction) -> Interaction | None:
        """The interaction as it is recorded; None for one not to record."""


Verified: TypeAlias = "tuple[Interaction | None, Interaction]"
"""With ``verify``: what was recorded for a request, and what came back for it now."""


class Source(Protocol):
    """Where a cassette gets its recording from and puts what it records."""

    redactor: Filter
    clock: Clock
    is_child: bool
    """Whether this is a child process, whose parent may close the cassette."""
    lets_through: bool
    """Whether the filter may let requests through, which only a whole request tells."""

    @property
    def is_over(self) -> bool:
        """Whether another process, which has opened the cassette, has closed it."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes may play the recording, too."""

    def as_called(self, request: Request, client: Client | None) -> Request:
        """A request as it is compared: as it was sent, or as the client was called for it."""

    def as_kept(self, interaction: Interaction, client: Client | None) -> Interaction:
        """What goes into the recording: as it went over the wire, or as the client's caller sees it."""

    def as_played(self, response: Response) -> Response:
        """What a client gets of a recorded response."""

    def index(self) -> Index:
        """The recording, read when it is first needed."""

    def has(self, entry: Stored) -> bool:
        """Whether an entry of the index is the cassette's: of a draft's, what was played is."""

    def replay(self) -> Player:
        """What plays the recording, made once."""

    def played_drafts(self) -> Sequence[Interaction]:
        """What was played from drafts of earlier runs."""

    def record(self, interaction: Interaction) -> None:
        """Take what was recorded, redacted; returns at once."""

    def flush(self) -> None:
        """Return when what was recorded is on the disk."""

    async def room(self) -> None:
        """Wait until there is room for more, without blocking an event loop."""

    def recorded(self) -> Sequence[Interaction]:
        """Read back what was recorded since the cassette was opened."""

    def count_of_children(self) -> int:
        """How many interactions of that are in the hands of child processes."""

    def commands(self, sent: Request | None, left: Sequence[Request]) -> Sequence[str]:
        """The shell commands that would add a missing request or start over.

        :param sent: the request.
        :param left: what the test recorded and has not asked for yet.
        """

    def note_refused(self, uri: str, worker: str, why: str) -> None:
        """Tell the user of a request that was refused and fails no test.

        :param worker: the thread that made it.
        :param why: why, in a few words.
        """

    def note_lost(self, request: str) -> None:
        """Tell who has opened the cassette, if that is another process, of a request that failed.

        :param request: the request and how it ended.
        """

    def note_verified(self, verified: Verified) -> None:
        """Tell who has opened the cassette, if that is another process, of an answer to compare."""

    def verified_elsewhere(self) -> Sequence[Verified]:
        """The answers that child processes got with ``verify``, and those recorded for them."""

    def translate(self, miss: BaseException) -> BaseException:
        """A miss as the error that the suite knows it by; natively itself."""


# What happens to a request: play, record or refuse. The only place that decides.


_NO_HEADERS = Headers()
_NOT_RECORDED = "not in the recording"


class Drift(NamedTuple):
    """An interaction that answered a request with another body.

    :param request: the request that was sent, redacted.
    :param interaction: the interaction that answered it.
    """

    request: Request
    interaction: Interaction


class Cassette:
    """An open cassette: the interactions of one test and the file that holds them.

    The fixture ``cassette`` and `use_cassette` give it to you. You may read its properties from
    any thread.
    """

    def __init__(
        self,
        file: str,
        owner: str,
        *,
        access: Access,
        settings: Settings,
        source: Source,
    ) -> None:
        self.owner = owner
        self.access = access
        self.settings = settings
        self.opened_at = source.clock.now()
        self.rerecorded: set[str] = set()  # the patterns that named a request
        self._file = file
        self._source = source
        self._redactor = source.redactor
        self._clock = source.clock
        self._unfinished = Unfinished()
        self._decisions = Decisions(
            claim=self._claim,
            keep=self._keep,
            lose=self._lose,
            room=source.room,
            unfinished=self._unfinished,
            owner=owner,
            records_errors=settings.record_errors,
        )
        self._is_closed = False
        self._recorded_count = 0
        self._misses: list[Request] = []
        self._unrecorded: list[str] = []
        self._drifts: list[Drift] = []
        self._first_recorded: datetime | None = None
        self._played_at: dict[tuple[str, str], datetime] = {}
        self._verified: list[Verified] = []
        self._refusals: list[BaseException] = []

    # what a test reads

    @property
    def file(self) -> str:
        """Its file, as text."""
        return self._file

    @property
    def path(self) -> Path:
        """The file of the cassette."""
        return Path(self._file)

    @property
    def record_mode(self) -> str:
        """The record mode in force: ``none``, ``once``, ``new_episodes``, ``all`` ..."""
        return self.settings.record_mode

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """The interactions in the file and those recorded since it was opened, in order of time.

        It leaves out those that this test is recording anew, and those of an earlier run's draft
        that no request has asked for.
        """
        kept = (entry for entry in self._stored() if self._is_kept(entry))
        stored = [entry.interaction() for entry in kept]
        return tuple(sorted([*stored, *self.recorded], key=_recorded_at))

    @property
    def played(self) -> tuple[Interaction, ...]:
        """The interactions that answered requests, in the order of these requests."""
        return tuple(self._replay.played()) if self._may_have_played else ()

    @property
    def drafted(self) -> tuple[Interaction, ...]:
        """What of that is from the draft of an earlier run, and not in the cassette."""
        return tuple(self._source.played_drafts()) if self._has_replay else ()

    @property
    def recorded(self) -> tuple[Interaction, ...]:
        """The interactions recorded since the cassette was opened, in order of time."""
        return tuple(sorted(self._source.recorded(), key=_recorded_at))

    @property
    def recorded_count(self) -> int:
        """The number of interactions recorded since the cassette was opened."""
        return self._recorded_count + self._source.count_of_children()

    @property
    def unplayed(self) -> tuple[Interaction, ...]:
        """The interactions of this test's recording that no request has asked for yet."""
        return tuple(entry.interaction() for entry in self._unplayed())

    @property
    def misses(self) -> tuple[Request, ...]:
        """Requests that the recording has no answer for, redacted."""
        return tuple(self._misses)

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """Requests that failed or were cancelled and so are not in the recording, as text."""
        return tuple(self._unrecorded)

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """Interactions that were played to a request with another body."""
        return tuple(self._drifts)

    @property
    def expired(self) -> tuple[Interaction, ...]:
        """The interactions that answered a request although they are older than ``max_age``."""
        if not self.settings.max_age:
            return ()
        limit = expiry_limit(self.opened_at, self.settings.max_age)
        return tuple(one for one in self.played if has_expired(one.answered_at, limit))

    @property
    def changes(self) -> tuple[str, ...]:
        """With ``verify``: what the API answers otherwise than recorded, as lines of text."""
        return tuple(
            line
            for request, lines in self.changed()
            for line in (request, *(f"  {each}" for each in lines))
        )

    @property
    def verified(self) -> tuple[Interaction, ...]:
        """With ``verify``: what went live, with what came back."""
        return tuple(live for _, live in self._all_verified())

    def changed(self) -> list[tuple[str, list[str]]]:
        """With ``verify``: each request that is answered otherwise than recorded, and how."""
        compared = (self._changes_between(*pair) for pair in self._all_verified())
        return [one for one in compared if one[1]]

    def _all_verified(self) -> Sequence[Verified]:
        if self.record_mode != "verify":
            return ()
        return (*self._verified, *self._source.verified_elsewhere())

    @property
    def matching(self) -> Matching:
        """What makes a request the recorded one."""
        return self._source.index().matching

    def take_refusals(self) -> list[BaseException]:
        """The errors that requests were refused with since the last call."""
        taken, self._refusals = self._refusals, []
        return taken

    @property
    def play_count(self) -> int:
        """The number of requests that the recording answered."""
        return self._replay.play_count if self._may_have_played else 0

    @property
    def all_played(self) -> bool:
        """True if requests have asked for everything in this test's recording."""
        return next(iter(self._unplayed()), None) is None

    @property
    def recorded_at(self) -> datetime:
        """The time of the first interaction, or of the opening if there is none yet.

        Freeze the time at it if the answers depend on the date.
        """
        first = next(iter(self._stored()), None)
        return first.interaction().answered_at if first else self.opened_at

    def played_between(self) -> Mapping[tuple[str, str], str]:
        """When this test's interactions were played, by test and time.

        Nothing where they were played as they stand, and all before the first that was recorded: then
        that comes behind them.
        """
        first, times = self._first_recorded, list(self._played_at.values())
        if first is None or not times:
            return {}
        keys = list(self._played_at)
        if times[-1] < first and keys == sorted(keys):
            return {}
        return {key: format_time(at) for key, at in self._played_at.items()}

    def flush(self) -> None:
        """Wait until everything recorded so far is on the disk.

        :raises WriteFailed: if the disk didn't take it.
        """
        self._source.flush()

    # what interceptors call

    @property
    def is_closed(self) -> bool:
        """Whether its test is over, so that it takes no more requests."""
        # asked three times a request, and only a child has a parent that may have closed it
        return self._is_closed or (self._source.is_child and self._source.is_over)

    def begin(self, method: str, uri: str, worker: str) -> Exchange | None:
        """See `pytest_reqord.base.seam.Recorder.begin`."""
        host = host_of(uri)
        if self._is_ignored(host, uri):
            return None
        if self.is_closed:
            request = self._redactor.request(Request(method, uri, _NO_HEADERS, b""))
            if request is None:
                return None
            leave_if_ending()
            why = f"after {self.owner or self._file} had ended"
            raise self._refuse(CassetteClosed(request, self._file, self.owner), uri, worker, why)
        if host.is_metadata:
            return None if self.access.record else Unreachable(host.name)
        if self.settings.record_mode == "verify" and not self._stored():
            request = self._redactor.request(Request(method, uri, _NO_HEADERS, b""))
            if request is not None:
                raise self._miss(request, worker)
        return CassetteExchange(
            self._decisions,
            method,
            uri,
            route=self._route(method, uri),
            clock=self._clock,
            worker=worker,
        )

    def route(self, uri: str) -> Route | None:
        """See `pytest_reqord.base.seam.Recorder.route`."""
        host = host_of(uri)
        if self._is_ignored(host, uri):
            return None
        if self.is_closed:
            return Route.PLAY  # and `begin` says why not
        if host.is_metadata and self.access.record:
            return None
        route = Route.EITHER if self.settings.rerecord else self._route("", uri)
        if route is Route.RECORD and self.settings.record_errors:
            return Route.EITHER  # an error while connecting is recorded with its request
        return route

    def meet_unsupported(
        self, client: str, version: str, uri: str, worker: str, why: str = ""
    ) -> bool:
        """See `pytest_reqord.base.seam.Recorder.meet_unsupported`."""
        host = host_of(uri)
        if self._is_ignored(host, uri):
            return False
        if self.is_closed:
            self.begin("CONNECT", uri, worker)  # and it says why not
        if self.access.record and not why:
            return True
        reason = (
            f"it wanted {host.name or 'the network'}, and can't be recorded or played{why and ': '}{why}."
            f" Let its host through with ignore_hosts, or use another {'version' if why else 'client'}"
        )
        why = f"{client} can't be recorded"
        raise self._refuse(UnsupportedClient(client, version, reason), uri, worker, why)

    def close(self) -> None:
        """Take no more requests; what is still being read is recorded as far as it came."""
        self._unfinished.finish_all()
        self._is_closed = True

    def finish(self) -> None:
        """Record what is still being read, as far as it came."""
        self._unfinished.finish()

    def after_fork(self) -> None:
        """Be a forked child: what is on its way and what went wrong is the parent's."""
        self._unfinished.forget()
        self._refusals = []

    # what decides

    def _is_ignored(self, host: Host, uri: str) -> bool:
        settings = self.settings
        return (settings.ignore_localhost and host.is_local) or (
            bool(settings.ignore_hosts)
            and not {host.name, place_of(uri)}.isdisjoint(settings.ignore_hosts)
        )

    def _route(self, method: str, uri: str) -> Route:
        if self.settings.rerecord and (patterns := self.settings.rerecord_of(method, uri)):
            self.rerecorded.update(patterns)
            return Route.RECORD
        if not self.access.record:
            return Route.EITHER if self._source.lets_through else Route.PLAY
        return Route.EITHER if self.access.play else Route.RECORD

    def _claim(
        self, request: Request, client: Client | None, worker: str
    ) -> Response | Failure | None:
        called = self._source.as_called(request, client)
        try:
            live = self._redactor.request(called)
        except RedactorError as error:
            self._refusals.append(error)  # the test fails for it, even if its client swallows it
            raise
        if live is None:
            return None
        try:
            claimed = self._replay.claim(live)
        except ReqordError as error:
            self._refuse(error, live.uri, worker, _NOT_RECORDED)
            raise
        if claimed is None:
            if self.access.record:
                return None
            raise self._miss(live, worker)
        if self.access.record or self.settings.rerecord:
            self._note_played(claimed.interaction)
        if claimed.has_drifted and self.settings.on_drift != "ignore":
            request = unmarked(claimed.interaction.request)
            self._drifts.append(
                Drift(unmarked(live), claimed.interaction._replace(request=request))
            )
        response = claimed.interaction.response
        return self._source.as_played(response) if response else claimed.interaction.failure

    def _note_played(self, interaction: Interaction) -> None:
        """Note when one of this test's own was played, so that the cassette stays in that order."""
        if interaction.recorded_by == self.owner or not interaction.recorded_by:
            key = interaction.recorded_by, format_time(interaction.recorded_at)
            self._played_at.setdefault(key, self._clock.now())

    def _miss(self, live: Request, worker: str) -> BaseException:
        from pytest_reqord.matching.difference import nearest  # late: for a miss

        if not worker:
            self._misses.append(unmarked(live))
        is_final = self.settings.on_miss == "fail" and not worker
        kind = CassetteMissError if is_final else CassetteMiss
        others = [entry.interaction().request for entry in self._stored()]
        lines = nearest(unmarked(live), [*map(unmarked, others)], self.matching) or self._absence()
        lines += self._other_secrets(live, others)
        live = unmarked(live)
        left = [unmarked(entry.interaction().request) for entry in self._unplayed()]
        miss = kind(live, self._file, lines, self._source.commands(live, left))
        error = self._source.translate(miss)
        self._refuse(error, live.uri, worker, _NOT_RECORDED)
        if isinstance(error, CassetteMissError) and threading.current_thread().daemon:
            # the test fails for it; a worker that ended with it would have others wait for ever,
            # as those of a multiprocessing.pool.ThreadPool do
            return CassetteMiss(error.request, error.cassette, error.nearest, error.commands)
        return error

    def _other_secrets(self, live: Request, others: Sequence[Request]) -> Iterator[str]:
        """Name the places at which another secret was sent than in the recorded requests."""
        sent, plain = marks_of(live), unmarked(live)
        if not sent:
            return
        recorded = [
            marks_of(each) for each in others if self.matching.matches(plain, unmarked(each))
        ]
        for place, mark in sent.items():
            marks = {each[place] for each in recorded if place in each}
            if marks and mark not in marks:
                yield f"  the secret in {place}: another one than was recorded"

    def _absence(self) -> list[str]:
        return (
            ["it has no interactions"]
            if os.path.exists(self._file)
            else ["there is no such cassette"]
        )

    def _refuse(self, error: BaseException, uri: str, worker: str, why: str) -> BaseException:
        if worker:
            self._source.note_refused(uri, worker, why)
        else:
            self._refusals.append(error)
        return error

    def _keep(self, interaction: Interaction, client: Client | None, worker: str) -> None:
        try:
            kept = self._redactor.interaction(self._source.as_kept(interaction, client))
        except RedactorError as error:
            self._refusals.append(error)
            raise
        if kept is None:
            return
        if self.record_mode == "verify":
            claimed = self._replay.claim(kept.request)
            if claimed is None and worker:
                self._source.note_refused(kept.request.uri, worker, _NOT_RECORDED)
                return
            verified = (claimed.interaction if claimed else None, kept)
            self._verified.append(verified)
            self._source.note_verified(verified)
        else:
            self._recorded_count += 1
            self._first_recorded = min(self._first_recorded or kept.recorded_at, kept.recorded_at)
            self._source.record(kept)

    def take_over(self, interaction: Interaction) -> None:
        """Make what a child process recorded, redacted there, part of what was recorded here."""
        request = interaction.request
        self.rerecorded.update(self.settings.rerecord_of(request.method, request.uri))
        self._recorded_count += 1
        self._source.record(interaction)

    def lose(self, uri: str, why: str) -> None:
        """See `pytest_reqord.base.seam.Recorder.lose`."""
        if not self.is_closed and not self._is_ignored(host_of(uri), uri):
            self._lose("", uri, why)

    def _lose(self, method: str, uri: str, why: str) -> None:
        kept = self._redactor.request(Request(method, uri, _NO_HEADERS, b""))
        if kept is not None and self.access.record and self.record_mode != "verify":
            request = f"{kept.method} {kept.uri} ({why})".lstrip()
            self._unrecorded.append(request)
            self._source.note_lost(request)

    def lose_elsewhere(self, request: str) -> None:
        """Count what a child process has lost.

        :param request: the request and how it ended, as `Source.note_lost` has it.
        """
        self._unrecorded.append(request)

    def _changes_between(
        self, recorded: Interaction | None, live: Interaction
    ) -> tuple[str, list[str]]:
        """What came back against what was recorded for the same request.

        Asked at the end, when more is known to be secret than when it came.
        """
        from pytest_reqord.matching.difference import changes  # late: one mode needs it

        live = unmarked_interaction(self._redactor.interaction(live) or live)
        recorded = recorded and unmarked_interaction(recorded)
        name = f"{live.request.method} {live.request.uri}"
        if recorded is None:
            return name, ["not in the recording"]
        settings = self.settings
        found = changes(
            recorded,
            live,
            by_shape=settings.verify_body == "shape",
            volatile=settings.volatile,
            ignored=settings.verify_ignore,
            fields=settings.volatile_fields,
        )
        return name, found

    # the recording that is played

    @once
    def _replay(self) -> Player:
        return self._source.replay()

    @property
    def _has_replay(self) -> bool:
        return "_replay" in self.__dict__

    @property
    def _may_have_played(self) -> bool:
        return self._has_replay or (self.access.play and self._source.is_shared)

    def _stored(self) -> Sequence[Stored]:
        return self._source.index().entries

    def _unplayed(self) -> Iterable[Stored]:
        is_compared = self.access.play or self.record_mode == "verify"
        left = self._replay.unplayed() if is_compared else ()
        return (entry for entry in left if self._is_kept(entry))

    def _is_kept(self, entry: Stored) -> bool:
        return self._source.has(entry) and not self._is_superseded(entry)

    def _is_superseded(self, entry: Stored) -> bool:
        """Whether this test recorded an interaction and is here to record it anew."""
        if entry.recorded_by != self.owner:
            return False
        is_all = self.access.record and self.record_mode in SAVED_AT_END
        return is_all or self.settings.is_rerecorded(entry.method, entry.uri)


def _recorded_at(interaction: Interaction) -> datetime:
    return interaction.recorded_at


# One request on its way through a cassette; see `pytest_reqord.base.seam.Exchange`.


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
        self.finish()
        with self._lock:
            self._is_over = True
            self._finishers.clear()

    def finish(self) -> None:
        """End what is open now; more may come."""
        for finish in list(self._finishers.values()):
            finish()

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
