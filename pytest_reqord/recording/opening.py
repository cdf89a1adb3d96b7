"""One opening of a cassette: what it plays from, and the staging file that it records into."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from pytest_reqord.base.clock import Clock, expiry_limit, format_time
from pytest_reqord.base.lazy import once
from pytest_reqord.base.loops import is_in_loop
from pytest_reqord.base.real import threading
from pytest_reqord.cassette_file.cache import AHEAD, Head, Recorded, is_ours, read_document
from pytest_reqord.errors import CassetteMiss, CassetteMissError, ReqordError, WriteFailed
from pytest_reqord.playback.cassette import Cassette
from pytest_reqord.playback.replay import Index, Player, Replay, Stored
from pytest_reqord.recording.plan import Shared
from pytest_reqord.redaction.marks import MARK_STARTS, TellingApart
from pytest_reqord.settings import options
from pytest_reqord.settings.paths import is_default_of
from pytest_reqord.storage import remove_with_bodies

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from pytest_reqord.base.models import Client, Interaction, Request, Response
    from pytest_reqord.codec import Entry
    from pytest_reqord.playback.cassette import Filter, Verified
    from pytest_reqord.recording.plan import Plan, Services
    from pytest_reqord.recording.processes import Peers
    from pytest_reqord.settings.resolve import Settings
    from pytest_reqord.storage.staging import Recording
    from pytest_reqord.writer import Saved

__all__ = ["Attempt", "Opening", "keeping", "save_into"]


class Attempt:
    """One attempt of one test; a rerun is another.

    :param owner: the test as its recordings name it.
    :param nodeid: the test as pytest names it.
    :param openings: the cassettes that it opened, the first one first.
    :param failure: why nothing of it may be saved; empty as long as all is well.
    """

    def __init__(self, owner: str, nodeid: str) -> None:
        self.owner = owner
        self.nodeid = nodeid
        self.openings: list[Opening] = []
        self.failure = ""


class Opening:
    """A cassette that is or was open, and the `Source` that it works with.

    :param plan: what was settled about it.
    :param services: what the openings of the run share.
    :param attempt: the test whose fate its recording shares; None outside of one.
    """

    def __init__(self, plan: Plan, services: Services, attempt: Attempt | None) -> None:
        self.plan = plan
        self.attempt = attempt
        self.owner = attempt.owner if attempt else ""
        self.recording: Recording | None = None
        self.redactor = self.filter_of(plan)
        self.clock = services.clock
        self.peers: Peers | None = None
        self.is_child = False  # whether a parent process has opened it
        self._services = services
        self._lock = threading.RLock()
        self._shared_replay: Replay | None = None
        self._misses_of_children: list[BaseException] = []
        self._verified_by_children: list[Verified] = []
        self._to_take_over: list[Path] = []
        if self.tells_apart and plan.access.record and plan.settings.record_mode != "verify":
            plan.redactor.tell_apart()
        self._confided = 0  # how many secrets the parent knows of
        self.cassette = Cassette(
            plan.file, self.owner, access=plan.access, settings=plan.settings, source=self
        )

    tells_apart = True
    """Whether it tells secrets apart, in what it records and in what it plays."""
    lets_through = False
    needs_its_suite = False
    """Whether only code of the suite can save it."""

    def filter_of(self, plan: Plan) -> Filter:
        """What requests are matched as and interactions are kept as."""
        return plan.redactor

    def prepare(self) -> None:
        """Read now what requests will need: they may come in an event loop, where no file is read."""
        access, settings = self.plan.access, self.plan.settings
        if access.play or settings.record_mode == "verify":
            with suppress(Exception):  # whoever asks for it first gets the error
                self.index()
        with suppress(Exception):
            self.is_vcrs  # noqa: B018 -- a property that looks at the file
        if access.record or settings.rerecord:
            self._services.staged()
            self._services.writer()

    # the source of the cassette

    @once
    def is_vcrs(self) -> bool:
        """Whether what is recorded is kept in VCR.py's format."""
        plan = self.plan
        if plan.settings.format != "keep":
            return plan.settings.format == "vcr"
        if plan.access.play:  # then it is read anyway
            first = self._index.entries[:1]
            return bool(first) and getattr(first[0], "is_vcr", False)
        return Head.of(plan.file).exists and not is_ours(plan.file)

    @property
    def is_as_called(self) -> bool:
        """Whether requests are kept and compared as VCR.py has them: as the client was called."""
        return self.is_vcrs

    matches_fields = False
    """Whether a form that VCR.py keeps as its fields is matched as one."""

    def as_called(self, request: Request, client: Client | None) -> Request:
        """See `pytest_reqord.playback.cassette.Source`."""
        if client is None or not self.is_as_called:
            return request
        return request._replace(headers=request.headers.given(client))

    def as_played(self, response: Response) -> Response:
        """See `pytest_reqord.playback.cassette.Source`."""
        return self.plan.redactor.played(response)

    def as_kept(self, interaction: Interaction, client: Client | None) -> Interaction:
        """See `pytest_reqord.playback.cassette.Source`."""
        request, response = self.as_called(interaction.request, client), interaction.response
        if client is not None and self.is_vcrs:
            from pytest_reqord.codec import as_unpacked, as_value  # late: few record in that format

            if self.matches_fields or client.body_type == "application/json":
                request = as_value(request)
            response = as_unpacked(response) if response and client.unpacks else response
        elif request is interaction.request:
            return interaction
        return interaction._replace(request=request, response=response)

    def index(self) -> Index:
        """The recording that is played: the cassette's, and the drafts' where there are some."""
        return self._index

    @once
    def _index(self) -> Index:
        plan = self.plan
        index = self._services.library.index(plan.file, plan.matching, plan.before)
        if self._drafted or plan.settings.rerecord:
            entries = self.lasting(index.entries)
            index = Index(sorted([*entries, *self._drafted], key=_recorded_at), plan.matching)
        if self.tells_apart and index.marks:
            plan.redactor.tell_apart(frozenset().union(*index.marks.values()))
        return index

    def lasting(self, entries: Sequence[Stored]) -> Sequence[Stored]:
        """What of the cassette is not to be recorded anew: no other request is to be played it."""
        plan = self.plan
        keep = keeping(plan.path, self.owner, plan.settings, is_anew=plan.is_anew)
        return entries if keep is None else [each for each in entries if keep(each)]

    @once
    def _drafted(self) -> Sequence[Entry]:
        """What the drafts hold, but for what a later one has recorded anew."""
        drafted: list[Entry] = []
        for draft in self.plan.drafts:
            is_anew = self.plan.settings.with_saving(draft.saving).is_rerecorded
            drafted = [each for each in drafted if not is_anew(each.method, each.uri)]
            drafted += read_document(draft.path, AHEAD).entries
        return drafted

    def has(self, entry: Stored) -> bool:
        """See `pytest_reqord.playback.cassette.Source.has`: a draft may be of what the test no longer does."""
        if not any(each is entry for each in self._drafted):
            return True
        return any(one is entry.interaction() for one in self.cassette.played)

    def replay(self) -> Player:
        """What plays the recording."""
        settings = self.plan.settings
        replay = Replay(
            self.index(),
            self.owner,
            self.plan.file,
            repeats=settings.allow_playback_repeats,
            strict_order=settings.strict_order,
        )
        with self._lock:
            self._shared_replay, peers = replay, self.peers
        if peers is not None:
            replay.share(peers)
        return replay

    def record(self, interaction: Interaction) -> None:
        """Hand an interaction to the writer; it is on the disk one batch later.

        In a child process it is on the disk now: a child may end without notice.
        """
        if self.is_over:
            return
        recording = self._staged()
        if not is_in_loop():  # where it waits for the next batch, which is written in a thread
            with suppress(OSError, ReqordError):  # tried again when the recording is settled
                self._services.staged().learn(recording.path)
        self._services.writer().write_entry(recording.path, interaction)
        if self.is_child:
            self._confide()
            with suppress(WriteFailed):  # it waits, and is tried again with the next one
                self.flush()

    def _confide(self) -> None:
        redactor = self.plan.redactor
        if self.peers is not None and redactor.known > self._confided:
            new = redactor.secrets(self._confided)
            self._confided += len(new)
            self.peers.confide(new)

    def _staged(self) -> Recording:
        if self.recording is not None:
            return self.recording
        made = self._new_recording()
        with self._lock:  # for this line alone: what the garbage collector ends is recorded, too
            self.recording = kept = self.recording or made
        if kept is not made:
            self._services.staged().forget(made.path)
        elif self.is_child and self.peers is not None:
            self.peers.announce(made.path)
        return kept

    def _new_recording(self) -> Recording:
        """Make a recording; no file is touched."""
        plan, staging = self.plan, self._services.staging()
        made = staging.new_recording(
            cassette=plan.path,
            owner=self.owner,
            mode=plan.settings.record_mode,
            saving=plan.settings.for_saving(),
            after=[before.path for before in self._before()],
        )
        begin = partial(staging.enter, made)
        self._services.staged().watch(made.path, plan.redactor, self.swept, begin)
        return made

    def _before(self) -> Sequence[Recording]:
        """What this recording goes on from: drafts, and what its test has recorded before."""
        openings = self.attempt.openings if self.attempt else ()
        earlier = [each.recording for each in openings if each.plan.file == self.plan.file]
        return [*self.plan.drafts, *filter(None, earlier)]

    def flush(self) -> None:
        """Return when everything that was recorded is in the staging file.

        :raises WriteFailed: if it couldn't be written.
        """
        if self.recording is not None:
            self._services.writer().flush_cassette(self.recording.path)

    async def room(self) -> None:
        """Wait until the writer keeps up, without blocking an event loop."""
        await self._services.writer().wait_for_room()

    def recorded(self) -> Sequence[Interaction]:
        """Read back what was recorded, in order of time, by child processes, too."""
        entries = list(self._recorded_by_children())
        if self.recording is not None:
            self.flush()
            entries += read_document(self.recording.path).entries
        recorded = [entry.interaction() for entry in sorted(entries, key=_recorded_at)]
        recorded = list(TellingApart(recorded))
        if not recorded or not self.is_vcrs:
            return recorded
        from pytest_reqord.codec import as_read  # late: few record in that format

        return [as_read(one) for one in recorded]

    def count_of_children(self) -> int:
        """How many interactions child processes have recorded that aren't taken over yet."""
        return len(self._recorded_by_children())

    def _recorded_by_children(self) -> Sequence[Entry]:
        """What is in the files of the children; of one that is written just now, what is whole."""
        if self.is_child:
            return ()
        entries: list[Entry] = []
        for path in self.peers.announced() if self.peers is not None else self._to_take_over:
            with suppress(FileNotFoundError):  # the child has not written yet
                entries += read_document(path).entries
        return entries

    def played_drafts(self) -> Sequence[Interaction]:
        """What was played from drafts, and so belongs to the recording of this attempt."""
        drafted = {id(entry.interaction()) for entry in self._drafted}
        return [one for one in self.cassette.played if id(one) in drafted]

    def swept(self, interaction: Interaction) -> Interaction:
        """What was recorded, without a secret that is known only now."""
        return self.plan.redactor.swept(interaction)

    def commands(self, sent: Request | None, left: Sequence[Request]) -> Sequence[str]:
        """See `pytest_reqord.playback.cassette.Source.commands`."""
        return self.plan.hints(sent, left)

    def note_refused(self, uri: str, worker: str, why: str) -> None:
        """See `pytest_reqord.playback.cassette.Source.note_refused`."""
        if self.is_child and self.peers is not None:
            self.peers.note(uri, worker, why)
        else:
            self._services.note_refused(uri, worker, why)

    def note_lost(self, request: str) -> None:
        """See `pytest_reqord.playback.cassette.Source.note_lost`."""
        if self.is_child and self.peers is not None:
            self.peers.note(request)

    def note_verified(self, verified: Verified) -> None:
        """See `pytest_reqord.playback.cassette.Source.note_verified`."""
        if self.is_child and self.peers is not None:
            self.peers.tell_verified(verified)

    def verified_elsewhere(self) -> Sequence[Verified]:
        """See `pytest_reqord.playback.cassette.Source.verified_elsewhere`."""
        if self.peers is not None and not self.is_child:
            self._verified_by_children += self.peers.verified()
        return self._verified_by_children

    def _hear(self, notes: Iterable[Sequence[str]]) -> None:
        """Take what child processes have noted, as if it were noted here."""
        for first, *others in notes:
            if others:
                self._services.note_refused(first, *others)
            else:
                self.cassette.lose_elsewhere(first)

    def translate(self, miss: BaseException) -> BaseException:
        """See `pytest_reqord.playback.cassette.Source.translate`.

        A child's miss is its parent's error. In the child itself it is an ``Exception``: a pool
        waits for ever for a worker that ended with anything else.
        """
        if self.peers is None or not self.is_child or not isinstance(miss, CassetteMissError):
            return miss
        self.peers.report(miss)
        return CassetteMiss(miss.request, miss.cassette, miss.nearest, miss.commands)

    # its child processes

    @property
    def is_over(self) -> bool:
        """Whether this is a child whose parent has closed it."""
        return self.is_child and self.peers is not None and self.peers.is_over

    @property
    def is_shared(self) -> bool:
        """See `pytest_reqord.playback.cassette.Source.is_shared`."""
        return self.peers is not None

    def share(self) -> Peers:
        """Share it with child processes from now on.

        :raises OSError: if there is no place to meet.
        """
        peers = self.peers or self._new_peers()
        with self._lock:
            self.peers = kept = self.peers or peers
            replay = self._shared_replay
        if kept is not peers:
            peers.remove()
        if replay is not None:
            replay.share(kept)
        return kept

    def _new_peers(self) -> Peers:
        # late: few tests start child processes
        from pytest_reqord.recording.processes import Peers

        return Peers.make()

    def shared(self) -> Shared:
        """What a child that shares no memory has to know."""
        plan, attempt = self.plan, self.attempt
        return Shared(
            path=plan.path,
            settings=plan.settings,
            access=plan.access,
            owner=self.owner,
            nodeid=attempt.nodeid if attempt else "",
            rules=plan.redactor.rules,
            before=plan.before,
            drafts=plan.drafts,
        )

    def after_fork(self) -> None:
        """Be a child: leave alone what is the parent's."""
        self._lock = threading.RLock()
        self.clock.after_fork()
        self.cassette.after_fork()
        if self._shared_replay is not None:
            self._shared_replay.after_fork()
        if self.peers is not None:
            self.peers.after_fork()
        self.recording = None
        self.is_child = True
        self._confided = self.plan.redactor.known

    def take_misses(self) -> list[BaseException]:
        """The misses of its child processes since the last call."""
        if self.peers is not None and not self.is_child:
            self._misses_of_children += self.peers.misses()
        taken, self._misses_of_children = self._misses_of_children, []
        return taken

    def close(self) -> None:
        """Take no more requests, here and in the children, and hear what they have to tell."""
        self.cassette.close()
        peers = self.peers
        if peers is None or self.is_child:
            return
        peers.close()
        if any(True for _ in peers.all()):
            self.cassette.all_played  # noqa: B018 -- has the replay made, if only children played
            if self._shared_replay is not None:
                self._shared_replay.gather()
        self._to_take_over = peers.recordings()
        self.plan.redactor.learn(peers.secrets())
        self._misses_of_children += peers.misses()
        self._hear(peers.notes())
        self.verified_elsewhere()
        peers.remove()
        self.peers = None

    def take_over(self) -> None:
        """Make what the children recorded part of its recording.

        :raises OSError: if that can't be read or written, or a ReqordError.
        """
        from pytest_reqord.cassette_file.cache import read_lean

        for path in self._to_take_over:
            with suppress(FileNotFoundError):  # the child ended before it wrote
                for entry in read_lean(path).entries:
                    self.cassette.take_over(entry.interaction())
                self.flush()
                remove_with_bodies(path)
        self._to_take_over = []

    # its end

    @property
    def is_saved_at_end(self) -> bool:
        """Whether what it recorded waits for the end of the run."""
        return self.plan.settings.record_mode in options.SAVED_AT_END

    def save(self, new: Collection[Interaction], keep: Callable[[Entry], bool] | None) -> Saved:
        """Make what was recorded part of the cassette.

        :param keep: whether an entry that the cassette has stays in it; None keeps all.
        :returns: what that did to the file.
        :raises OSError: if writing failed, or a ReqordError; the cassette is then as it was.
        """
        plan, played = self.plan, self.cassette.played_between()
        return save_into(plan.path, new, plan.settings, keep, played=played)

    def tidy(self) -> None:
        """Its test is over, and recorded nothing.

        :raises OSError: if writing failed, or a ReqordError; the cassette is then as it was.
        """


