"""Attributes of classes and modules that something of ours stands in for, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Attributes"]

_ABSENT = object()


class _Taken(NamedTuple):
    """An attribute that was taken.

    :param owner: the class or module.
    :param name: the attribute's name.
    :param before: what stood there, `_ABSENT` where it was inherited.
    :param ours: what stands in its place.
    """

    owner: Any
    name: str
    before: Any
    ours: Any


class Attributes:
    """What one user of these seams has taken, to be put back together."""

    def __init__(self) -> None:
        self._taken: list[_Taken] = []

    def take(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        """Put what ``wrap`` makes of an attribute in its place; nothing where it doesn't exist.

        What stands there is ours already where it was taken before, or where a mock that was put
        on top of us was taken off after we had gone.

        :param owner: a class or module.
        """
        before = vars(owner).get(name, _ABSENT)
        taken: _Taken | None = getattr(before, "_reqord_taken", None)
        if taken is None:
            original = getattr(owner, name, None)
            if original is None:
                return
            ours = wrap(original)
            taken = _Taken(owner, name, before, ours)
            ours._reqord_taken = taken  # noqa: SLF001 -- ours
            setattr(owner, name, ours)
        if not any(taken is other for other in self._taken):
            self._taken.append(taken)

    def check(self) -> None:
        """Take again what another tool's teardown has put back; leave a mock alone."""
        for owner, name, before, ours in self._taken:
            if vars(owner).get(name, _ABSENT) is before:
                setattr(owner, name, ours)

    def put_back(self) -> None:
        """Put everything back that nobody has put something else on top of."""
        while self._taken:
            owner, name, before, ours = self._taken.pop()
            if vars(owner).get(name) is not ours:
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
