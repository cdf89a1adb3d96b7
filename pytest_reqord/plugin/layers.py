"""Where pytest keeps settings: its command line, the environment, ini files, markers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.options import OPTIONS, Layer

if TYPE_CHECKING:
    import argparse

__all__ = ["MARK", "ini_layer", "marker_layers", "strong_layers"]

MARK = "cassette"
_NOT_SETTINGS = ("name", "path")


def strong_layers(options: argparse.Namespace) -> list[Layer]:
    """The layers that a person set for this very run: the command line, then ``REQORD``.

    :param options: the command line, as pytest understood it.
    """
    command_line: dict[str, Any] = {}
    if options.record_mode is not None:
        command_line["record_mode"] = options.record_mode
    if options.rerecord:
        command_line["rerecord"] = tuple(options.rerecord)
    layers = [Layer("the command line", command_line, is_explicit=True, is_run_wide=True)]
    mode = os.environ.get("REQORD")
    if mode:
        place = "the environment variable REQORD"
        layers.append(Layer(place, {"record_mode": mode}, is_explicit=True, is_run_wide=True))
    return layers


def ini_layer(config: pytest.Config) -> Layer:
    """The ini keys that are set, in an ini file, ``pyproject.toml`` or with ``-o``.

    :raises pytest.UsageError: if pytest itself can't read one.
    """
    place = str(config.inipath) if config.inipath else "-o"
    values = {}
    for name in OPTIONS:
        key = f"reqord_{name}"
        try:
            value = config.getini(key)
        except (TypeError, ValueError, pytest.UsageError) as error:
            raise pytest.UsageError(f"{key} ({place}): {error}") from error
        if value is not None:
            values[name] = value
    return Layer(place, values, is_run_wide=True, prefix="reqord_")


def marker_layers(item: pytest.Item) -> list[Layer]:
    """What the markers of a test set, from the nearest out."""
    return [
        Layer(_place(mark), {k: v for k, v in mark.kwargs.items() if k not in _NOT_SETTINGS})
        for mark in item.iter_markers(MARK)
    ]


def _place(mark: pytest.Mark) -> str:
    arguments = ", ".join(f"{key}={value!r}" for key, value in mark.kwargs.items())
    return f"@pytest.mark.{MARK}({arguments})"
