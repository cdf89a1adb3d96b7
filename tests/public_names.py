"""The names that users may rely on: the one place that says so.

``python tests/public_names.py VERSION`` writes them into ``tests/data/names``, once a release.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import pytest_reqord
from pytest_reqord import errors, plugin
from pytest_reqord.base.models import Arrival, Failure
from pytest_reqord.cli import parser
from pytest_reqord.playback.cassette import Drift
from pytest_reqord.plugin import hookspecs
from pytest_reqord.settings.options import OPTIONS
from pytest_reqord.vcr_compat import plugin as compat

__all__ = [
    "FIXTURES",
    "MARKERS",
    "MEMBERS",
    "RELEASED",
    "VARIABLES",
    "hooks",
    "names",
    "of_release",
]

RELEASED = Path(__file__).parent / "data" / "names"

MEMBERS: dict[str, tuple[str, ...]] = {
    "Cassette": (
        *("path", "record_mode", "interactions", "played", "recorded", "unplayed", "misses"),
        *("drifts", "expired", "play_count", "recorded_count", "all_played", "recorded_at"),
        "flush",
    ),
    "CassetteWriter": (
        *("start_link", "child_spec", "write_entry", "wait_for_room", "flush_cassette"),
        *("flush_all", "replace_cassette_for_all_mode", "set_aside", "stop"),
    ),
    "Headers": ("pairs", "get_all", "parse", "text"),
    "Interaction": ("answered_at",),
    "Request": ("content", "text", "json"),
    "Response": ("content", "text", "json"),
}
"""What a class has besides its fields, in the order of the manual."""

INSIDE: dict[str, Any] = {"Drift": Drift, "Failure": Failure, "Arrival": Arrival}
"""Named tuples that are met inside others, and have no public name to import."""

MARKERS = ("cassette", "vcr", "default_cassette", "block_network", "allowed_hosts")
FIXTURES = (
    *("cassette", "cassette_config", "cassette_factory"),
    *("vcr", "vcr_config", "vcr_cassette_dir", "vcr_markers", "default_cassette_name"),
    *("record_mode", "disable_recording", "allowed_hosts", "block_network"),
)
VARIABLES = ("REQORD", "CI")


def hooks() -> dict[str, Any]:
    """The hooks that a suite may implement, by name."""
    found = inspect.getmembers(hookspecs, inspect.isfunction)
    return {name: function for name, function in found if name.startswith("pytest_re")}


def names() -> set[str]:
    """All of them, a line each: the kind, and the name."""
    found = {f"pytest_reqord {name}" for name in pytest_reqord.__all__}
    found |= {f"pytest_reqord.errors {name}" for name in errors.__all__}
    for name, members in MEMBERS.items():
        fields = getattr(getattr(pytest_reqord, name), "_fields", ())
        found |= {f"member {name}.{member}" for member in (*fields, *members)}
    for name, value in INSIDE.items():
        found |= {f"member {name}.{field}" for field in value._fields}
    for error in (getattr(errors, name) for name in errors.__all__):
        found |= {f"member {error.__name__}.{field}" for field in _parameters(error.__init__)}
    found |= {f"argument use_cassette({name})" for name in _parameters(pytest_reqord.use_cassette)}
    found |= {
        f"argument CassetteWriter({name})" for name in _parameters(pytest_reqord.CassetteWriter)
    }
    for name, hook in hooks().items():
        found |= {f"hook {name}", *(f"argument {name}({each})" for each in _parameters(hook))}
    for option in OPTIONS.values():
        found |= {f"setting {option.name}"}
        found |= {f"choice {option.name} = {choice}" for choice in option.choices}
    found |= {f"ini reqord_{name}" for name in (*OPTIONS, "block_network", "allowed_hosts")}
    found |= {f"marker {name}" for name in MARKERS}
    found |= {f"fixture {name}" for name in FIXTURES}
    found |= {f"variable {name}" for name in VARIABLES}
    found |= {f"pytest {name}" for name in _pytest_options()}
    return found | set(_commands())


def of_release() -> dict[str, set[str]]:
    """What each release had, by its version."""
    return {
        path.stem: set(path.read_text("utf-8").splitlines())
        for path in sorted(RELEASED.glob("*.txt"))
    }


def _parameters(function: Any) -> list[str]:
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind in plain and each.name != "self"]


def _pytest_options() -> list[str]:
    made = pytest.Parser(_ispytest=True)
    plugin.pytest_addoption(made)
    compat.pytest_addoption(made)
    options = made.getgroup("reqord").options
    return [name for option in options for name in option.names() if _is_shown(option)]


def _is_shown(option: Any) -> bool:
    return bool(option.attrs().get("help") != argparse.SUPPRESS)


def _commands() -> list[str]:
    (commands,) = (each for each in parser()._actions if isinstance(each.choices, dict))
    found = []
    for name, command in dict(commands.choices or {}).items():
        options = (option for each in command._actions for option in each.option_strings)
        found += [f"command reqord {name}"]
        found += [f"command reqord {name} {option}" for option in options if option != "-h"]
    return found


if __name__ == "__main__":
    (version,) = sys.argv[1:]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version), version
    RELEASED.mkdir(exist_ok=True)
    text = "".join(f"{name}\n" for name in sorted(names()))
    (RELEASED / f"{version}.txt").write_text(text, "utf-8")
