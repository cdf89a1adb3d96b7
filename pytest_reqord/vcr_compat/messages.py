"""Requests, responses and interactions in the shapes that VCR.py gives to hooks and tests."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import ParseResult, parse_qsl, urlencode, urlparse

from pytest_reqord.base import content_coding
from pytest_reqord.base.models import Headers, Request, Response
from pytest_reqord.base.real import json
from pytest_reqord.codec import vcr_read
from pytest_reqord.codec.vcr_read import ForeignEntry, framed_once, value_of
from pytest_reqord.matching.matchers import port_of

if TYPE_CHECKING:
    from typing import TypeGuard

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.playback.replay import Stored

__all__ = [
    "CaseInsensitiveDict",
    "Pair",
    "VcrRequest",
    "VcrResponse",
    "as_bytes",
    "as_played",
    "as_recorded",
    "as_text",
    "client_of",
    "merged",
    "pair_of",
    "request_from_vcr",
    "response_from_vcr",
    "response_to_vcr",
    "stored_pair",
    "values_by_name",
]


class CaseInsensitiveDict(MutableMapping[str, Any]):
    """A dictionary whose keys are compared without case; the case set first stays.

    Of a list of values it keeps the first, as VCR.py's headers do.
    """

    def __init__(self, items: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        self._items: dict[str, tuple[str, Any]] = {}
        self.update(items)

    def __getitem__(self, key: str) -> Any:
        return self._items[key.lower()][1]

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, (list, tuple)):
            value = value[0] if value else ""
        self._items[key.lower()] = (self._items.get(key.lower(), (key,))[0], value)

    def __delitem__(self, key: str) -> None:
        del self._items[key.lower()]

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._lowered() == CaseInsensitiveDict(other)._lowered()

    __hash__ = None  # type: ignore[assignment]  # it can change

    def __repr__(self) -> str:
        return repr(dict(self))

    def _lowered(self) -> dict[str, Any]:
        return {key: value for key, (_, value) in self._items.items()}

    def copy(self) -> CaseInsensitiveDict:
        """Another one with the same items."""
        return CaseInsensitiveDict(self)


class VcrRequest:
    """A request as VCR.py shows it: everything may be changed.

    :param method: the method.
    :param uri: the whole URI.
    :param body: None where there is none; text becomes UTF-8, a file or an iterator what it holds.
    :param headers: a value a name, or a list of which the first counts.
    """

    def __init__(self, method: str, uri: str, body: Any, headers: Mapping[str, Any]) -> None:
        self.method = method
        self.uri = uri
        self.body = body
        self.headers = headers

    @property
    def uri(self) -> str:
        """The whole URI."""
        return self._uri

    @uri.setter
    def uri(self, uri: str) -> None:
        self._uri = uri
        try:
            self.parsed_uri: ParseResult = urlparse(uri)
        except ValueError:  # of a broken cassette: no URI, and equal to itself
            self.parsed_uri = ParseResult("", "", uri, "", "", "")

    @property
    def headers(self) -> Any:
        """The headers, a value a name."""
        return self._headers

    @headers.setter
    def headers(self, headers: Mapping[str, Any]) -> None:
        is_ours = isinstance(headers, CaseInsensitiveDict)
        self._headers = headers if is_ours else CaseInsensitiveDict(headers)

    @property
    def body(self) -> Any:
        """The body as bytes; None where there is none."""
        return self._body

    @body.setter
    def body(self, body: Any) -> None:
        self._body = _joined(body)

    @property
    def body_bytes(self) -> Any:
        """The same as `body`, by VCR.py's later name."""
        return self._body

    @property
    def scheme(self) -> str:
        """The URI's scheme."""
        return self.parsed_uri.scheme

    @property
    def host(self) -> str | None:
        """The URI's host, in lower case."""
        return self.parsed_uri.hostname

    @property
    def port(self) -> int | None:
        """The URI's port, or its scheme's."""
        return port_of(self._uri)

    @property
    def path(self) -> str:
        """The URI's path."""
        return self.parsed_uri.path

    @property
    def query(self) -> list[tuple[str, str]]:
        """The URI's parameters that have a value, sorted."""
        return sorted(parse_qsl(self.parsed_uri.query))

    @property
    def url(self) -> str:
        """The URI by its other name."""
        return self.uri

    @property
    def protocol(self) -> str:
        """The scheme by its other name."""
        return self.scheme

    def add_header(self, key: str, value: str) -> None:
        """Set a header; deprecated by VCR.py."""
        message = "Request.add_header is deprecated. Please assign to request.headers instead."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        self.headers[key] = value

    def __repr__(self) -> str:
        return f"<Request ({self.method}) {self.uri}>"

    def _to_dict(self) -> dict[str, Any]:
        """What serializers and VCR.py's own functions ask for."""
        return {
            "method": self.method,
            "uri": self.uri,
            "body": self.body,
            "headers": {name: [value] for name, value in self.headers.items()},
        }

    @classmethod
    def _from_dict(cls, plain: Mapping[str, Any]) -> VcrRequest:
        return cls(**plain)

    @classmethod
    def of(cls, request: Request) -> VcrRequest:
        """A request of ours in VCR.py's shape."""
        made = cls(request.method, request.uri, None, _shown_headers(request.headers))
        made._body = _shown_body(request)
        return made


