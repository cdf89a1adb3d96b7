"""The header lines that clients add of their own accord to those that they were called with.

On the wire both look alike. Where a line stands and what it says tells which it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_reqord.base.models import Client

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_reqord.base.models import Headers

__all__ = ["by_aiohttp", "by_http_client", "by_nobody", "by_tornado", "is_of_httpx", "sender_of"]

_IDENTITY = ("Accept-Encoding", "identity")
_LAST_OF_URLLIB = ("Connection", "close")  # urllib.request, which gives host and length itself
_URLLIB3 = ("python-urllib3/", "urllib3.future/")
_AIOHTTP = re.compile(r"Python/\S+ aiohttp/\S+")
_IN_ORDER = {
    name: place
    for place, name in enumerate(
        (
            "accept",
            "accept-encoding",
            "user-agent",
            "cookie",
            "content-encoding",
            "authorization",
            "content-length",
            "content-type",
            "transfer-encoding",
            "expect",
            "connection",
        )
    )
}
"""What aiohttp puts behind what it was given, in its order."""
_OF_TORNADO = {
    "connection": "close",
    "host": "",
    "authorization": "Basic ",
    "user-agent": "Tornado/",
    "expect": "100-continue",
    "content-length": "",
    "content-type": "application/x-www-form-urlencoded",
    "accept-encoding": "gzip",
}
"""What tornado puts behind what it was given, in its order, and how the values begin."""
_GIVEN = frozenset(("cookie", "content-encoding", "authorization"))  # by other arguments


def by_nobody(_: Headers) -> Collection[str]:
    """None are added: the request of an httpx has them all, for its caller to see."""
    return ()


def by_http_client(headers: Headers) -> set[str]:
    """Theirs come first, of http.client and what is built on it; then urllib3 names itself."""
    pairs = headers.pairs
    names = [name.lower() for name, _ in pairs]
    is_urllib = pairs[-1:] == (_LAST_OF_URLLIB,) and pairs[1:2] != (_IDENTITY,)
    added, at = set(), 0
    if names[:1] == ["host"] and not is_urllib:
        added.add("host")
        at = 1
    if pairs[at : at + 1] == (_IDENTITY,):
        added.add("accept-encoding")
        at += 1
    if names[at : at + 1] in (["content-length"], ["transfer-encoding"]) and not is_urllib:
        added.add(names[at])
    if headers.get("user-agent", "").startswith(_URLLIB3):
        added.add("user-agent")
    return added


def by_aiohttp(headers: Headers, given: Collection[str]) -> set[str]:
    """The host comes first, and the rest behind what aiohttp was given.

    :param given: names in lower case of headers that its session was made with.
    """
    added, before = set(), len(_IN_ORDER)
    for name, value in reversed(headers.pairs):
        key = name.lower()
        place = _IN_ORDER.get(key, before)
        if key in given or place >= before or not _is_default(key, value):
            break
        added.add(key)
        before = place
    return {*(added - _GIVEN), "host"} - set(given)


def _is_default(name: str, value: str) -> bool:
    if name == "accept":
        return value == "*/*"
    if name == "accept-encoding":
        return value.startswith("gzip, deflate")
    return name != "user-agent" or _AIOHTTP.fullmatch(value) is not None


def by_tornado(headers: Headers) -> set[str]:
    """Behind what tornado was given, where no one has told what that was."""
    order = list(_OF_TORNADO)
    added, before = set(), len(order)
    for name, value in reversed(headers.pairs):
        key = name.lower()
        if key not in order[:before] or not value.startswith(_OF_TORNADO[key]):
            break
        added.add(key)
        before = order.index(key)
    return added - _GIVEN


def sender_of(headers: Headers) -> Client | None:
    """The client that put a request with these lines on the wire.

    :returns: None where they are those that it was called with, and for clients that show their
        caller all of them.
    """
    pairs = headers.pairs
    if headers.get("user-agent", "").startswith("Tornado/"):
        return Client("tornado", by_tornado)
    begins = pairs[0][0].lower() if pairs else ""
    if begins == "host" and _is_of_aiohttp(headers):
        added = by_aiohttp(headers, ())
        kind = headers.get("content-type", "") if "content-type" in added else ""
        return Client("aiohttp", lambda _: added, body_type=kind)
    if pairs[:1] == (_IDENTITY,) or (begins == "host" and not is_of_httpx(headers)):
        return Client("http", by_http_client)
    return None


def _is_of_aiohttp(headers: Headers) -> bool:
    """Whether aiohttp says so, or has its own lines behind others, and none that requests has."""
    if _AIOHTTP.fullmatch(headers.get("user-agent", "")):
        return True
    names = [name.lower() for name, _ in headers.pairs]
    if "connection" in names or names.count("accept") != 1:
        return False
    at = names.index("accept")
    is_its = all(_is_default(name.lower(), value) for name, value in headers.pairs[at : at + 2])
    return is_its and names[at + 1 : at + 2] == ["accept-encoding"]


def is_of_httpx(headers: Headers) -> bool:
    """Whether httpx sent a request with these lines: it begins with ``Host``, and nothing else that does has
    ``Connection`` before ``User-Agent``.

    VCR.py sorts headers by their names, and has none but httpx's that are called ``host``.
    """
    names = list(headers)
    lowered = [name.lower() for name in names]
    if "user-agent" not in lowered or "connection" not in lowered[: lowered.index("user-agent")]:
        return False
    return lowered[0] == "host" or "host" in names
