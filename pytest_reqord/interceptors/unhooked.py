"""Clients that could not be patched: an error at their first request under a cassette.

Of a client that can be recorded the user expects that it is. Where a version of it lacks what is
patched, its requests must neither go live in silence nor cost the tests that never make one. Where
something else stood in our place first it may be a mock that answers, so it is left alone; what is
below it is reached only if it sends what it is given.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.interceptors import active
from pytest_reqord.interceptors.patching import Attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_reqord.errors import UnsupportedClient

__all__ = ["Entrance", "accept", "refuse", "replaced", "uninstall"]


class Entrance(NamedTuple):
    """A method that each request of a client calls: the first, or the last before it is sent.

    :param owner: its class; None where this version hasn't it.
    :param uri_of: given the arguments by their names, gives the URI of the request.
    """

    owner: Any
    method: str
    uri_of: Callable[[Mapping[str, Any]], Any]


_refused: dict[str, Attributes] = {}
"""The entrances of each client that could not be patched, by its package."""


def refuse(package: str, error: UnsupportedClient, entrances: Iterable[Entrance]) -> None:
    """Have each request of a client raise an error while a cassette is open, in every mode.

    :param package: the client's package.
    :param error: says why it could not be patched.
    """
    patches = _refused.setdefault(package, Attributes())
    for owner, method, uri_of in entrances:
        if isinstance(owner, type):
            patches.take(owner, method, functools.partial(_refusing, error, uri_of))


def replaced(name: str) -> str:
    """Return why a client is refused below something that isn't ours and turns out to be no mock.

    :param name: the method that it stands in for.
    """
    return (
        f"its {name} was replaced, before the cassette opened, by one that sends what it is given"
    )


def accept(package: str) -> None:
    """Let a client's requests come: it has been patched, now or after all."""
    patches = _refused.pop(package, None)
    if patches is not None:
        patches.put_back()


def uninstall() -> None:
    """Leave every client as it was."""
    for package in tuple(_refused):
        accept(package)


def _refusing(
    error: UnsupportedClient,
    uri_of: Callable[[Mapping[str, Any]], Any],
    original: Callable[..., Any],
) -> Any:
    @functools.wraps(original)
    def enter(*args: Any, **kwargs: Any) -> Any:
        if active.current() is not None:
            bound = inspect.signature(original).bind(*args, **kwargs)
            active.refuse(error, str(uri_of(bound.arguments)))
        return original(*args, **kwargs)

    return enter
