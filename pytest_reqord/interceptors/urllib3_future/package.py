"""urllib3-future's own parts, of whichever package a connection is: it is installed under two names.

It is ``urllib3_future``, and unless told otherwise it stands in the place of ``urllib3``, too.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["base", "is_async", "sibling", "use_version", "version"]

_NAMES = {11: "1.1", 20: "2", 30: "3"}
_VERSIONS = {"1": "h11", "2": "h2", "3": "h3"}
_ORIGINAL_PORT = ("_HfaceBackend__origin_port", "_AsyncHfaceBackend__origin_port")


def _backend(connection: Any) -> type:
    bases = type(connection).__mro__
    return next(cls for cls in bases if cls.__name__ in ("HfaceBackend", "AsyncHfaceBackend"))


def is_async(connection: Any) -> bool:
    """Whether a connection's methods are to be awaited."""
    return _backend(connection).__name__.startswith("Async")


def sibling(connection: Any, name: str) -> Any:
    """A module of the package that a connection belongs to."""
    package = _backend(connection).__module__.partition(".")[0]
    return sys.modules[f"{package}.{name}"]


def version(connection: Any) -> str:
    """The HTTP version that a connection speaks, as it stands in a cassette."""
    return _NAMES.get(connection._http_vsn, "1.1")  # noqa: SLF001 -- there is no other way


def use_version(connection: Any, name: str) -> None:
    """Have a connection believe that it speaks this version.

    :param name: as it stands in a cassette.
    """
    versions = sibling(connection, "backend").HttpVersion
    spoken = getattr(versions, _VERSIONS.get(name[:1], "h11"))
    connection._svn, connection._cached_http_vsn = spoken, None  # noqa: SLF001 -- as connected
    if connection.conn_info is not None:
        connection.conn_info.http_version = spoken


def base(place: Any) -> str:
    """Scheme and authority of what is asked over a connection, or of what a pool is for.

    The port is that of the origin, also where its service is had at another one (``Alt-Svc``).
    """
    tunnel = getattr(place, "_tunnel_host", None)
    port = getattr(place, "_tunnel_port", None) if tunnel else _port(place)
    host = tunnel or place.host
    authority = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{place.scheme}://{authority}{f':{port}' if port else ''}"


def _port(place: Any) -> Any:
    ports = [getattr(place, name, None) for name in _ORIGINAL_PORT]
    return next((port for port in ports if port is not None), place.port)
