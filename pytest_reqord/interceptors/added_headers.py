"""The header lines that clients add of their own accord to those that they were called with.

On the wire both look alike. Where a line stands and what it says tells which it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_reqord.base.models import Headers

__all__ = ["by_aiohttp", "by_http_client", "by_nobody"]

_IDENTITY = ("Accept-Encoding", "identity")
_LAST_OF_URLLIB = ("Connection", "close")  # urllib.request, which gives host and length itself
_URLLIB3 = "python-urllib3/"
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
