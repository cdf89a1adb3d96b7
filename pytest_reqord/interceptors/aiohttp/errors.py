"""What aiohttp's connector raises that isn't about a socket: a fingerprint, a proxy's answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.models import Failure, Headers, Response
from pytest_reqord.interceptors import socket_errors
from pytest_reqord.interceptors.socket_errors import CONNECTING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_reqord.base.seam import Exchange

__all__ = [
    "Asked",
    "break_off",
    "changed",
    "describe",
    "describe_break",
    "describe_connect",
    "describe_refusal",
    "ending",
    "failed",
    "failure_of",
    "is_timeout",
    "late",
    "play",
    "rebuild",
    "refuse",
    "time_out",
]

_DIGESTS = ("expected", "got")
_MODULE = "aiohttp.client_exceptions."


def describe_refusal(error: Exception) -> Failure | None:
    """The failure that such an error is; None for any other."""
    exceptions = sys.modules["aiohttp"]
    message, details = str(error), {CONNECTING: "yes"}
    if isinstance(error, exceptions.ServerFingerprintMismatch):
        message = "the server has another certificate"
        details |= {name: getattr(error, name).decode("latin-1") for name in _DIGESTS}
    elif isinstance(error, exceptions.ClientHttpProxyError):
        message = error.message
        headers = Headers((error.headers or {}).items()).text
        details |= {"status": str(error.status), "headers": headers}
    elif not isinstance(error, exceptions.ServerDisconnectedError):  # by a proxy
        return None
    return Failure(f"{_MODULE}{type(error).__name__}", message, details)


def rebuild(failure: Failure, client_request: Any) -> BaseException | None:
    """The error of such a failure; None for any other."""
    make = _MAKERS.get(failure.kind)
    return make(failure, client_request) if make else None


def _mismatch(failure: Failure, client_request: Any) -> BaseException:
    url = client_request.url
    digests = [failure.details.get(name, "").encode("latin-1", "replace") for name in _DIGESTS]
    error: BaseException = sys.modules["aiohttp"].ServerFingerprintMismatch(
        *digests, url.host, url.port
    )
    return error


def _refused_by_proxy(failure: Failure, client_request: Any) -> BaseException:
    library, multidict = sys.modules["aiohttp"], sys.modules["multidict"]
    none = multidict.CIMultiDictProxy(multidict.CIMultiDict())
    headers = Headers.parse(failure.details.get("headers", "")).pairs
    status = failure.details.get("status", "")
    url = client_request.url
    error: BaseException = library.ClientHttpProxyError(
        library.RequestInfo(url, "CONNECT", none, client_request.proxy or url),
        (),
        status=int(status) if status.isdecimal() else 0,
        message=failure.message,
        headers=multidict.CIMultiDictProxy(multidict.CIMultiDict(headers)),
    )
    return error


def _disconnected(failure: Failure, _: Any) -> BaseException:
    error: BaseException = sys.modules["aiohttp"].ServerDisconnectedError(failure.message)
    return error


_MAKERS = {
    f"{_MODULE}ServerFingerprintMismatch": _mismatch,
    f"{_MODULE}ClientHttpProxyError": _refused_by_proxy,
    f"{_MODULE}ServerDisconnectedError": _disconnected,
}


# What goes wrong for aiohttp, as it stands in a cassette, and back.
#
# Kept is what the wire said, as other clients keep it (`socket_errors`), wherever it said anything:
# aiohttp's own code then makes its exceptions of that on replay as it did while recording.


class Asked(NamedTuple):
    """A request that has begun.

    :param client_request: the client's own.
    :param uri: its URI.
    :param connector: what it was to get its connection from.
    :param traces: a list of its own for each request of a session's, retries and redirects included.
    """

    exchange: Exchange
    client_request: Any
    uri: str
    connector: Any
    traces: Any


failed: deque[tuple[Any, BaseException]] = deque(maxlen=64)
"""Connections that were refused only after the client had them, with the traces of the request."""

_READING = "aiohttp.client_exceptions.SocketTimeoutError"


def describe_connect(error: Exception) -> Failure | None:
    """What kept the connector from connecting; None where it wasn't the network."""
    if refusal := describe_refusal(error):
        return refusal
    exceptions = sys.modules["aiohttp"]
    if isinstance(error, exceptions.ClientConnectorError):
        error = getattr(error, "certificate_error", None) or error.os_error
    elif not isinstance(error, (OSError, asyncio.TimeoutError)):
        return None
    return socket_errors.describe(error, is_connecting=True)


def describe(
    error: BaseException | None, received: bytes, *, is_ended: bool, lost: BaseException | None
) -> Failure | None:
    """What a request without a response ended in.

    :param error: the exception for which the client gives its connection back.
    :param received: what came all the same.
    :param is_ended: whether the connection was closed by the other side.
    :param lost: what broke it, where something did.
    :returns: None where nothing went wrong: nobody waited any longer.
    """
    if error is None:
        return None
    failure = describe_break(None if is_ended else error, lost=lost)
    if failure is None:
        failure = socket_errors.describe_end(received, is_ended=is_ended or bool(received))
    return failure and socket_errors.add_received(failure, received)


