"""Attributes of classes and modules that something of ours stands in for, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Attributes", "is_own"]

_ABSENT = object()


class _Patch(NamedTuple):
    """An attribute that was patched.

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
    """What one user of these seams has patched, to be restored together."""

    def __init__(self) -> None:
        self._patches: list[_Patch] = []

    def take(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> bool:
        """Put what ``wrap`` makes of an attribute in its place; nothing where it doesn't exist.

        To be called again when another tool's teardown may have restored the original. Nothing
        happens where ours stands, be it in another tool's wrapper (a second one around that would
        see each call twice), and where a mock has been put on top of it.

        :param owner: a class or module.
        :returns: whether there is such an attribute.
        """
        before = vars(owner).get(name, _ABSENT)
        patch = _patch_of(before) or self._find(owner, name)
        if patch is None:
            original = getattr(owner, name, None)
            if original is None:
                return False
            ours = wrap(original)
            patch = _Patch(owner, name, before, ours)
            ours._reqord_patch = patch  # noqa: SLF001 -- ours
        if before is patch.before:
            setattr(owner, name, patch.ours)
        if not any(patch is other for other in self._patches):
            self._patches.append(patch)
        return True

    def _find(self, owner: Any, name: str) -> _Patch | None:
        for patch in self._patches:
            if patch.owner is owner and patch.name == name:
                return patch
        return None

    def check(self) -> None:
        """Patch again what another tool's teardown has put back; leave a mock alone."""
        for owner, name, before, ours in tuple(self._patches):
            if vars(owner).get(name, _ABSENT) is before:
                setattr(owner, name, ours)

    def put_back(self) -> None:
        """Restore everything that nobody has put something else on top of."""
        while self._patches:
            owner, name, before, ours = self._patches.pop()
            if vars(owner).get(name) is not ours:
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)


def is_own(owner: Any, name: str) -> bool:
    """Return True if an attribute is of its owner's package (what of ours wraps it says so, too).

    It is a mock otherwise, and so is what comes from a client's own pytest plugin. What is written
    in C often doesn't say where it is from.

    :param owner: a class or module.
    """
    module = str(getattr(getattr(owner, name), "__module__", None) or "")
    home = str(getattr(owner, "__module__", None) or owner.__name__)
    is_of_package = module.partition(".")[0] == home.partition(".")[0]
    return not module or (is_of_package and "pytest" not in module)


def _patch_of(thing: object) -> _Patch | None:
    patch = getattr(thing, "_reqord_patch", None)
    return patch if type(patch) is _Patch else None  # a mock has every attribute
