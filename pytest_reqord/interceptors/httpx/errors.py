"""The errors of httpx and httpx2 as they stand in a cassette, and back."""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING, Any, cast

from pytest_reqord.base.models import Failure, Response
from pytest_reqord.interceptors import socket_errors
from pytest_reqord.interceptors.recorder import is_cut, is_sent_chunked as is_chunked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["break_off", "describe", "describe_end", "end_switched", "rebuild"]

_DEPTH = 5
_END = "the recording ends here"
_CUT = "peer closed connection without sending complete message body"
_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())  # new in Python 3.11
_EXTRAS = ("reason", "library", "verify_code", "verify_message")
"""Attributes of the ssl module's errors that their constructors don't take."""


def describe(error: BaseException) -> Failure:
    """The failure that an exception of the client's is, with the exceptions that it came from.

    Each of these has the name of the link to it: ``cause`` for a ``raise ... from`` while it was
    handled, ``source`` for one outside of that, ``context`` for no ``from``, or ``from None``.
    What was handled besides a ``source`` is ``aside``.
    """
    details: dict[str, str] = {}
    path, link, message = "", error, str(error)
    for _ in range(_DEPTH):
        name, below = _below(link)
        if not isinstance(below, Exception) or isinstance(below, _GROUP):
            break  # a cancellation below a timeout, say: nobody but its loop can make one
        if name == "source" and isinstance(link.__context__, Exception):
            aside = f"{path}.aside".lstrip(".")
            details[aside] = _kind(link.__context__)
            details[f"{aside}.message"] = str(link.__context__)
        path = f"{path}.{name}".lstrip(".")
        details[path] = _kind(below)
        if isinstance(below, OSError) and below.errno is not None:
            details[f"{path}.errno"] = str(below.errno)
            details[f"{path}.strerror"] = below.strerror or ""
            for extra in _EXTRAS:
                if isinstance(value := getattr(below, extra, None), (str, int)):
                    details[f"{path}.{extra}"] = str(value)
        elif str(below) != message:
            details[f"{path}.message"] = str(below)
        link, message = below, str(below)
    return Failure(_kind(error), str(error), details)


def describe_end(error: BaseException) -> Failure | None:
    """The failure of a body that broke off; None where the server just stopped sending."""
    return None if str(error).startswith(_CUT) else describe(error)


def _below(error: BaseException) -> tuple[str, BaseException | None]:
    if error.__cause__ is None:
        return "context", error.__context__
    return "cause" if error.__context__ is error.__cause__ else "source", error.__cause__


def rebuild(failure: Failure, library: Any, nearest: str = "ConnectError") -> Exception:
    """The client's own exception for a failure, with the exceptions that it came from.

    :param failure: what was recorded.
    :param library: ``httpx`` or ``httpx2``, whichever is to raise it.
    :param nearest: the client's class for what is no timeout, where another client failed.
    """
    error = _kind_of_client(failure, library, nearest)(failure.message)
    _link(error, failure.details, "", failure.message)
    return error


def end_switched(response: Response, core: Any) -> Exception:
    """The error for reading on after all that came of a connection that was switched.

    :param core: ``httpcore`` or ``httpcore2``, whose stream is read.
    """
    failure = response.broken
    if failure is None:
        size = len(response.body)
        return cast("Exception", core.ReadError(f"{_END}: it has the {size} bytes that were read"))
    kind = _find(failure.kind)  # a stream raises httpcore's own errors
    error = (kind or core.ReadError)(failure.message)
    _link(error, failure.details, "", failure.message)
    return cast("Exception", error)


def break_off(response: Response, library: Any) -> Exception:
    """The client's own error for asking a body for more than there is of it."""
    if response.broken is not None:
        return rebuild(response.broken, library, "ReadError")
    core = library.__name__.replace("httpx", "httpcore")
    size = len(response.body)
    if not is_cut(response):
        message = f"{_END}: it has the {size} bytes of this body that were read"
        return rebuild(Failure("RemoteProtocolError", message), library)
    reason = "incomplete chunked read"
    if not is_chunked(response):
        length = response.headers.get("content-length", "")
        reason = f"received {size} bytes, expected {length}"
    message = f"{_CUT} ({reason})"
    link = "cause.context" if core == "httpcore" else "cause.cause"
    causes = {"cause": f"{core}.RemoteProtocolError", link: "h11._util.RemoteProtocolError"}
    return rebuild(Failure("RemoteProtocolError", message, causes), library)


def _link(error: BaseException, details: Mapping[str, str], prefix: str, message: str) -> None:
    for name in ("cause", "source", "aside", "context"):
        path = f"{prefix}.{name}" if prefix else name
        if path not in details:
            continue
        below = _rebuild_one(details, path, details.get(f"{path}.message", message))
        if below is None:
            return
        _link(below, details, path, str(below))
        if name != "source":
            error.__context__ = below
        if name in ("cause", "source"):
            error.__cause__ = below
        if _is_core(error) and name != "aside":
            error.args = (below,)  # what these errors are made from


def _rebuild_one(details: Mapping[str, str], path: str, message: str) -> BaseException | None:
    kind = _find(details[path])
    if kind is None:
        return None
    errno = details.get(f"{path}.errno")
    try:
        if errno is None:
            error = kind(message) if message else kind()
        else:
            error = kind(int(errno), details.get(f"{path}.strerror", ""))
        for extra in _EXTRAS:
            if (value := details.get(f"{path}.{extra}")) is not None:
                setattr(error, extra, int(value) if value.lstrip("-").isdigit() else value)
    except Exception:  # noqa: BLE001 -- an error whose constructor wants something else
        return None
    error.__suppress_context__ = _is_core(error)  # httpcore's pools raise ``from None``
    return error


def _is_core(error: BaseException) -> bool:
    return type(error).__module__.startswith("httpcore")


def _find(kind: str) -> type[BaseException] | None:
    """The exception class of a qualified name, from what has been imported."""
    module, _, name = kind.rpartition(".")
    found = getattr(sys.modules.get(module or "builtins"), name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _kind(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"


def _kind_of_client(failure: Failure, library: Any, nearest: str) -> Callable[[str], Exception]:
    """The client's class; the nearest to it where the failure was another client's."""
    name = failure.kind.rpartition(".")[2]
    found = getattr(library, name, None)
    if not (isinstance(found, type) and issubclass(found, library.TransportError)):
        if not socket_errors.is_broken(failure):
            nearest = "RemoteProtocolError"
        found = getattr(library, "ReadTimeout" if "Timeout" in name else nearest)
    return cast("Callable[[str], Exception]", found)
