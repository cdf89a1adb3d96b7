"""Plugins that register the same options: pytest would end with a bare ValueError."""

from __future__ import annotations

import importlib.util

import pytest

from pytest_reqord.real import os

__all__ = ["refuse_rivals"]

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