def _shown_headers(headers: Headers) -> dict[str, list[Any]]:
    """The values by name: httpx has names in lower case, botocore values as bytes."""
    values: dict[str, list[Any]] = values_by_name(headers)
    client = client_of(headers)
    if client == "httpx":
        return {name.lower(): each for name, each in values.items()}
    if client == "botocore":
        return {
            name: each if name == "Content-Length" else [one.encode("latin-1") for one in each]
            for name, each in values.items()
        }
    return values


def _shown_body(request: Request) -> Any:
    """The body as the client was called with it: for aiohttp the value that is sent as JSON or form.

    No body is None in VCR.py, but for httpx empty bytes.
    """
    headers, body = request.headers, request.body
    if headers.sent is not None and body and headers.sent.client.body_type:
        value = value_of(body, headers.sent.client.body_type)
        if value is not None:
            return value.encode() if isinstance(value, str) else value
    return body or (b"" if client_of(headers) == "httpx" else None)


def client_of(headers: Headers) -> str:
    """The client that sent a request, as far as it is known: of a stored one it is guessed."""
    if headers.sent is not None:
        return headers.sent.client.name
    return "httpx" if _is_httpx_alone() else ""


def _is_httpx_alone() -> bool:
    """Whether httpx is the only client there is, so that what was sent was sent by it."""
    is_httpx = "httpx" in sys.modules or "httpx2" in sys.modules
    return is_httpx and "urllib3" not in sys.modules and "aiohttp" not in sys.modules


def _joined(body: Any) -> Any:
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytearray, memoryview)):
        return bytes(body)
    if body is None or isinstance(body, (bytes, dict)) or not isinstance(body, Iterable):
        return body
    parts = list(body)
    if parts and isinstance(parts[0], int):
        return bytes(parts)
    return b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in parts)


def values_by_name(headers: Headers) -> dict[str, list[Any]]:
    """The values by name, in the case that came first."""
    lists: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for name, value in headers.pairs:
        lists.setdefault(names.setdefault(name.lower(), name), []).append(value)
    return lists


def request_from_vcr(changed: Any, request: Request) -> Request:
    """What became of a request: what a hook left alone stays as it was sent.

    :param changed: the request in VCR.py's shape, a class of the user's own perhaps.
    :param request: the request that it was made from.
    """
    before = VcrRequest.of(request)
    if changed.method != before.method or changed.uri != before.uri:
        request = request._replace(method=changed.method, uri=changed.uri)
    if changed.body != before.body:
        request = request._replace(body=_sent_body(changed.body, request.headers))
    pairs = merged(request.headers, _first_values(before.headers), _first_values(changed.headers))
    if pairs != request.headers.pairs:
        request = request._replace(headers=Headers(pairs).with_sent(request.headers.sent))
    return request


def _sent_body(body: Any, headers: Headers) -> bytes:
    """What a client sends for a body, which may be the fields of a form."""
    kind = headers.sent.client.body_type if headers.sent else ""
    if isinstance(body, dict) and kind.startswith("application/x-www-form-urlencoded"):
        return urlencode(body).encode()
    return as_bytes(body)


def _first_values(headers: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: [as_text(value)] for name, value in CaseInsensitiveDict(headers).items()}


