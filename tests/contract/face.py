"""What the contract suite knows of a client, and what a client's module has to give it.

A module in ``faces/`` has ``FACES``, a tuple of `Face`. `Face.run` makes the calls of a scenario
with one session of its client and gives back everything that code can see of each of them, as
plain values; `visible` helps. What raises is part of what is seen: `outcome`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contract.scenarios import Call, Scenario
    from server import Server

__all__ = ["Face", "Place", "attributes", "faces", "outcome", "visible"]


@dataclass(frozen=True)
class Place:
    """Where the calls go.

    :param server: the server, for its gates; never for what it answered.
    :param url: the server's URL under the name that the scenario wants, without a slash.
    :param ca: a file with the certificate authority that signed its certificate.
    :param proxy: the URL of a proxy in front of it, or an empty string.
    """

    server: Server
    url: str
    ca: str
    proxy: str = ""

    def to(self, call: Call) -> str:
        """The URL of a call that is made now."""
        if call.before is not None:
            call.before()
        return call.path if "://" in call.path else f"{self.url}{call.path}"


@dataclass(frozen=True)
class Face:
    """A client in one of its shapes.

    :param name: the client, and its shape where it has several: ``httpx-async``.
    :param interceptor: the module under ``pytest_reqord.interceptors`` that takes it.
    :param run: makes the calls of a scenario, gives what was seen of each; None where the client
        speaks to one service only and has no scenarios but its own.
    :param lacks: what this client can't do, in the words of `contract.scenarios.ABILITIES`.
    :param own: scenarios of this client alone: a name and what to run at a place.
    :param own_places: which kind of server an own scenario wants where it isn't ``plain``.
    :param masks: what differs between two live runs: a pattern and what to put in its place, for
        what was seen (on its ``repr``) and for what the server saw.
    """

    name: str
    interceptor: str
    run: Callable[[Scenario, Place], object] | None
    lacks: frozenset[str] = frozenset()
    own: Mapping[str, Callable[[Place], object]] = field(default_factory=dict)
    own_places: Mapping[str, str] = field(default_factory=dict)
    masks: tuple[tuple[str, str], ...] = ()


def faces() -> Iterator[Face]:
    """The faces of every client that is installed."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent / "faces")]):
        try:
            yield from importlib.import_module(f"contract.faces.{module.name}").FACES
        except ModuleNotFoundError as error:
            if not error.name or error.name.startswith("contract"):
                raise


def outcome(action: Callable[[], object]) -> object:
    """What an action gives, or how it raises; a mistake of the face's own is not for it."""
    try:
        return action()
    except (AttributeError, NameError, TypeError):
        raise
    except Exception as error:
        return visible(error)


def visible(value: object) -> object:
    """A value as something that compares, prints and holds no references.

    An exception becomes its class, its text and, all the way down, what it came from.
    """
    if isinstance(value, BaseException):
        below = (value.__cause__, value.__context__)
        # a cancellation is its loop's own, and nobody else can make one
        causes = [visible(error) for error in below if isinstance(error, Exception)]
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        return {"raised": name, "text": _ADDRESS.sub("0x", str(value)), "from": causes}
    if isinstance(value, Mapping):
        return {str(key): visible(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [visible(item) for item in value]
    if value is None or isinstance(value, (str, bytes, int, float)):
        return value
    return _ADDRESS.sub("0x", repr(value))


def attributes(thing: object) -> dict[str, object]:
    """Every public attribute of a thing that isn't a method, or how it raises."""
    seen = {}
    for name in dir(thing):
        if name.startswith("_"):
            continue
        try:
            value = getattr(thing, name)
        except Exception as error:
            value = error
        if not callable(value):
            seen[name] = visible(value)
    return seen


_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
