"""VCR.py's options that change requests and responses, as functions in VCR.py's shapes.

A replacement is text, None to take the thing away, or a function that is called with the keywords
``key``, ``value`` and ``request`` and gives one of these.
"""

from __future__ import annotations

import re
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlencode, urlparse, urlunparse

from pytest_reqord.base import content_coding
from pytest_reqord.base.real import json
from pytest_reqord.vcr_compat.messages import CaseInsensitiveDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_reqord.vcr_compat.messages import VcrResponse

    RequestFilter = Callable[[Any], Any]
    ResponseFilter = Callable[[VcrResponse], VcrResponse | None]
    Replacements = Mapping[str, Any]

__all__ = [
    "body_filter",
    "by_name",
    "header_filter",
    "host_filter",
    "query_filter",
    "sensitive_data_hooks",
    "unpack",
]


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
