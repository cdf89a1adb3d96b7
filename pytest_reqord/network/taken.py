"""Attributes of classes and modules that the guard stands in for while it is on.

What is buried under a mock when the guard goes does nothing while no guard is on.
"""

from __future__ import annotations

from pytest_reqord.interceptors.attributes import Attributes

__all__ = ["put_back", "take"]

_guarded = Attributes()
take = _guarded.take
put_back = _guarded.put_back
