"""Cassettes as VCR.py writes them, for teams in which not everybody has come over yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord.base import content_coding
from pytest_reqord.base.real import json
from pytest_reqord.codec import vcr_read
from pytest_reqord.codec.entries import dump
from pytest_reqord.codec.vcr_read import ForeignEntry
from pytest_reqord.interceptors.added_headers import is_of_httpx, sender_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from pytest_reqord.base.models import Headers, Interaction, Request, Response
    from pytest_reqord.codec.entries import Entry

__all__ = [
    "LEFT_OUT_OF_ALL",
    "as_called",
    "as_unpacked",
    "as_value",
    "as_vcr",
    "changed_by_us",
    "is_same_body",
    "left_out_by_vcr",
    "refused_by_vcr",
    "render_vcr",
]

_UNPACKING = ("python-httpx/", "python-httplib2/", "python-urllib/", "aiobotocore/")
_UNPACKED = ("python-requests/", "python-urllib3/", "niquests/", "urllib3.future/")
_PACKAGES = {"br": "brotli", "zstd": "zstandard"}
_REDIRECTS = (301, 302, 303, 307, 308)
_FIRST_YEAR = 1970  # of interactions that were read from a file that says no time


def as_vcr(interaction: Interaction, called: Request | None = None) -> ForeignEntry:
    """An entry of VCR.py's format, which says what a reader of the file will find.

    :param called: the request as its client was called, where the interaction's isn't.
    :raises ValueError: if that format can't hold the interaction.
    """
    refused = refused_by_vcr(interaction)
    if refused:
        raise ValueError(refused)
    item = _item(interaction, called or interaction.request)
    read = vcr_read.to_interaction(item, 0)
    return ForeignEntry(read._replace(recorded_at=interaction.recorded_at), item)


def as_before(
    new: Entry,
    old: Entry,
    of_request: Collection[str],
    of_response: Collection[str],
    response: Response | None,
) -> Entry:
    """An entry that takes the place of another one: with its headers in the order of that one's.

    :param of_request: names of headers, in lower case, whose old values stay in the request.
    :param of_response: the same of the response.
    :param response: its response, with the old values of volatile fields.
    """
    if not isinstance(new, ForeignEntry) or not isinstance(old, ForeignEntry) or not old.is_vcr:
        return new
    item, before = {**new.item()}, old.item()
    came = new.interaction().response
    if response is not None and came is not None and response.body != came.body:
        item["response"] = _with_body(item["response"], came, response)
    for part, volatile in (("request", of_request), ("response", of_response)):
        headers = item[part]["headers"], before[part].get("headers")
        if isinstance(headers[1], dict):
            item[part] = {**item[part], "headers": _headers_before(*headers, volatile)}
    return ForeignEntry(new.interaction(), item)


def _with_body(item: Mapping[str, Any], old: Response, new: Response) -> dict[str, Any]:
    """A response's item with another body, packed or unpacked as the one was that is there."""
    is_packed = _bytes(item["body"]["string"]) == old.body
    body = {**item["body"], "string": _text(new.body if is_packed else new.content)}
    length = new.headers.get_all("content-length")
    headers = {
        name: list(length) if name.lower() == "content-length" and length else values
        for name, values in item["headers"].items()
    }
    return {**item, "body": body, "headers": headers}


def _headers_before(
    new: Mapping[str, Any], old: Mapping[str, Any], volatile: Collection[str]
) -> dict[str, Any]:
    order = [name for name in old if name in new] + [name for name in new if name not in old]
    stay = {
        name
        for name in old
        if name.lower() in volatile or _values(old[name]) == _values(new.get(name))
    }
    return {name: old[name] if name in stay else new[name] for name in order}


def _values(values: Any) -> list[Any]:
    return [_bytes(value) for value in (values if isinstance(values, list) else [values])]


def as_called(interaction: Interaction) -> Request:
    """The request of an interaction of ours as VCR.py has it: as its client was called."""
    request = interaction.request
    client = sender_of(request.headers) if _is_ours(interaction) else None
    return as_value(request._replace(headers=request.headers.given(client))) if client else request


def _is_ours(interaction: Interaction) -> bool:
    """Whether it was recorded here, and not read from a file of VCR.py's, which says no time."""
    return interaction.recorded_at.year != _FIRST_YEAR


