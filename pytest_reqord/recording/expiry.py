"""What of a cassette has to be recorded anew because it has expired (``on_expiry = rerecord``)."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

from pytest_reqord.base.clock import expiry_limit, has_expired, parse_time
from pytest_reqord.cassette_file.cache import read_document
from pytest_reqord.errors import ReqordError
from pytest_reqord.redaction import REDACTED, REDACTED_IN_URL
from pytest_reqord.settings.modes import SAVED_AT_END
from pytest_reqord.settings.paths import is_default_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pytest_reqord.settings.resolve import Settings

__all__ = ["renewed"]

_RECORDED_ANYWAY = SAVED_AT_END | {"none", "verify"}


def renewed(settings: Settings, path: Path, owner: str, now: datetime) -> Settings:
    """Have what a test recorded into a cassette, and has expired, recorded anew.

    What was recorded for the same requests is one series, and goes with it.

    :param settings: what holds for the cassette.
    :param path: the cassette.
    :param owner: the test as its recordings name it.
    :param now: the time.
    """
    if settings.record_mode in _RECORDED_ANYWAY:
        return settings
    try:
        entries = read_document(path).entries
    except (OSError, ReqordError):  # nothing yet, or told by the first request
        return settings
    limit = expiry_limit(now, settings.max_age)
    patterns = {
        f"{entry.method} {_pattern(entry.uri)}": None
        for entry in entries
        if has_expired(parse_time(entry.recorded_at), limit)
        and (entry.recorded_by == owner or (not entry.recorded_by and is_default_of(path, owner)))
    }
    return settings._replace(rerecord=(*settings.rerecord, *patterns))


def _pattern(uri: str) -> str:
    """The URI as a pattern in which anything may stand where a secret stood."""
    text = glob.escape(uri)
    for marker in (REDACTED, REDACTED_IN_URL):
        text = text.replace(glob.escape(marker), "*")
    return text
