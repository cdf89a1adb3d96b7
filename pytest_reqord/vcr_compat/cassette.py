"""A cassette as VCR.py's suites know it: how it plays, the view that tests get, how it is saved."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_reqord import storage
from pytest_reqord.base import loops
from pytest_reqord.base.clock import format_time
from pytest_reqord.base.lazy import once
from pytest_reqord.base.models import Headers, Interaction, Request, Response, without_socket
from pytest_reqord.base.real import os, threading
from pytest_reqord.cassette_file.cache import is_ours, read_document
from pytest_reqord.codec import Entry
from pytest_reqord.errors import CassetteFormatError, CassetteMiss, SequenceMismatchError
from pytest_reqord.interceptors import active
from pytest_reqord.matching.matchers import Matching, hidden_parameters, hide
from pytest_reqord.playback.replay import Candidates, Claimed, Index
from pytest_reqord.recording.opening import Opening, save_into
from pytest_reqord.settings.options import LIVE_ONLY, PLAY_ONLY, SAVED_AT_END, Access
from pytest_reqord.vcr_compat.errors import missing_metadata, not_recorded, unhandled
from pytest_reqord.vcr_compat.filters import FilteredEntry, Redacting
from pytest_reqord.vcr_compat.matchers import compare
from pytest_reqord.vcr_compat.messages import (
    Pair,
    VcrRequest,
    VcrResponse,
    pair_of,
    request_from_vcr,
    response_from_vcr,
    stored_pair,
)
from pytest_reqord.vcr_compat.serializers import JSON, NOTHING, YAML, Held, Persisted, Serialized

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pytest_reqord.base.models import Client, Sent
    from pytest_reqord.cassette_file.save import Saved
    from pytest_reqord.playback.cassette import Filter
    from pytest_reqord.playback.replay import Stored
    from pytest_reqord.recording.opening import Attempt
    from pytest_reqord.recording.plan import Plan, Services
    from pytest_reqord.vcr_compat.options import Options

__all__ = ["Suite", "VcrCassette", "VcrOpening", "VcrReplay"]


class OneByOne:
    """Knows whether a test asks for one thing after another: made where its cassette opens.

    Once it has asked for several things at once, in threads, tasks, greenlets or child processes,
    it is taken to do so until its end.
    """

    def __init__(self) -> None:
        self._opened_in = self._here()
        self._is_true = True

    def __call__(self) -> bool:
        """Return whether nothing but the code that asks here and now may ask."""
        self._is_true = (
            self._is_true
            and self._here() == self._opened_in
            and not active.has_threads()
            and loops.is_alone()
        )
        return self._is_true

    @staticmethod
    def _here() -> tuple[int, int]:
        return os.getpid(), threading.get_ident()


class VcrReplay:
    """What one opening of a cassette has played of it; see `pytest_reqord.playback.replay.Player`.

    :param entries: what may be played, in the order of the files.
    :param matching: what has to agree.
    :param redact: what a live request went through already, so that a stored one can be compared.
    :param owner: the test, as its recordings name it.
    :param cassette: the cassette's path, for errors.
    :param asks_one_by_one: whether the test asks for one thing after another: then the first one
        that matches is played, and else the one whose body is equal, so that concurrent requests
        to one URL get their own answers.
    :param repeats: whether an interaction is played again, always the same one.
    :param strict_order: whether interactions are played by position only.
    """

    def __init__(
        self,
        entries: Sequence[Stored],
        matching: Matching,
        redact: Callable[[Request], Request],
        owner: str,
        cassette: str,
        *,
        asks_one_by_one: Callable[[], bool],
        repeats: bool,
        strict_order: bool,
    ) -> None:
        self.entries = list(entries)
        self.play_counts: Counter[int] = Counter()
        self._matching = matching
        self._redact = redact
        self._owner = owner
        self._cassette = cassette
        self._asks_one_by_one = asks_one_by_one
        self._repeats = repeats
        self._strict_order = strict_order
        self._played: list[int] = []
        self._taken: dict[int, object] = {}  # by position: the claim that took it
        # reentrant: see `pytest_reqord.playback.replay.Replay`
        self._lock = threading.RLock()

    @cached_property
    def _hidden(self) -> frozenset[str]:
        return hidden_parameters(entry.uri for entry in self.entries)

    @cached_property
    def _groups(self) -> dict[Any, list[Candidates]]:
        """What may be played by key: what the test itself recorded, then what others did."""
        by_key: dict[Any, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for at, entry in enumerate(self.entries):
            own, others = by_key[self._matching.key(entry.method, entry.uri)]
            (own if entry.recorded_by == self._owner else others).append(at)
        return {
            key: [Candidates(self._matching, part, self._request_at) for part in parts if part]
            for key, parts in by_key.items()
        }

    def _request_at(self, at: int) -> Request:
        request = self.entries[at].interaction().request
        request = self._redact(request) if self._matching.compares_pairs else request
        return self._matching.view(request)

    def claim(self, live: Request) -> Claimed | None:
        """Find the interaction for a request and mark it played; None if there is none left.

        :raises SequenceMismatchError: with ``strict_order``, if it isn't the next one.
        """
        if self._hidden:
            live = hide(live, self._hidden)
        live = self._matching.view(live)
        with self._lock:
            while (at := self._candidate(live)) is not None:
                interaction = self.entries[at].interaction()  # a broken one isn't played
                if self.take(at) or (self._repeats and not self._strict_order):
                    self.play_counts[at] += 1
                    self._played.append(at)
                    has_drifted = self._matching.has_drifted(live, interaction.request)
                    return Claimed(interaction, has_drifted)
        return None

    def take(self, at: int) -> bool:
        """Mark an interaction taken; False if somebody has it who came in between."""
        claim = object()
        return self._taken.setdefault(at, claim) is claim  # in one step: see the lock

    def _candidate(self, live: Request) -> int | None:
        return self._next(live) if self._strict_order else self._find(live)

    def agrees(self, live: Request, recorded: Request) -> bool:
        """Whether a recorded request is the one for a request."""
        matching = self._matching
        return matching.key(live.method, live.uri) == matching.key(
            recorded.method, recorded.uri
        ) and matching.agrees(live, self._redact(recorded))

    def _find(self, live: Request) -> int | None:
        taken: Container[int] = () if self._repeats else self._taken
        groups = self._groups.get(self._matching.key(live.method, live.uri), ())
        find = Candidates.oldest if self._asks_one_by_one() else Candidates.find
        found = (find(group, live, taken) for group in groups)
        return next((at for at in found if at is not None), None)

    @cached_property
    def _in_order(self) -> deque[int]:
        every = range(len(self.entries))
        own = [at for at in every if self.entries[at].recorded_by == self._owner]
        return deque(own or every)

    def _next(self, live: Request) -> int:
        while self._in_order and self._in_order[0] in self._taken:
            self._in_order.popleft()
        at = self._in_order[0] if self._in_order else None
        recorded = None if at is None else self.entries[at].interaction().request
        if at is None or recorded is None or not self.agrees(live, recorded):
            expected = f"{recorded.method} {recorded.uri}" if recorded else ""
            raise SequenceMismatchError(live, self._cassette, expected, self.play_count)
        return at

    def add(self, entry: Stored) -> None:
        """Have another interaction played after all others."""
        with self._lock:
            self.entries.append(entry)
            self._forget()

    def rewind(self) -> None:
        """Play it all anew."""
        with self._lock:
            self.play_counts = Counter()
            self._taken = {}
            self._forget()

    def _forget(self) -> None:
        self.__dict__.pop("_groups", None)
        self.__dict__.pop("_in_order", None)

    @property
    def play_count(self) -> int:
        """How many requests were answered since it was rewound."""
        return sum(self.play_counts.values())

    def played(self) -> Iterator[Interaction]:
        """What was played, in the order in which it was."""
        return (self.entries[at].interaction() for at in tuple(self._played))

    def unplayed(self) -> Iterator[Stored]:
        """What wasn't played."""
        return (entry for at, entry in enumerate(self.entries) if not self.play_counts[at])