def as_unpacked(response: Response) -> Response:
    """A response as VCR.py keeps it of a client that unpacks bodies: plain, under the same headers.

    It is packed with a mark that has `as_vcr` write it plain.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    unpacked = content_coding.decode(response.body, coding) if coding and response.body else None
    if unpacked is None or not response.complete:
        return response
    headers, body = vcr_read.marked(response.headers, unpacked)
    if body == response.body:
        return response
    chunks = None if response.chunks is None else (len(body),)
    return response._replace(headers=headers, body=body, chunks=chunks, arrivals=())


def as_value(request: Request) -> Request:
    """A request as VCR.py keeps it of a client that made the body of a value: the value itself.

    It has a mark that has `as_vcr` write it so.
    """
    sent = request.headers.sent
    if sent is None or not sent.client.body_type or not request.body:
        return request
    value = vcr_read.value_of(request.body, sent.client.body_type)
    return request if value is None else request._replace(body=vcr_read.marked_value(value))


def as_read(interaction: Interaction) -> Interaction:
    """An interaction as it will be read from its file: without the mark of `as_value`."""
    request = interaction.request
    body = vcr_read.plain_value(request.body)
    return (
        interaction
        if body is request.body
        else interaction._replace(request=request._replace(body=body))
    )


def is_same_body(wanted: bytes, read: bytes) -> bool:
    """Whether a body that was read from a file is the one that was wanted there, see `as_value`."""
    return read == vcr_read.plain_value(wanted)


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


def changed_by_us(entry: Entry) -> list[str]:
    """What of an entry that another tool wrote is not there, or is otherwise, after a way to our
    format and back: its places, such as ``response.headers.Date``.
    """
    if not isinstance(entry, ForeignEntry):
        return []
    item = entry.item()
    try:
        ours = entry.as_ours()
        again = _item(ours, ours.request)
    except ValueError:  # it can't go back, for want of a package; all of it is in ours
        return []
    if not entry.is_vcr:
        return _other_keys(item)
    return list(_places(_normal(item), _normal(again)))


def _other_keys(item: Mapping[str, Any]) -> list[str]:
    """The keys of an entry of cassetter's that nothing reads."""
    known = {
        "": {"request", "response", "recorded_at"},
        "request": {"method", "uri", "url", "headers", "body"},
        "response": {"status", "http_version", "headers", "body"},
    }
    return [
        ".".join(filter(None, (part, key)))
        for part, keys in known.items()
        for key in (item[part] if part else item)
        if key not in keys
    ]


def _normal(item: Mapping[str, Any]) -> dict[str, Any]:
    """An entry in one spelling: what is written in several ways and read as one is no difference."""
    normal = {**item}
    for part in ("request", "response"):
        message = {key: _bytes(value) for key, value in item[part].items()}
        headers = message.get("headers") or {}
        lists: dict[str, list[Any]] = {}
        for name, values in headers.items() if isinstance(headers, dict) else headers:
            kept = lists.setdefault(str(name).lower(), [])
            kept += _values(values)
        message["headers"] = {name: values for name, values in lists.items() if values}
        normal[part] = message
    answer = normal["response"]
    body = answer.get("body")
    if isinstance(body, dict) and "string" in body:
        answer["body"] = {**body, "string": _bytes(body["string"])}
    return normal


