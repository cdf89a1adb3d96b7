"""Cassettes and staging files that may be larger than the memory is to be."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord import codec, storage
from pytest_reqord.base.lazy import Pattern, once
from pytest_reqord.base.real import Path, os, time
from pytest_reqord.errors import CassetteFormatError
from pytest_reqord.playback.replay import Index
from pytest_reqord.redaction.marks import MARK_STARTS, without_marks
from pytest_reqord.settings.paths import is_default_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.codec import Document, Encoded, Entry
    from pytest_reqord.matching.matchers import Matching

__all__ = [
    "AHEAD",
    "Head",
    "Library",
    "Recorded",
    "check_whole",
    "is_ours",
    "read_document",
    "read_lean",
]


def read_lean(path: str | os.PathLike[str]) -> Document:
    """Read a file as a recording run does that saves it; nothing of a large one is held.

    An entry of such a one is read each time that it is asked for, and with bodies beside it the
    file may be small and large all the same.

    :raises FileNotFoundError: if there is none, or another OSError.
    :raises CassetteFormatError: if it can't be read.
    """
    name, bodies = os.fspath(path), storage.body_reader(path)
    if os.stat(path).st_size > storage.LARGE or storage.bodies_of(path):
        document = codec.load_piecemeal(storage.OpenFile(path), name, bodies)
        if document is not None:
            return document
    return codec.load(storage.read(path), name, bodies)


# Cassettes as they lie on the disk, read once while they are unchanged.


AHEAD = 32 << 20
"""Bytes of bodies that are read when a cassette opens: a request may come in an event loop."""
_APPEND_TIME = 0.05  # seconds: far more than one write takes
_FILE = b"\n      file: "  # of a body that lies beside the file
_KEPT = 16  # tests that share a cassette mostly come one after another


def read_document(path: str | os.PathLike[str], ahead: int = 0) -> Document:
    """Read a cassette; its entries are decoded when they are first needed.

    :param ahead: how many bytes of the bodies beside it to read now, and not with their entries.
    :raises FileNotFoundError: if there is none.
    :raises CassetteFormatError: if it can't be read.
    """
    try:
        data = storage.read(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    return codec.load(data, os.fspath(path), storage.body_reader(path, ahead))


def is_ours(path: str | os.PathLike[str]) -> bool:
    """Whether there is a cassette in our format; nothing of the file is parsed."""
    try:
        head = storage.read_head(path, 4096)
    except OSError:
        return False
    return head.startswith(b"reqord:") or b"\nreqord:" in head or b'"reqord"' in head


def check_whole(document: Document, path: str | os.PathLike[str]) -> None:
    """Refuse a cassette whose end is torn.

    :raises CassetteFormatError: if it is.
    """
    if document.torn is not None:
        line, reason = document.torn
        remedy = "Restore it from git, or record it anew with --record-mode=all"
        raise CassetteFormatError(os.fspath(path), line, 1, reason, remedy)


def _unreadable(path: str | os.PathLike[str], error: OSError) -> CassetteFormatError:
    """An error of our own: a client would take the system's for one of its connection."""
    if isinstance(error, storage.NoFile):
        reason, remedy = str(error.strerror), "Move it away, or give the cassette another path"
    else:
        reason = f"it can't be read: {error.strerror}"
        remedy = "Make it readable, or give the cassette another path"
    return CassetteFormatError(os.fspath(path), 0, 0, reason, remedy)


_MAY_BE_MARKED = (*MARK_STARTS, b"\n      base64: ", b"\n      file: ")


