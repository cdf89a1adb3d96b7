"""Interactions to write, told apart by a number."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from random import Random

from pytest_reqord.base.models import Headers, Interaction, Request, Response
from pytest_reqord.writer import CassetteWriter

START = datetime(2026, 11, 23, 7, 0, 0, tzinfo=timezone.utc)


def interaction(number: int, at: float | None = None, body: bytes = b"{}", **response):
    """The interaction of this number.

    :param at: seconds after the start at which it was recorded; its number if not given.
    """
    fields = {"status": 200, "reason": "OK", "headers": Headers({"Content-Type": "text/plain"})}
    return Interaction(
        request=Request("GET", f"https://api.example.com/{number}", Headers(), b""),
        response=Response(**{**fields, "body": body, **response}),
        recorded_at=START + timedelta(seconds=number if at is None else at),
        recorded_by="test_it.py::test_it",
        elapsed=0.25,
    )


def number_of(found) -> int:
    """The number that an interaction, or an entry of a document, was made with."""
    uri = found.request.uri if isinstance(found, Interaction) else found.uri
    return int(uri.rpartition("/")[2])


def noise(size: int, kind: int = 0) -> bytes:
    """Bytes in which nothing is to be found, the same in each run; of another kind, others."""
    return Random(kind).randbytes(size)


def write_every_fourth(path, start: int) -> None:
    """Write every fourth of 200 entries; here, where a spawned process finds it."""
    writer = CassetteWriter.start_link(batch_timeout=2)
    for number in range(start, 200, 4):
        writer.write_entry(path, interaction(number))
        if number % 40 < 4:
            time.sleep(0.004)
    writer.stop()
