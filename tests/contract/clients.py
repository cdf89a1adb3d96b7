"""The clients that are taken, and the table of them in the manual.

``python tests/contract/clients.py`` writes the table anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest_reqord
from pytest_reqord.interceptors.unsupported import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PAGE", "ROWS", "Limit", "Row", "left_out", "row_of", "with_table"]

PAGE = Path(pytest_reqord.__file__).parent / "manual" / "clients.md"
_OLDEST = Path(__file__).with_name("oldest.txt")
_PLACE = re.compile(r"(?<=<!-- clients -->\n).*?(?=\n<!-- /clients -->)", re.DOTALL)


class Limit(NamedTuple):
    """What a client can do and a cassette can't keep.

    :param text: what that is, and what happens instead, to a user.
    :param scenarios: the common scenarios that are left out for it.
    """

    text: str
    scenarios: frozenset[str] = frozenset()


class Row(NamedTuple):
    """Clients that are taken at one place.

    :param clients: their names; a face has a client's name, and its shape after a dash.
    :param place: where they are taken.
    """

    clients: tuple[str, ...]
    place: str
    limits: tuple[Limit, ...] = ()


_WEBSOCKETS = Limit("WebSockets: reqord refuses them in a replay")

ROWS = (
    Row(
        ("http.client", "urllib.request", "urllib3", "requests", "httplib2", "botocore"),
        "the connection's socket, `HTTPConnection.endheaders`",
        (Limit("urllib3's own HTTP/2: reqord refuses it"),),
    ),
    Row(
        ("httpx", "httpx2", "openai", "anthropic", "google-genai"),
        "the transport, `handle_request` and `handle_async_request`",
        (_WEBSOCKETS, Limit("the `trace` extension: it learns nothing of a replay")),
    ),
    Row(
        ("httpx-curl-cffi",),
        "its transports, by the same methods",
        (Limit("curl_cffi on its own: see its row"),),
    ),
    Row(
        ("niquests",),
        "urllib3-future's connections, `HTTPConnection.request`",
        (
            _WEBSOCKETS,
            Limit("the certificates in `conn_info`, and a server's address that isn't in the URL"),
            Limit("the headers of 1xx responses"),
            Limit("the bytes after a 101: they go live, and the summary says so"),
        ),
    ),
    Row(
        ("aiohttp", "aiobotocore"),
        "the connector, `BaseConnector.connect`",
        (
            _WEBSOCKETS,
            Limit("traces of name look-ups: a replay makes none"),
            Limit("traces of a body that a 417 refused: a replay asks for that body"),
        ),
    ),
    Row(
        ("tornado",),
        "the simple client's connection, `_HTTPConnection.run`",
        (
            _WEBSOCKETS,
            Limit("tornado's curl client: see pycurl"),
            Limit("1xx responses in a `header_callback`"),
            Limit("cancelled fetches: a replay doesn't wait for them"),
        ),
    ),
)

_FAMILIES = {"twisted": "twisted (treq, Scrapy)", "grpc": "gRPC"}
_UNSUPPORTED = Row(
    tuple(_FAMILIES.get(name, name) for name in dict.fromkeys(each.name for each in CLIENTS)),
    "nowhere: reqord knows them and records none",
    (Limit("a replay refuses them; a recording run lets them through and says so"),),
)


def row_of(face: str) -> Row:
    """The row of a face's client, by the longest name that fits."""
    fitting = [
        (len(client), row)
        for row in ROWS
        for client in row.clients
        if f"{face}-".startswith(f"{client}-")
    ]
    return max(fitting)[1]


def left_out(face: str) -> frozenset[str]:
    """The common scenarios that are left out for a face."""
    return frozenset[str]().union(*(limit.scenarios for limit in row_of(face).limits))


def with_table(page: str) -> str:
    """The page with the table as it has to be."""
    return _PLACE.sub(lambda _: "\n".join(_lines()), page)


def _lines() -> Iterator[str]:
    pins = re.findall(r"^(\S+)==(\S+)\.\*$", _OLDEST.read_text("utf-8"), re.MULTILINE)
    oldest = dict(pins)
    yield "| client, oldest release | the place of the hook | not covered |"
    yield "|---|---|---|"
    for row in (*ROWS, _UNSUPPORTED):
        clients = ", ".join(f"{each} {oldest.get(each, '')}".strip() for each in row.clients)
        yield f"| {clients} | {row.place} | {'; '.join(limit.text for limit in row.limits)} |"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
