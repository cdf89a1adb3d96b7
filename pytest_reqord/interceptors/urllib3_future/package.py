"""The parts and the errors of urllib3-future, of whichever package a connection is.

It is installed under two names: ``urllib3_future``, and unless told otherwise ``urllib3``, too.
"""

from __future__ import annotations

import socket
import ssl
import sys
from typing import Any

from pytest_reqord.base.models import Failure
from pytest_reqord.interceptors import recorder, socket_errors
from pytest_reqord.interceptors.framing import IN_ORDER

__all__ = [
    "BAD_REQUEST",
    "CUT",
    "CUT_STREAM",
    "PROTOCOL_ERROR",
    "as_validated",
    "base",
    "broken",
    "describe_end",
    "describe_reset",
    "is_async",
    "is_of_connect",
    "is_stop",
    "of_connect",
    "patience",
    "sibling",
    "use_version",
    "version",
]

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


# What goes wrong on a connection of urllib3-future, as it stands in a cassette, and back.


BAD_REQUEST = 400
"""What HTTP/1.1 here says of a server that doesn't keep to it."""
PROTOCOL_ERROR = 1
"""What HTTP/2 says of one."""
CUT = "peer closed connection without sending complete message body"
CUT_STREAM = "HTTP/2 connection closed before END_STREAM"

_PATIENCE = "_reqord_patience"
_CODE = "error_code"
_TLS = "is_tls_error"
_RESET = "http2.StreamReset"
_DISCONNECTED = f"{IN_ORDER}RemoteDisconnected"


def is_stop(event: Any) -> bool:
    """Whether a ``ConnectionTerminated`` says no more than that the server stopped sending."""
    return not event.error_code or (event.message or "").startswith((CUT, CUT_STREAM))


def describe_end(event: Any) -> Failure:
    """The failure that a ``ConnectionTerminated`` is."""
    if is_stop(event):
        return Failure(_DISCONNECTED, "the server closed the connection without a response")
    details = {_CODE: str(int(event.error_code))}
    if getattr(event, _TLS, False):
        details[_TLS] = "yes"
    return Failure(f"{IN_ORDER}BadStatusLine", event.message or "", details)


def describe_reset(event: Any) -> Failure:
    """The failure that a ``StreamResetReceived`` is."""
    return Failure(_RESET, "the server reset the stream", {_CODE: str(int(event.error_code))})


def broken(failure: Failure, stream_id: int, connection: Any) -> tuple[list[Any], list[Any]]:
    """The events of a failure: those that come at once, and those once the connection has ended.

    :returns: an exception among them is to be raised.
    """
    kinds = sibling(connection, "contrib.hface.events")
    code = failure.details.get(_CODE)
    if failure.kind == _RESET:
        return [kinds.StreamResetReceived(stream_id, int(code or 0))], []
    if socket_errors.is_broken(failure):
        return [_of_read(failure, connection)], []
    if failure.kind == _DISCONNECTED:
        return [], [kinds.ConnectionTerminated()]
    end = kinds.ConnectionTerminated(int(code or BAD_REQUEST), failure.message)
    setattr(end, _TLS, _TLS in failure.details)
    return [end], []


def _of_read(failure: Failure, connection: Any) -> BaseException:
    error = socket_errors.revive(failure)
    if isinstance(error, TimeoutError) and is_async(connection):
        import asyncio  # late: whoever awaits a connection has it

        error.__cause__ = error.__context__ = asyncio.TimeoutError()
    setattr(error, _PATIENCE, recorder.patience(failure))
    return error


def patience(error: BaseException) -> float:
    """For how many seconds to wait to be cancelled before an error is raised."""
    return float(getattr(error, _PATIENCE, 0))


def is_of_connect(failure: Failure) -> bool:
    """Whether a failure is raised before anything is sent.

    A bare timeout, as in a TLS handshake, is not: what pools make of it only fits a read.
    """
    is_late = _is_bare(failure) and isinstance(socket_errors.revive(failure), TimeoutError)
    return socket_errors.is_connecting(failure) and not is_late


def _is_bare(failure: Failure) -> bool:
    """Whether an error came from the socket, and nothing was made of it."""
    module = failure.kind.rpartition(".")[0]
    return module in ("builtins", "socket", "ssl") and "wrapped" not in failure.details


def of_connect(failure: Failure, connection: Any) -> BaseException:
    """The error of a ``connect``, as urllib3-future makes it of the socket's."""
    error = socket_errors.revive(failure)
    if _is_bare(failure):
        return as_validated(error, connection)
    exceptions = sibling(connection, "exceptions")
    wrapped: BaseException
    if isinstance(error, socket.gaierror):
        wrapped = exceptions.NameResolutionError(connection.host, connection, error)
    elif isinstance(error, TimeoutError):
        text = f"Connection to {connection.host} timed out. (connect timeout={connection.timeout})"
        wrapped = exceptions.ConnectTimeoutError(connection, text)
    else:
        text = f"Failed to establish a new connection: {error}"
        wrapped = exceptions.NewConnectionError(connection, text)
    wrapped.__cause__ = wrapped.__context__ = error
    return wrapped


def as_validated(error: BaseException, connection: Any) -> BaseException:
    """What a pool makes of an error while it sees to it that a connection is there."""
    if not isinstance(error, ssl.SSLError):
        return error
    wrapped: BaseException = sibling(connection, "exceptions").SSLError(error)
    wrapped.__context__ = error
    return wrapped