class Recorded(Collection["Interaction"]):
    """The interactions of staging files, as often as somebody asks; of each in order of time.

    Those of a large one are decoded one by one and let go: it may be larger than the memory.

    :param paths: the files, which stay as they are meanwhile.
    :param more: interactions that come before them.
    :raises OSError: if one can't be read, or a ReqordError.
    """

    def __init__(self, *paths: Path, more: Sequence[Interaction] = ()) -> None:

        self._more = more
        self._entries: list[Entry] = []
        for path in paths:
            self._entries += sorted(read_lean(path).entries, key=attrgetter("recorded_at"))

    def __len__(self) -> int:
        return len(self._more) + len(self._entries)

    def __iter__(self) -> Iterator[Interaction]:
        yield from self._more
        for entry in self._entries:
            yield entry.interaction()

    def __contains__(self, interaction: object) -> bool:
        return any(interaction == one for one in self)

    def go_on_from(self, more: Sequence[Interaction]) -> None:
        """Put interactions before them."""
        self._more = [*self._more, *more]

    def encoded(self, inline_limit: int) -> Iterator[Encoded]:
        """As they are to stand in a cassette: in the very text of the staging file where they can.

        :param inline_limit: the size in bytes above which a body lies beside the cassette.
        """
        from pytest_reqord.codec import Encoded, encode

        for interaction in self._more:
            yield encode(interaction, inline_limit=inline_limit)
        for entry in self._entries:
            text = entry.text
            if len(text) <= inline_limit and _FILE not in text:
                yield Encoded(text, entry.recorded_at)
            else:
                yield encode(entry.interaction(), inline_limit=inline_limit)

    @once
    def addresses(self) -> set[tuple[str, str]]:
        """Methods and URIs of what is in the files, without marks."""
        return {(entry.method, without_marks(entry.uri)) for entry in self._entries}

    def marked(self) -> Iterator[Interaction]:
        """Those in which secrets may have marks."""
        yield from self._more
        for entry in self._entries:
            if any(map(entry.may_have, _MAY_BE_MARKED)):
                yield entry.interaction()


class Head(NamedTuple):
    """What the first lines of a cassette say.

    :param exists: whether there is a cassette; an empty file is none.
    :param is_locked: whether it says of itself that no mode may write it.
    :param first_recorded_at: when its first entry was recorded; empty where that is not said.
    """

    exists: bool = False
    is_locked: bool = False
    first_recorded_at: str = ""

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Head:
        """Read them; nothing of the file is parsed.

        :raises CassetteFormatError: if it can't be read.
        """
        try:
            text = storage.read_head(path, 4096)
        except (FileNotFoundError, NotADirectoryError):  # the latter is told when it is saved
            return cls()
        except OSError as error:
            raise _unreadable(path, error) from error
        top, _, entries = text.partition(b"\ninteractions:")
        first = _RECORDED_AT.match(entries)
        return cls(
            exists=bool(text),
            is_locked=_LOCKED.search(top) is not None,
            first_recorded_at=first[1].decode() if first else "",
        )


_LOCKED = Pattern(rb"^locked:\s*(?:true|yes|on)\s*$", re.MULTILINE | re.IGNORECASE)
_RECORDED_AT = Pattern(rb"\s*- recorded_at: '?([0-9T:.Z-]+)")


class Library:
    """The indexes of the cassettes that were played last.

    A thousand tests that share one cassette read and index it once; ten thousand cassettes of
    one test each are let go.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, Index] = OrderedDict()
        self._names: dict[Path, dict[str, str]] = {}

    def settled(self, file: str, owner: str) -> str:
        """The file of a cassette: the one of its name, or of a name that differs only in case.

        Two such names would be one file on some systems, and git could check out only one. So
        the test that comes second shares the cassette of the first, on every system, unless both
        files are there. A name that somebody gave is what it is.

        :param file: its name.
        :param owner: the test that opens it.
        """
        if os.path.exists(file):
            return file
        path = Path(file)
        if not is_default_of(path, owner):
            return file
        names = self._names.get(path.parent)
        if names is None:
            with suppress(OSError):
                names = {name.casefold(): name for name in os.listdir(path.parent)}
            names = self._names[path.parent] = names or {}
        return str(path.with_name(names.setdefault(path.name.casefold(), path.name)))

    def index(
        self, path: str | os.PathLike[str], matching: Matching, before: str | None = None
    ) -> Index:
        """The index of a cassette; empty where there is no file.

        :param path: the file.
        :param matching: what has to be equal.
        :param before: leave out what was recorded at this time or later, as text.
        :raises CassetteFormatError: if it can't be read, or if its end is torn.
        """
        try:
            status = os.stat(path)
        except OSError:
            return Index((), matching)
        key = (os.fspath(path), status.st_mtime_ns, status.st_size, status.st_ino, matching, before)
        index = self._kept.get(key)
        if index is None:
            index = self._kept[key] = Index(_playable(path, before), matching)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return index


def _playable(path: str | os.PathLike[str], before: str | None) -> Any:
    document = read_document(path, AHEAD)
    if document.torn is not None:  # or another process appends, which readers may see in pieces
        time.sleep(_APPEND_TIME)
        document = read_document(path, AHEAD)
    check_whole(document, path)
    if before is None:
        return document.entries
    if isinstance(document.entries, codec.LocatedEntries):
        return document.entries.earlier_than(before)
    return [entry for entry in document.entries if entry.recorded_at < before]
