"""``reqord info``: what a bug report has to tell, without a secret."""

from __future__ import annotations

import importlib
import platform
import re
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from pytest_reqord.base.real import os
from pytest_reqord.interceptors import registry, unsupported

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

__all__ = ["EXAMPLES", "HELP", "add_arguments", "run"]

HELP = "print versions, clients, plugins and settings for a bug report"
EXAMPLES = (
    "reqord info                                    of the suite in this folder",
    "reqord info -- -c other.ini                    of a run with these options",
)
_OURS = ("pytest-reqord", "pytest", "pytest-xdist", "filelock", "PyYAML")
_HOOKED = {
    "urllib3": "http.client",
    "requests": "http.client",
    "httplib2": "http.client",
    "botocore": "http.client",
    "httpx": "httpx",
    "httpx2": "httpx2",
    "httpx-curl-cffi": "httpx_curl_cffi",
    "aiohttp": "aiohttp",
    "aiobotocore": "aiohttp",
    "niquests": "urllib3_future._async.connectionpool",
    "tornado": "tornado.simple_httpclient",
}
"""Clients, each with the module that reqord hooks for it."""
_OTHER_NAMES = {"grpc": "grpcio"}
"""Clients that are installed under another name."""
_VARIABLES = ("CI", "REQORD", "PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS")
_HIDDEN = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
"""Variables whose values may hold a password."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "options",
        nargs="*",
        metavar="-- PYTEST OPTIONS",
        help="what you give to pytest, such as: reqord info -- -c other.ini",
    )


def run(parsed: argparse.Namespace) -> int:
    """Print all of it; pytest itself tells of its plugins and settings.

    :returns: 0, or pytest's exit status if it can't start.
    """
    print("\n".join([*_versions(), "", "clients", *_clients(), "", "environment", *_environment()]))
    sys.stdout.flush()  # before pytest prints
    command = [sys.executable, "-m", "pytest", "-p", "pytest_reqord.plugin.info", *parsed.options]
    return subprocess.run(command, check=False).returncode  # noqa: S603 -- the user's own options


def _versions() -> Iterator[str]:
    yield ", ".join(f"{name} {_version(name)}" for name in _OURS)
    implementation = platform.python_implementation()
    yield f"Python {platform.python_version()} ({implementation}), {platform.platform()}"


def _version(name: str) -> str:
    """The version of a distribution; empty if it isn't installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _clients() -> Iterator[str]:
    """Each installed client, and what reqord does with it."""
    registry.ensure()
    try:
        for name, module in _HOOKED.items():
            if version := _version(name):
                yield _row(f"{name} {version}", _fate(module))
    finally:
        registry.uninstall()
    for name in dict.fromkeys(client.name for client in unsupported.CLIENTS):
        if version := _version(_OTHER_NAMES.get(name, name)):
            yield _row(f"{name} {version}", "not recorded: refused in a replay")


def _fate(module: str) -> str:
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 -- a broken installation is what the report is about
        return f"can't be imported: {error!r}"
    reason = unsupported.reason_against(module.partition(".")[0])
    return f"NOT hooked: {reason}" if reason else f"hooked, at {module}"


def _environment() -> Iterator[str]:
    for name in _VARIABLES:
        if name in os.environ:
            yield _row(name, re.sub(r"=\S+", "=...", os.environ[name]))
    for name in _HIDDEN:
        if name in os.environ or name.lower() in os.environ:
            yield _row(name, "set, not shown")


def _row(name: str, text: str) -> str:
    return f"  {name:32} {text}"
