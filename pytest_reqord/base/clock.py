"""When a request was started: UTC, microseconds, never backwards and never twice.

Tests freeze time: freezegun replaces the functions of `time` in every module, time_machine what
they and the realtime clock give. So nothing of ours asks those: the wall clock is asked once, and
time runs on the monotonic clock of the system, by the one way to it that both leave alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pytest_reqord.base.platform import monotonic, monotonic_ns, wall_ns
from pytest_reqord.base.real import threading

__all__ = [
    "Clock",
    "expiry_limit",
    "format_time",
    "has_expired",
    "monotonic",
    "parse_age",
    "parse_time",
    "wall_time",
]

_ANCHOR = wall_ns() - monotonic_ns()
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Clock:
    """A wall clock that is anchored once and then runs on the monotonic clock.

    A wall clock that is set back (NTP, a laptop's sleep) would put later requests before
    earlier ones, and one that is coarse would give two requests the same time; neither can be
    sorted. Two clocks of one machine agree to what the system's own clocks agree to.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.RLock()  # what the garbage collector ends may ask for the time

    def now(self) -> datetime:
        """The time now in UTC, later than every time this clock has given."""
        with self._lock:
            now = (_ANCHOR + monotonic_ns()) // 1000
            if now <= self._last:
                now = self._last + 1
            self._last = now
        return _EPOCH + timedelta(microseconds=now)

    def after_fork(self) -> None:
        """Make the clock usable in a forked child, whose copy of the lock may be held."""
        self._lock = threading.RLock()


def wall_time() -> float:
    """Seconds since the epoch, as ``time.time`` gives them while no test has frozen them."""
    return (_ANCHOR + monotonic_ns()) / 1e9


def format_time(time: datetime) -> str:
    """The time as it stands in a cassette: ``2026-11-23T07:13:32.123456Z``."""
    if time.tzinfo is not timezone.utc:
        time = time.astimezone(timezone.utc)
    return time.isoformat(timespec="microseconds")[:-6] + "Z"


def parse_time(text: str) -> datetime:
    """The inverse of `format_time`, for any ISO 8601 time; one without an offset is UTC.

    :raises ValueError: if the text is not a time.
    """
    if text.endswith(("Z", "z")):  # Python 3.10 doesn't read the Z
        text = text[:-1] + "+00:00"
    time = datetime.fromisoformat(text)
    if time.tzinfo is timezone.utc:  # as we write it
        return time
    if time.tzinfo is None:
        time = time.replace(tzinfo=timezone.utc)
    try:
        return time.astimezone(timezone.utc)
    except OverflowError as error:
        raise ValueError(f"{text} is before or after all time") from error


def parse_age(text: str) -> timedelta | None:
    """Read a time such as ``30d``, in weeks, days, hours or minutes.

    :returns: None where it is empty.
    :raises ValueError: if it is something else, or no time at all.
    """
    if not text:
        return None
    number, unit = text[:-1], text[-1]
    if not number.isdecimal() or len(number) > _MOST_DIGITS or unit not in _UNITS:
        raise ValueError(f"{text!r} is no age such as 30d")
    age = timedelta(**{_UNITS[unit]: int(number)})
    if not age:
        raise ValueError(f"{text!r} would have everything expire at once")
    return age


def expiry_limit(now: datetime, age: str) -> datetime:
    """The time before which everything has expired."""
    return now - (parse_age(age) or now - _FIRST)


def has_expired(recorded_at: datetime, limit: datetime) -> bool:
    """Whether something has expired; what came without a time, from other tools, never does."""
    return _FIRST < recorded_at < limit


_MOST_DIGITS = 5  # what the calendar has room for, in weeks
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}
_FIRST = datetime(1971, 1, 1, tzinfo=timezone.utc)
