"""The public API as users annotate it: checked by mypy, never run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pytest_reqord import (
    Cassette,
    CassetteFactory,
    CassetteMissError,
    CassetteOptions,
    CassetteWriter,
    Headers,
    Interaction,
    Request,
    Response,
    SequenceMismatchError,
    use_cassette,
)


def no_such_name() -> object:
    from pytest_reqord import Nonsense  # type: ignore[attr-defined]

    return Nonsense


use_cassette("a.yaml", recordmode="once")  # type: ignore[call-arg]  # no such option
use_cassette("a.yaml", record_mode="sometimes")  # type: ignore[arg-type]  # no such mode
use_cassette("a.yaml", locked="yes")  # type: ignore[arg-type]  # no such value


@pytest.fixture
def cassette_config() -> CassetteOptions:
    return {"match_on": ["method", "uri"], "redactors": [without_names], "ignore_hosts": "a b"}


@pytest.fixture(scope="session")
def users(cassette_factory: CassetteFactory) -> int:
    with cassette_factory("users", on_drift="fail") as cassette:
        return cassette.play_count


def without_names(interaction: Interaction) -> Interaction:
    return interaction._replace(response=None)


def test_reading(cassette: Cassette) -> None:
    path: Path = cassette.path
    mode: str = cassette.record_mode
    interactions: tuple[Interaction, ...] = cassette.interactions
    played: tuple[Interaction, ...] = cassette.played
    count: int = cassette.play_count
    misses: tuple[Request, ...] = cassette.misses
    started: datetime = cassette.recorded_at
    cassette.flush()
    print(path, mode, interactions, played, count, misses, started)


def values(interaction: Interaction) -> tuple[bytes, str, Any]:
    request: Request = interaction.request
    response: Response | None = interaction.response
    headers: Headers = request.headers
    seconds: float = interaction.elapsed
    first: str | None = headers.get("content-type")
    print(response, seconds, first, headers.get_all("set-cookie"))
    return request.body, request.text, request.json()


@use_cassette("one.yaml", record_mode="once")
def decorated(number: int) -> str:
    return str(number)


@use_cassette("two.yaml")
async def decorated_too(number: int) -> str:
    return str(number)


async def blocks() -> None:
    with use_cassette(Path("three.yaml"), match_on=["method", "uri"]) as cassette:
        print(cassette.play_count)
    async with use_cassette("four.yaml") as cassette:
        print(cassette.play_count)
    text: str = decorated(1)
    other: str = await decorated_too(1)
    print(text, other)


def writing(writer: CassetteWriter, interaction: Interaction) -> None:
    writer.write_entry("cassette.yaml", interaction)
    writer.flush_cassette("cassette.yaml")
    writer.flush_all()
    writer.replace_cassette_for_all_mode("cassette.yaml")


def errors(error: CassetteMissError | SequenceMismatchError) -> Request:
    return error.request
