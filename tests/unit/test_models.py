"""The values: frozen, checked when they are made, the same after a pickle."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone

import pytest
from entries import interaction

from pytest_reqord.base.models import Failure, Interaction


@pytest.mark.parametrize("part", ["", "request", "response"])
def test_frozen(part):
    """No value takes another part, or one that it doesn't have."""
    one = interaction(1)
    value = getattr(one, part) if part else one

    for name in ("elapsed", "body", "comment"):
        with pytest.raises(AttributeError):
            setattr(value, name, b"")


@pytest.mark.parametrize(
    "change", [{"response": None}, {"failure": Failure("ValueError", "no")}], ids=["none", "both"]
)
def test_a_response_or_a_failure(change):
    """Neither and both are refused, also in a value that is made from another."""
    one = interaction(1)

    with pytest.raises(ValueError, match="either a response or a failure"):
        one._replace(**change)
    with pytest.raises(ValueError, match="either a response or a failure"):
        Interaction(**{**one._asdict(), **change})


def test_times_are_utc():
    """A time of another zone becomes the same time in UTC, also in a value made from another."""
    one = interaction(1)
    later = one._replace(recorded_at=datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2))))

    assert later.recorded_at.isoformat() == "2026-05-01T10:00:00+00:00"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
)
def test_copies(copied):
    """A copy is equal and of the same classes."""
    one = interaction(1)
    other = copied(one)

    assert other == one
    assert [type(part) for part in other] == [type(part) for part in one]
    assert repr(other) == repr(one)
