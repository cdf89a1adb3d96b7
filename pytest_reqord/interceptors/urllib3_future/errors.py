"""What goes wrong on a connection of urllib3-future, as it stands in a cassette, and back."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from pytest_reqord.base.models import Failure
from pytest_reqord.interceptors import recorder, socket_errors
from pytest_reqord.interceptors.framing import IN_ORDER
from pytest_reqord.interceptors.urllib3_future.package import is_async, sibling

__all__ = [
    "BAD_REQUEST",
    "CUT",
    "CUT_STREAM",
    "PROTOCOL_ERROR",
    "as_validated",
    "broken",
    "describe_end",
    "describe_reset",
    "is_of_connect",
    "is_stop",
    "of_connect",
    "patience",
]

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
