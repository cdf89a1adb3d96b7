"""The part of ``reqord info`` that only pytest can tell: its plugins, and the settings in force.

``reqord info`` gives this module to pytest as a plugin; no other run loads it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base.printable import printable
from pytest_reqord.plugin.config_sources import ini_layers, strong_layers
from pytest_reqord.settings.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAY_BE_SECRET = ("redact_patterns",)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int:
    """Print, in place of a run."""
    sys.stdout.write("\n".join(["", *map(printable, _lines(config)), ""]))
    return 0


def _lines(config: pytest.Config) -> Iterator[str]:
    yield "plugins of pytest"
    found = {
        (each.project_name, each.version) for _, each in config.pluginmanager.list_plugin_distinfo()
    }
    yield from (_row(name, version) for name, version in sorted(found))
    yield from ("", f"settings, from {config.rootpath}")
    if not config.pluginmanager.has_plugin("reqord"):
        yield "  pytest doesn't load the plugin reqord in such a run: pass -p reqord"
        return
    seen: set[str] = set()
    for layer in (*strong_layers(config.option), *ini_layers(config)):
        for name, value in layer.values.items():
            weaker = " (set by a stronger place above)" if name in seen else ""
            yield _row(f"{name} = {_shown(name, value)}", f"{layer.place}{weaker}")
            seen.add(name)
    for name in ("reqord_block_network", "reqord_allowed_hosts"):
        if value := config.getini(name):
            yield _row(f"{name} = {_shown(name, value)}", str(config.inipath))
    yield "  all others have their defaults; markers and cassette_config may set more for a test"


def _shown(name: str, value: Any) -> str:
    if name in _MAY_BE_SECRET:
        return f"({len(value)}, not shown)"
    default = OPTIONS[name].default if name in OPTIONS else None
    return repr(value) if value != default else f"{value!r} (the default)"


def _row(name: str, text: str) -> str:
    return f"  {name:32} {text}"
