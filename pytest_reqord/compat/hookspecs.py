"""pytest-recording's hook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_reqord.compat.vcr import VCR


@pytest.hookspec
def pytest_recording_configure(config: pytest.Config, vcr: VCR) -> None:
    """Change how cassettes of ``@pytest.mark.vcr`` are used.

    Called for each such test, before its cassette is opened.

    :param vcr: takes ``register_matcher``, ``register_serializer``, ``register_persister`` and
        VCR.py's options as attributes.
    """
