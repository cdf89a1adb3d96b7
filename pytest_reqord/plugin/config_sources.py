"""Where pytest keeps settings: its command line, the environment, ini files, markers."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.base.real import io, os
from pytest_reqord.settings.options import OPTIONS, Layer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping

    from pytest_reqord.settings.typed import CassetteOptions

__all__ = ["MARK", "NO_CONFIG", "ini_layers", "marker_layers", "marks_of", "strong_layers"]

MARK = "cassette"
NO_CONFIG: CassetteOptions = {}
"""What the fixture ``cassette_config`` returns where nobody overrides it."""
_NOT_SETTINGS = frozenset(("name", "path"))
_PREFIX = "reqord_"


def strong_layers(options: argparse.Namespace) -> list[Layer]:
    """The layers that a person set for this very run: the command line, then ``REQORD``.

    :param options: the command line, as pytest understood it.
    """
    command_line: dict[str, Any] = {}
    mode = options.record_mode or options.vcr_record
    if mode is not None:
        command_line["record_mode"] = mode
    if options.rerecord:
        command_line["rerecord"] = tuple(options.rerecord)
    layers = [Layer("the command line", command_line, is_explicit=True, is_run_wide=True)]
    mode = os.environ.get("REQORD")
    if mode:
        place = "the environment variable REQORD"
        layers.append(Layer(place, {"record_mode": mode}, is_explicit=True, is_run_wide=True))
    return layers


def ini_layers(config: pytest.Config) -> list[Layer]:
    """The ini keys that are set: with ``-o``, then in an ini file.

    :raises UsageError: if pytest can't read one.
    """
    given: dict[str, Any] = dict(text.split("=", 1) for text in config.option.override_ini or ())
    in_file = {key: text for key, text in _in_file(config).items() if key not in given}
    _refuse_tables(config)
    layers = [
        Layer("-o on the command line", {}, is_run_wide=True, prefix=_PREFIX),
        Layer(str(config.inipath), {}, is_run_wide=True, prefix=_PREFIX),
    ]
    values = [_unknown(config, texts) for texts in (given, in_file)]
    for name in OPTIONS:
        key = f"{_PREFIX}{name}"
        place = 0 if key in given else 1
        try:
            value = config.getini(key)
        except (TypeError, ValueError, pytest.UsageError) as error:
            from pytest_reqord.settings.resolve import wrong_value  # late: most suites set nothing

            raise wrong_value(name, (given, in_file)[place].get(key), layers[place]) from error
        if value is not None:
            values[place][name] = value
    return [layer._replace(values=each) for layer, each in zip(layers, values, strict=True)]


def _refuse_tables(config: pytest.Config) -> None:
    """Refuse a table of our own in pyproject.toml, which nobody reads.

    :raises UsageError: if there is one.
    """
    path = config.rootpath / "pyproject.toml"
    try:
        with io.open(path, encoding="utf-8") as file:
            table = re.search(
                r"^\[tool\.[\"']?((?:pytest[-_])?reqord)\b", file.read(), re.MULTILINE
            )
    except (OSError, ValueError):  # there is none; or pytest has told what is wrong with it
        return
    if table:
        from pytest_reqord.errors import UsageError  # late: most runs raise none

        raise UsageError(
            f"{path} has a table [tool.{table[1]}], which nobody reads: settings belong in"
            f" [tool.pytest.ini_options], each as reqord_NAME; see: reqord docs settings"
        )


def _unknown(config: pytest.Config, texts: Mapping[str, Any]) -> dict[str, Any]:
    """What is called as our keys are and is none, neither ours nor another plugin's."""
    return {
        key.removeprefix(_PREFIX): text
        for key, text in texts.items()
        if key.startswith(_PREFIX) and not _is_declared(config, key)
    }


def _in_file(config: pytest.Config) -> dict[str, Any]:
    """What stands in the ini file, as it stands there, for errors: ``getini`` has it converted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and nothing takes its place
        return dict(getattr(config, "inicfg", ()))


def _is_declared(config: pytest.Config, key: str) -> bool:
    if key.removeprefix(_PREFIX) in OPTIONS:
        return True
    try:
        config.getini(key)
    except ValueError:
        return False
    return True


def marks_of(item: pytest.Item) -> list[pytest.Mark]:
    """The ``cassette`` marks of a test, from the nearest out; 3 us, to walk up its nodes."""
    return list(item.iter_markers(MARK))


def marker_layers(marks: Iterable[pytest.Mark]) -> list[Layer]:
    """What markers set; nothing of those that set nothing."""
    return [
        Layer(_place(mark), {k: v for k, v in mark.kwargs.items() if k not in _NOT_SETTINGS})
        for mark in marks
        if not mark.kwargs.keys() <= _NOT_SETTINGS
    ]


def _place(mark: pytest.Mark) -> str:
    arguments = ", ".join(f"{key}={value!r}" for key, value in mark.kwargs.items())
    return f"@pytest.mark.{MARK}({arguments})"
