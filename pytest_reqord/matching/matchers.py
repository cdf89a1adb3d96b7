"""When a request is the one that was recorded: matchers and the keys of the index."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, unquote_plus, urlsplit

from pytest_reqord.base.models import Headers
from pytest_reqord.base.real import json

if TYPE_CHECKING:
    from pytest_reqord.base.models import Request

__all__ = [
    "DEFAULT_MATCH_ON",
    "MATCHERS",
    "OPERATIONS",
    "PLAIN_URI",
    "RANGES",
    "Ignoring",
    "Matcher",
    "Matching",
    "body_key",
    "changing_with_signature",
    "fields_of",
    "hidden_parameters",
    "hide",
    "normalise_uri",
    "operation",
    "place_pattern",
    "port_of",
    "preferences",
    "ranges",
    "split_uri",
    "unsigned",
    "unsigned_value",
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
_REDACTED = "%5BREDACTED%5D"  # as we spell it in a URI
_PLAIN_URI = re.compile(PLAIN_URI)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=65536)
def normalise_uri(uri: str) -> str:
    """The same text for URIs that a server can't tell apart.

    Scheme and host in lower case, no default port, no fragment, the query's parameters in order
    (those of one name stay in theirs, which a server may mind), nothing of a signature.
    """
    if _PLAIN_URI.fullmatch(uri):
        return uri
    parts = split_uri(unsigned(uri))
    query = "&".join(sorted(parts.query.split("&"), key=_parameter_name))
    return f"{parts.scheme}://{_authority(uri)}{parts.path or '/'}" + (f"?{query}" if query else "")


def unsigned(uri: str) -> str:
    """Return a URI without its signature and what changes with that: dates, nonces, expiry."""
    if not _SIGNATURE.search(uri):
        return uri
    start, _, query = uri.partition("?")
    parts = query.split("&")
    left_out = _of_signatures(map(_parameter_name, parts))
    kept = [part for part in parts if _parameter_name(part).lower() not in left_out]
    return f"{start}?" + _DATE_OF_CREDENTIAL.sub(r"\1", "&".join(kept))


_SIGNATURE = re.compile(r"[?&](?:x-[a-z]+-signature|signature|sig|oauth_signature)=", re.IGNORECASE)
_DATE_OF_CREDENTIAL = re.compile(r"(-credential=[^&]*?(?:/|%2F))20\d{6}(?=/|%2F)", re.IGNORECASE)
_CHANGES_WITH = {
    "x-amz-signature": ("x-amz-date", "x-amz-expires", "x-amz-security-token"),
    "x-goog-signature": ("x-goog-date", "x-goog-expires"),
    "x-oss-signature": ("x-oss-date", "x-oss-expires", "x-oss-security-token"),
    "oauth_signature": ("oauth_timestamp", "oauth_nonce"),
    # version 2 of S3 and of Google's storage, CloudFront, AWS's query API and others like it
    "signature": ("expires", "timestamp", "nonce", "signaturenonce", "policy"),
    "sig": ("st", "se", "skt", "ske"),  # Azure's shared access signatures
}
"""By the name of a signature what changes with it, in lower case."""


def _of_signatures(names: Iterable[str]) -> set[str]:
    """Return which of some parameters are a signature or change with it, in lower case."""
    all_names = {name.lower() for name in names}
    left_out: set[str] = set()
    for name in all_names.intersection(_CHANGES_WITH):
        beside = all_names.intersection(_CHANGES_WITH[name])
        if beside:  # a signature that stands alone is what is asked about
            left_out |= beside | {name}
    return left_out


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


def parameter_names(uris: Iterable[str]) -> frozenset[str]:
    """The names of all parameters of some URIs."""
    queries = (uri.partition("?")[2] for uri in uris)
    return frozenset(_parameter_name(part) for query in queries for part in query.split("&"))


def without_secret_parameters(uri: str, but: Collection[str] = ()) -> str:
    """A redacted URI without the parameters that are secret.

    :param but: names of those that stay all the same.
    """
    path, question, query = uri.partition("?")
    parts = [
        part
        for part in query.split("&")
        if not part.endswith(f"={_REDACTED}") or _parameter_name(part) in but
    ]
    return f"{path}{question}{'&'.join(parts)}" if parts else path


def has_secret(uri: str) -> bool:
    """Whether something in a redacted URI is secret; quick, mostly no."""
    return _REDACTED in uri


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
    text = body.decode("latin-1")
    pairs = parse_qsl(text, keep_blank_values=True, encoding="latin-1")
    if _SIGNATURE.search("&" + text):
        left_out = _of_signatures(name for name, _ in pairs)
        pairs = [pair for pair in pairs if pair[0].lower() not in left_out]
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
    match = _BOUNDARY.search(content_type)
    return body.replace(match[1].encode("latin-1", "replace"), b"boundary") if match else body


_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)


def _with_fixed_boundary(request: Request) -> Request:
    """A multipart request whose boundary is none of its own, in its header neither."""
    kind = request.headers.get("content-type")
    if kind is None:  # as VCR.py has requests of aiohttp, which adds the header
        match = _MULTIPART.match(request.body)
        if match is None or not request.body.rstrip().endswith(b"--%b--" % match[1]):
            return request
        return request._replace(body=request.body.replace(match[1], b"boundary"))
    if not kind.lower().startswith("multipart/"):
        return request
    pairs = [
        (
            name,
            _BOUNDARY.sub("boundary=boundary", value) if name.lower() == "content-type" else value,
        )
        for name, value in request.headers.pairs
    ]
    headers = Headers(pairs).with_sent(request.headers.sent)
    return request._replace(headers=headers, body=_without_boundary(request.body, kind))


_MULTIPART = re.compile(rb"--([!-~]{1,70})\r\nContent-")


class Ignoring:
    """Requests without what a user says counts for nothing (``match_ignore``).

    :param names: places in JSON, forms and multipart, parameters and headers, by name or pattern;
        a place stands for all below it.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.is_place = place_pattern(names).fullmatch
        self._is_header = place_pattern([name.lower() for name in names]).fullmatch

    def uri(self, uri: str) -> str:
        """Return a URI without the parameters that are ignored."""
        start, question, query = uri.partition("?")
        parts = query.split("&")
        kept = [part for part in parts if not self.is_place(unquote(_parameter_name(part)))]
        return f"{start}?{'&'.join(kept)}" if question and kept else start

    def request(self, request: Request) -> Request:
        """Return a request without what is ignored, and without what follows from its body."""
        headers, body = request.headers, request.body
        pairs = [pair for pair in headers.pairs if not self._is_header(pair[0].lower())]
        if body:
            body = self._body(request)
            pairs = [pair for pair in pairs if pair[0].lower() not in _FOLLOWS_THE_BODY]
        kept = Headers(pairs).with_sent(headers.sent)
        return request._replace(uri=self.uri(request.uri), headers=kept, body=body)

    def _body(self, request: Request) -> bytes:
        kind, body = request.headers.get("content-type", "").lower(), request.content
        if kind.startswith("multipart/"):
            parts = body.split(b"--boundary")
            return b"--boundary".join(part for part in parts if not self._is_part(part))
        if kind.startswith("application/x-www-form-urlencoded"):
            parts = body.split(b"&")
            return b"&".join(part for part in parts if not self._is_field(part))
        if body[:1] not in _STARTS_OF_JSON:
            return body
        try:
            value = json.loads(body)
            kept = self._value(value, "")
        except ValueError:
            return self._lines(body)
        except RecursionError:
            return body
        return body if kept == value else json.dumps(kept).encode()

    def _lines(self, body: bytes) -> bytes:
        """As above, of a body that is a document a line."""
        from pytest_reqord.base.documents import documents  # late: few requests are

        found = documents(body.decode("latin-1")).all
        if not found or len(found) != sum(map(bool, body.splitlines())):
            return body
        kept = (json.dumps(self._value(document.value(), "")) for document in found)
        return b"".join(f"{line}\n".encode() for line in kept)

    def _is_field(self, part: bytes) -> bool:
        name = part.partition(b"=")[0].decode("latin-1")
        return self.is_place(unquote_plus(name)) is not None

    def _is_part(self, part: bytes) -> bool:
        match = _NAME_OF_PART.search(part.partition(b"\r\n\r\n")[0])
        return match is not None and self.is_place(match[1].decode("latin-1")) is not None

    def _value(self, value: Any, place: str) -> Any:
        if isinstance(value, dict):
            places = ((f"{place}.{name}" if place else name, name) for name in value)
            return {
                name: self._value(value[name], inner)
                for inner, name in places
                if not self.is_place(inner)
            }
        if isinstance(value, list):
            places = ((f"{place}[{number}]", number) for number in range(len(value)))
            return [
                None if self.is_place(inner) else self._value(value[number], inner)
                for inner, number in places
            ]
        return value


