"""Cassettes that VCR.py, cassetter or pydantic-ai's serializer wrote, read as they are."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from pytest_reqord import content
from pytest_reqord.clock import parse_time
from pytest_reqord.codec import safe
from pytest_reqord.codec.document import Document, Entry, Source
from pytest_reqord.codec.scalars import is_plain
from pytest_reqord.models import Headers, Interaction, Request, Response

if TYPE_CHECKING:
    from pytest_reqord.errors import CassetteFormatError

__all__ = ["document", "index", "load_json"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NEXT = b"\n- request:\n"
_END = b"\nversion: 1\n"
_HEAD = re.compile(rb"\n    method: ([A-Z]+)\n    uri: ([!-~]+)\n  response:\n")
_BODILESS = (204, 304)
_ZSTD_START = b"\x28\xb5\x2f\xfd"


class _ForeignEntry(Entry):
    """An entry as VCR.py's emitter writes it, found but not decoded."""

    __slots__ = ("_end", "_found", "_position", "_source", "_start")

    def __init__(self, source: Source, start: int, end: int, position: int) -> None:
        super().__init__(None)
        self._source = source
        self._start = start
        self._end = end
        self._position = position
        self._found: tuple[str, str] | None = None

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
        match = _HEAD.search(self._source.data, self._start, self._end)
        method, uri = (match[1].decode(), match[2].decode()) if match else ("", "")
        if not is_plain(uri):
            method, uri = super().method, super().uri
        self._found = method, uri
        return self._found

    def _decode(self) -> Interaction:
        line = self._source.line(self._start)
        try:
            (item,) = safe.load(self._source.data[self._start : self._end].decode()).value
            return _interaction(item, self._position)
        except safe.SafeError as error:
            raise self._source.unsafe(error, line - 1) from error
        except (ValueError, TypeError) as error:
            raise self._source.broken(str(error), line) from error


