"""The values: headers, request, response, interaction. All frozen, all comparable.

They are named tuples: to make the three of an interaction takes 1 us instead of 3, and a class
0.2 ms instead of 1. ``value._replace(name=...)`` gives one that differs. At the end stand the
hosts that a URL can name without naming an API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload
from urllib.parse import urlsplit

from pytest_reqord.base import content_coding
from pytest_reqord.base.real import json, os

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from typing_extensions import Self

__all__ = [
    "LEAVE_OUT",
    "Arrival",
    "Client",
    "Failure",
    "Headers",
    "Host",
    "Interaction",
    "LeaveOut",
    "Request",
    "Response",
    "Sent",
    "host_of",
    "one_line",
    "place_of",
    "with_socket",
    "without_secrets",
    "without_socket",
]

T = TypeVar("T")
_NEW_LINE = re.compile(r"[\r\0]|\n(?![ \t])")


def _line(name: str, value: str) -> str:
    line = f"{name}: {value}" if name and value else f"{name}:" if name else value
    if "\n" in line or "\r" in line or "\0" in line:
        line = one_line(name) + line[len(name) :].replace("\r\n", "\n")
        line = _NEW_LINE.sub(" ", line)
    return line


def one_line(text: str) -> str:
    """Text with a blank for each CR, LF and NUL, as RFC 9110, section 5.5, has recipients do it."""
    return text.replace("\r", " ").replace("\n", " ").replace("\0", " ")


class LeaveOut(Enum):
    """What a redactor returns in place of an interaction."""

    LEAVE_OUT = "leave out"
    """That it is to be no part of the cassette."""


LEAVE_OUT = LeaveOut.LEAVE_OUT


class Headers(Mapping[str, str]):
    """The header lines of a message, with their order, case and repeats. Lookups ignore case.

    Values are text in which each character is one byte (Latin-1), as HTTP/1.1 sends them.
    ``headers[name]`` joins repeated lines with a comma (RFC 9110, section 5.2); `get_all`
    keeps them apart, as ``Set-Cookie`` needs it.
    """

    __slots__ = ("_values", "pairs", "sent")

    pairs: tuple[tuple[str, str], ...]
    sent: Sent | None
    """Who sent them and what is left out of them, of `given`; no part of the value."""

    def __init__(self, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        if isinstance(headers, Headers):
            pairs: Iterable[tuple[str, str]] = headers.pairs
        elif isinstance(headers, Mapping):
            pairs = headers.items()
        else:
            pairs = headers
        if not isinstance(pairs, Iterable):
            raise TypeError(_refusal(headers))
        given = tuple(pairs)  # what goes wrong in a generator is its own error
        try:
            self.pairs = tuple(
                [
                    (name, value) if type(name) is str is type(value) else _pair(name, value)
                    for name, value in given
                ]
            )
        except ValueError as error:
            raise TypeError(_refusal(headers)) from error
        self._values: dict[str, list[str]] | None = None
        self.sent = None

    @staticmethod
    @lru_cache(maxsize=2048)  # the same lines repeat all through a cassette
    def parse(text: str) -> Headers:
        """Read the lines of a message, ``Name: value`` each, without the carriage returns.

        A line that starts with a blank or a tab continues the value before it. One without a
        name is no header at all; it is kept, for a client may stop reading there, as the value
        of an empty name.
        """
        pairs: list[tuple[str, str]] = []
        for line in text.split("\n"):
            if line[:1] in (" ", "\t") and pairs:
                name, value = pairs[-1]
                pairs[-1] = (name, f"{value}\n{line}")
            elif line:
                name, colon, value = line.partition(":")
                pairs.append((name, value.lstrip(" \t")) if name and colon else ("", line))
        return Headers(pairs)

    @property
    def text(self) -> str:
        """The lines of the message, each with its line end; the inverse of `parse`.

        A line break in a value is a blank here, unless a blank or a tab follows it: what came in
        as one header never goes out as two.
        """
        return "".join(f"{_line(name, value)}\n" for name, value in self.pairs)

    def given(self, client: Client) -> Headers:
        """The lines that a client was called with, without those that it added."""
        names = client.adds(self)
        added = [pair for pair in self.pairs if pair[0].lower() in names]
        left = [pair for pair in self.pairs if pair[0].lower() not in names] if added else self
        return Headers(left).with_sent(Sent(client, Headers(added)))

    def with_sent(self, sent: Sent | None) -> Headers:
        """The same lines, sent by somebody."""
        headers = Headers(self)
        headers.sent = sent
        return headers

    def get_all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, in the order of the lines."""
        return tuple(self._by_name().get(name.lower(), ()))

    def _by_name(self) -> dict[str, list[str]]:
        if self._values is None:
            values: dict[str, list[str]] = {}
            for name, value in self.pairs:
                values.setdefault(name.lower(), []).append(value)
            self._values = values
        return self._values

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._by_name()[name.lower()])

    @overload
    def get(self, key: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, key: str, default: str | T, /) -> str | T: ...
    def get(self, key: str, default: Any = None, /) -> Any:
        """The value of a header, repeated lines joined; ``default`` where there is none."""
        values = (self._values or self._by_name()).get(key.lower())  # every request asks ten times
        if values is None:
            return default
        return values[0] if len(values) == 1 else ", ".join(values)

    def has_any(self, names: frozenset[str]) -> bool:
        """Whether one of these headers is there.

        :param names: their names, in lower case.
        """
        return not names.isdisjoint(self._values or self._by_name())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._by_name()

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self.pairs))

    def __len__(self) -> int:
        return len(self._by_name())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Headers):
            return self.pairs == other.pairs
        return super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self.pairs)

    def __repr__(self) -> str:
        return f"Headers({list(self.pairs)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, (self.pairs,)


