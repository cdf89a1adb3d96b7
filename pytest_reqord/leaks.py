"""Recordings that may not be saved as they are: a known kind of secret is left in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.redaction.scan import hidden, scan

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from pytest_reqord.models import Interaction
    from pytest_reqord.redaction.scan import Finding

__all__ = ["Leak", "first_leak"]


class Leak(NamedTuple):
    """A known secret in a recording.

    :param finding: what it is and where in the interaction.
    :param request: method and URI, without known secrets.
    """

    finding: Finding
    request: str

    @property
    def reason(self) -> str:
        """Why the recording is kept as a draft, in a few words."""
        return f"{self.finding.kind} in {self.finding.place}"

    def __str__(self) -> str:
        return f"{self.finding} of {self.request}"


def first_leak(interactions: Iterable[Interaction], allowed: Container[str] = ()) -> Leak | None:
    """The first known secret in a recording; None where there is none.

    :param allowed: kinds that are no leak.
    """
    for interaction in interactions:
        for finding in scan(interaction):
            if finding.kind not in allowed:
                request = interaction.request
                return Leak(finding, hidden(f"{request.method} {request.uri}"))
    return None