def save_into(
    path: Path,
    new: Collection[Interaction],
    settings: Settings,
    keep: Callable[[Entry], bool] | None,
    *,
    beside: Mapping[str, Any] | None = None,
    played: Mapping[tuple[str, str], str] | None = None,
) -> Saved:
    """Make interactions part of a cassette; see `pytest_reqord.writer.save`."""
    # late: a run that only plays doesn't pay for the writer, its threads and locks
    from pytest_reqord.cassette_file.volatile import Volatile
    from pytest_reqord.codec import encode
    from pytest_reqord.writer import save

    limit = settings.inline_limit
    suspects = new.marked() if isinstance(new, Recorded) else new
    apart = TellingApart(new, suspects, partial(_staying, path, keep))
    return save(
        path,
        new.encoded(limit)
        if isinstance(new, Recorded) and apart.is_as_recorded
        else (encode(interaction, inline_limit=limit) for interaction in apart),
        keep=keep,
        volatile=Volatile(frozenset(settings.volatile), settings.volatile_fields),
        lock_timeout=settings.lock_timeout,
        inline_limit=limit,
        layout=settings.format,
        oldest=_oldest(settings.max_age),
        played=played or {},
        beside=beside or {},
    )


def _staying(path: Path, keep: Callable[[Entry], bool] | None) -> Iterator[Interaction]:
    """What stays of a cassette and has marks."""
    # late, as above
    from pytest_reqord.cassette_file import edit
    from pytest_reqord.codec import version_in, version_of

    head = edit.head_of(str(path))
    if head.startswith(b"reqord: ") and version_in(head) < version_of(b"[REDACTED-r1]"):
        return  # mostly: no need to read it
    document = edit.read(str(path))
    for entry in document.entries if document else ():
        if entry.may_have(MARK_STARTS[0]) and (keep is None or keep(entry)):
            yield entry.interaction()


def keeping(
    path: Path, owner: str, settings: Settings, *, is_anew: bool = False
) -> Callable[[Stored], bool] | None:
    """What of a cassette stays when a test's recording is added: all but what is recorded anew.

    None where that is all: what stays whole isn't read, so that a save into a long shared
    cassette costs what is new.

    :param is_anew: whether all of the test's is.
    """

    def keep(entry: Stored) -> bool:
        goes = is_anew or settings.is_rerecorded(entry.method, entry.uri)
        return not (goes and _is_of(entry, path, owner))

    return keep if settings.rerecord or is_anew else None


def _is_of(entry: Stored, path: Path, owner: str) -> bool:
    """Whether a test has recorded what a cassette has; in VCR.py's its name tells."""
    return entry.recorded_by == owner or (not entry.recorded_by and is_default_of(path, owner))


def _oldest(max_age: str) -> str:
    return format_time(expiry_limit(Clock().now(), max_age)) if max_age else ""


def _recorded_at(entry: Stored) -> str:
    return entry.recorded_at
