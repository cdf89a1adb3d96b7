"""VCR.py's matchers: as functions of two requests, and as keys that an index can serve."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from pytest_reqord.base.models import Headers
from pytest_reqord.base.real import json
from pytest_reqord.matching.matchers import Matching, port_of, split_uri, unsigned
from pytest_reqord.vcr_compat.messages import CaseInsensitiveDict, VcrRequest

if TYPE_CHECKING:
    from pytest_reqord.base.models import Request, Sent

__all__ = ["DEFAULT_MATCH_ON", "MATCHERS", "VcrMatching", "chosen", "compare"]

VcrMatcher = Callable[[Any, Any], Any]
"""Says whether a live request (first) may be played a recorded one (second), both in VCR.py's
shape: by what it gives, None being yes, or by an ``AssertionError``."""

DEFAULT_MATCH_ON = ("method", "scheme", "host", "port", "path", "query")

# what clients add of their own accord; VCR.py's cassettes don't have it
_AUTOMATIC = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")
_CHUNK = re.compile(rb"([0-9a-fA-F]+)\r\n")


def _equal(name: str, ours: Any, theirs: Any) -> None:
    if ours != theirs:
        raise AssertionError(f"{name}: {ours!r} != {theirs!r}")


def method(r1: Any, r2: Any) -> None:
    """The methods are the same, but for case: some clients send another than they were given."""
    _equal("method", r1.method.upper(), r2.method.upper())


def uri(r1: Any, r2: Any) -> None:
    """The URIs are the same, but for a path of ``/``."""
    _equal("uri", _rooted(r1.uri), _rooted(r2.uri))


def scheme(r1: Any, r2: Any) -> None:
    """The schemes are the same."""
    _equal("scheme", r1.scheme, r2.scheme)


def host(r1: Any, r2: Any) -> None:
    """The hosts are the same."""
    _equal("host", r1.host, r2.host)


def port(r1: Any, r2: Any) -> None:
    """The ports are the same."""
    _equal("port", r1.port, r2.port)


def path(r1: Any, r2: Any) -> None:
    """The paths are the same."""
    _equal("path", r1.path or "/", r2.path or "/")


def query(r1: Any, r2: Any) -> None:
    """The parameters are the same, in whatever order."""
    _equal("query", r1.query, r2.query)


def headers(r1: Any, r2: Any) -> None:
    """The headers are the same."""
    _equal("headers", CaseInsensitiveDict(r1.headers), CaseInsensitiveDict(r2.headers))


def raw_body(r1: Any, r2: Any) -> None:
    """The bodies are the same bytes."""
    _equal("body", r1.body or b"", r2.body or b"")


def body(r1: Any, r2: Any) -> None:
    """The bodies say the same: JSON, forms and XML-RPC by their values."""
    ours, theirs = r1.body or b"", r2.body or b""
    readers = _readers(r1)
    if readers == _readers(r2):
        try:
            for read in readers:
                ours, theirs = read(ours), read(theirs)
        except Exception:  # noqa: BLE001 -- it isn't what its headers say, each parser in its words
            ours, theirs = r1.body or b"", r2.body or b""
    _equal("body", ours, theirs)


def _readers(request: Any) -> list[Callable[[Any], Any]]:
    named = CaseInsensitiveDict(request.headers)
    kind = str(named.get("content-type", "")).lower()
    readers: list[Callable[[Any], Any]] = []
    if "chunked" in str(named.get("transfer-encoding", "")).lower():
        readers.append(_unchunked)
    if "application/x-www-form-urlencoded" in kind:
        readers.append(_form)
    if "application/json" in kind:
        readers.append(_json)
    if "text/xml" in kind and "xmlrpc" in str(named.get("user-agent", "")).lower():
        readers.append(_xmlrpc)
    return readers


def _form(data: bytes) -> Any:
    return parse_qs(data.decode("ascii"))


def _json(data: bytes) -> Any:

    return json.loads(data) if data else data


def _xmlrpc(data: bytes) -> Any:
    import xmlrpc.client  # late: rare

    return xmlrpc.client.loads(data) if data else data


def _unchunked(data: bytes) -> bytes:
    """A body without the chunked framing that VCR.py may have stored with it."""
    parts: list[bytes] = []
    at = 0
    while match := _CHUNK.match(data, at):
        size = int(match[1], 16)
        if not size:
            return b"".join(parts)
        parts.append(data[match.end() : match.end() + size])
        at = match.end() + size + 2
    return data


MATCHERS: dict[str, VcrMatcher] = {
    "method": method,
    "uri": uri,
    "url": uri,
    "scheme": scheme,
    "host": host,
    "port": port,
    "path": path,
    "query": query,
    "headers": headers,
    "raw_body": raw_body,
    "body": body,
}

_URI_KEYS: dict[VcrMatcher, Callable[[str, str], Any]] = {
    method: lambda method, _: method.upper(),
    uri: lambda _, uri: _rooted(uri),
    scheme: lambda _, uri: split_uri(uri).scheme,
    host: lambda _, uri: split_uri(uri).hostname,
    port: lambda _, uri: port_of(uri),
    path: lambda _, uri: split_uri(uri).path or "/",
    query: lambda _, uri: tuple(VcrRequest("", uri, None, {}).query),
}


def _rooted(uri: str) -> str:
    parts = split_uri(uri)
    return uri if parts.path else parts._replace(path="/").geturl()


class VcrMatching(Matching):
    """What ``match_on`` says, with VCR.py's matchers.

    :param matchers: functions of two requests in VCR.py's shape.
    :param ignored: what doesn't count, see `pytest_reqord.matching.matchers.Ignoring`.
    """

    def __init__(self, matchers: Sequence[VcrMatcher], ignored: Sequence[str] = ()) -> None:
        super().__init__((), ignored=ignored)
        self.matchers = tuple(matchers)
        self.names = frozenset(name for name, each in MATCHERS.items() if each in self.matchers)
        self._keys = [_URI_KEYS[matcher] for matcher in matchers if matcher in _URI_KEYS]
        self._others = [matcher for matcher in matchers if matcher not in _URI_KEYS]

    def without(self, ignored: Sequence[str]) -> VcrMatching:
        """Return the same matchers for requests without what is ignored."""
        return VcrMatching(self.matchers, ignored) if ignored else self

    def key(self, method: str, uri: str) -> Any:
        """What must be equal, as far as method and URI say it."""
        uri = unsigned(self.counting(uri))
        return tuple(key(method, uri) for key in self._keys)

    def pair(self, live: Request, recorded: Request) -> tuple[Request, Request]:
        """Return two requests as they are compared."""
        return _alike(self.view(live), self.view(recorded))

    def agrees(self, live: Request, recorded: Request) -> bool:
        """Ask the matchers that no key stands for."""
        return not (self._others and self.refusals(live, recorded))

    def refusals(self, live: Request, recorded: Request) -> list[tuple[str, str]]:
        """Return name and reason of each of them that says no."""
        pair = [VcrRequest.of(each) for each in self.pair(live, recorded)]
        return [(name, reason or "") for name, reason in compare(self._others, *pair)[1]]

    @property
    def compares_pairs(self) -> bool:
        """Whether there are matchers that no index can serve."""
        return bool(self._others)


def _alike(live: Request, recorded: Request) -> tuple[Request, Request]:
    """A live and a recorded request without what the client adds of its own accord.

    Older recordings of ours have it. Of an unknown client it is what only one of them has.
    """
    sent = live.headers.sent
    if sent is not None:
        return live, _but_for(recorded, sent.added, sent)
    both = live.headers, recorded.headers
    names = [name for name in _AUTOMATIC if (name in both[0]) != (name in both[1])]
    return _but_for(live, names, None), _but_for(recorded, names, None)


def _but_for(request: Request, names: Container[str], sent: Sent | None) -> Request:
    pairs = [pair for pair in request.headers.pairs if pair[0].lower() not in names]
    return request._replace(headers=Headers(pairs).with_sent(sent))


def _says(matcher: VcrMatcher, r1: Any, r2: Any) -> tuple[bool, str | None]:
    try:
        answer = matcher(r1, r2)
    except AssertionError as error:
        return False, str(error)
    return answer is None or bool(answer), None


def compare(
    matchers: Sequence[VcrMatcher], r1: Any, r2: Any
) -> tuple[list[str], list[tuple[str, str | None]]]:
    """Ask each matcher about two requests.

    :returns: the names of those that said yes, and name and reason of those that said no.
    """
    yes: list[str] = []
    no: list[tuple[str, str | None]] = []
    for matcher in matchers:
        is_yes, reason = _says(matcher, r1, r2)
        name = getattr(matcher, "__name__", repr(matcher))
        if is_yes:
            yes.append(name)
        else:
            no.append((name, reason))
    return yes, no


def chosen(names: Sequence[Any], known: Mapping[str, VcrMatcher]) -> list[VcrMatcher]:
    """The matchers of these names; functions stand for themselves.

    :raises KeyError: if there is none of a name.
    """
    return [known[name] if isinstance(name, str) else name for name in names]
