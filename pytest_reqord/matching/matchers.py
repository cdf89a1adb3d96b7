"""When a request is the one that was recorded: matchers and the keys of the index."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pytest_reqord.base.real import json

if TYPE_CHECKING:
    from pytest_reqord.base.models import Request

__all__ = [
    "DEFAULT_MATCH_ON",
    "MATCHERS",
    "OPERATIONS",
    "PLAIN_URI",
    "RANGES",
    "Matcher",
    "Matching",
    "body_key",
    "fields_of",
    "hidden_parameters",
    "hide",
    "normalise_uri",
    "operation",
    "port_of",
    "preferences",
    "ranges",
    "split_uri",
]

Matcher = Callable[["Request", "Request"], Any]
"""Says whether a live request (first) may be played a recorded one (second).

False, or an ``AssertionError`` raised, says no; None and anything true say yes, so that a matcher
may be written as a question or as a list of assertions.
"""

DEFAULT_MATCH_ON = ("method", "uri", "operation", "range")

_PORT = r"(?!80/|443/)(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3})"
PLAIN_URI = rf"https?://[a-z0-9._-]+(?::{_PORT})?/[!-\"$->@-~]*(?:\?[!-\"$%'-~]+)?"
"""A pattern of URIs that no other spelling is equal to: at most one parameter, all in ASCII."""

_HIDDEN = "[REDACTED]"
_PLAIN_URI = re.compile(PLAIN_URI)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=65536)
def normalise_uri(uri: str) -> str:
    """The same text for URIs that a server can't tell apart.

    Scheme and host in lower case, no default port, no fragment, the query's parameters in order
    (those of one name stay in theirs, which a server may mind).
    """
    if _PLAIN_URI.fullmatch(uri):
        return uri
    parts = split_uri(uri)
    query = "&".join(sorted(parts.query.split("&"), key=_parameter_name))
    return f"{parts.scheme}://{_authority(uri)}{parts.path or '/'}" + (f"?{query}" if query else "")


def split_uri(uri: str) -> SplitResult:
    """Take a URI apart. One of a broken cassette that isn't any is a path, and equal to itself."""
    try:
        return urlsplit(uri)
    except ValueError:
        return SplitResult("", "", uri, "", "")


def hidden_parameters(uris: Iterable[str]) -> frozenset[str]:
    """The parameters of recorded URIs of which nothing is known but that they are secret.

    Ours are spelt otherwise, and what is secret in a live URI is known here: these are the secrets
    of another tool, by rules of its own.
    """
    parameters = (
        part for uri in uris if _HIDDEN in uri for part in uri.split("?", 1)[-1].split("&")
    )
    return frozenset(_parameter_name(each) for each in parameters if each.endswith(f"={_HIDDEN}"))


def hide(request: Request, names: frozenset[str]) -> Request:
    """A live request without the values of some parameters."""
    path, question, query = request.uri.partition("?")
    parts = [
        f"{_parameter_name(part)}={_HIDDEN}" if _parameter_name(part) in names else part
        for part in query.split("&")
    ]
    return request._replace(uri=f"{path}{question}{'&'.join(parts)}")


def _parameter_name(parameter: str) -> str:
    return parameter.partition("=")[0]


def _authority(uri: str) -> str:
    parts = split_uri(uri)
    port = port_of(uri)
    name = (parts.hostname or "").lower()
    name = f"[{name}]" if ":" in name else name
    return name if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{name}:{port}"


def port_of(uri: str) -> int | None:
    """The port that a URI names, or its scheme's; None where there is none."""
    parts = split_uri(uri)
    try:
        port = parts.port
    except ValueError:  # a port that is no number matches only itself, by the rest of the URI
        return None
    return _DEFAULT_PORTS.get(parts.scheme) if port is None else port


