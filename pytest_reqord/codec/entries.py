"""A cassette's entries and what stands above them; plain data to YAML, for what isn't in our layout."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.clock import format_time
from pytest_reqord.errors import CassetteFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.codec.safe_yaml import SafeError

__all__ = [
    "HEADER",
    "OUR_KEYS",
    "VERSION",
    "Document",
    "Entry",
    "Source",
    "Top",
    "dump",
    "head_with",
    "with_extra",
]


def dump(value: Any) -> bytes:
    """Write lists, mappings, text, bytes and numbers as VCR.py's emitter does.

    Unlike there, keys stay in their order: those of headers tell something.

    :raises ValueError: if it is no plain data.
    """
    import yaml  # late: only for files in another layout than ours

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    try:
        text: str = yaml.dump(value, Dumper=dumper, default_flow_style=False, sort_keys=False)
    except yaml.representer.RepresenterError as error:
        raise ValueError(f"a cassette holds plain data, and {error.args[-1]!r} is none") from error
    return text.encode()


def head_with(extra: Mapping[str, Any], *, is_locked: bool = False) -> bytes:
    """What stands above the entries of a file of ours.

    :param extra: keys that we don't know.
    """
    more = dump(dict(extra)) if extra else b""
    return HEADER.replace(b"\n", b"\nlocked: true\n" + more if is_locked else b"\n" + more, 1)


def with_extra(document: Document | None, extra: Mapping[str, Any]) -> Document:
    """A cassette with more beside its entries.

    :param document: the cassette; None where there is none.
    :param extra: keys that we don't know; a mapping adds to the one that is there.
    :raises ValueError: if it is no plain data.
    """
    document = document or Document(())
    merged = {**document.extra}
    for key, value in extra.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = {**old, **value}
        else:
            merged[key] = value
    head = head_with(merged, is_locked=document.locked)
    return document._replace(head=head, extra=merged)


# A cassette's entries, decoded when they are first needed.


_LONGEST = 300  # characters of a reason
VERSION = 3
"""Of the format: the highest that is read. A file has the lowest that knows all that it uses: since 2
an entry may have ``rerecorded_at``, since 3 a redacted secret may have a mark.
"""
HEADER = b"reqord: 1\ninteractions:\n"
"""What a file of version 1 starts with: one that nothing was recorded anew in."""


class Source(NamedTuple):
    """A file that was read.

    :param data: its bytes.
    :param path: its path as the user knows it, for errors.
    :param files: reads a body that lies beside it.
    """

    data: bytes
    path: str
    files: Callable[[str], bytes]

    def error(
        self, reason: str, remedy: str, line: int = 0, column: int = 0
    ) -> CassetteFormatError:
        """An error about the file; line and column count from 1, 0 where none is to blame.

        :param reason: what is wrong; what it quotes of the file may be long, or not to be printed.
        """
        said = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}..."
        said = "".join([each if each.isprintable() else ascii(each)[1:-1] for each in said])
        return CassetteFormatError(self.path, line, column or min(line, 1), said, remedy)

    def broken(self, reason: str, line: int = 0, column: int = 0) -> CassetteFormatError:
        """An error about something that must have been edited or was written by another tool."""
        return self.error(
            reason, "Correct it, restore the file, or delete it and record it anew", line, column
        )

    def unsafe(self, error: SafeError, before: int = 0) -> CassetteFormatError:
        """An error that the loader found, in a part of the file after ``before`` lines."""
        return self.broken(error.reason, before + error.line + 1, error.column + 1)

    def line(self, at: int) -> int:
        """The line of a place in the bytes, counted from 1."""
        return self.data.count(b"\n", 0, at) + 1


class Entry:
    """An entry of a cassette. This one was decoded when its file was read.

    :param interaction: what it says.
    :param text: how it stands in the file; None where it has to be written anew.
    """

    __slots__ = ("_interaction", "_text")
    is_vcr = False
    """Whether it is of a file of VCR.py's."""

    def __init__(self, interaction: Interaction, text: bytes | None = None) -> None:
        self._interaction = interaction
        self._text = text

    def interaction(self) -> Interaction:
        """The whole of it; one that was only found in its file is decoded on the first call.

        :raises CassetteFormatError: if it can't be read.
        """
        return self._interaction

    def as_ours(self) -> Interaction:
        """What is written of it in our format.

        :raises CassetteFormatError: if it can't be read.
        """
        return self.interaction()

    @property
    def text(self) -> bytes:
        """The entry in our layout: its own bytes, with keys that we don't know, where it can be."""
        if self._text is None:
            from pytest_reqord.codec.emit import encode  # late: a replay writes nothing

            self._text = encode(self.as_ours(), inline_limit=sys.maxsize).text
        return self._text

    def may_have(self, text: bytes) -> bool:
        """Return whether a text may stand in it; one that is decoded may have any."""
        return self._text is None or text in self._text

    @property
    def recorded_at(self) -> str:
        """When the request was started; sorts as text."""
        return format_time(self.interaction().recorded_at)

    @property
    def answered_at(self) -> str:
        """When its answer was recorded, see `Interaction.answered_at`; sorts as text."""
        return format_time(self.interaction().answered_at)

    @property
    def recorded_by(self) -> str:
        """The test that recorded it; empty where that is not known."""
        return self.interaction().recorded_by

    @property
    def method(self) -> str:
        """The request's method."""
        return self.interaction().request.method

    @property
    def uri(self) -> str:
        """The request's URI."""
        return self.interaction().request.uri

    @property
    def has_body(self) -> bool:
        """Whether the request has a body."""
        return bool(self.interaction().request.body)


class Document(NamedTuple):
    """A cassette.

    :param entries: its entries, in the order of the file.
    :param locked: whether the file says that it must not be written.
    :param format: ``reqord``, or whose format it is in: ``vcr``, ``cassetter``.
    :param torn: line and reason where the last entry is cut off; the others are intact.
    :param head: what is before the first entry; `render` with it keeps keys that we don't know.
    :param extra: keys beside the entries that we don't know; `render_vcr` with it keeps them.
    :param is_json: whether a file in another format is JSON.
    """

    entries: Sequence[Entry]
    locked: bool = False
    format: str = "reqord"
    torn: tuple[int, str] | None = None
    head: bytes = HEADER
    extra: Mapping[str, Any] = MappingProxyType({})
    is_json: bool = False


class Top(NamedTuple):
    """What is said beside the entries of a file of ours.

    :param is_locked: whether it says that it must not be written.
    :param extra: keys that we don't know.
    """

    is_locked: bool = False
    extra: Mapping[str, Any] = MappingProxyType({})


OUR_KEYS = frozenset({"reqord", "locked", "interactions"})
"""The keys of a file of ours."""