# A cassette as VCR.py's suites see it: a view of ours.


class VcrCassette:
    """What VCR.py's ``Cassette`` offers to tests.

    :param opening: the cassette behind it.
    """

    def __init__(self, opening: VcrOpening) -> None:
        self._opening = opening
        self._appended: list[Interaction] = []
        self._recorded: list[Interaction] = []
        self._shown: dict[int, tuple[Any, Pair]] = {}
        self._metadata: dict[str, Any] = {}
        self.new_metadata: dict[str, Any] = {}
        """What `get_metadata` has stored, to be saved with what is recorded."""

    # what it holds

    @property
    def data(self) -> list[Pair]:
        """Requests and responses: what was there, then what was recorded."""
        stored = [self._pair(entry, _pair_of_entry) for entry in self._opening.replay().entries]
        return [*stored, *(self._pair(one, pair_of) for one in self._recorded_now())]

    def _interactions(self) -> list[Interaction]:
        stored = [entry.interaction() for entry in self._opening.replay().entries]
        return [*stored, *self._recorded_now()]

    def _recorded_now(self) -> Sequence[Interaction]:
        if self._recorded_count != len(self._recorded):
            appended = {format_time(one.recorded_at) for one in self._appended}
            self._recorded = [
                one
                for one in self._opening.recorded_now()
                if format_time(one.recorded_at) not in appended
            ]
        return self._recorded

    def _pair(self, one: Any, make: Callable[[Any], Pair]) -> Pair:
        """The same objects each time: a test may hold on to one and compare."""
        known = self._shown.get(id(one))
        if known is None or known[0] is not one:
            known = self._shown[id(one)] = one, make(one)
        return known[1]

    @property
    def requests(self) -> list[VcrRequest]:
        """The requests."""
        return [request for request, _ in self.data]

    @property
    def responses(self) -> list[VcrResponse]:
        """The responses."""
        return [response for _, response in self.data]

    def __len__(self) -> int:
        return len(self._opening.replay().entries) + self._recorded_count

    @property
    def _recorded_count(self) -> int:
        return self._opening.cassette.recorded_count

    def __bool__(self) -> bool:
        # an empty one is false, as VCR.py's is
        return len(self) > 0

    def __str__(self) -> str:
        return f"<Cassette containing {len(self)} recorded response(s)>"

    def __contains__(self, request: Any) -> bool:
        return self._playable(request) is not None

    # what was played

    @property
    def play_counts(self) -> Counter[int]:
        """How often each interaction was played, by its place."""
        return self._opening.replay().play_counts

    @property
    def play_count(self) -> int:
        """How many requests were answered."""
        return self._opening.replay().play_count

    @property
    def all_played(self) -> bool:
        """Whether everything in it was played."""
        return len(self.play_counts) == len(self)

    def rewind(self) -> None:
        """Play it all anew."""
        self._opening.replay().rewind()

    # what it is

    @property
    def path(self) -> str:
        """Its file."""
        return str(self._opening.plan.path)

    _path = path

    @property
    def record_mode(self) -> str:
        """The record mode, by VCR.py's name."""
        mode = self._opening.plan.settings.record_mode
        return "new_episodes" if mode == "rewrite" else mode

    @property
    def allow_playback_repeats(self) -> bool:
        """Whether an interaction may be played more than once."""
        return self._opening.plan.settings.allow_playback_repeats

    @property
    def dirty(self) -> bool:
        """Whether something was added to it."""
        return bool(self._recorded_count or self._appended or self.new_metadata)

    @property
    def rewound(self) -> bool:
        """Whether it was there when it was opened."""
        return self._opening.was_found

    @property
    def write_protected(self) -> bool:
        """Whether nothing may be added to it."""
        return self.record_mode == "verify" or not self._opening.plan.access.record

    # what a test may ask of it

    def filter_request(self, request: Any) -> VcrRequest | None:
        """The request after the suite's filters; None for one that they let through."""
        filtered = self._opening.suite.options.pipeline.request(_ours(request))
        return None if filtered is None else VcrRequest.of(filtered)

    def can_play_response_for(self, request: Any) -> bool:
        """Whether there is an interaction left for a request and the record mode plays it."""
        may_play = self.rewound or self.allow_playback_repeats
        return may_play and self.record_mode != "all" and request in self

    def play_response(self, request: Any) -> VcrResponse:
        """Play an interaction, as a request would.

        :raises KeyError: if there is none left.
        """
        at = self._playable(request)
        if at is None:
            raise unhandled(request, self)
        self._opening.replay().take(at)
        self.play_counts[at] += 1
        return self.responses[at]

    def responses_of(self, request: Any) -> list[VcrResponse]:
        """The responses to a request, played or not.

        :raises KeyError: if there is none.
        """
        responses = self.responses
        found = [responses[at] for at in self._matching(request)]
        if not found:
            raise unhandled(request, self)
        return found

    def append(self, request: Any, response: VcrResponse) -> None:
        """Add an interaction, filtered as one that was made."""
        asked = _ours(request)
        empty = Response(0, "", Headers(), b"")
        interaction = Interaction(
            asked,
            response_from_vcr(response, empty, asked),
            self._opening.clock.now(),
            self._opening.owner,
        )
        kept = self._opening.redactor.interaction(interaction)
        if kept is None:
            return
        self._appended.append(kept)
        self._opening.replay().add(Entry(kept))
        if self._opening.plan.access.record:
            self._opening.record(kept)

    def find_requests_with_most_matches(self, request: Any) -> list[Any]:
        """The recorded requests that most matchers say yes to.

        :returns: of each the request, the names of those matchers, and the others with reasons.
        """
        live = self.filter_request(request)
        matchers = self._opening.suite.options.matching.matchers
        found = [(other, *compare(matchers, live, other)) for other in self.requests if live]
        most = max((len(yes) for _, yes, _ in found), default=0)
        return [one for one in found if len(one[1]) == most and most]

    def get_metadata(self, key: str, default: Any) -> Any:
        """A value that lies in the cassette beside the interactions, stored where it doesn't yet.

        :raises CassetteMiss: as VCR.py's ``MissingMetadataError``, if it isn't there and nothing
            may be added.
        """
        if key not in self._metadata:
            self._metadata.update(self._opening.metadata())
        if key not in self._metadata:
            if self.write_protected:
                request = Request("METADATA", key, Headers(), b"")
                miss = CassetteMiss(request, self.path, (), self._opening.commands(None, ()))
                raise missing_metadata(miss, self, key)
            self._metadata[key] = self.new_metadata[key] = default
        return self._metadata[key]

    def with_metadata(self, extra: Mapping[str, Any]) -> Mapping[str, Any]:
        """What lies beside the interactions, with what the test has stored."""
        if not self.new_metadata:
            return extra
        return {**extra, "metadata": {**(extra.get("metadata") or {}), **self.new_metadata}}

    def _matching(self, request: Any) -> list[int]:
        """The places of the interactions for a request, played or not."""
        live = self._opening.redactor.request(_ours(request))
        if live is None:
            return []
        replay = self._opening.replay()
        return [
            at for at, one in enumerate(self._interactions()) if replay.agrees(live, one.request)
        ]

    def _playable(self, request: Any) -> int | None:
        left = (
            at
            for at in self._matching(request)
            if self.allow_playback_repeats or not self.play_counts[at]
        )
        return next(left, None)


