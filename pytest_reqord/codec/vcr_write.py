"""Cassettes as VCR.py writes them, for teams in which not everybody has come over yet."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_reqord.base import content_coding
from pytest_reqord.base.real import json
from pytest_reqord.codec import vcr_read
from pytest_reqord.codec.entries import dump
from pytest_reqord.codec.vcr_read import ForeignEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_reqord.base.models import Headers, Interaction, Request, Response
    from pytest_reqord.codec.entries import Entry

__all__ = [
    "as_unpacked",
    "as_vcr",
    "left_out_by_us",
    "left_out_by_vcr",
    "refused_by_vcr",
    "render_vcr",
]

_BODY = {"headers", "body", "content", "parsed_body"}
_KNOWN = {
    "": {"request", "response", "recorded_at"},
    "request": {"method", "uri", "url", *_BODY},
    "response": {"status", "status_code", "http_version", *_BODY},
}
_UNPACKED = ("gzip", "x-gzip", "deflate")


def as_vcr(interaction: Interaction) -> ForeignEntry:
    """An entry of VCR.py's format, which says what a reader of the file will find.

    :raises ValueError: if that format can't hold the interaction.
    """
    refused = refused_by_vcr(interaction)
    if refused:
        raise ValueError(refused)
    item = _item(interaction)
    read = vcr_read.to_interaction(item, 0)
    return ForeignEntry(read._replace(recorded_at=interaction.recorded_at), item)


def as_unpacked(response: Response) -> Response:
    """A response as VCR.py keeps it of a client that unpacks bodies: plain, under the same headers.

    That is what `as_vcr` makes of one which is packed as a reader of the file would pack it.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    unpacked = content_coding.decode(response.body, coding) if coding and response.body else None
    if unpacked is None or not response.complete:
        return response
    headers, body = vcr_read.on_the_wire(response.headers, unpacked)
    if body == response.body:
        return response
    chunks = None if response.chunks is None else (len(body),)
    return response._replace(headers=headers, body=body, chunks=chunks, arrivals=())


def refused_by_vcr(interaction: Interaction) -> str:
    """Why VCR.py's format can't hold an interaction; empty if it can."""
    response = interaction.response
    what = ""
    if response is None:
        what = "a network error"
    elif not response.complete:
        what = "a response that was cut off"
    elif response.trailers:
        what = "trailers"
    request = interaction.request
    return what and f"VCR.py's format has no place for {what} ({request.method} {request.uri})"


def left_out_by_us(entry: Entry) -> list[str]:
    """Keys of an entry that another tool wrote and nothing here reads."""
    if not (isinstance(entry, ForeignEntry) and entry.is_vcr):
        return []
    item = entry.item()
    return [
        ".".join(filter(None, (part, key)))
        for part, known in _KNOWN.items()
        for key in (item[part] if part else item)
        if key not in known
    ]


def left_out_by_vcr(interaction: Interaction) -> list[str]:
    """What of an interaction VCR.py's format doesn't keep, in words; its replay does without."""
    found = ["times"]
    if interaction.recorded_by:
        found.append("the tests that recorded")
    response = interaction.response
    if response is not None:
        if response.chunks is not None and len(response.chunks) > 1:
            found.append("chunk sizes")
        if response.arrivals:
            found.append("arrivals")
        if response.interim:
            found.append("interim responses")
        if response.http_version != "1.1":
            found.append("HTTP versions")
    return found


def render_vcr(
    entries: Sequence[Entry], extra: Mapping[str, Any] | None = None, *, is_json: bool = False
) -> bytes:
    """Put entries together to a file of VCR.py's.

    :param entries: in order; those that were read from such a file keep their text.
    :param extra: what else the file has, by key.
    :param is_json: whether it is JSON instead of YAML.
    :raises ValueError: if the format can't hold them.
    """
    foreign = [
        each if isinstance(each, ForeignEntry) and each.is_vcr else as_vcr(each.interaction())
        for each in entries
    ]
    if is_json:
        return _json([each.item() for each in foreign], extra or {})
    parts = [each.vcr_text() or dump([each.item()]) for each in foreign]
    head = [b"interactions:\n"] if parts else [b"interactions: []\n"]
    tail = [dump(dict(extra))] if extra else []
    return b"".join([*head, *parts, *tail, b"version: 1\n"])


def _json(items: Iterable[Any], extra: Mapping[str, Any]) -> bytes:

    try:
        text = json.dumps({"version": 1, "interactions": list(items), **extra}, indent=4)
    except TypeError as error:
        raise ValueError("JSON can't hold a body that isn't text; use YAML for it") from error
    return f"{text}\n".encode()


def _item(interaction: Interaction) -> dict[str, Any]:
    request, response = interaction.request, interaction.response
    if response is None:
        raise ValueError("a network error is no response")
    lists = _lists(request.headers)
    return {
        "request": {
            "body": _text(request.body) if request.body or _is_of_httpx(request) else None,
            "headers": _sent_by_botocore(lists) if _is_of_botocore(request) else lists,
            "method": request.method,
            "uri": request.uri,
        },
        "response": {
            "body": {"string": _text(_body(request, response))},
            "headers": _lists(response.headers),
            "status": {"code": response.status, "message": response.reason},
        },
    }


def _lists(headers: Headers) -> dict[str, list[Any]]:
    """The values by name, in the case that came first."""
    lists: dict[str, list[Any]] = {}
    names: dict[str, str] = {}
    for name, value in headers.pairs:
        lists.setdefault(names.setdefault(name.lower(), name), []).append(value)
    return lists


def _is_of_botocore(request: Request) -> bool:
    """Whether botocore itself sent a request: under VCR.py its headers are bytes but for one."""
    agent = request.headers.get("user-agent", "")
    return "Botocore/" in agent and not agent.startswith("aiobotocore/")


def _sent_by_botocore(headers: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        name: values if name == "Content-Length" else [one.encode("latin-1") for one in values]
        for name, values in headers.items()
    }


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _body(request: Request, response: Response) -> bytes:
    """The body as VCR.py needs it for replaying: only httpx unpacks one there, or urllib's caller."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in _UNPACKED or not response.body or _is_packed(request):
        return response.body
    unpacked = content_coding.decode(response.body, coding)
    if unpacked is None:
        return response.body
    is_known = "user-agent" in request.headers
    # a file of VCR.py's without request headers: plain if it was read so, see `foreign_values`
    if is_known or response.body == vcr_read.packed(unpacked, coding):
        return unpacked
    return response.body


def _is_packed(request: Request) -> bool:
    """Whether what sent a request has packed bodies as they came: httpx, or urllib.request."""
    is_of_urllib = request.headers.get("user-agent", "").startswith("Python-urllib/")
    return is_of_urllib or _is_of_httpx(request)


def _is_of_httpx(request: Request) -> bool:
    """Whether httpx sent a request: nothing else has ``Connection`` before ``User-Agent``."""
    names = [name.lower() for name in request.headers]
    after = names.index("user-agent") if "user-agent" in names else sys.maxsize
    return "connection" in names[:after] and after != sys.maxsize
