"""What the report of a failed test says of its cassette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reqord.errors import CassetteError

if TYPE_CHECKING:
    from pytest_reqord.cassette import Cassette
    from pytest_reqord.models import Interaction, Request

__all__ = ["drift_lines", "expired_lines", "section", "unplayed_lines"]

_MOST = 20


def section(cassette: Cassette) -> tuple[str, str]:
    """The title and the text of a report's section about a cassette."""
    lines = [f"{cassette.path} (record mode {cassette.record_mode})"]
    try:
        lines += _played_lines(cassette)
    except CassetteError as error:  # a draft; what can't be read of the cassette isn't played
        lines.append(f"broken   {error}")
    if cassette.recorded_count:
        lines.append(f"recorded {cassette.recorded_count}")
    lines += (f"missed   {_name(request)}" for request in cassette.misses[:_MOST])
    lines += drift_lines(cassette)
    return "cassette", "\n".join(lines)


def _played_lines(cassette: Cassette) -> list[str]:
    drafted = {id(interaction) for interaction in cassette.drafted}
    lines = [
        f"played   {_name(interaction.request)} -> {_answer(interaction)}"
        + (
            ", from a draft: reqord keep --drop throws it away"
            if id(interaction) in drafted
            else ""
        )
        for interaction in cassette.played[:_MOST]
    ]
    if cassette.play_count > _MOST:
        lines.append(f"played   {cassette.play_count - _MOST} more")
    return lines


def drift_lines(cassette: Cassette) -> list[str]:
    """The requests that were answered although their body isn't the recorded one."""
    drifts = cassette.drifts[:_MOST]
    if not drifts:
        return []
    from pytest_reqord.difference import differences  # late: most replays have none

    lines = []
    for request, interaction in drifts:
        lines.append(f"drifted  {_name(request)}")
        lines += (f"  {line}" for line in differences(request, interaction.request))
    return lines


def expired_lines(cassette: Cassette) -> list[str]:
    """What was played although it has expired."""
    return [
        f"expired  {_name(interaction.request)}, recorded {interaction.recorded_at:%Y-%m-%d %H:%M}"
        for interaction in cassette.expired
    ]


def unplayed_lines(cassette: Cassette) -> list[str]:
    """The recorded requests that the test no longer makes."""
    try:
        unplayed = cassette.unplayed
    except CassetteError:  # a broken file that no request needed is no concern of this test
        return []
    except Exception as error:  # noqa: BLE001 -- a hook of the suite's, which sees what is read
        return [f"unplayed can't be told: {error!r}"]
    return [f"unplayed {_name(interaction.request)}" for interaction in unplayed]


def _name(request: Request) -> str:
    return f"{request.method} {request.uri}"


def _answer(interaction: Interaction) -> str:
    response, failure = interaction.response, interaction.failure
    if response is not None:
        return f"{response.status} {response.reason}".rstrip()
    return f"{failure.kind}: {failure.message}" if failure else ""
