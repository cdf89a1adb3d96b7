"""VCR.py's options that change requests and responses, and the order in which they are applied.

A replacement is text, None to take the thing away, or a function that is called with the keywords
``key``, ``value`` and ``request`` and gives one of these.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_plus, urlencode, urlparse, urlunparse

from pytest_reqord.base import content_coding
from pytest_reqord.base.models import Headers, Request, Response
from pytest_reqord.base.real import json
from pytest_reqord.vcr_compat.messages import (
    CaseInsensitiveDict,
    Pair,
    VcrRequest,
    as_played,
    as_recorded,
    pair_of,
    request_from_vcr,
    stored_pair,
)

__all__ = [
    "FilteredEntry",
    "Pipeline",
    "Redacting",
    "body_filter",
    "by_name",
    "header_filter",
    "host_filter",
    "query_filter",
    "sensitive_data_hooks",
    "unpack",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_reqord.vcr_compat.messages import VcrResponse

    RequestFilter = Callable[[Any], Any]
    ResponseFilter = Callable[[VcrResponse], VcrResponse | None]
    Replacements = Mapping[str, Any]


def by_name(items: Any) -> dict[str, Any]:
    """The replacements by what they replace; a bare name is taken away."""
    pairs = items.items() if isinstance(items, dict) else items
    return dict(item if isinstance(item, tuple) else (item, None) for item in pairs)


def _replaced(replacement: Any, key: str, value: Any, request: Any) -> Any:
    if callable(replacement):
        return replacement(key=key, value=value, request=request)
    return replacement


def header_filter(items: Any) -> RequestFilter:
    """``filter_headers``: take request headers away or replace their values."""
    replacements = by_name(items)

    def change(request: Any) -> Any:
        headers = request.headers.copy()
        for name, replacement in replacements.items():
            if name in headers:
                new = _replaced(replacement, name, headers.pop(name), request)
                if new is not None:
                    headers[name] = new
        request.headers = headers
        return request

    return change


def query_filter(items: Any) -> RequestFilter:
    """``filter_query_parameters``: take parameters out of the URI or replace their values."""
    replacements = by_name(items)

    def change(request: Any) -> Any:
        parameters = [
            (name, _replaced(replacements[name], name, value, request))
            if name in replacements
            else (name, value)
            for name, value in request.query
        ]
        kept = urlencode([pair for pair in parameters if pair[1] is not None])
        request.uri = urlunparse(urlparse(request.uri)._replace(query=kept))
        return request

    return change


def body_filter(items: Any, *, is_nested: bool) -> RequestFilter:
    """``filter_post_data_parameters``: the same for fields of JSON, form and multipart bodies.

    :param is_nested: whether JSON fields are looked for at any depth.
    """
    replacements = by_name(items)

    def change(request: Any) -> Any:
        body = request.body
        if not body or not isinstance(body, (bytes, dict)):
            return request
        kind = request.headers.get("Content-Type") or ""
        if isinstance(body, dict):
            request.body = _document(body, replacements, request, is_nested=is_nested)
        elif kind == "application/json":
            changed = _document(json.loads(body), replacements, request, is_nested=is_nested)
            request.body = json.dumps(changed).encode()
        elif kind.lower().startswith("multipart/form-data"):
            request.body = _multipart(body, kind, replacements, request)
        else:
            request.body = _form(body, replacements, request)
        return request

    return change


def _document(document: Any, replacements: Replacements, request: Any, *, is_nested: bool) -> Any:
    if is_nested:
        return _nested(document, replacements, request)
    changed = dict(document)
    for name, replacement in replacements.items():
        if name in changed:  # it moves to the end, as in the bodies that VCR.py stored
            new = _replaced(replacement, name, changed.pop(name), request)
            if new is not None:
                changed[name] = new
    return changed


def _nested(document: Any, replacements: Replacements, request: Any) -> Any:
    if isinstance(document, list):
        return [_nested(one, replacements, request) for one in document]
    if not isinstance(document, dict):
        return document
    changed = {
        name: _replaced(replacements[name], name, value, request)
        if name in replacements
        else _nested(value, replacements, request)
        for name, value in document.items()
    }
    return {
        name: value
        for name, value in changed.items()
        if value is not None or name not in replacements
    }


def _form(body: bytes, replacements: Replacements, request: Any) -> bytes:
    """The fields of a form; bytes that are no text stay as they are."""
    kept = []
    try:
        for part in body.split(b"&"):
            name, equals, value = part.partition(b"=")
            key = name.decode()
            key = key if key in replacements else unquote_plus(key)
            new = part
            if equals and key in replacements:
                text = _replaced(replacements[key], key, value.decode(), request)
                if text is None:
                    continue
                new = b"%b=%b" % (name, text.encode())
            kept.append(new)
    except UnicodeDecodeError:
        return body
    return b"&".join(kept)


def _multipart(body: bytes, kind: str, replacements: Replacements, request: Any) -> bytes:
    boundary = re.search(r'boundary="?([^";]+)', kind, re.IGNORECASE)
    if boundary is None:
        return _form(body, replacements, request)
    delimiter = b"--" + boundary[1].encode()
    first, *parts = body.split(delimiter)
    kept = [first]
    for part in parts:
        head, blank, rest = part.partition(b"\r\n\r\n")
        named = re.search(rb';\s*name="([^"]*)"', head)
        key = named[1].decode("utf-8", "replace") if named else ""
        if not blank or key not in replacements:
            kept.append(part)
            continue
        value = rest.removesuffix(b"\r\n")
        new = _replaced(replacements[key], key, _decoded(value), request)
        if new is not None:
            data = new.encode() if isinstance(new, str) else new
            kept.append(head + blank + data + rest[len(value) :])
    return delimiter.join(kept)


def _decoded(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def host_filter(hosts: Sequence[str | re.Pattern[str]]) -> RequestFilter:
    """``ignore_hosts``: let requests to these hosts through; patterns match a whole name."""
    names = {host for host in hosts if isinstance(host, str)}
    patterns = [host for host in hosts if not isinstance(host, str)]

    def change(request: Any) -> Any:
        host = request.host or ""
        is_ignored = host in names or any(pattern.fullmatch(host) for pattern in patterns)
        return None if is_ignored else request

    return change


def unpack(response: VcrResponse) -> VcrResponse:
    """``decode_compressed_response``: a body without its ``Content-Encoding``."""
    named = CaseInsensitiveDict({name: (name,) for name in response["headers"]})
    name = named.get("content-encoding")
    codings = response["headers"][name] if name else None
    if not codings:
        return response
    coding, *others = codings if isinstance(codings, (list, tuple)) else [codings]
    body = response["body"]["string"]
    unpacked = content_coding.decode(body, coding.strip().lower())
    if unpacked is None and coding not in ("gzip", "deflate", "br", "zstd"):
        return response
    headers = {key: value for key, value in response["headers"].items() if key != name or others}
    if others:
        headers[name] = others
    length = named.get("content-length", "content-length")
    body = body if unpacked is None else unpacked
    headers[length] = [str(len(body))]
    return {**response, "headers": headers, "body": {**response["body"], "string": body}}


def sensitive_data_hooks(items: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``filter_sensitive_data``: what puts placeholders for values, and values for placeholders.

    :param items: values by placeholder, or pairs; a value may be a function of the request and
        the response.
    :returns: the hook that hides them while saving, and the one that restores them while loading.
    """
    pairs = list(items.items() if isinstance(items, dict) else items)

    def change(request: Any, response: Any, *, is_restoring: bool) -> tuple[Any, Any]:
        for placeholder, given in pairs:
            value = given(request, response) if callable(given) else given
            if value is None or not str(value) or not str(placeholder):
                continue
            old, new = str(value), str(placeholder)
            old, new = (new, old) if is_restoring else (old, new)
            plain = _everywhere(request._to_dict(), old, new)  # noqa: SLF001 -- VCR.py's own name
            request = type(request)._from_dict(plain)  # noqa: SLF001 -- as above
            response = _everywhere(response, old, new)
        return request, response

    return partial(change, is_restoring=False), partial(change, is_restoring=True)


def _everywhere(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, bytes):
        return value.replace(old.encode(), new.encode())
    if isinstance(value, BytesIO):
        return BytesIO(_everywhere(value.getvalue(), old, new))
    if isinstance(value, dict):
        return {
            _everywhere(key, old, new): _everywhere(one, old, new) for key, one in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_everywhere(one, old, new) for one in value)
    return value


# What becomes of requests and interactions: the suite's filters and hooks, then the redaction.


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.playback.replay import Stored
    from pytest_reqord.redaction import Redactor

    Hook = Callable[..., Any]


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
        if kept is None or self._redactor.interaction(kept) is None:
            return None
        self._given |= _changed(interaction.request.headers, kept.request.headers)
        if interaction.response and kept.response:
            changed = _changed(interaction.response.headers, kept.response.headers)
            self._given_in_responses |= changed
        return self.swept(kept)

    def swept(self, interaction: Interaction) -> Interaction:
        """An interaction after the filters, with no secret that is known by now."""
        redacted = self._redactor.swept(interaction)
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
