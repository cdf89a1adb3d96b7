"""The hooks that a ``conftest.py`` or another plugin may implement, pytest-recording's among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_reqord.base.models import Interaction, LeaveOut
    from pytest_reqord.matching.matchers import Matcher
    from pytest_reqord.redaction.rules import Custom


@pytest.hookspec
def pytest_reqord_matchers(config: pytest.Config) -> Mapping[str, Matcher]:  # type: ignore[empty-body]
    """Give matchers by name, for use in ``match_on``.

    Called once a run, before the first cassette is opened.
    """


@pytest.hookspec
def pytest_reqord_redactors(config: pytest.Config) -> Mapping[str, Custom]:  # type: ignore[empty-body]
    """Give redactors by name, for use in ``redactors``.

    Each is a function that gets an interaction and returns it, changed or not, or `LEAVE_OUT`, or a
    mapping by part: see `pytest_reqord.redaction.user_rules`. Called once a run, as matchers are.
    """


@pytest.hookspec(firstresult=True)
def pytest_reqord_redact(interaction: Interaction) -> Interaction | LeaveOut | None:
    """Change an interaction before anything of it is kept.

    Called for each interaction that is recorded, after the other rules were applied.
    Returns it, changed or not, or `pytest_reqord.LEAVE_OUT` to keep it out of the cassette. The
    first implementation that returns one of them wins; that all return None is an error.
    """


@pytest.hookspec(firstresult=True)
def pytest_reqord_cassette_path(item: pytest.Item, path: Path) -> str | os.PathLike[str] | None:
    """Move the cassette of a test.

    Called once a test, with the path that its markers or its name give. The first implementation
    that returns a path wins, a relative one starts at the rootdir; None leaves it as it is.
    """


@pytest.hookspec
def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    """Change how cassettes of ``@pytest.mark.vcr`` are used.

    Called for each such test, before its cassette is opened.

    :param vcr: a `pytest_reqord.vcr_compat.vcr.VCR`: takes ``register_matcher``, ``register_serializer``, ``register_persister`` and
        VCR.py's options as attributes.
    """