def index(source: Source) -> Document | None:
    """Find the entries of a file of VCR.py's emitter.

    :returns: None where it is not laid out in that way.
    """
    data = source.data
    end = len(data) - len(_END) + 1
    if not data.endswith(_END) or b" &id0" in data:  # an anchor may be meant for other entries
        return None
    starts = []
    start = data.find(_NEXT) + 1
    while start:
        starts.append(start)
        start = data.find(_NEXT, start) + 1
    lines = data.count(b"\n", starts[0], end)
    other = data.count(b"\n ", starts[0], end) + data.count(b"\n\n", starts[0], end)
    if lines - other != len(starts):
        return None
    ends = [*starts[1:], end]
    entries = [
        _ForeignEntry(source, start, end, position)
        for position, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    return Document(entries, format="vcr")


def load_json(text: str) -> safe.Loaded | None:
    """Read JSON of another tool; None for all else."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if "reqord" in value else safe.Loaded(value, {}, None, has_aliases=False)


def document(source: Source, loaded: safe.Loaded) -> Document:
    """Read a whole document of another tool.

    :raises CassetteFormatError: if it isn't one that we know.
    """
    top = loaded.value
    if "version" not in top:
        raise source.broken("it has no version: reqord: 1 for ours, version: 1 for VCR.py's", 1)
    if str(top["version"]) != "1":
        reason = f"it has version {top['version']} of its format; this pytest-reqord reads 1"
        raise source.error(reason, "Record the cassette anew", 1)
    items = top["interactions"] or []
    if not isinstance(items, list):
        raise source.broken("interactions is not a list", 1)
    places = loaded.items.get("interactions", ())
    entries = []
    for position, item in enumerate(items):
        try:
            entries.append(Entry(_interaction(item, position)))
        except (ValueError, TypeError) as error:
            line = places[position].line + 1 if places else 1
            raise _broken(source, error, line) from error
    return Document(entries, format=_tool(items))


def _broken(source: Source, error: Exception, line: int) -> CassetteFormatError:
    return source.broken(str(error), line)


def _tool(items: list[Any]) -> str:
    response = items[0]["response"] if items else {}
    is_vcr = isinstance(response.get("status", {}), Mapping)
    return "vcr" if is_vcr else "cassetter"


def _interaction(item: Any, position: int) -> Interaction:
    """Make an interaction.

    :param position: its place in the file, from which a time is made up where there is none.
    """
    request = _request(_mapping(item, "request"))
    response = _response(_mapping(item, "response"), request.method)
    try:
        recorded_at = parse_time(item["recorded_at"])
    except (KeyError, ValueError, AttributeError):
        recorded_at = _EPOCH + timedelta(microseconds=position)
    return Interaction(request, response, recorded_at)


def _request(request: Mapping[str, Any]) -> Request:
    method, uri = request.get("method"), request.get("uri", request.get("url"))
    if not isinstance(method, str) or not isinstance(uri, str):
        raise ValueError("the request has no method or no uri")  # noqa: TRY004 -- a bad file
    return Request(str(method), str(uri), Headers(_pairs(request.get("headers"))), _body(request))


def _response(response: Mapping[str, Any], method: str) -> Response:
    status: Any = response.get("status", response.get("status_code"))
    reason: Any = ""
    if isinstance(status, Mapping):
        status, reason = status.get("code"), status.get("message") or ""
    if status is None:
        raise ValueError("the response has no status")
    status = int(status)
    has_body = method != "HEAD" and status not in _BODILESS
    headers, body = Headers(_pairs(response.get("headers"))), _body(response)
    if has_body:
        headers, body = _on_the_wire(headers, body)
    chunks = None
    if has_body and "chunked" in headers.get("transfer-encoding", "").lower():
        chunks = (len(body),) if body else ()
    version = str(response.get("http_version") or "1.1").upper().removeprefix("HTTP/")
    return Response(status, str(reason), headers, body, version, chunks=chunks)


def _on_the_wire(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Undo what VCR.py's stubs leave open: under ``Content-Encoding`` the body may be plain.

    With urllib3 2 they don't decode on replay and store plain bodies under the header of the
    packed one; with httpx they do and store what was on the wire. A client of ours always
    decodes, so what isn't packed is packed here (gzip, deflate), or loses the header (br, zstd).
    ``Content-Length`` follows, for it would end the body early or never.
    """
    coding = headers.get("content-encoding", "").strip().lower()
    pairs = headers.pairs
    if coding and body and content.decode(body, coding) is None:
        if coding in ("gzip", "x-gzip"):
            body = _packed(body, 31)
        elif coding == "deflate":
            body = _packed(body, 15)
        elif _is_text(body) and not body.startswith(_ZSTD_START):
            pairs = tuple(pair for pair in pairs if pair[0].lower() != "content-encoding")
    length = str(len(body))
    pairs = tuple(
        (name, length if name.lower() == "content-length" else value) for name, value in pairs
    )
    return (headers if pairs == headers.pairs else Headers(pairs)), body


def _packed(body: bytes, window: int) -> bytes:
    packer = zlib.compressobj(wbits=window)
    return packer.compress(body) + packer.flush()


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _body(message: Mapping[str, Any]) -> bytes:
    if message.get("parsed_body") is not None:
        return json.dumps(safe.typed(message["parsed_body"])).encode()
    body = message.get("body", message.get("content"))
    if isinstance(body, Mapping):
        if "base64_string" in body:
            return content_of_base64(body["base64_string"])
        if "content" in body or "type" in body:
            return _typed_body(str(body.get("type", "text")), body.get("content"))
        body = body.get("string", body.get("text"))
    return _bytes(body)


def _typed_body(kind: str, value: Any) -> bytes:
    """A body of cassetter."""
    if kind == "json":
        return json.dumps(safe.typed(value)).encode()
    if kind in ("base64", "binary", "bytes") and isinstance(value, str):
        return content_of_base64(value)
    return _bytes(value)


def content_of_base64(value: Any) -> bytes:
    """The bytes of text in base64.

    :raises ValueError: if it is none.
    """
    import binascii

    return binascii.a2b_base64(_bytes(value))


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
    if isinstance(headers, str):
        raise ValueError("headers are not a mapping")  # noqa: TRY004 -- a bad file
    named = headers.items() if isinstance(headers, Mapping) else headers or ()
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


def _mapping(item: Any, key: str) -> Mapping[str, Any]:
    value = item.get(key) if isinstance(item, Mapping) else None
    if not isinstance(value, Mapping):
        raise ValueError(f"the interaction has no {key}")  # noqa: TRY004 -- a bad file
    return value