def describe_break(error: BaseException | None, *, lost: BaseException | None) -> Failure | None:
    """What a connection broke with; None where it didn't.

    :param error: the exception for which the client gives it back, if there is one.
    :param lost: what broke it from outside.
    """
    if isinstance(error, asyncio.TimeoutError) and lost is None:
        is_total = type(error) is asyncio.TimeoutError
        return Failure("builtins.TimeoutError" if is_total else _READING, str(error))
    return None if lost is None else socket_errors.describe(lost)


def play(failure: Failure, protocol: Any, asked: Asked) -> None:
    """Have the client's protocol see a recorded failure."""
    if socket_errors.is_connecting(failure):
        error = rebuild(failure, asked.client_request)
        refuse(protocol, asked, error or _of_connector(socket_errors.revive(failure), asked))
        return
    if received := socket_errors.received(failure):
        protocol.data_received(received)
    if not socket_errors.is_broken(failure):
        protocol.connection_lost(None)
        return
    if is_timeout(failure):
        protocol.set_exception(_timeout(failure))
    else:
        protocol.connection_lost(socket_errors.revive(failure))


def is_timeout(failure: Failure) -> bool:
    """Whether the client itself waited no longer."""
    return "errno" not in failure.details and "timeout" in failure.kind.lower()


def time_out(payload: Any, failure: Failure) -> None:
    """Have whoever reads a body wait no longer."""
    stop = getattr(payload._timer, "timeout", None)  # noqa: SLF001 -- what stops a reader live
    if failure.kind != _READING and stop is not None:
        stop()
    else:
        payload.set_exception(_timeout(failure))


def refuse(protocol: Any, asked: Asked, error: BaseException) -> None:
    """Have the client see that there is no connection, though it was given one.

    Where there is none the client gives up. But before aiohttp 3.12, which brought middlewares, it
    tries again when one that it was given breaks; `failure_of` repeats then what was said before.
    """
    if not hasattr(sys.modules["aiohttp.client"], "build_client_middlewares"):
        failed.append((asked.traces, error))
    protocol.set_exception(error)


def failure_of(traces: Any) -> BaseException | None:
    """The error for which this very request was refused before."""
    return next((error for its, error in failed if its is traces), None)


def break_off(response: Response) -> Exception:
    """The client's error for asking a recorded body for more than was read of it."""
    size = len(response.body)
    return ending(f"the recording ends here: it has the {size} bytes of this body that were read")


def ending(message: str) -> Exception:
    """The client's error for what a recording hasn't got; one after which it doesn't try again."""
    error: Exception = sys.modules["aiohttp"].ClientPayloadError(message)
    return error


def late(error: BaseException, asked: Asked) -> BaseException:
    """What the client makes of an error of its connector's, for one that connects late."""
    if not isinstance(error, asyncio.TimeoutError):
        return error
    timeout: BaseException = _newest("ConnectionTimeoutError", "ServerTimeoutError")(
        f"Connection timeout to host {asked.client_request.url}"
    )
    timeout.__cause__ = timeout.__context__ = error
    return timeout


def _timeout(failure: Failure) -> BaseException:
    if failure.kind != "builtins.TimeoutError":
        error: BaseException = _newest("SocketTimeoutError", "ServerTimeoutError")(failure.message)
        return error
    error = asyncio.TimeoutError(*filter(None, [failure.message]))
    error.__cause__ = error.__context__ = asyncio.CancelledError()
    return error


def _of_connector(error: BaseException, asked: Asked) -> BaseException:
    """What a connector makes of an error: the error that its caller sees."""
    if isinstance(error, TimeoutError) and error.errno is None:
        return late(asyncio.TimeoutError(*error.args), asked)  # another one before Python 3.11
    arguments: Sequence[Any] = (asked.client_request.connection_key, error)
    if isinstance(error, ssl.CertificateError):
        names = ["ClientConnectorCertificateError"]
    elif isinstance(error, ssl.SSLError):
        names = ["ClientConnectorSSLError"]
    elif isinstance(error, socket.gaierror):
        names = ["ClientConnectorDNSError", "ClientConnectorError"]
    elif (proxy := asked.client_request.proxy) is not None:
        key = changed(asked.client_request.connection_key, host=proxy.host, port=proxy.port)
        names, arguments = ["ClientProxyConnectionError"], (key, error)
    elif path := getattr(asked.connector, "path", None):
        names, arguments = ["UnixClientConnectorError"], (path, *arguments)
    else:
        names = ["ClientConnectorError"]
    wrapped: BaseException = _newest(*names)(*arguments)
    wrapped.__cause__ = wrapped.__context__ = error
    return wrapped


def changed(key: Any, **fields: Any) -> Any:
    """A connection's key with other fields."""
    if isinstance(key, tuple):
        return key._replace(**fields)  # type: ignore[attr-defined]
    return sys.modules["attr"].evolve(key, **fields)  # before aiohttp 3.10


def _newest(*names: str) -> Any:
    """The first of these classes that this version has."""
    module = sys.modules["aiohttp.client_exceptions"]
    return next(getattr(module, name) for name in names if hasattr(module, name))
