"""Look for many texts in one, in time in proportion to its length, however many they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["SHORTEST", "Search"]

SHORTEST = 8
"""The length that each text has at least."""

_LONGEST = 64  # of a longer text its end is looked for, and the rest compared where that is
_FEW = 256  # so many searches of the interpreter's take as long as one of ours


class Search:
    """Texts to look for. Only added to, safe to be used by several threads at once.

    A text is known by its last eight characters, so that one look-up a place tells whether any of
    them may end there; then by its length and its end, so that texts which end alike cost no more.

    :param texts: the first ones.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: dict[str, None] = {}
        self._lengths: dict[str, dict[int, None]] = {}  # by the last eight characters
        self._whole: dict[str, dict[str, None]] = {}  # by the end that is looked for
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Look for one more."""
        end = text[-_LONGEST:]
        # a list of a dict is made in one step, and so is a default set: no lock is needed
        self._whole.setdefault(end, {})[text] = None
        self._lengths.setdefault(text[-SHORTEST:], {})[len(end)] = None
        self._texts[text] = None

    def is_any_in(self, text: str) -> bool:
        """Whether one of them is in a text."""
        if len(self._texts) <= _FEW:
            return any(each in text for each in list(self._texts))
        return next(self._places(text), None) is not None

    def places(self, text: str) -> list[tuple[int, str]]:
        """Where in a text they begin, in no order; they may overlap."""
        if len(self._texts) > _FEW:
            return list(self._places(text))
        return [(at, each) for each in list(self._texts) for at in _all(each, text)]

    def _places(self, text: str) -> Iterator[tuple[int, str]]:
        lengths_of = self._lengths.get
        for at in range(len(text) - SHORTEST + 1):
            lengths = lengths_of(text[at : at + SHORTEST])
            if lengths is not None:
                yield from self._ending(text, at + SHORTEST, list(lengths))

    def _ending(self, text: str, end: int, lengths: list[int]) -> Iterator[tuple[int, str]]:
        """Those that end at a place."""
        for length in lengths:
            if length <= end:
                for each in list(self._whole.get(text[end - length : end], ())):
                    start = end - len(each)
                    if start >= 0 and text.startswith(each, start):
                        yield start, each


def _all(wanted: str, text: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)