def _pair(name: Any, value: Any) -> tuple[str, str]:
    """A header line that wasn't given as two texts: numbers become text, bytes as they are sent."""
    name, value = (
        one.decode("latin-1") if isinstance(one, bytes) else one for one in (name, value)
    )
    if not isinstance(name, str) or not isinstance(value, (str, int, float)):
        what = type(value).__name__  # and not the value, which may be secret
        raise TypeError(f"the header {name!r} has a value of type {what}, and has to have text")
    return str(name), str(value)


def _refusal(headers: Any) -> str:
    """Why headers are none."""
    return (
        "headers have to be a mapping, or pairs of a name and a value:"
        f" this {type(headers).__name__} is neither"
    )


def _headers(headers: Any) -> Headers:
    return headers if isinstance(headers, Headers) else Headers(headers)


class Client(NamedTuple):
    """What sends a request, for those who want it as its caller has put it.

    :param name: its name.
    :param adds: names in lower case the header lines that it adds of its own accord.
    :param unpacks: whether it gives its caller bodies with their ``Content-Encoding`` undone.
    :param body_type: the media type of a body that it made of a value of its caller's; else empty.
    """

    name: str
    adds: Callable[[Headers], Collection[str]]
    unpacks: bool = True
    body_type: str = ""


class Sent(NamedTuple):
    """Who sent a request.

    :param client: the client.
    :param added: the header lines that it added of its own accord.
    """

    client: Client
    added: Headers


