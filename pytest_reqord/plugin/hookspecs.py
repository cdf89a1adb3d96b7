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

    reqord calls it once a run, before it opens the first cassette.
    """


@pytest.hookspec
def pytest_reqord_redactors(config: pytest.Config) -> Mapping[str, Custom]:  # type: ignore[empty-body]
    """Give redactors by name, for use in ``redactors``.

    Each is a function that gets an interaction and returns it, changed or not, or `LEAVE_OUT`; or
    it is a mapping by part. reqord calls the hook once a run, before it opens the first cassette.
    """


@pytest.hookspec(firstresult=True)
def pytest_reqord_redact(interaction: Interaction) -> Interaction | LeaveOut | None:
    """Change an interaction before anything of it is kept.

    reqord calls it for each interaction that it records, after all other rules. It returns the
    interaction, changed or not, or `pytest_reqord.LEAVE_OUT` to keep it out of the cassette. The
    first implementation that returns one of them wins; None from all of them is an error.
    """


@pytest.hookspec(firstresult=True)
def pytest_reqord_cassette_path(item: pytest.Item, path: Path) -> str | os.PathLike[str] | None:
    """Move the cassette of a test.

    reqord calls it once a test, with the path that the test's markers or its name give. The first
    implementation that returns a path wins. A relative path starts at pytest's rootdir. None leaves
    the cassette where it is.
    """


@pytest.hookspec
def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    """Change how cassettes of ``@pytest.mark.vcr`` are used.

    reqord calls it for each such test, before it opens the test's cassette.

    :param vcr: an object with ``register_matcher``, ``register_serializer``, ``register_persister``
        and VCR.py's options as attributes.
    """
