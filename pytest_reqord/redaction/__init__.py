"""Secrets taken out of what is recorded, and looked for in what was.

Nothing here reads a file, an environment variable or a clock: what is secret is passed in.
"""

from pytest_reqord.redaction.dummies import dummy_for, is_dummy
from pytest_reqord.redaction.redactor import Redactor
from pytest_reqord.redaction.rules import HEADERS_ONLY, Rules
from pytest_reqord.redaction.values import REDACTED, REDACTED_IN_URL, is_redacted, matches

__all__ = [
    "HEADERS_ONLY",
    "REDACTED",
    "REDACTED_IN_URL",
    "Redactor",
    "Rules",
    "dummy_for",
    "is_dummy",
    "is_redacted",
    "matches",
]
