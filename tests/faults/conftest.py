"""Suites of users, for faults of whole runs."""

from __future__ import annotations

from plugin.conftest import api, cassettes, clean_environment, suite

__all__ = ["api", "cassettes", "clean_environment", "suite"]