def merged(
    headers: Headers, before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> tuple[tuple[str, str], ...]:
    """The header lines after a change of the values by name: order and case stay."""
    if before == after:
        return headers.pairs
    old = {name.lower(): values for name, values in before.items()}
    new = {name.lower(): values for name, values in after.items()}
    pairs: list[tuple[str, str]] = []
    changed: set[str] = set()
    for name, value in headers.pairs:
        key = name.lower()
        if new.get(key) == old[key]:
            pairs.append((name, value))
        elif key not in changed:  # all its lines stand where the first one stood
            pairs += ((name, each) for each in new.get(key, ()))
            changed.add(key)
    pairs += (
        (name, value)
        for name, values in after.items()
        if name.lower() not in old
        for value in values
    )
    return tuple(pairs)


def as_text(value: Any) -> str:
    """A header's value as text, a character a byte."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def as_bytes(body: Any) -> bytes:
    """A body as bytes, whatever a hook made of it; empty for none."""
    joined = _joined(body)
    if joined is None:
        return b""
    if isinstance(joined, bytes):
        return joined

    return json.dumps(joined).encode()


# Responses in the shape that VCR.py gives to hooks and tests.


VcrResponse = dict[str, Any]
"""``{"status": {"code", "message"}, "headers": {name: [value]}, "body": {"string": bytes}}``."""


def response_to_vcr(response: Response, request: Request) -> VcrResponse:
    """A response of ours in VCR.py's shape, to a request of ours."""
    headers = values_by_name(response.headers)
    if client_of(request.headers) == "httpx":
        headers = {name.lower(): values for name, values in headers.items()}
    return {
        "status": {"code": response.status, "message": response.reason},
        "headers": headers,
        "body": {"string": _shown_response_body(response, request)},
    }


def _shown_response_body(response: Response, request: Request) -> bytes:
    """The body as VCR.py's stubs have it: unpacked where the client does so below them."""
    sent = request.headers.sent
    unpacks = sent.client.unpacks if sent else client_of(request.headers) != "httpx"
    coding = response.headers.get("content-encoding", "").strip().lower()
    unpacked = content_coding.decode(response.body, coding) if unpacks and coding else None
    return response.body if unpacked is None else unpacked


def response_from_vcr(changed: Mapping[str, Any], response: Response, request: Request) -> Response:
    """What became of a response: what a hook left alone stays as it came.

    What depends on the body follows it, where the hook didn't see to that: clients would end it
    early or wait for the rest, or unpack what isn't packed.
    """
    status = changed["status"]
    code, reason = int(status["code"]), status.get("message") or ""
    if (code, reason) != (response.status, response.reason):
        response = response._replace(status=code, reason=str(reason))
    before = values_by_name(response.headers)
    after = {name: _values(values) for name, values in changed["headers"].items()}
    pairs = merged(response.headers, before, after)
    body = as_bytes(changed["body"].get("string"))
    is_as_shown = body == _shown_response_body(response, request)
    keeps_coding = Headers(pairs).get("content-encoding") == response.headers.get(
        "content-encoding"
    )
    if body != response.body and not (is_as_shown and keeps_coding):
        pairs = _following(pairs, body)
        chunks = None if response.chunks is None else ((len(body),) if body else ())
        response = response._replace(body=body, chunks=chunks, arrivals=())
    if pairs != response.headers.pairs:
        whole = Headers(pairs)
        headers = framed_once(whole)
        response = response._replace(headers=headers)
        if headers is not whole:
            response = response._replace(chunks=None)
    return response


def _following(pairs: tuple[tuple[str, str], ...], body: bytes) -> tuple[tuple[str, str], ...]:
    coding = Headers(pairs).get("content-encoding", "")
    if coding and content_coding.decode(body, coding.strip().lower()) is None:
        pairs = tuple(pair for pair in pairs if pair[0].lower() != "content-encoding")
    length = str(len(body))
    return tuple(
        (name, length if name.lower() == "content-length" else value) for name, value in pairs
    )


def _values(values: Any) -> list[str]:
    many = values if isinstance(values, (list, tuple)) else [values]
    return [as_text(value) for value in many]


# An interaction in VCR.py's shape: a request and a response, as its hooks and tests get them.


class Pair(NamedTuple):
    """An interaction.

    :param request: the request, a class of the user's own perhaps.
    :param response: the response; None where there was a failure instead.
    """

    request: Any
    response: Any


def pair_of(interaction: Interaction) -> Pair:
    """An interaction of ours in VCR.py's shape."""
    request, response = interaction.request, interaction.response
    shown = None if response is None else response_to_vcr(response, request)
    return Pair(VcrRequest.of(request), shown)


def stored_pair(entry: Stored) -> Pair:
    """An entry of a cassette in VCR.py's shape: of a file of VCR.py's the very data that it has.

    :raises CassetteFormatError: if it can't be read.
    """
    interaction = entry.interaction()
    if not _is_of_vcr(entry):
        return pair_of(interaction)
    item = entry.item()
    asked, response = item["request"], item["response"]
    uri = interaction.request.uri
    request = VcrRequest(asked["method"], uri, asked.get("body"), asked.get("headers") or {})
    return Pair(request, _with_bytes(response))


def _is_of_vcr(entry: Stored) -> TypeGuard[ForeignEntry]:
    return isinstance(entry, ForeignEntry) and entry.is_vcr


def _with_bytes(response: Mapping[str, Any]) -> dict[str, Any]:
    """A response as VCR.py reads it: text in the body's ``string`` becomes bytes."""
    body = response.get("body")
    if isinstance(body, dict) and isinstance(body.get("string"), str):
        body = {**body, "string": body["string"].encode("utf-8", "surrogatepass")}
    return {**response, "body": body} if "body" in response else dict(response)


def as_recorded(pair: Pair, interaction: Interaction) -> Interaction:
    """What hooks made of an interaction of ours; what they left alone stays as it came."""
    request = request_from_vcr(pair.request, interaction.request)
    response = interaction.response
    if response is not None:
        response = response_from_vcr(pair.response, response, interaction.request)
    if request is interaction.request and response is interaction.response:
        return interaction
    return interaction._replace(request=request, response=response)


def as_played(pair: Pair, entry: Stored) -> Interaction:
    """What hooks made of an entry, to be played."""
    interaction = entry.interaction()
    if not _is_of_vcr(entry):
        return as_recorded(pair, interaction)
    request = request_from_vcr(pair.request, interaction.request)
    response = vcr_read.response(pair.response, request.method)
    return interaction._replace(request=request, response=response)