_FOLLOWS_THE_BODY = frozenset({"content-length", "content-encoding"})
_NAME_OF_PART = re.compile(rb'\bname="([^"]*)"')


def place_pattern(globs: Iterable[str]) -> re.Pattern[str]:
    """Return what matches the places that patterns name, and all below them.

    :param globs: such as ``data[*].id``; ``*`` stands for any characters.
    """
    # brackets of a glob are sets of characters, those of a place are indexes
    each = (fnmatch.translate(glob.replace("[", "[[]"))[:-2] for glob in globs)  # but for its end
    return re.compile(rf"(?:{'|'.join(each)})(?:[.\[].*)?", re.DOTALL)


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
    "query": lambda _, uri: tuple(
        sorted(parse_qsl(split_uri(unsigned(uri)).query, keep_blank_values=True))
    ),
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
    left_out = changing_with_signature(request.headers)
    return frozenset(
        (name.lower(), unsigned_value(value))
        for name, value in request.headers.pairs
        if name.lower() not in left_out
    )


def changing_with_signature(headers: Headers) -> frozenset[str]:
    """Return the headers, in lower case, that change with the signature that a request has."""
    is_signed = _SIGNED.match(headers.get("authorization", "")) is not None
    return _DATES_AND_IDS if is_signed else frozenset()