def _bytes(value: Any) -> Any:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _places(old: Any, new: Any, place: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _places(old.get(key), new.get(key), f"{place}.{key}".lstrip("."))
    elif old != new:
        yield place


LEFT_OUT_OF_ALL = (
    "times",
    "the tests that recorded",
    "the request headers that clients add",
    "whether an empty request body was given",
    "how response bodies were packed",
)
"""What of `left_out_by_vcr` no file of VCR.py's has."""


def left_out_by_vcr(interaction: Interaction) -> list[str]:
    """What of an interaction VCR.py's format doesn't keep, in words; its replay does without."""
    times, tests, added, empty, _ = LEFT_OUT_OF_ALL
    request, called = interaction.request, as_called(interaction)
    found = {
        times: True,
        tests: bool(interaction.recorded_by),
        added: called.headers != request.headers,
        empty: not request.body and request.headers.get("content-length") == "0",
        "the text of a request body that a client has made of a value": (
            vcr_read.plain_value(called.body) != request.body
        ),
        **_left_out_of_response(interaction),
        "the order of request headers": not _is_grouped(called.headers),
    }
    return [name for name, is_there in found.items() if is_there]


def _left_out_of_response(interaction: Interaction) -> dict[str, bool]:
    request, response, is_ours = interaction.request, interaction.response, _is_ours(interaction)
    if response is None:
        return {}
    is_of_tornado = request.headers.get("user-agent", "").startswith("Tornado/")
    return {
        LEFT_OUT_OF_ALL[-1]: is_ours and _body(request, response, is_ours=True) != response.body,
        "chunk sizes": response.chunks is not None and len(response.chunks) > 1,
        "arrivals": bool(response.arrivals),
        "interim responses": bool(response.interim),
        "HTTP versions": response.http_version != "1.1",
        "the order of response headers": not _is_grouped(response.headers),
        # its stub takes tornado above its redirects, and plays the first answer as the last
        "that tornado follows the redirect": (
            is_of_tornado and response.status in _REDIRECTS and "location" in response.headers
        ),
    }


def _is_grouped(headers: Headers) -> bool:
    """Whether headers of one name stand together and are spelled alike, as in a file of VCR.py's."""
    lists = _lists(headers).items()
    return headers.pairs == tuple((name, value) for name, values in lists for value in values)


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
        each if isinstance(each, ForeignEntry) and each.is_vcr else _of_ours(each.as_ours())
        for each in entries
    ]
    if is_json:
        return _json([each.item() for each in foreign], extra or {})
    parts = [each.vcr_text() or dump([each.item()]) for each in foreign]
    head = [b"interactions:\n"] if parts else [b"interactions: []\n"]
    tail = [dump(dict(extra))] if extra else []
    return b"".join([*head, *parts, *tail, b"version: 1\n"])


def _of_ours(interaction: Interaction) -> ForeignEntry:
    return as_vcr(interaction, as_called(interaction))


def _json(items: Iterable[Any], extra: Mapping[str, Any]) -> bytes:

    try:
        text = json.dumps({"version": 1, "interactions": list(items), **extra}, indent=4)
    except TypeError as error:
        raise ValueError("JSON can't hold a body that isn't text; use YAML for it") from error
    return f"{text}\n".encode()


def _item(interaction: Interaction, called: Request) -> dict[str, Any]:
    request, response = interaction.request, interaction.response
    if response is None:
        raise ValueError("a network error is no response")
    lists = _lists(called.headers)
    return {
        "request": {
            "body": _request_body(called),
            "headers": _sent_by_botocore(lists) if _is_of_botocore(request) else lists,
            "method": request.method,
            "uri": request.uri,
        },
        "response": {
            "body": {"string": _text(_body(request, response, is_ours=_is_ours(interaction)))},
            "headers": _lists(response.headers),
            "status": {"code": response.status, "message": response.reason},
        },
    }


def _request_body(request: Request) -> Any:
    if not request.body and not is_of_httpx(request.headers):
        return None
    value = vcr_read.unmarked_value(request.body)
    return _text(request.body) if value is None else value


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


def _body(request: Request, response: Response, *, is_ours: bool) -> bytes:
    """The body as VCR.py needs it to play it to its client: that may unpack it, or not.

    :param is_ours: whether it was recorded here, and not read from a file of VCR.py's.
    :raises ValueError: if it has to be unpacked, and can't be here.
    """
    body, coding = response.body, response.headers.get("content-encoding", "").strip().lower()
    if not coding or not body:
        return body
    unpacked = content_coding.decode(body, coding)
    if unpacked is not None and vcr_read.is_marked(body, unpacked, coding):
        return unpacked
    is_known = "user-agent" in request.headers
    if not is_ours or not is_known or _gets_packed(request, coding):
        return body
    if unpacked is None and coding in _PACKAGES:
        raise ValueError(
            f"VCR.py needs the body of {request.method} {request.uri} unpacked, and there is no"
            f" package for {coding}: install {_PACKAGES[coding]}"
        )
    return body if unpacked is None else unpacked


def _gets_packed(request: Request, coding: str) -> bool:
    """Whether VCR.py has a body packed for the client that sent a request.

    :param coding: what it is packed with; tornado unpacks gzip only.
    """
    name = request.headers.get("user-agent", "").lower()
    if name.startswith("tornado/"):
        return coding not in ("gzip", "x-gzip")
    if name.startswith(_UNPACKED):
        return False
    # http.client, which unpacks nothing, says so
    is_as_it_is = request.headers.get("accept-encoding", "").lower() == "identity"
    return is_as_it_is or name.startswith(_UNPACKING) or is_of_httpx(request.headers)
