"""What aiohttp's connector raises that isn't about a socket: a fingerprint, a proxy's answer."""

from __future__ import annotations

import sys
from typing import Any

from pytest_reqord.interceptors.socket_errors import CONNECTING
from pytest_reqord.models import Failure, Headers

__all__ = ["describe", "rebuild"]

_DIGESTS = ("expected", "got")
_MODULE = "aiohttp.client_exceptions."


def describe(error: Exception) -> Failure | None:
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
