"""A cassette as VCR.py's suites see it: a view of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord.clock import format_time
from pytest_reqord.codec import Entry
from pytest_reqord.compat.errors import missing_metadata, unhandled
from pytest_reqord.compat.matchers import compare
from pytest_reqord.compat.messages import VcrRequest, request_from_vcr
from pytest_reqord.compat.pairs import Pair, pair_of, stored_pair
from pytest_reqord.compat.pipeline import FilteredEntry
from pytest_reqord.compat.responses import VcrResponse, response_from_vcr
from pytest_reqord.errors import CassetteMiss
from pytest_reqord.models import Headers, Interaction, Request, Response

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence

    from pytest_reqord.compat.opening import VcrOpening
    from pytest_reqord.index import Stored

__all__ = ["VcrCassette"]


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
                miss = CassetteMiss(request, self.path, (), self._opening.commands())
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
