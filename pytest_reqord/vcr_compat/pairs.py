"""An interaction in VCR.py's shape: a request and a response, as its hooks and tests get them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.codec import vcr_read
from pytest_reqord.codec.vcr_read import ForeignEntry
from pytest_reqord.vcr_compat.messages import (
    VcrRequest,
    request_from_vcr,
    response_from_vcr,
    response_to_vcr,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.playback.index import Stored

__all__ = ["Pair", "as_played", "as_recorded", "pair_of", "stored_pair"]


class Pair(NamedTuple):
    """An interaction.

    :param request: the request, a class of the user's own perhaps.
    :param response: the response; None where there was a failure instead.
    """

    request: Any
    response: Any


def pair_of(interaction: Interaction) -> Pair:
    """An interaction of ours in VCR.py's shape."""
    request, response = interaction.request, interaction.response
    shown = None if response is None else response_to_vcr(response, request)
    return Pair(VcrRequest.of(request), shown)


def stored_pair(entry: Stored) -> Pair:
    """An entry of a cassette in VCR.py's shape: of a file of VCR.py's the very data that it has.

    :raises CassetteFormatError: if it can't be read.
    """
    interaction = entry.interaction()
    if not _is_of_vcr(entry):
        return pair_of(interaction)
    item = entry.item()
    asked, response = item["request"], item["response"]
    uri = interaction.request.uri
    request = VcrRequest(asked["method"], uri, asked.get("body"), asked.get("headers") or {})
    return Pair(request, _with_bytes(response))


def _is_of_vcr(entry: Stored) -> TypeGuard[ForeignEntry]:
    return isinstance(entry, ForeignEntry) and entry.is_vcr


def _with_bytes(response: Mapping[str, Any]) -> dict[str, Any]:
    """A response as VCR.py reads it: text in the body's ``string`` becomes bytes."""
    body = response.get("body")
    if isinstance(body, dict) and isinstance(body.get("string"), str):
        body = {**body, "string": body["string"].encode("utf-8", "surrogatepass")}
    return {**response, "body": body} if "body" in response else dict(response)


def as_recorded(pair: Pair, interaction: Interaction) -> Interaction:
    """What hooks made of an interaction of ours; what they left alone stays as it came."""
    request = request_from_vcr(pair.request, interaction.request)
    response = interaction.response
    if response is not None:
        response = response_from_vcr(pair.response, response, interaction.request)
    if request is interaction.request and response is interaction.response:
        return interaction
    return interaction._replace(request=request, response=response)


def as_played(pair: Pair, entry: Stored) -> Interaction:
    """What hooks made of an entry, to be played."""
    interaction = entry.interaction()
    if not _is_of_vcr(entry):
        return as_recorded(pair, interaction)
    request = request_from_vcr(pair.request, interaction.request)
    response = vcr_read.response(pair.response, request.method)
    return interaction._replace(request=request, response=response)