def _pair_of_entry(entry: Stored) -> Pair:
    return entry.pair if isinstance(entry, FilteredEntry) else stored_pair(entry)


def _ours(request: Any) -> Request:
    return request_from_vcr(request, Request(request.method, request.uri, Headers(), b""))


# A cassette of a suite of VCR.py's: where it is read from, how it plays, how it is saved.


_ANY = Matching(("method", "uri"))  # one for all: the library keeps what it read by it


@dataclass(frozen=True)
class Suite:
    """What a suite says of one cassette.

    :param options: VCR.py's options.
    :param extra_paths: cassettes that are played from too, after its own.
    """

    options: Options
    extra_paths: tuple[Path, ...] = ()


class VcrOpening(Opening):
    """A cassette of a suite of VCR.py's that is or was open.

    :param plan: what was settled about it.
    :param services: what the openings of the run share.
    :param attempt: the test whose fate its recording shares; None outside of one.
    :param suite: what the suite says of it.
    """

    def __init__(
        self, plan: Plan, services: Services, attempt: Attempt | None, suite: Suite
    ) -> None:
        options = suite.options
        self._suite = suite
        self._own_count = 0
        self._sent: dict[datetime, Sent | None] = {}
        self._persisted: Held | None = None
        self._own: Persisted | Serialized | None = None
        self._asks_one_by_one = OneByOne()
        if options.persister is not None:
            self._own = Persisted(options.persister, str(plan.path), options.serializer)
            self._persisted = self._own.load()
        elif self._is_serialized(plan.path, is_new_ours=plan.settings.format == "reqord"):
            self._own = Serialized(plan.path, options.serializer)
        super().__init__(
            plan._replace(
                matching=options.matching.without(plan.settings.match_ignore),
                access=self._access(plan),
            ),
            services,
            attempt,
        )
        self.lets_through = options.pipeline.may_drop
        self.view = VcrCassette(self)

    @property
    def suite(self) -> Suite:
        """What the suite says of it."""
        return self._suite

    def _is_serialized(self, path: Path, *, is_new_ours: bool = False) -> bool:
        """Whether only the suite's own serializer knows the format of a cassette."""
        if self._suite.options.serializer in (YAML, JSON) or is_ours(path):
            return False
        return _has_content(path) or not is_new_ours

    def _access(self, plan: Plan) -> Access:
        """Extra cassettes, and what a persister has, count as what ``once`` finds.

        They are played in ``rewrite`` too, which starts over with the test's own alone.
        """
        mode, access = plan.settings.record_mode, plan.access
        has_more = self._persisted is not None or any(map(_has_content, self._suite.extra_paths))
        if not (access.record and has_more) or mode in LIVE_ONLY - {"rewrite"}:
            return access
        return PLAY_ONLY if mode == "once" else Access(play=True, record=True)

    def filter_of(self, plan: Plan) -> Filter:
        """The suite's filters before our redaction."""
        self._redacting = Redacting(self._suite.options.pipeline, plan.redactor)
        return self._redacting

    is_as_called = matches_fields = True
    tells_apart = False  # as VCR.py, which goes by the order

    def as_called(self, request: Request, client: Client | None) -> Request:
        """See `pytest_reqord.playback.cassette.Source`; VCR.py knows no Unix sockets."""
        request = super().as_called(request, client)
        uri = without_socket(request.uri)
        return request if uri is request.uri else request._replace(uri=uri)

    def as_kept(self, interaction: Interaction, client: Client | None) -> Interaction:
        """See `pytest_reqord.playback.cassette.Source`; what sent it stays known as long as it is open."""
        kept = super().as_kept(interaction, client)
        self._sent[kept.recorded_at] = kept.request.headers.sent
        return kept

    @once
    def is_vcrs(self) -> bool:
        """What a serializer or a persister of the suite's own keeps is in VCR.py's shape, too."""
        plan = self.plan
        if self._own is not None or plan.settings.format != "keep":
            return self._own is not None or plan.settings.format == "vcr"
        is_there = _has_content(plan.path) and not is_ours(plan.path)
        return is_there or self._suite.options.serializer is JSON

    def swept(self, interaction: Interaction) -> Interaction:
        """See `Opening.swept`; what a hook wrote stands."""
        return self._redacting.swept(interaction)

    # playing

    def index(self) -> Index:
        """What is played, after the suite's filters."""
        return self._filtered

    @cached_property
    def _filtered(self) -> Index:
        own, *extra = (self._through_filters(part) for part in self._parts())
        entries = [*own, *(entry for part in extra for entry in part)]
        self._own_count = len(own)
        return Index(entries, self.plan.matching)

    def _through_filters(self, stored: Sequence[Stored]) -> Sequence[Stored]:
        pipeline = self._suite.options.pipeline
        if pipeline.is_empty:
            return stored
        if not pipeline.may_reorder:
            return [FilteredEntry(entry, pipeline) for entry in stored]
        kept = [pipeline.loaded(entry) for entry in stored]
        return [
            FilteredEntry(entry, pipeline, pair)
            for entry, pair in zip(stored, kept, strict=True)
            if pair is not None
        ]

    def _parts(self) -> list[Sequence[Stored]]:
        """The entries of its own file and of the extra ones."""
        if self._suite.options.persister is not None:
            return [(self._persisted or NOTHING).entries]
        before = self.plan.before
        stored = () if self._starts_over else self.lasting(self._read(self.plan.path))
        own = [entry for entry in stored if before is None or entry.recorded_at < before]
        extra = [path for path in self._suite.extra_paths if path != self.plan.path]
        return [own, *(self._read(path) for path in dict.fromkeys(extra))]

    def _read(self, path: Path) -> Sequence[Stored]:
        if not _has_content(path):
            return ()
        if self._is_serialized(path):
            return (Serialized(path, self._suite.options.serializer).load() or NOTHING).entries
        return self._services.library.index(path, _ANY).entries

    def replay(self) -> VcrReplay:
        """What plays the recording, made once."""
        return self._replay

    @cached_property
    def _replay(self) -> VcrReplay:
        return VcrReplay(
            self.index().entries,
            self.plan.matching,
            self._redacting.stored,
            self.owner,
            self.plan.file,
            asks_one_by_one=self._asks_one_by_one,
            repeats=self.plan.settings.allow_playback_repeats,
            strict_order=self.plan.settings.strict_order,
        )

    @property
    def was_found(self) -> bool:
        """Whether there was a cassette when it was opened."""
        is_kept = not self._starts_over and _has_content(self.plan.path)
        return bool(self.index().entries) or is_kept

    @property
    def _starts_over(self) -> bool:
        """Whether what its own file has is as good as gone."""
        return self.plan.settings.record_mode == "rewrite"

    def translate(self, miss: BaseException) -> BaseException:
        """The miss as VCR.py's suites know it."""
        if not isinstance(miss, CassetteMiss):
            return miss
        return not_recorded(miss, self.view, VcrRequest.of(miss.request))

    # saving

    @property
    def needs_its_suite(self) -> bool:  # type: ignore[override]
        """What isn't YAML is written by what the suite says; metadata is known to its test."""
        is_yaml = self._own is None and self._suite.options.serializer is not JSON
        return not is_yaml or bool(self.view.new_metadata)

    @property
    def is_saved_at_end(self) -> bool:
        """What only the suite can save is, at the end of its test: the run's end doesn't know how."""
        return not self.needs_its_suite and super().is_saved_at_end

    def save(self, new: Collection[Interaction], keep: Callable[[Entry], bool] | None) -> Saved:
        """Make what was recorded part of the cassette, in the format that it has."""
        settings, unused = self.plan.settings, self._unused()

        def keep_used(entry: Entry) -> bool:
            return entry.recorded_at not in unused and (keep is None or keep(entry))

        if isinstance(self._own, Serialized) and settings.format == "reqord":
            with storage.lock(self.plan.path, settings.lock_timeout):
                self._own.convert()
        elif self._own is not None:
            from pytest_reqord.cassette_file.save import Saved  # late: a replay saves nothing

            self._save_in_own_format(self._own, new, keep_used)
            return Saved(True, None, len(new), 0)
        if self._suite.options.serializer is JSON and settings.format == "keep":
            settings = settings._replace(format="vcr")
        if settings.record_mode in SAVED_AT_END:  # or it would wait for the end
            stays: Callable[[Entry], bool] | None = self._outlasting(new)
        else:
            stays = keep_used if unused else keep
        beside, played = self.view.with_metadata({}), self.cassette.played_between()
        path = self.plan.path
        return save_into(path, new, settings, stays, beside=beside, played=played)

    def _save_in_own_format(
        self,
        own: Persisted | Serialized,
        new: Collection[Interaction],
        keep: Callable[[Entry], bool],
    ) -> None:
        """Only the suite can write it: with its own serializer or persister."""
        plan = self.plan
        if plan.settings.record_mode in SAVED_AT_END:
            keep = self._outlasting(new)
        with storage.lock(plan.path, plan.settings.lock_timeout):
            old = own.load() or NOTHING
            pairs = [stored_pair(one) for one in old.entries if keep(one)]
            pairs += [pair_of(one) for one in new if one.response is not None]
            own.save(pairs, self.view.with_metadata(old.extra))

    def _outlasting(self, new: Collection[Interaction]) -> Callable[[Entry], bool]:
        """What stays in ``all``, where nothing is dropped: what wasn't recorded anew."""
        options, matching = self._suite.options, self.plan.matching
        is_replaced = self.plan.settings.record_mode == "rewrite" or options.drops_unused

        def keep(entry: Entry) -> bool:
            stored = entry.interaction().request
            return not is_replaced and not any(
                matching.key(stored.method, stored.uri)
                == matching.key(one.request.method, one.request.uri)
                and matching.agrees(one.request, stored)
                for one in new
            )

        return keep

    def tidy(self) -> None:
        """Save what the test stored, and drop what it didn't play, where the suite wants that."""
        settings, path = self.plan.settings, self.plan.path
        if settings.record_mode == "none" or settings.locked:
            return
        if self.view.new_metadata or self._unused():
            if not os.path.exists(path):
                self._services.staging().mark_born(path)
            self.save((), None)

    def _unused(self) -> set[str]:
        """When what ``drop_unused_requests`` drops was recorded: what a passed test didn't play."""
        has_failed = self.attempt is not None and bool(self.attempt.failure)
        if not self._suite.options.drops_unused or has_failed or not self.plan.access.play:
            return set()
        replay = self._replay
        return {
            entry.recorded_at
            for at, entry in enumerate(replay.entries[: self._own_count])
            if not replay.play_counts[at]
        }

    # what tests read

    def recorded_now(self) -> Sequence[Interaction]:
        """What was recorded so far, as it will be when it is loaded."""
        shown = self._suite.options.pipeline.shown
        recorded = (_with_sent(one, self._sent.get(one.recorded_at)) for one in self.recorded())
        return [kept for one in recorded if (kept := shown(one)) is not None]

    def metadata(self) -> dict[str, Any]:
        """What lies in the cassette beside the interactions, under VCR.py's key."""
        if self._starts_over:
            return {}
        if self._own is None:
            try:
                extra = read_document(self.plan.path).extra
            except (FileNotFoundError, CassetteFormatError):
                return {}
        else:
            extra = (self._persisted or self._own.load() or NOTHING).extra
        return dict(extra.get("metadata") or {})


def _with_sent(interaction: Interaction, sent: Sent | None) -> Interaction:
    request = interaction.request
    return interaction._replace(request=request._replace(headers=request.headers.with_sent(sent)))


def _has_content(path: Path) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False
