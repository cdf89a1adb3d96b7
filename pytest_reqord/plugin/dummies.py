"""Values for secrets that a fresh clone doesn't have.

SDKs ask for a key when they are constructed, which conftest files do when they are imported.
"""

from __future__ import annotations

from typing import Any

import pytest

from pytest_reqord.plugin.layers import strong_layers
from pytest_reqord.real import os

__all__ = ["put_dummies", "take_dummies_away", "unset_secrets"]

_put: list[str] = []


def put_dummies(config: pytest.Config) -> None:
    """Give the variables that ``reqord_secrets`` names a dummy where they are unset.

    Only where the run records nothing: a recording made with a dummy would be worth nothing.
    """
    names = unset_secrets(config)
    if not names or _may_record(config):
        return
    from pytest_reqord.redaction.dummies import dummy_for  # late: most suites name no secrets

    for name in names:
        os.environ[name] = dummy_for(name)
        _put.append(name)


def take_dummies_away() -> None:
    """Leave the environment as it was found."""
    while _put:
        os.environ.pop(_put.pop(), None)


def unset_secrets(config: pytest.Config) -> list[str]:
    """The variables that ``reqord_secrets`` names and that have no value."""
    names: list[str] = _ini(config, "reqord_secrets") or []
    return [name for name in names if not os.environ.get(name)]


def _may_record(config: pytest.Config) -> bool:
    """Whether the run as a whole records; a wrong value is told later, by who checks it."""
    layers = strong_layers(config.known_args_namespace)
    modes = [layer.values["record_mode"] for layer in layers if "record_mode" in layer.values]
    mode = next(iter(modes), None) or _ini(config, "reqord_record_mode") or "none"
    return mode != "none" or any("rerecord" in layer.values for layer in layers)


def _ini(config: pytest.Config, key: str) -> Any:
    """An ini key; None also where it is wrong, which is told later, too."""
    try:
        return config.getini(key)
    except (TypeError, ValueError, pytest.UsageError):
        return None
