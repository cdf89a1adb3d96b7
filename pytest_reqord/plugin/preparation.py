"""Plugins that register the same options: pytest would end with a bare ValueError."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from pytest_reqord.base.real import os
from pytest_reqord.plugin.config_sources import strong_layers

__all__ = ["put_dummies", "refuse_rivals", "take_dummies_away", "unset_secrets"]

# distribution -> (the name of its entry point, the module of its plugin)
_RIVALS = {
    "pytest-recording": ("recording", "pytest_recording.plugin"),
    "pytest-vcr": ("vcr", "pytest_vcr"),
    "cassetter": ("cassetter", "cassetter.pytest_plugin"),
}


def refuse_rivals(pluginmanager: pytest.PytestPluginManager) -> None:
    """Say which plugin is in the way and what to do about it.

    :raises pytest.UsageError: if one is installed and not switched off.
    """
    is_autoloading = not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    for distribution, (name, module) in _RIVALS.items():
        if pluginmanager.is_blocked(name):
            continue
        is_loaded = pluginmanager.has_plugin(name) or pluginmanager.has_plugin(module)
        package = module.partition(".")[0]
        if is_loaded or (is_autoloading and importlib.util.find_spec(package) is not None):
            raise pytest.UsageError(
                f"pytest-reqord and {distribution} can't be used in one run, they take the same"
                f" requests. Switch one off with -p no:{name} or -p no:reqord,"
                f" or uninstall it: pip uninstall {distribution}"
            )


# Values for secrets that a fresh clone doesn't have.
#
# SDKs ask for a key when they are constructed, which conftest files do when they are imported.


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
