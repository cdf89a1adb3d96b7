"""What becomes of requests and interactions: the suite's filters and hooks, then the redaction."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_reqord.compat.messages import VcrRequest, request_from_vcr
from pytest_reqord.compat.responses import response_from_vcr, response_to_vcr
from pytest_reqord.models import Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_reqord.index import Stored
    from pytest_reqord.models import Interaction
    from pytest_reqord.redaction import Redactor

    Hook = Callable[..., Any]

__all__ = ["FilteredEntry", "Pipeline", "Redacting", "is_foreign"]

_FIRST_YEAR = 1970
_M = TypeVar("_M", Request, Response)


def is_foreign(interaction: Interaction) -> bool:
    """Whether an interaction was read from a file that says nothing of when it was recorded."""
    return interaction.recorded_at.year == _FIRST_YEAR


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
    """

    requests: tuple[Hook, ...] = ()
    responses: tuple[Hook, ...] = ()
    on_save: tuple[Hook, ...] = ()
    on_load: tuple[Hook, ...] = ()
    may_drop: bool = False
    may_reorder: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.requests or self.responses or self.on_save or self.on_load)

    def request(self, request: Request) -> Request | None:
        """The request after the filters; None for one to let through."""
        if not self.requests:
            return request
        changed: Any = VcrRequest.of(request)
        for change in self.requests:
            changed = change(changed)
            if not changed:
                return None
        return request_from_vcr(changed, request)

    def recorded(self, interaction: Interaction) -> Interaction | None:
        """An interaction as it is written; None for one that isn't."""
        kept = self._filtered(interaction)
        return None if kept is None else self._hooked(kept, self.on_save)

    def loaded(self, interaction: Interaction) -> Interaction | None:
        """A stored interaction as it is played; None for one that isn't."""
        kept = self._hooked(interaction, self.on_load)
        return None if kept is None else self._filtered(kept)

    def shown(self, interaction: Interaction) -> Interaction | None:
        """What was just recorded as it will be when it is loaded."""
        return self._hooked(interaction, self.on_load)

    def _filtered(self, interaction: Interaction) -> Interaction | None:
        request = self.request(interaction.request)
        if request is None:
            return None
        response = interaction.response
        if response is not None and self.responses:
            response = self._response(response, is_foreign=is_foreign(interaction))
            if response is None:
                return None
        if request is interaction.request and response is interaction.response:
            return interaction
        return interaction._replace(request=request, response=response)

    def _response(self, response: Response, *, is_foreign: bool) -> Response | None:
        changed: Any = response_to_vcr(response, is_foreign=is_foreign)
        for change in self.responses:
            changed = change(changed)
            if changed is None:
                return None
        return response_from_vcr(changed, response, is_foreign=is_foreign)

    @staticmethod
    def _hooked(interaction: Interaction, hooks: Sequence[Hook]) -> Interaction | None:
        response = interaction.response
        if not hooks or response is None:
            return interaction
        foreign = is_foreign(interaction)
        pair: Any = (
            VcrRequest.of(interaction.request),
            response_to_vcr(response, is_foreign=foreign),
        )
        for hook in hooks:
            pair = hook(*pair, None) if _takes_cassette(hook) else hook(*pair)
            if pair is None:
                return None
        return interaction._replace(
            request=request_from_vcr(pair[0], interaction.request),
            response=response_from_vcr(pair[1], response, is_foreign=foreign),
        )


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
        """See `pytest_reqord.cassette.Filter.request`."""
        filtered = self._pipeline.request(request)
        if filtered is None:
            return None
        self._given |= _changed(request.headers, filtered.headers)
        return _restored(filtered, self._redactor.request(filtered), self._given)

    def stored(self, request: Request) -> Request:
        """A stored request, to be compared with one that went through `request`."""
        return _restored(request, self._redactor.request(request), self._given)

    def interaction(self, interaction: Interaction) -> Interaction | None:
        """See `pytest_reqord.cassette.Filter.interaction`."""
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
    :param interaction: what they made of it, where they had to run at once; else they leave
        method and URI alone.
    """

    __slots__ = ("_entry", "_interaction", "_pipeline")

    def __init__(
        self, entry: Stored, pipeline: Pipeline, interaction: Interaction | None = None
    ) -> None:
        self._entry = entry
        self._pipeline = pipeline
        self._interaction = interaction

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

    def interaction(self) -> Interaction:
        """The whole of it."""
        if self._interaction is None:
            stored = self._entry.interaction()
            self._interaction = self._pipeline.loaded(stored) or stored
        return self._interaction
