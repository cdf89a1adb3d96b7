"""Record a test's HTTP traffic once and replay it ever after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_reqord.base.models import LEAVE_OUT, Headers, Interaction, Request, Response
    from pytest_reqord.errors import CassetteMissError, ReqordError, SequenceMismatchError
    from pytest_reqord.playback.cassette import Cassette
    from pytest_reqord.run.use_cassette import CassetteFactory, use_cassette
    from pytest_reqord.settings.typed import CassetteOptions
    from pytest_reqord.writer import CassetteWriter

__all__ = [
    "LEAVE_OUT",
    "Cassette",
    "CassetteFactory",
    "CassetteMissError",
    "CassetteOptions",
    "CassetteWriter",
    "Headers",
    "Interaction",
    "ReqordError",
    "Request",
    "Response",
    "SequenceMismatchError",
    "use_cassette",
]

_HOMES = {
    "LEAVE_OUT": "base.models",
    "Cassette": "playback.cassette",
    "CassetteFactory": "run.use_cassette",
    "CassetteMissError": "errors",
    "CassetteOptions": "settings.typed",
    "CassetteWriter": "writer",
    "Headers": "base.models",
    "Interaction": "base.models",
    "ReqordError": "errors",
    "Request": "base.models",
    "Response": "base.models",
    "SequenceMismatchError": "errors",
    "use_cassette": "run.use_cassette",
}


if not TYPE_CHECKING:  # to a type checker every name would be one that there is

    def __getattr__(name: str) -> Any:
        """Import a public name on first use (PEP 562): pytest loads this package in every run."""
        if name not in _HOMES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
