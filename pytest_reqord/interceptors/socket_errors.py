"""What goes wrong on a connection, as it stands in a cassette, and back.

Only what the wire itself says is kept: an ``OSError``, or the bytes that aren't HTTP. The client's
own code makes its exceptions from that, while recording and on replay.
"""

from __future__ import annotations

import builtins
import socket
import ssl
from typing import TYPE_CHECKING, Any

from pytest_reqord.models import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["describe", "received", "revive"]

CONNECTING = "connecting"
"""The detail that says that there was no connection at all."""

_RECEIVED = "received"
_SSL_DETAILS = ("library", "reason", "verify_code", "verify_message")


def describe(
    error: BaseException | None,
    received: bytes = b"",
    *,
    is_ended: bool = False,
    is_connecting: bool = False,
) -> Failure | None:
    """What a request without a response ended in.

    :param error: what the socket raised, or what a client's ``connect`` made of it.
    :param received: what came all the same.
    :param is_ended: whether the server closed the connection.
    :param is_connecting: whether there was no connection yet.
    :returns: None where nothing went wrong: nobody waited for the response.
    """
    details = {CONNECTING: "yes"} if is_connecting else {}
    if received:
        details[_RECEIVED] = received.decode("latin-1")
    if error is None:
        if not is_ended:
            return None
        kind = "http.client.BadStatusLine" if received else "http.client.RemoteDisconnected"
        return Failure(kind, "the server closed the connection", details)
    error = _of_socket(error)
    if isinstance(error, OSError) and error.errno is not None:
        details["errno"] = str(error.errno)
        details["strerror"] = str(error.strerror)
    for name in _SSL_DETAILS:
        if isinstance(value := getattr(error, name, None), (str, int)):
            details[name] = str(value)
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return Failure(kind, str(error), details)


def _of_socket(error: BaseException) -> BaseException:
    """The socket's error below what a client has made of it."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError):
            return below
        below = below.__cause__ or below.__context__
    return error


def received(failure: Failure) -> bytes | None:
    """The bytes that came in place of a response; None where the connection broke instead."""
    if failure.kind.startswith("http.client."):
        return failure.details.get(_RECEIVED, "").encode("latin-1", "replace")
    return None


def is_connecting(failure: Failure) -> bool:
    """Whether there was no connection, so that the client's ``connect`` has to fail."""
    return CONNECTING in failure.details or failure.kind == "unreachable"


def revive(failure: Failure, connection: Any = None) -> BaseException:
    """The error to raise for a failure, whichever client it was recorded with.

    :param connection: the connection whose ``connect`` fails, where it does.
    """
    error = _error(failure.kind, failure.message, failure.details)
    if connection is not None and hasattr(connection, "_new_conn"):
        return _of_urllib3(error, connection)
    return error


def _error(kind: str, message: str, details: Mapping[str, str]) -> OSError:
    name = kind.rpartition(".")[2]
    cls: Any = _CLASSES.get(kind) or getattr(builtins, name, None)
    if not (isinstance(cls, type) and issubclass(cls, OSError)):
        if kind == "unreachable":
            cls = OSError
        else:  # another client's own: what matters is whether it is worth another try later
            cls = TimeoutError if "timeout" in name.lower() else ConnectionError
    if "errno" not in details:
        return cls(message)  # type: ignore[no-any-return]
    error: OSError = cls(int(details["errno"]), details["strerror"])
    for extra in _SSL_DETAILS:
        if extra in details:
            value = details[extra]
            setattr(error, extra, int(value) if extra == "verify_code" else value)
    return error


def _of_urllib3(error: OSError, connection: Any) -> BaseException:
    """What urllib3's ``_new_conn`` makes of an error; TLS errors it leaves as they are."""
    if isinstance(error, ssl.SSLError):
        return error
    from urllib3 import exceptions  # late: only who uses it gets here

    text = f"Failed to establish a new connection: {error}"
    wrapped: BaseException
    if isinstance(error, TimeoutError):
        wrapped = exceptions.ConnectTimeoutError(
            connection,
            f"Connection to {connection.host} timed out. (connect timeout={connection.timeout})",
        )
    elif isinstance(error, socket.gaierror) and hasattr(exceptions, "NameResolutionError"):
        wrapped = exceptions.NameResolutionError(connection.host, connection, error)
    else:
        wrapped = exceptions.NewConnectionError(connection, text)
    wrapped.__cause__ = error
    return wrapped


_CLASSES: dict[str, type[OSError]] = {
    "socket.gaierror": socket.gaierror,
    "socket.timeout": TimeoutError,
    "ssl.SSLError": ssl.SSLError,
    "ssl.SSLCertVerificationError": ssl.SSLCertVerificationError,
    "ssl.SSLEOFError": ssl.SSLEOFError,
    "ssl.SSLZeroReturnError": ssl.SSLZeroReturnError,
}
