"""The values: frozen, checked when they are made, the same after a pickle."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone

import pytest
from entries import interaction

from pytest_reqord.base.models import Failure, Headers, Interaction, Request, Response


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


@pytest.mark.parametrize("headers", [{"A": "1"}, [("A", "1")], [("A", b"1")], {"A": 1}])
def test_headers_of_a_message(headers):
    """A message takes any mapping or pairs for its headers, and makes them the value."""
    assert Request("GET", "http://x/", headers, b"").headers == Headers({"A": "1"})
    assert Response(200, "OK", headers, b"").headers.pairs == (("A", "1"),)
    assert Response(200, "", Headers(), b"")._replace(trailers=headers).trailers["a"] == "1"


@pytest.mark.parametrize(
    "headers", ["A: 1", ["A"], None, 1, [("A", "1", "2")], {"A": None}, {"A": ["secret"]}]
)
def test_no_headers_of_a_message(headers):
    """What is no header is refused where the message is made, without a value that may be secret."""
    with pytest.raises(TypeError, match="header") as caught:
        Request("GET", "http://x/", headers, b"")
    assert "secret" not in str(caught.value)
    with pytest.raises(TypeError, match="header"):
        Response(200, "OK", Headers(), b"")._replace(headers=headers)
