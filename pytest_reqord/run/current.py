"""What makes this process's run, where a test runner hosts it. pytest loads it in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hosted_run", "refuse", "set_host"]

_make: Callable[[], Any] | None = None


def set_host(make: Callable[[], Any] | None) -> Callable[[], Any] | None:
    """Have the run of this process made by a test runner; None when that is over.

    :param make: makes the run on the first call.
    :returns: what made it before.
    """
    global _make
    before, _make = _make, make
    return before


def hosted_run() -> Any:
    """The `Run` of the test runner; None in a script."""
    return _make() if _make else None


def refuse() -> Any:
    """The host until the test runner knows its settings.

    :raises UsageError: always: what may be recorded isn't known yet.
    """
    from pytest_reqord.errors import UsageError  # late: nearly no run needs it

    raise UsageError(
        "a cassette can't be opened while the first conftest.py is imported: open it in a fixture"
    )