def body_key(request: Request) -> Any:
    """The same value for bodies that say the same: JSON as JSON, forms and multipart as fields."""
    if not request.body:
        return b""
    kind = request.headers.get("content-type", "").lower()
    body = request.content
    if kind.startswith("multipart/"):
        return _without_boundary(body, request.headers.get("content-type", ""))
    if kind.startswith("application/x-www-form-urlencoded"):
        return _fields(body)
    return _canonical_json(body)


def _fields(body: bytes) -> tuple[tuple[str, str], ...]:
    # as text in which a character is a byte: of bytes parse_qsl takes nothing but ASCII
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return tuple(sorted(pairs))


_STARTS_OF_JSON = (b"{", b"[", b" ", b"\n", b'"')


def _canonical_json(body: bytes) -> Any:
    if body[:1] not in _STARTS_OF_JSON:
        return body

    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):
        return body


def _without_boundary(body: bytes, content_type: str) -> bytes:
    """A multipart body with its boundary, a random text, replaced by a fixed one."""
    match = re.search(r'boundary="?([^";,]+)', content_type, re.IGNORECASE)
    return body.replace(match[1].encode("latin-1", "replace"), b"boundary") if match else body


_MOST_FIELDS = 5_000


def fields_of(request: Request) -> frozenset[Any]:
    """Return the fields of a JSON, form or multipart body with their values; empty for others.

    Bodies are as similar as the fields are many that they share. The ``id`` of a JSON-RPC call is
    left out: it numbers the calls, and the same call has another number when it comes at another
    time. Of a body with very many fields the first ones are taken.
    """
    kind = request.headers.get("content-type", "").lower()
    body = request.content
    if kind.startswith("multipart/"):
        return frozenset(_without_boundary(body, kind).split(b"--boundary"))
    if kind.startswith("application/x-www-form-urlencoded"):
        return frozenset(_numbered(_fields(body)))
    if body[:1] not in _STARTS_OF_JSON:
        return frozenset()
    try:
        return frozenset(islice(_leaves(json.loads(body), ""), _MOST_FIELDS))
    except (ValueError, RecursionError):
        return frozenset()


