"""Text that is edited in place, and what secrets are replaced by.

Everything here works on Latin-1 text, in which each character is one byte of the message: what
isn't edited stays as it was, whatever its charset, and offsets in the text are offsets in the body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "MARKERS",
    "REDACTED",
    "REDACTED_IN_URL",
    "Edit",
    "EditedText",
    "Found",
    "from_latin",
    "to_latin",
]

REDACTED = "[REDACTED]"
REDACTED_IN_URL = "%5BREDACTED%5D"
"""The same where brackets may not stand: in URLs and in forms."""

MARKERS = (REDACTED, REDACTED_IN_URL)

Edit = tuple[int, int, str]
"""Start, end and what comes in between."""

Found = Callable[[str], None]
"""Told each secret that was replaced, so that its echoes can be."""


def to_latin(text: str) -> str:
    """Text as its UTF-8 bytes, one character each."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("latin-1")
    except UnicodeEncodeError:  # half a pair that JSON had escaped
        return text.encode("utf-8", "surrogatepass").decode("latin-1")


def from_latin(latin: str) -> str:
    """What `to_latin` was given; bytes that are no UTF-8 become lone surrogates."""
    if latin.isascii():
        return latin
    return latin.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


class EditedText:
    """Text and what was done to it, so that offsets into the old text can follow.

    :param text: the text to be edited; holds the edited one from then on.
    """

    __slots__ = ("_rounds", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._rounds: list[list[Edit]] = []

    @property
    def is_changed(self) -> bool:
        """Whether anything was replaced by something else."""
        return bool(self._rounds)

    def replace(self, edits: Iterable[Edit]) -> None:
        """Make one round of edits.

        :param edits: in the order of the text, without overlaps.
        """
        text = self.text
        changes = [edit for edit in edits if text[edit[0] : edit[1]] != edit[2]]
        if not changes:
            return
        parts: list[str] = []
        at = 0
        for start, end, new in changes:
            parts += (text[at:start], new)
            at = end
        self.text = "".join((*parts, text[at:]))
        self._rounds.append(changes)

    def moved(self, offsets: Sequence[int]) -> list[int]:
        """Where offsets of the old text, ascending, are now.

        One that lay inside of what was replaced comes behind the replacement.
        """
        moved = list(offsets)
        for edits in self._rounds:
            moved = _shifted(moved, edits)
        return moved


def _shifted(offsets: list[int], edits: list[Edit]) -> list[int]:
    shifted = []
    at = shift = 0
    for offset in offsets:
        while at < len(edits) and edits[at][1] <= offset:
            start, end, new = edits[at]
            shift += len(new) - (end - start)
            at += 1
        if at < len(edits) and edits[at][0] < offset:
            start, _, new = edits[at]
            shifted.append(start + shift + len(new))
        else:
            shifted.append(offset + shift)
    return shifted
