"""What becomes of requests and interactions: the suite's filters and hooks, then the redaction."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_reqord.base.models import Headers, Request, Response
from pytest_reqord.vcr_compat.messages import VcrRequest, request_from_vcr
from pytest_reqord.vcr_compat.pairs import Pair, as_played, as_recorded, pair_of, stored_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.playback.index import Stored
    from pytest_reqord.redaction import Redactor

    Hook = Callable[..., Any]

__all__ = ["FilteredEntry", "Pipeline", "Redacting"]

_M = TypeVar("_M", Request, Response)


@dataclass(frozen=True)
class Pipeline:
    """The filters and hooks of a suite, each in VCR.py's shapes.

    :param requests: change a request, or let it through by giving None.
    :param responses: change a response, or keep it out of the cassette by giving None.
    :param on_save: change request and response before they are written, or drop them with None.
    :param on_load: the same when they are read.
    :param may_drop: whether some of ``requests`` may give None.
    :param may_reorder: whether what is loaded has to be looked at as a whole: something may be
        dropped from it or get another URI.
    :param reads_all: whether some look at more of what is loaded than the request's headers and URI.
    """

    requests: tuple[Hook, ...] = ()
    responses: tuple[Hook, ...] = ()
    on_save: tuple[Hook, ...] = ()
    on_load: tuple[Hook, ...] = ()
    may_drop: bool = False
    may_reorder: bool = False
    reads_all: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.requests or self.responses or self.on_save or self.on_load)

    def request(self, request: Request) -> Request | None:
        """The request after the filters; None for one to let through."""
        if not self.requests:
            return request
        changed = self._filtered_request(VcrRequest.of(request))
        return None if changed is None else request_from_vcr(changed, request)

    def recorded(self, interaction: Interaction) -> Interaction | None:
        """An interaction as it is written; None for one that isn't."""
        if not (self.requests or self.responses or self.on_save):
            return interaction
        pair = _hooked(self._filtered(pair_of(interaction)), self.on_save)
        return None if pair is None else as_recorded(pair, interaction)

    def loaded(self, entry: Stored) -> Pair | None:
        """A stored interaction as it is played; None for one that isn't."""
        return self._filtered(_hooked(stored_pair(entry), self.on_load))

    def shown(self, interaction: Interaction) -> Interaction | None:
        """What was just recorded as it will be when it is loaded."""
        if not self.on_load:
            return interaction
        pair = _hooked(pair_of(interaction), self.on_load)
        return None if pair is None else as_recorded(pair, interaction)

    def _filtered(self, pair: Pair | None) -> Pair | None:
        if pair is None:
            return None
        request, response = self._filtered_request(pair.request), pair.response
        if request is None:
            return None
        for change in self.responses if response is not None else ():
            response = change(response)
            if response is None:
                return None
        return Pair(request, response)

    def _filtered_request(self, request: Any) -> Any:
        for change in self.requests:
            request = change(request)
            if not request:
                return None
        return request


def _hooked(pair: Pair | None, hooks: Sequence[Hook]) -> Pair | None:
    """An interaction after hooks of both parts; a failure has no response for them."""
    if pair is None or pair.response is None:
        return pair
    for hook in hooks:
        made = hook(*pair, None) if _takes_cassette(hook) else hook(*pair)
        if made is None:
            return None
        pair = Pair(*made)
    return pair


def _takes_cassette(hook: Hook) -> bool:
    try:
        inspect.signature(hook).bind(None, None, None)
    except (TypeError, ValueError):
        return False
    return True