class _Message:
    """What requests and responses share: a body that can be read as text and as JSON."""

    __slots__ = ()

    headers: Headers
    body: bytes

    @property
    def content(self) -> bytes:
        """The unpacked body: its ``Content-Encoding`` is undone, if that is possible."""
        coding = self.headers.get("content-encoding")
        unpacked = content_coding.decode(self.body, coding) if coding and self.body else None
        return self.body if unpacked is None else unpacked

    @property
    def text(self) -> str:
        """The unpacked body as text, in the charset that its ``Content-Type`` names or UTF-8."""
        _, _, charset = self.headers.get("content-type", "").lower().partition("charset=")
        charset = charset.partition(";")[0].strip(" \"'")
        try:
            return self.content.decode(charset or "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Parse the unpacked body as JSON.

        :raises ValueError: if it isn't JSON.
        """
        return json.loads(self.content)


class _RequestFields(NamedTuple):
    method: str
    uri: str
    headers: Headers
    body: bytes


class Request(_RequestFields, _Message):
    """A request as it was sent.

    :param method: the method, as it stood on the request line.
    :param uri: the whole URI, scheme and host included.
    :param headers: the header lines, ``Content-Length`` and the like included.
    :param body: the body without its transfer coding (chunked framing); empty if there is none.
    :raises TypeError: if the headers are neither `Headers`, a mapping nor pairs.
    """

    __slots__ = ()

    def __new__(  # noqa: D102 -- it makes what the class says
        cls,
        method: str,
        uri: str,
        headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]],
        body: bytes,
    ) -> Self:
        return tuple.__new__(cls, (method, uri, _headers(headers), body))

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:  # type: ignore[override]  # mypy has its own
        return cls(*iterable)  # so that `_replace` checks, too


class Arrival(NamedTuple):
    """Body bytes that came later than what was before them.

    :param offset: their first position in the body; the body's length for its end alone.
    :param time: seconds from the start of the request until they came.
    """

    offset: int
    time: float


class Failure(NamedTuple):
    """The error that came instead of a response (``record_errors``), or of the rest of one.

    :param kind: the exception's qualified name, such as ``httpx.ConnectTimeout``.
    :param message: its text.
    :param details: further arguments of its class, as text by name (``errno``, ...).
    """

    kind: str
    message: str
    details: Mapping[str, str] = {}


class _ResponseFields(NamedTuple):
    status: int
    reason: str
    headers: Headers
    body: bytes
    http_version: str = "1.1"
    trailers: Headers = Headers()
    chunks: tuple[int, ...] | None = None
    arrivals: tuple[Arrival, ...] = ()
    interim: tuple[int, ...] = ()
    complete: bool = True
    broken: Failure | None = None


class Response(_ResponseFields, _Message):
    """A response as it was received.

    :param status: the status code.
    :param reason: the reason phrase, empty if there is none (HTTP/2 has none).
    :param headers: the header lines.
    :param body: the body without its transfer coding, still in its content coding;
        `content` is the unpacked one.
    :param http_version: ``1.1``, ``1.0``, ``2`` ...
    :param trailers: header lines that came after the body.
    :param chunks: the sizes of the chunks of a chunked body; None for any other.
    :param arrivals: for a stream, when its parts came; empty for a body that came in one go.
    :param interim: status codes of the interim responses before this one, such as 100.
    :param complete: False if the connection or the reader stopped before the end.
    :param broken: how the connection broke in the middle of the body; None if it didn't.
    :raises TypeError: if the headers are neither `Headers`, a mapping nor pairs.
    """

    __slots__ = ()

    def __new__(  # noqa: D102, PLR0917 -- it makes what the class says, of its eleven parts
        cls,
        status: int,
        reason: str,
        headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]],
        body: bytes,
        http_version: str = "1.1",
        trailers: Headers | Mapping[str, str] | Iterable[tuple[str, str]] = Headers(),  # noqa: B008 -- frozen
        chunks: tuple[int, ...] | None = None,
        arrivals: tuple[Arrival, ...] = (),
        interim: tuple[int, ...] = (),
        complete: bool = True,
        broken: Failure | None = None,
    ) -> Self:
        parts = (
            status, reason, _headers(headers), body, http_version, _headers(trailers), chunks,
            arrivals, interim, complete, broken,
        )  # fmt: skip
        return tuple.__new__(cls, parts)

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:  # type: ignore[override]  # mypy has its own
        return cls(*iterable)  # so that `_replace` checks, too


class _InteractionFields(NamedTuple):
    request: Request
    response: Response | None
    recorded_at: datetime
    recorded_by: str = ""
    elapsed: float = 0.0
    failure: Failure | None = None
    rerecorded_at: datetime | None = None


class Interaction(_InteractionFields):
    """One request and what came back.

    :param request: the request, redacted.
    :param response: the response, redacted; None if the request failed.
    :param recorded_at: the time at which the request started, UTC with microseconds. An interaction
        that replaced another one has the time of that one, and its place in the cassette.
    :param recorded_by: the id of the test that recorded it, empty outside of a test.
    :param elapsed: seconds from the start of the request to the end of the response.
    :param failure: the error that came in place of a response.
    :param rerecorded_at: the time at which it replaced another one; None if it never did.
    """

    __slots__ = ()

    def __new__(  # noqa: D102, PLR0917 -- it makes what the class says, of its seven parts
        cls,
        request: Request,
        response: Response | None,
        recorded_at: datetime,
        recorded_by: str = "",
        elapsed: float = 0.0,
        failure: Failure | None = None,
        rerecorded_at: datetime | None = None,
    ) -> Self:
        if (response is None) == (failure is None):
            message = "an interaction has either a response or a failure"
            raise ValueError(message)
        if recorded_at.tzinfo is not timezone.utc:
            recorded_at = recorded_at.astimezone(timezone.utc)
        parts = (request, response, recorded_at, recorded_by, elapsed, failure, rerecorded_at)
        return tuple.__new__(cls, parts)  # what a named tuple does, at half the price

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:  # type: ignore[override]  # mypy has its own
        return cls(*iterable)  # so that `_replace` checks, too

    @property
    def answered_at(self) -> datetime:
        """The time of the answer; the age of the interaction counts from here."""
        return self.rerecorded_at or self.recorded_at


# Hosts that are not an API: this machine, and the cloud's metadata services.


_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 -- compared, not bound

# credentials come from these, so they are never recorded; SDKs ask them on their own account
_METADATA = frozenset(
    {
        "169.254.169.254",  # AWS, Azure, GCP, OpenStack, DigitalOcean
        "fd00:ec2::254",  # AWS over IPv6
        "169.254.170.2",  # AWS ECS
        "169.254.170.23",  # AWS EKS
        "metadata.google.internal",
        "metadata",  # GCP's short name
        "100.100.100.200",  # Alibaba
    }
)


class Host(NamedTuple):
    """The host that a URI names.

    :param name: its name or address, in lower case; empty where there is none.
    :param is_local: whether it is this machine, as VCR.py's ``ignore_localhost`` has it.
    :param is_metadata: whether it is a cloud's metadata service.
    """

    name: str
    is_local: bool
    is_metadata: bool


def host_of(uri: str) -> Host:
    """Tell which host a URI names, and of which kind it is."""
    base = _BASE.match(uri)  # most URIs are new, and taking one apart takes 20 us; few hosts are
    return _host(uri if base is None else base[0])


_BASE = re.compile(r"[a-z]+://[^/?#]*")


@lru_cache(maxsize=1024)
def _host(uri: str) -> Host:
    parts = urlsplit(without_socket(uri))
    name = (parts.hostname or "").lower()
    return Host(name, name in _LOCAL, name in _METADATA)


def place_of(uri: str) -> str:
    """Return the host of a URI with its port, that of the scheme where it names none."""
    base = _BASE.match(uri)
    return _place(uri if base is None else base[0])


@lru_cache(maxsize=1024)
def _place(uri: str) -> str:
    name = _host(uri).name
    parts = urlsplit(uri)
    try:
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:  # no number
        port = 0
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


_PORTS = {"http": 80, "https": 443}


def with_socket(uri: str, path: object) -> str:
    """Return a URI with the name of the Unix socket that it is asked through before its host.

    ``http://docker.sock+localhost/info``: two daemons have one URL, and differ in that alone. The
    folder is left out, for it differs from machine to machine; so is a name that looks made up.
    """
    text = os.fsdecode(path) if isinstance(path, (bytes, os.PathLike)) else str(path)
    name = re.sub(r"[^a-z0-9._-]", "-", text.replace("\0", "").rpartition("/")[2].lower())
    if not name or _MADE_UP.search(name):
        return uri
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{name}+{rest}"


def without_socket(uri: str) -> str:
    """Return a URI without the name of a Unix socket."""
    return _SOCKET.sub(r"\1", uri) if "+" in uri else uri


_SOCKET = re.compile(r"\A([a-z]+://)[a-z0-9._-]+\+")
# of tempfile or uuid: the next run has another one
_MADE_UP = re.compile(r"\Atmp[a-z0-9_]{8}|(?=[a-f]*[0-9])[0-9a-f]{8}")


def without_secrets(uri: str) -> str:
    """A URI without user info and query, for where nothing that redacts is at hand."""
    scheme, separator, rest = uri.partition("?")[0].partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"
