"""Which test runs now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["CurrentTest"]


class CurrentTest:
    """Which test runs, set before anything of it is set up; None between tests."""

    item: pytest.Item | None = None