# of AWS and its likes, Azure's shared key, OAuth 1, HTTP Signatures
_SIGNED = re.compile(r"AWS4?[ -]|SharedKey|OAuth |Signature |[\w-]*HMAC", re.IGNORECASE)
_DATES_AND_IDS = frozenset(
    {
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "date",
        "x-amz-date",
        "x-date",
        "x-goog-date",
        "x-ms-client-request-id",
        "x-ms-date",
    }
)


def unsigned_value(value: str) -> str:
    """Return the value of a header without its signature and what changes with that."""
    if "oauth_signature=" in value:
        return _OF_OAUTH.sub("", value)
    return _OF_AWS.sub(r"\1", value) if "Credential=" in value else value


_OF_OAUTH = re.compile(r'oauth_(?:signature|nonce|timestamp)="[^"]*"(?:, *)?')
_OF_AWS = re.compile(r"(Credential=[^,/]*/)20\d{6}(?=/)|, *Signature=[^,]*")


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

    Requests are compared as `view` gives them.

    :param match_on: names of `MATCHERS` or of ``custom``, or callables.
    :param custom: the user's own matchers by name.
    :param ignored: what doesn't count, see `Ignoring`.
    """

    def __init__(
        self,
        match_on: Sequence[str | Matcher],
        custom: Mapping[str, Matcher] | None = None,
        ignored: Sequence[str] = (),
    ) -> None:
        self._ignoring = Ignoring(ignored) if ignored else None
        self._uri_parts: list[Callable[[str, str], Any]] = []
        self._request_parts: list[Callable[[Request], Any]] = []
        self._pairwise: list[Matcher] = []
        self.names = frozenset(name for name in match_on if isinstance(name, str))
        """The names among ``match_on``."""
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
        is_plain = self._uri_parts == [_URI_PARTS["method"], _URI_PARTS["uri"]]
        self.is_plain = is_plain and not ignored
        """Whether a key is just method and URI, normalised."""

    def view(self, request: Request) -> Request:
        """Return a request without what doesn't count: a boundary, and what is ignored."""
        if request.body:
            request = _with_fixed_boundary(request)
        return request if self._ignoring is None else self._ignoring.request(request)

    def pair(self, live: Request, recorded: Request) -> tuple[Request, Request]:
        """Return two requests as they are compared."""
        return self.view(live), self.view(recorded)

    def key(self, method: str, uri: str) -> Any:
        """What must be equal, as far as method and URI say it; recordings are indexed by it."""
        if self.is_plain:
            return method.upper(), normalise_uri(uri)
        uri = self.counting(uri)
        return tuple(part(method, uri) for part in self._uri_parts)

    def counting(self, uri: str) -> str:
        """Return a URI without the parameters that are ignored."""
        return uri if self._ignoring is None else self._ignoring.uri(uri)

    def detail(self, request: Request) -> Any:
        """What must be equal besides, for which the whole request is needed."""
        return tuple([part(request) for part in self._request_parts])

    def question(self, request: Request) -> Any:
        """Return what makes it another question and needn't be equal: an equal one comes first."""
        return tuple([part(request) for part in self._questions]) if self._questions else None

    def has_drifted(self, live: Request, recorded: Request) -> bool:
        """Return whether an answer was recorded for another body.

        :param live: the request, as `view` gives it.
        :param recorded: the one that the answer was recorded for.
        """
        if live.body == recorded.body:
            return False
        return bool(body_key(live) != body_key(self.view(recorded)))

    def agrees(self, live: Request, recorded: Request) -> bool:
        """Ask the matchers that compare a pair."""
        return not self._pairwise or all(
            _answer(matcher, live, recorded) is None for matcher in self._pairwise
        )

    def refusals(self, live: Request, recorded: Request) -> list[tuple[str, str]]:
        """Return name and reason of each matcher that compares a pair and says no to this one."""
        answers = [(_name_of(each), _answer(each, live, recorded)) for each in self._pairwise]
        return [(name, reason) for name, reason in answers if reason is not None]

    def matches(self, live: Request, recorded: Request) -> bool:
        """Return whether a request is the recorded one."""
        return (
            self.key(live.method, live.uri) == self.key(recorded.method, recorded.uri)
            and self.detail(live) == self.detail(recorded)
            and self.agrees(live, recorded)
        )

    @property
    def compares_pairs(self) -> bool:
        """Whether there are matchers that no index can serve."""
        return bool(self._pairwise)


def _answer(matcher: Matcher, live: Request, recorded: Request) -> str | None:
    """Return why a matcher says no, empty where it gives no reason; None if it says yes."""
    try:
        answer = matcher(live, recorded)
    except AssertionError as error:
        return str(error)
    return None if answer is None or answer else ""


def _name_of(matcher: Matcher) -> str:
    return getattr(matcher, "__name__", None) or repr(matcher)
