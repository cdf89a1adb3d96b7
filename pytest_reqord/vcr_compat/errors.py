"""Errors that ``except`` clauses of VCR.py's suites catch.

VCR.py's own classes are the base where the suite has imported it; we never import it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_reqord.errors import CassetteMiss, PlaybackError, UsageError

if TYPE_CHECKING:
    from pytest_reqord.vcr_compat.messages import VcrRequest

__all__ = ["NotHonoured", "is_not_found", "missing_metadata", "not_recorded", "unhandled"]


class NotHonoured(UsageError):
    """An option of VCR.py that has no counterpart here."""


class _VcrMiss:
    """What VCR.py's error tells besides its text."""

    cassette: Any
    failed_request: VcrRequest | None
    _miss: CassetteMiss
    _reason: str | None

    def __str__(self) -> str:
        return str(self._miss)

    def __reduce__(self) -> Any:
        return self._miss.__reduce__()  # another process has neither this class nor the cassette

    @property
    def similar_requests(self) -> list[Any]:
        """The recorded requests that most matchers say yes to: request, those, the others."""
        request = self.failed_request
        found = [] if request is None else self.cassette.find_requests_with_most_matches(request)
        return list(found)

    @property
    def reason(self) -> str:
        """``cassette_not_found``, ``already_played``, ``no_match`` or ``nothing_similar``."""
        if self._reason is not None:
            return self._reason
        if not self.cassette.rewound and not len(self.cassette):
            return "cassette_not_found"
        similar = self.similar_requests
        if not similar:
            return "nothing_similar"
        return "no_match" if similar[0][2] else "already_played"


def _of_vcr(module: str, name: str) -> tuple[type[BaseException], ...]:
    """VCR.py's class of a name, where the suite has imported it."""
    found = getattr(sys.modules.get(f"vcr.{module}"), name, None)
    return (found,) if isinstance(found, type) and issubclass(found, BaseException) else ()


def _made(
    name: str, bases: tuple[type, ...], miss: CassetteMiss, attributes: dict[str, Any]
) -> BaseException:
    # without the constructors of the bases: VCR.py's wants a cassette of its own
    kind = type(name, bases, {"__init__": Exception.__init__, "__module__": __name__})
    error: BaseException = kind(str(miss))
    error.__dict__.update(vars(miss), _miss=miss, **attributes)
    return error


def not_recorded(
    miss: CassetteMiss, cassette: Any, request: VcrRequest | None, reason: str | None = None
) -> BaseException:
    """A miss, as ``vcr.errors.CannotOverwriteExistingCassetteException``.

    :param miss: the miss as we tell it.
    :param cassette: the cassette as the suite knows it.
    :param request: the request that isn't recorded.
    :param reason: VCR.py's word for it, where it isn't to be found out.
    """
    own = "CannotOverwriteExistingCassetteException"
    bases = (_VcrMiss, CassetteMiss, *_of_vcr("errors", own))
    attributes = {"cassette": cassette, "failed_request": request, "_reason": reason}
    return _made(own, bases, miss, attributes)


def missing_metadata(miss: CassetteMiss, cassette: Any, key: str) -> BaseException:
    """``vcr.errors.MissingMetadataError``."""
    bases = (_VcrMiss, CassetteMiss, *_of_vcr("errors", "MissingMetadataError"))
    attributes = {
        "cassette": cassette,
        "failed_request": None,
        "key": key,
        "_reason": "missing_metadata",
    }
    return _made("MissingMetadataError", bases, miss, attributes)


def unhandled(request: VcrRequest, cassette: Any) -> BaseException:
    """``vcr.errors.UnhandledHTTPRequestError``: a test asked for what isn't there."""
    name = "UnhandledHTTPRequestError"
    bases = _of_vcr("errors", name) or (KeyError,)
    kind = type(name, (PlaybackError, *bases), {"__init__": Exception.__init__})
    error: BaseException = kind(f"{request} is not in {cassette.path}")
    return error


def is_not_found(error: Exception) -> bool:
    """Whether a persister says that there is no cassette: with one of VCR.py's errors, or ours."""
    return isinstance(error, (FileNotFoundError, *_of_vcr("cassette", "CassetteNotFoundError")))