class Redacting:
    """The filter of a cassette: first what the suite says, then the headers that are secret.

    Where a hook has given one of these a value of its own, that stands.

    :param pipeline: the suite's filters and hooks, which see real values.
    :param redactor: takes the secrets out.
    """

    def __init__(self, pipeline: Pipeline, redactor: Redactor) -> None:
        self._pipeline = pipeline
        self._redactor = redactor
        self._given: set[str] = set()
        self._given_in_responses: set[str] = set()

    def request(self, request: Request) -> Request | None:
        """See `pytest_reqord.playback.cassette.Filter.request`."""
        filtered = self._pipeline.request(request)
        if filtered is None:
            return None
        self._given |= _changed(request.headers, filtered.headers)
        redacted = _restored(filtered, self._redactor.request(filtered), self._given)
        sent = request.headers.sent  # matchers want it, see `VcrMatching`
        return (sent and redacted._replace(headers=redacted.headers.with_sent(sent))) or redacted

    def stored(self, request: Request) -> Request:
        """A stored request, to be compared with one that went through `request`."""
        return _restored(request, self._redactor.request(request), self._given)

    def interaction(self, interaction: Interaction) -> Interaction | None:
        """See `pytest_reqord.playback.cassette.Filter.interaction`."""
        kept = self._pipeline.recorded(interaction)
        if kept is None:
            return None
        self._given |= _changed(interaction.request.headers, kept.request.headers)
        if interaction.response and kept.response:
            changed = _changed(interaction.response.headers, kept.response.headers)
            self._given_in_responses |= changed
        return self.swept(kept)

    def swept(self, interaction: Interaction) -> Interaction:
        """An interaction after the filters, with no secret that is known by now."""
        redacted = self._redactor.interaction(interaction)
        response = redacted.response
        if response and interaction.response:
            response = _restored(interaction.response, response, self._given_in_responses)
        request = _restored(interaction.request, redacted.request, self._given)
        if request is redacted.request and response is redacted.response:
            return redacted
        made = redacted._replace(request=request, response=response)
        return interaction if made == interaction else made  # as a redactor has it


def _changed(before: Headers, after: Headers) -> set[str]:
    """The names, in lower case, of headers to which a hook gave another value."""
    if before.pairs == after.pairs:
        return set()
    names = {name.lower() for name in after}
    return {name for name in names if before.get_all(name) != after.get_all(name)}


def _restored(wanted: _M, redacted: _M, given: set[str]) -> _M:
    """A redacted message with the values of some headers that it had before."""
    if not given or wanted.headers.pairs == redacted.headers.pairs:
        return redacted
    both = zip(wanted.headers.pairs, redacted.headers.pairs, strict=True)
    pairs = tuple(old if old[0].lower() in given else new for old, new in both)
    return (
        redacted if redacted.headers.pairs == pairs else redacted._replace(headers=Headers(pairs))
    )


class FilteredEntry:
    """A stored interaction after the filters, which run when it is needed.

    :param entry: the entry of the cassette.
    :param pipeline: the suite's filters.
    :param pair: what they made of it, where they had to run at once; else they leave method and
        URI alone, and drop nothing.
    """

    __slots__ = ("_entry", "_interaction", "_pair", "_pipeline")

    def __init__(self, entry: Stored, pipeline: Pipeline, pair: Pair | None = None) -> None:
        self._entry = entry
        self._pipeline = pipeline
        self._pair = pair
        self._interaction = None if pair is None else as_played(pair, entry)

    @property
    def method(self) -> str:
        """The request's method."""
        return self._interaction.request.method if self._interaction else self._entry.method

    @property
    def uri(self) -> str:
        """The request's URI."""
        return self._interaction.request.uri if self._interaction else self._entry.uri

    @property
    def recorded_at(self) -> str:
        """When it was recorded."""
        return self._entry.recorded_at

    @property
    def recorded_by(self) -> str:
        """The test that recorded it."""
        return self._entry.recorded_by

    @property
    def pair(self) -> Pair:
        """The whole of it in VCR.py's shape."""
        if self._pair is None:
            self._pair = self._pipeline.loaded(self._entry) or stored_pair(self._entry)
        return self._pair

    def interaction(self) -> Interaction:
        """The whole of it."""
        if self._interaction is None:
            if self._pipeline.reads_all:
                self._interaction = as_played(self.pair, self._entry)
            else:
                stored = self._entry.interaction()
                request = self._pipeline.request(stored.request) or stored.request
                self._interaction = stored._replace(request=request)
        return self._interaction
