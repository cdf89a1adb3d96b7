"""What goes wrong on a connection, as it stands in a cassette, and back.

Only what the wire itself says is kept: an ``OSError``, or the bytes that aren't HTTP. The client's
own code makes its exceptions from that, while recording and on replay.
"""

from __future__ import annotations

import builtins
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.models import Failure
from pytest_reqord.interceptors.framing import IN_ORDER, RECEIVED

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONNECTING",
    "HAS_PROXY",
    "add_received",
    "describe",
    "describe_end",
    "is_broken",
    "is_connecting",
    "is_urllib3",
    "leave",
    "of_connect",
    "received",
    "revive",
]

CONNECTING = "connecting"
"""The detail that says that there was no connection at all."""

HAS_PROXY = "_has_connected_to_proxy"
"""What urllib3 2 calls it that a connection has one to its proxy."""
_PROXY = "proxy"
"""The detail that says so of a connection that failed."""
_TUNNEL = "Tunnel connection failed"
"""What http.client says of a proxy that refuses a tunnel."""

_WRAPPED = "wrapped"
"""The detail that says that the client's ``connect`` made an error of its own of it."""

_SSL_DETAILS = ("library", "reason", "verify_code", "verify_message")


def describe(
    error: BaseException, *, is_connecting: bool = False, connection: Any = None
) -> Failure:
    """What a request without a response ended in.

    :param error: what the socket raised, or what a client's ``connect`` made of it.
    :param is_connecting: whether there was no connection yet.
    :param connection: the connection whose ``connect`` failed, where it did.
    """
    details = {CONNECTING: "yes"} if is_connecting else {}
    if getattr(connection, HAS_PROXY, False):
        details[_PROXY] = "yes"
    outer, error = error, _of_socket(error)
    if outer is not error:
        details[_WRAPPED] = "yes"
    if isinstance(error, OSError) and error.errno is not None:
        details["errno"] = str(error.errno)
        details["strerror"] = str(error.strerror)
    for name in _SSL_DETAILS:
        if isinstance(value := getattr(error, name, None), (str, int)):
            details[name] = str(value)
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return Failure(kind, str(error), details)


def describe_end(received: bytes, *, is_ended: bool) -> Failure | None:
    """What a request without a response ended in where nothing was raised.

    :param received: what came in place of a response.
    :param is_ended: whether the server closed the connection.
    :returns: None where nothing went wrong: nobody waited for the response.
    """
    is_garbage = bool(received) and not received.startswith(b"HTTP/1.")
    if not is_ended and not is_garbage:
        return None
    kind = "BadStatusLine" if received else "RemoteDisconnected"
    return Failure(f"{IN_ORDER}{kind}", "what the server sent is no response")


def add_received(failure: Failure, received: bytes) -> Failure:
    """A failure with the bytes that came before it."""
    if not received:
        return failure
    details = {**failure.details, RECEIVED: received.decode("latin-1")}
    return Failure(failure.kind, failure.message, details)


def _of_socket(error: BaseException) -> BaseException:
    """The socket's error below what a client has made of it."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError):
            return below
        below = below.__cause__ or below.__context__
    return error


def received(failure: Failure) -> bytes:
    """The bytes that came in place of a response, or of all of it."""
    return failure.details.get(RECEIVED, "").encode("latin-1", "replace")


def is_broken(failure: Failure) -> bool:
    """Whether the connection broke; else it ended in good order after what was received."""
    return not failure.kind.startswith(IN_ORDER)


def is_connecting(failure: Failure) -> bool:
    """Whether there was no connection, so that the client's ``connect`` has to fail."""
    return CONNECTING in failure.details or failure.kind == "unreachable"


def revive(failure: Failure, connection: Any = None) -> BaseException:
    """The error to raise for a failure, whichever client it was recorded with.

    :param connection: the connection whose ``connect`` fails, where it does.
    """
    if (own := _raised_as_it_is(failure, connection)) is not None:
        return own
    error = _error(failure.kind, failure.message, failure.details)
    if not is_urllib3(connection) or isinstance(error, ssl.SSLError):
        return of_connect(error, connection)
    if isinstance(error, TimeoutError) and _WRAPPED not in failure.details:
        return error  # it was in the TLS handshake
    return _of_urllib3(error, connection)


def _raised_as_it_is(failure: Failure, connection: Any) -> BaseException | None:
    """What ``connect`` raises that has nothing of the socket's in it; None for all else."""
    if connection is None:
        return None
    if failure.message.startswith(_TUNNEL):
        return OSError(failure.message)
    module, _, name = failure.kind.rpartition(".")
    is_own = is_urllib3(connection) and failure.kind in _URLLIB3
    if not is_own and f"{module}." != IN_ORDER:
        return None
    kind = getattr(sys.modules.get(module), name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = ConnectionError
    return kind(failure.message)


def leave(connection: Any, failure: Failure) -> None:
    """Leave a connection as its failed ``connect`` did: urllib3 asks how far it was."""
    if getattr(connection, "proxy", None) and hasattr(connection, HAS_PROXY):
        setattr(connection, HAS_PROXY, _PROXY in failure.details)


def is_urllib3(connection: Any) -> bool:
    """Whether a connection is one of urllib3's."""
    return hasattr(connection, "_new_conn")


def of_connect(error: BaseException, connection: Any) -> BaseException:
    """What urllib3 2 makes of an error of ``connect`` before it sends a request."""
    if not hasattr(connection, "proxy_is_tunneling") or not isinstance(error, ssl.SSLError):
        return error
    from urllib3.exceptions import SSLError  # late: only who uses it gets here

    wrapped = SSLError(error)
    wrapped.__context__ = error
    return wrapped


def _error(kind: str, message: str, details: Mapping[str, str]) -> OSError:
    name = kind.rpartition(".")[2]
    cls: Any = _CLASSES.get(kind) or getattr(builtins, name, None)
    if not (isinstance(cls, type) and issubclass(cls, OSError)):
        if kind == "unreachable":
            cls = OSError
        else:  # another client's own: what matters is whether it is worth another try later
            cls = TimeoutError if "timeout" in name.lower() else ConnectionError
    number = details.get("errno", "")
    if not number.lstrip("-").isdecimal():
        return cls(message) if message else cls()  # type: ignore[no-any-return]
    error: OSError = cls(int(number), details.get("strerror"))
    for extra in _SSL_DETAILS:
        if extra in details:
            value = details[extra]
            setattr(error, extra, int(value) if extra == "verify_code" else value)
    return error


def _of_urllib3(error: OSError, connection: Any) -> BaseException:
    """What urllib3's ``_new_conn`` makes of an error."""
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
    wrapped.__context__ = error
    if hasattr(exceptions, "NameResolutionError"):  # urllib3 2 raises them ``from`` it
        wrapped.__cause__ = error
    return wrapped


_URLLIB3: dict[str, type[OSError]] = {
    "urllib3.exceptions.SSLError": ssl.SSLError,
    "urllib3.util.ssl_match_hostname.CertificateError": ssl.SSLCertVerificationError,
}
"""What urllib3 raises of its own about a name or fingerprint, and what is nearest to it."""

_CLASSES: dict[str, type[OSError]] = {
    "socket.gaierror": socket.gaierror,
    "socket.timeout": TimeoutError,
    "ssl.SSLError": ssl.SSLError,
    "ssl.SSLCertVerificationError": ssl.SSLCertVerificationError,
    "ssl.SSLEOFError": ssl.SSLEOFError,
    "ssl.SSLZeroReturnError": ssl.SSLZeroReturnError,
    **_URLLIB3,
}
