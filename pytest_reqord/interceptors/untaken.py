"""Clients that can't be recorded are never let through in silence.

Where the cassette in force can't record they are refused; where it can they go live, and the
summary says that what they did isn't in it.
"""

from __future__ import annotations

import sys

from pytest_reqord.interceptors import active, gates

__all__ = ["check", "install", "uninstall"]


def install() -> None:
    """Have the cassette asked before these clients connect, those that are imported later too."""
    gates.put_up(_ask_cassette)


def check() -> None:
    """Take a seam again where another tool's teardown put the original back."""
    gates.check()


def uninstall() -> None:
    """Ask no more."""
    gates.take_down(_ask_cassette)


def _ask_cassette(client: str, uri: str) -> None:
    module = sys.modules.get(client.partition("-")[0])
    active.pass_untaken(client, getattr(module, "__version__", ""), uri)
