"""What other tools wrote about an interaction, made into an `Interaction`."""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

from pytest_reqord.base import content_coding
from pytest_reqord.base.clock import parse_time
from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.base.real import json
from pytest_reqord.codec import safe_yaml
from pytest_reqord.codec.entries import HEADER, Document, Entry, Source, head_with
from pytest_reqord.codec.scalars import is_plain
from pytest_reqord.codec.values import status_of

__all__ = [
    "ForeignEntry",
    "OtherEntry",
    "as_ours",
    "document",
    "framed_once",
    "index",
    "is_marked",
    "load_json",
    "marked",
    "marked_value",
    "plain_value",
    "response",
    "to_interaction",
    "unmarked_value",
    "value_of",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_BODILESS = (204, 304)
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_GZIP_HEAD = 10  # bytes of a head without a comment
_MARK = b"\x1f\x8b\x08\x10\0\0\0\0\0\xffplain in VCR.py\0"  # a head with a comment
_VALUE = b"\n\t\n"  # blanks, for a reader of JSON
_ZSTD_START = b"\x28\xb5\x2f\xfd"


def to_interaction(item: Any, position: int) -> Interaction:
    """Make an interaction.

    :param position: its place in the file, from which a time is made up where there is none.
    """
    message = _mapping(item, "response")
    request = _request(
        _mapping(item, "request"), is_vcrs=isinstance(message.get("status"), Mapping)
    )
    answer = response(message, request.method)
    try:
        recorded_at = parse_time(item["recorded_at"])
    except (KeyError, ValueError, AttributeError):
        recorded_at = _EPOCH + timedelta(microseconds=position)
    return Interaction(request, answer, recorded_at)


def _request(request: Mapping[str, Any], *, is_vcrs: bool) -> Request:
    method, uri = request.get("method"), request.get("uri", request.get("url"))
    if not isinstance(method, str) or not isinstance(uri, str):
        raise ValueError("the request has no method or no uri")  # noqa: TRY004 -- a bad file
    body = request.get("body")
    data = _json(body) if is_vcrs and _is_value(body) else _body(request)
    return Request(str(method), str(uri), Headers(_pairs(request.get("headers"))), data)


def response(message: Mapping[str, Any], method: str) -> Response:
    """Make a response of what a file says of one.

    :param method: the request's method.
    :raises ValueError: if it isn't one.
    """
    status: Any = message.get("status", message.get("status_code"))
    reason: Any = ""
    if isinstance(status, Mapping):
        status, reason = status.get("code"), status.get("message") or ""
    if status is None:
        raise ValueError("the response has no status")
    status = status_of(status, "the response's status")
    has_body = method.upper() != "HEAD" and status not in _BODILESS
    headers, body = Headers(_pairs(message.get("headers"))), _body(message)
    if has_body:
        headers, body = _on_the_wire(headers, body)
        headers = framed_once(headers)
    chunks = None
    if has_body and "chunked" in headers.get("transfer-encoding", "").lower():
        chunks = (len(body),) if body else ()
    version = str(message.get("http_version") or "1.1").upper().removeprefix("HTTP/")
    return Response(status, str(reason), headers, body, version, chunks=chunks)


def _on_the_wire(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Undo what VCR.py's stubs leave open: under ``Content-Encoding`` the body may be plain.

    With urllib3 2 they don't decode on replay and store plain bodies under the header of the
    packed one; with httpx they do and store what was on the wire. A client of ours always
    decodes, so what isn't packed is packed here (gzip, deflate), or loses the header (br, zstd).
    ``Content-Length`` follows, for it would end the body early or never.
    """
    coding = _coding(headers)
    if coding and body and content_coding.decode(body, coding) is None:
        if coding in _WINDOWS:
            body = _packed(body, coding)
        elif _is_text(body) and not body.startswith(_ZSTD_START):
            headers = _without_coding(headers)
    return _with_length(headers, body), body


def marked(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """A body that is to stand plain in a file of VCR.py's, and says so: packed as nobody else does.

    :param headers: what it comes with; they say how long it was.
    """
    coding = _coding(headers)
    if coding in _WINDOWS:
        return headers, _marked(body, coding)
    headers = _without_coding(headers)
    return _with_length(headers, body), body


def _coding(headers: Headers) -> str:
    return headers.get("content-encoding", "").strip().lower()


def _without_coding(headers: Headers) -> Headers:
    return Headers([pair for pair in headers.pairs if pair[0].lower() != "content-encoding"])


def framed_once(headers: Headers) -> Headers:
    """Leave out ``Transfer-Encoding`` where ``Content-Length`` says where the body ends.

    A message has one of them (RFC 9112, section 6.2), and parsers refuse both (aiohttp 3.9 and
    newer). Files of VCR.py have both where its ``decode_compressed_response`` added a length, or a
    suite's hook did; its stub for urllib3 leaves the same one out.
    """
    if headers.get("content-length") is None or headers.get("transfer-encoding") is None:
        return headers
    return Headers([pair for pair in headers.pairs if pair[0].lower() != "transfer-encoding"])


def _with_length(headers: Headers, body: bytes) -> Headers:
    length = str(len(body))
    pairs = tuple(
        (name, length if name.lower() == "content-length" else value)
        for name, value in headers.pairs
    )
    return headers if pairs == headers.pairs else Headers(pairs)


def _packed(body: bytes, coding: str) -> bytes:
    """Pack a body that stands plain in its file, always to the same bytes."""
    packer = zlib.compressobj(wbits=_WINDOWS[coding])
    return packer.compress(body) + packer.flush()


def as_ours(played: Interaction, item: Any) -> Interaction:
    """What is written of an interaction in our format, so that the way back is known.

    Its length is what its file says of it; who plays it corrects that. A body that stands plain
    there, and had to be packed, is packed as nobody else packs it.

    :param played: the interaction as it is played.
    :param item: its data.
    """
    response, message = played.response, item["response"]
    headers = Headers(_pairs(message.get("headers")))
    if response is None or headers.keys() != response.headers.keys():  # it is no longer packed
        return played
    body, chunks = response.body, response.chunks
    in_file = _body(message)
    if body and body != in_file:
        body = _marked(in_file, _coding(headers))
        chunks = (len(body),) if chunks else chunks
    return played._replace(response=response._replace(headers=headers, body=body, chunks=chunks))


def _marked(body: bytes, coding: str) -> bytes:
    """Pack a body with a mark that says that it is plain in a file of VCR.py's."""
    if coding == "deflate":  # which has no room for one, but an empty block at its end
        packer = zlib.compressobj(wbits=_WINDOWS[coding])
        return packer.compress(body) + packer.flush(zlib.Z_SYNC_FLUSH) + packer.flush()
    return _MARK + _packed(body, coding)[_GZIP_HEAD:]


def is_marked(body: bytes, unpacked: bytes, coding: str) -> bool:
    """Whether a body was packed here because it is plain in a file of VCR.py's.

    :param coding: what it is packed with.
    """
    return coding in _WINDOWS and body == _marked(unpacked, coding)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_value(body: Any) -> bool:
    """Whether a body is the value that a client was called with and has sent as JSON, as aiohttp's.

    A list may also be of the pieces that an iterator has given.
    """
    if isinstance(body, list):
        return not all(isinstance(one, bytes) or type(one) is str for one in body)
    if isinstance(body, (bool, float)):
        return True
    if not isinstance(body, Mapping):
        return False
    keys = body.keys() - {"encoding"}
    is_typed = keys <= {"type", "content"} and body.get("type", "text") in _TYPES
    return not keys or not (is_typed or keys in ({"string"}, {"base64_string"}))


_TYPES = ("none", "json", "text", "binary", "base64", "bytes")
"""What cassetter says that a body is."""


def value_of(body: bytes, media_type: str) -> Any:
    """The value that a client was called with and has made a body of; None where there is none.

    :param media_type: what it made: JSON, or a form. One that VCR.py recorded is JSON in either
        case, as it is read here.
    """
    body = body.removeprefix(_VALUE)
    is_form = media_type.startswith("application/x-www-form-urlencoded")
    if not is_form and not media_type.startswith("application/json"):
        return None
    if is_form and body[:1] not in (b"{", b"["):
        return _fields(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    try:
        value = json.loads(body)
        return _fields((str(name), str(each)) for name, each in _items(value)) if is_form else value
    except (ValueError, TypeError, RecursionError):
        return None


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else value


def _fields(pairs: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    """The fields of a form; None where one has two values, which no mapping can say."""
    listed = list(pairs)
    fields = dict(listed)
    return fields if len(fields) == len(listed) else None


def marked_value(value: Any) -> bytes:
    """A body that is to stand as a value in a file of VCR.py's, and says so: JSON as nobody else has it."""
    return value.encode() if isinstance(value, str) else _VALUE + json.dumps(value).encode()


def plain_value(body: bytes) -> bytes:
    """What a file of VCR.py's with such a body is read as; all others stay as they are."""
    return _json(unmarked_value(body)) if body.startswith(_VALUE) else body


def unmarked_value(body: bytes) -> Any:
    """The value of such a body; None for all others."""
    return json.loads(body) if body.startswith(_VALUE) else None


def _body(message: Mapping[str, Any]) -> bytes:
    if message.get("parsed_body") is not None:
        return _json(message["parsed_body"])
    body = message.get("body", message.get("content"))
    if isinstance(body, Mapping):
        if "base64_string" in body:
            return binascii.a2b_base64(_bytes(body["base64_string"]))
        if "content" in body or "type" in body:
            return _typed_body(str(body.get("type", "text")), body.get("content"))
        if body.keys() - {"encoding"} and body.keys().isdisjoint(("string", "text")):
            raise ValueError("a body has no string")
        body = body.get("string", body.get("text"))
    return _bytes(body)


def _typed_body(kind: str, value: Any) -> bytes:
    """A body of cassetter."""
    if kind == "json":
        return _json(value)
    if kind in ("base64", "binary", "bytes") and isinstance(value, str):
        return binascii.a2b_base64(value)
    return _bytes(value)


def _json(value: Any) -> bytes:

    return json.dumps(safe_yaml.typed(value)).encode()


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):  # an iterator that was read
        return b"".join(map(_bytes, value))
    if isinstance(value, Mapping):
        raise ValueError("a body is neither text nor bytes")  # noqa: TRY004 -- a bad file
    return str(value).encode("utf-8", "surrogatepass")


def _pairs(headers: Any) -> Iterator[tuple[str, str]]:
    named = list(headers.items()) if isinstance(headers, Mapping) else headers or []
    if not isinstance(named, list) or not all(map(_is_pair, named)):
        raise ValueError("headers are neither a mapping nor a list of pairs")
    for name, values in named:
        for value in values if isinstance(values, list) else (values,):
            if isinstance(value, (list, Mapping)):
                raise ValueError(f"the header {name} is not text")  # noqa: TRY004 -- a bad file
            yield (
                str(name),
                _bytes(value).decode("latin-1")
                if isinstance(value, bytes)
                else ("" if value is None else str(value)),
            )


def _is_pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2  # noqa: PLR2004 -- name and value


def _mapping(item: Any, key: str) -> Mapping[str, Any]:
    value = item.get(key) if isinstance(item, Mapping) else None
    if not isinstance(value, Mapping):
        raise ValueError(f"the interaction has no {key}")  # noqa: TRY004 -- a bad file
    return value


# Cassettes that VCR.py, cassetter or pydantic-ai's serializer wrote, in whatever layout.


class ForeignEntry(Entry):
    """An entry of another tool.

    :param interaction: what it says.
    :param item: its data as it stands in the file.
    """

    __slots__ = ("_item",)
    is_vcr = True
    """Whether its data may stand in a file of VCR.py's as it is."""

    def __init__(self, interaction: Interaction, item: Any) -> None:
        super().__init__(interaction)
        self._item = item

    def item(self) -> Any:
        """Its data, for a file in the same format."""
        return safe_yaml.typed(self._item)

    def as_ours(self) -> Interaction:
        """See `Entry.as_ours`: it tells how its body and its length stood in its file."""
        return as_ours(self.interaction(), self.item())

    def may_have(self, text: bytes) -> bool:
        """See `Entry`."""
        stored = self.vcr_text()
        return stored is None or text in stored

    def vcr_text(self) -> bytes | None:
        """How it stands in a file that VCR.py's emitter wrote; None where it was another."""
        return None


class OtherEntry(ForeignEntry):
    """An entry of a tool whose data VCR.py can't read."""

    __slots__ = ()
    is_vcr = False


def load_json(text: str) -> safe_yaml.Loaded | None:
    """Read JSON of another tool; None for all else."""
    if not text.lstrip().startswith("{"):
        return None

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if "reqord" in value else safe_yaml.Loaded(value, {}, None, has_aliases=False)


def document(source: Source, loaded: safe_yaml.Loaded) -> Document:
    """Read a whole document of another tool.

    :raises CassetteFormatError: if it isn't one that we know.
    """
    top = loaded.value
    items = top["interactions"] or []
    if not isinstance(items, list):
        raise source.broken("interactions is not a list", 1)
    if "version" not in top and not all(map(_is_surely_of_vcr, items)):
        raise source.broken("it has no version: reqord: 1 for ours, version: 1 for VCR.py's", 1)
    if str(top.get("version", 1)) != "1":
        reason = f"it has version {top['version']} of its format; this pytest-reqord reads 1"
        raise source.error(reason, "Record the cassette anew", 1)
    places = loaded.items.get("interactions", ())
    tool = _tool(items)
    entries: list[Entry] = []
    for position, item in enumerate(items):
        try:
            kind = ForeignEntry if tool == "vcr" else OtherEntry
            entries.append(kind(to_interaction(item, position), item))
        except (ValueError, TypeError) as error:
            line = places[position].line + 1 if places else 1
            raise source.broken(str(error), line) from error
    extra = {
        key: safe_yaml.typed(top[key]) for key in top if key not in ("version", "interactions")
    }
    is_json = not loaded.items and source.data.lstrip().startswith(b"{")
    return Document(entries, format=tool, head=head_with(extra), extra=extra, is_json=is_json)


def _is_surely_of_vcr(item: Any) -> bool:
    """Whether an interaction is laid out as only VCR.py does it, which asks for no version."""
    response = item.get("response") if isinstance(item, Mapping) else None
    return isinstance(response, Mapping) and isinstance(response.get("status"), Mapping)


def _tool(items: list[Any]) -> str:
    response = items[0].get("response") if items and isinstance(items[0], Mapping) else {}
    if not isinstance(response, Mapping):
        return "vcr"
    is_vcr = isinstance(response.get("status", {}), Mapping)
    return "vcr" if is_vcr else "cassetter"


# Cassettes of other tools as their emitters write them: found by a scan, decoded when needed.


_NEXT = b"\n- request:\n"
_NEXT_ENTRY = re.compile(rb"\n(?=- request:\n    [a-z])")  # and no line of a quoted text
_AFTER = re.compile(rb"\n(?=[^ \n])")
_PLACEHOLDER, _OURS = "[FILTERED]", "[REDACTED]"
_OF_CASSETTER = re.compile(rb"\n    status: [0-9]")
_LAST_LINE = re.compile(rb"^interactions:\n\Z", re.MULTILINE)
_HEAD_AND_TAIL = b"interactions:\n", b"version: 1\n"  # but for metadata, all of VCR.py's
# method and URI as cassetter has them, first of all, and as VCR.py's sorted keys have them
_FIRST = re.compile(rb"- request:\n    method: ([A-Z]+)\n    uri: ([!-~]+)\n")
_LAST = re.compile(rb"\n    method: ([A-Z]+)\n    uri: ([!-~]+)\n  response:\n")
_KEYS = b"\n    method: ", b"\n    uri: ", b"\n  response:"
"""What an entry has once; where it is there twice, one may be part of a text, and the last counts."""


class _Indexed(ForeignEntry):
    """An entry of VCR.py's that was found but not decoded."""

    __slots__ = ("_decoded", "_end", "_found", "_position", "_source", "_start")

    def __init__(self, source: Source, start: int, end: int, position: int) -> None:
        self._decoded: Interaction | None = None
        self._text = None
        self._source = source
        self._start = start
        self._end = end
        self._position = position
        self._found: tuple[str, str] | None = None

    def interaction(self) -> Interaction:
        if self._decoded is None:
            self._decoded = self._decode()
        return self._decoded

    @property
    def recorded_by(self) -> str:
        return ""

    @property
    def method(self) -> str:
        return (self._found or self._head())[0]

    @property
    def uri(self) -> str:
        return (self._found or self._head())[1]

    def _head(self) -> tuple[str, str]:
        place = self._source.data, self._start, self._end
        match = _FIRST.match(*place) or _LAST.search(*place)
        method, uri = (match[1].decode(), match[2].decode()) if match else ("", "")
        is_said_once = all(self._source.data.count(key, *place[1:]) == 1 for key in _KEYS)
        if not is_said_once or not is_plain(uri):
            request = self.interaction().request
            method, uri = request.method, request.uri
        self._found = method, uri
        return self._found

    def _decode(self) -> Interaction:
        line = self._source.line(self._start)
        try:
            return to_interaction(self._load(), self._position)
        except safe_yaml.SafeError as error:
            raise self._source.unsafe(error, line - 1) from error
        except (ValueError, TypeError) as error:
            raise self._source.broken(str(error), line) from error

    def _load(self) -> Any:
        (item,) = safe_yaml.load(self.vcr_text().decode()).value
        return item

    def item(self) -> Any:
        return safe_yaml.typed(self._load())

    def vcr_text(self) -> bytes:
        return self._source.data[self._start : self._end]


class _IndexedOther(_Indexed):
    """The same, of cassetter's, whose placeholder for a secret is read as ours."""

    __slots__ = ()
    is_vcr = False

    def _head(self) -> tuple[str, str]:
        method, uri = super()._head()
        self._found = method, uri.replace(_PLACEHOLDER, _OURS)
        return self._found

    def _load(self) -> Any:
        text = self.vcr_text().decode().replace(_PLACEHOLDER, _OURS)
        (item,) = safe_yaml.load(text).value
        return item


def index(source: Source) -> Document | None:
    """Find the entries of a file of VCR.py's or cassetter's emitter.

    :returns: None where it is not laid out in that way.
    """
    data = source.data
    starts = [found.end() for found in _NEXT_ENTRY.finditer(data)]
    if (
        not starts
        or len(starts) != data.count(_NEXT)
        or not data.endswith(b"\n")
        or b" &id0" in data
    ):  # an anchor is for others, too
        return None
    first = starts[0]
    after = _AFTER.search(data, starts[-1])
    end = after.end() if after else len(data)
    if after and not data[end : end + 1].isalpha():  # no key, and part of what is before it
        return None
    extra = _extra(data[:first], data[end:])
    if extra is None or _lines_between(data, first, end) != len(starts) - 1:
        return None
    ends = [*starts[1:], end]
    is_vcr = _OF_CASSETTER.search(data, first, ends[0]) is None
    kind = _Indexed if is_vcr else _IndexedOther
    entries = [kind(source, *place, at) for at, place in enumerate(zip(starts, ends, strict=True))]
    head = head_with(extra) if extra else HEADER
    return Document(entries, format="vcr" if is_vcr else "cassetter", head=head, extra=extra)


def _lines_between(data: bytes, start: int, end: int) -> int:
    """How many lines but the first are neither indented nor blank."""
    lines = data.count(b"\n", start, end - 1)
    indented = data.count(b"\n ", start, end)
    if b"\n\n" in data:
        return sum(1 for _ in _AFTER.finditer(data, start, end))
    return lines - indented


def _extra(head: bytes, tail: bytes) -> Mapping[str, Any] | None:
    """The keys beside the entries that say neither version nor entries; None for another layout.

    :param head: what is before the entries.
    :param tail: what is after them.
    """
    if (head, tail) == _HEAD_AND_TAIL:
        return {}
    try:
        parts = [safe_yaml.load(part.decode()) for part in (head, tail) if part.strip()]
    except (safe_yaml.SafeError, UnicodeDecodeError):
        return None
    if any(not isinstance(part.value, dict) or part.duplicate for part in parts):
        return None
    top = {key: value for part in parts for key, value in part.value.items()}
    is_last = _LAST_LINE.search(head) and list(parts[0].value)[-1:] == ["interactions"]
    if not is_last or top["interactions"] is not None:
        return None
    if str(top.get("version")) != "1" or "reqord" in top:
        return None
    return {key: safe_yaml.typed(top[key]) for key in top if key not in ("version", "interactions")}