def _numbered(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    """Tell equal pairs apart: two of them are as many fields."""
    counts: Counter[tuple[str, str]] = Counter()
    for name, value in pairs:
        counts[name, value] += 1
        yield name, value, counts[name, value]


def _leaves(value: Any, place: str) -> Iterator[tuple[str, type, Any]]:
    if isinstance(value, dict) and value:
        is_call = "id" in value and "method" in value
        for name, member in value.items():
            if not (is_call and name == "id"):
                yield from _leaves(member, f"{place}.{name}")
    elif isinstance(value, list) and value:
        for number, member in enumerate(value):
            yield from _leaves(member, f"{place}[{number}]")
    else:
        yield place, type(value), value or None  # an empty list has no hash, and has its type


_URI_PARTS: dict[str, Callable[[str, str], Any]] = {
    "method": lambda method, _: method.upper(),
    "uri": lambda _, uri: normalise_uri(uri),
    "scheme": lambda _, uri: split_uri(uri).scheme.lower(),
    "host": lambda _, uri: split_uri(uri).hostname,
    "port": lambda _, uri: port_of(uri),
    "path": lambda _, uri: split_uri(uri).path,
    "query": lambda _, uri: tuple(sorted(parse_qsl(split_uri(uri).query, keep_blank_values=True))),
}


def operation(request: Request) -> Any:
    """What AWS and SOAP call at one URI, as their operation headers name it."""
    headers = request.headers
    if not headers.has_any(_OPERATIONS):  # mostly, and asked twice for every request that is played
        return None
    return headers.get("x-amz-target"), headers.get("soapaction")


OPERATIONS = ("x-amz-target", "soapaction")
_OPERATIONS = frozenset(OPERATIONS)


def ranges(request: Request) -> Any:
    """Return which part of something a request gets or puts; None where it is the whole."""
    headers = request.headers
    if not headers.has_any(_RANGES):
        return None
    return tuple([headers.get(name, "").replace(" ", "").lower() for name in RANGES])


RANGES = (
    "range",
    "content-range",
    "x-ms-range",  # Azure's storage
    "x-ms-source-range",
    "x-amz-copy-source-range",
    "upload-offset",  # tus
    "x-goog-upload-offset",
)
_RANGES = frozenset(RANGES)


def preferences(request: Request) -> tuple[str | None, ...]:
    """Return in which form a request prefers its answer: of several answers it chooses by that.

    Nothing that has to be equal: a codec that only one machine has changes ``Accept-Encoding``.
    """
    headers = request.headers
    if not headers.has_any(_PREFERENCES):
        return _NO_PREFERENCES
    return tuple([headers.get(name) for name in _PREFERRED])


_PREFERRED = ("accept", "accept-language", "accept-encoding", "if-range")
_PREFERENCES = frozenset(_PREFERRED)
_NO_PREFERENCES = (None,) * len(_PREFERRED)


def _headers(request: Request) -> Any:
    return frozenset((name.lower(), value) for name, value in request.headers.pairs)


def _json_body(request: Request) -> Any:
    return _canonical_json(request.content)


def _form_body(request: Request) -> Any:
    return _fields(request.content)


_REQUEST_PARTS: dict[str, Callable[[Request], Any]] = {
    "operation": operation,
    "range": ranges,
    "headers": _headers,
    "body": body_key,
    "raw_body": lambda request: request.body,
    "json_body": _json_body,
    "form_body": _form_body,
}

_ALIASES = {"url": "uri"}
_QUESTIONS = ("operation", "range")

MATCHERS = frozenset({*_URI_PARTS, *_REQUEST_PARTS, *_ALIASES})
"""The names that ``match_on`` may hold; the user's own are added to them."""


class Matching:
    """What ``match_on`` says, sorted by what it costs to compare.

    :param match_on: names of `MATCHERS` or of ``custom``, or callables.
    :param custom: the user's own matchers by name.
    """

    def __init__(
        self, match_on: Sequence[str | Matcher], custom: Mapping[str, Matcher] | None = None
    ) -> None:
        self._uri_parts: list[Callable[[str, str], Any]] = []
        self._request_parts: list[Callable[[Request], Any]] = []
        self._pairwise: list[Matcher] = []
        self._questions = [_REQUEST_PARTS[name] for name in _QUESTIONS if name not in match_on]
        for matcher in match_on:
            name = _ALIASES.get(matcher, matcher) if isinstance(matcher, str) else None
            if callable(matcher):
                self._pairwise.append(matcher)
            elif custom and matcher in custom:
                self._pairwise.append(custom[matcher])
            elif name in _URI_PARTS:
                self._uri_parts.append(_URI_PARTS[name])
            else:
                self._request_parts.append(_REQUEST_PARTS[str(name)])
        self.is_plain = self._uri_parts == [_URI_PARTS["method"], _URI_PARTS["uri"]]
        """Whether a key is just method and URI, normalised."""

    def key(self, method: str, uri: str) -> Any:
        """What must be equal, as far as method and URI say it; recordings are indexed by it."""
        if self.is_plain:
            return method.upper(), normalise_uri(uri)
        return tuple(part(method, uri) for part in self._uri_parts)

    def detail(self, request: Request) -> Any:
        """What must be equal besides, for which the whole request is needed."""
        return tuple([part(request) for part in self._request_parts])

    def question(self, request: Request) -> Any:
        """Return what makes it another question and needn't be equal: an equal one comes first."""
        return tuple([part(request) for part in self._questions]) if self._questions else None

    def agrees(self, live: Request, recorded: Request) -> bool:
        """Ask the matchers that compare a pair."""
        return not self._pairwise or all(
            _says_yes(matcher, live, recorded) for matcher in self._pairwise
        )

    @property
    def compares_pairs(self) -> bool:
        """Whether there are matchers that no index can serve."""
        return bool(self._pairwise)


def _says_yes(matcher: Matcher, live: Request, recorded: Request) -> bool:
    try:
        answer = matcher(live, recorded)
    except AssertionError:
        return False
    return answer is None or bool(answer)
