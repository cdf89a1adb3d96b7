"""The settings of one cassette as a type checker knows them; an editor completes their names.

Values are as `pytest_reqord.settings.options` has them, which is what is checked when a cassette
opens; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from pytest_reqord.base.models import Interaction, LeaveOut
    from pytest_reqord.matching.matchers import Matcher

__all__ = ["CassetteOptions", "Redactor", "Words"]

Words: TypeAlias = str | Collection[str]
"""Words in one text, or a list of them."""
Redactor: TypeAlias = "str | Callable[[Interaction], Interaction | LeaveOut] | Mapping[str, Any]"
"""The name of a redactor, a function of an interaction, or a mapping by part."""

_Told: TypeAlias = Literal["ignore", "warn", "fail"]


class CassetteOptions(TypedDict, total=False):
    """What `use_cassette`, `cassette_factory` and the marker take, and ``cassette_config`` returns."""

    record_mode: Literal["none", "once", "new_episodes", "all", "rewrite", "verify"]
    match_on: str | Sequence[str | Matcher]
    match_ignore: Words
    locked: bool
    on_miss: Literal["fail", "raise"]
    on_unplayed: _Told
    on_drift: _Told
    max_age: str
    on_expiry: Literal["warn", "fail", "rerecord"]
    on_failure: Literal["draft", "keep", "discard"]
    on_leak: Literal["draft", "ignore"]
    allow_playback_repeats: bool
    strict_order: bool
    verify_body: Literal["values", "shape"]
    verify_ignore: Words
    ignore_hosts: Words
    ignore_localhost: bool
    record_errors: bool
    redact: bool
    redact_headers: Words
    redact_query: Words
    redact_fields: Words
    redact_keep: Words
    redact_patterns: str | Sequence[str]
    redactors: Redactor | Sequence[Redactor]
    volatile: Words
    volatile_fields: Words
    format: Literal["keep", "reqord", "vcr"]
    inline_limit: int
