"""Staging files, free of all that is known to be secret while they are written, too.

A value may turn out to be a secret after it was staged: the token that an answer had under a name
that says nothing, once a request sends it in a header. The recording is swept when it is settled;
but a process that is killed settles nothing, and takes what it knew with it. So it is swept when
there is more to know, before the interaction that told is staged.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_reqord.base.real import os, threading
from pytest_reqord.cassette_file.cache import Recorded
from pytest_reqord.codec import HEADER, encode
from pytest_reqord.errors import ReqordError
from pytest_reqord.storage import (
    PRIVATE,
    bodies_of,
    read,
    remove_unused_bodies,
    replace,
    write_bodies,
)
from pytest_reqord.storage.locks import Claim
from pytest_reqord.writer import append_encoded, append_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_reqord.base.models import Interaction
    from pytest_reqord.redaction import Redactor

__all__ = ["Staged", "sweep"]

_LARGE = 8 << 20  # bytes from which a recording is swept but once, when it is settled
_PACKED = b"\n      base64: "  # a body in which a secret isn't seen


class Staged:
    """The staging files that are being written: a `Sink`."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def watch(
        self,
        path: Path,
        redactor: Redactor,
        redact: Callable[[Interaction], Interaction],
        begin: Callable[[], None],
    ) -> None:
        """Keep a file swept from now on; nothing is in it yet.

        :param redactor: what redacts all that is to be in it, and has seen the first of that.
        :param redact: what goes over it once more.
        :param begin: called before the first of it is written, in the thread that writes.
        """
        self._files[os.fspath(path)] = _File(path, redactor, redact, begin)

    def forget(self, path: Path) -> None:
        """Leave a file to itself: its recording is settled."""
        self._files.pop(os.fspath(path), None)

    def learn(self, path: Path) -> None:
        """Sweep a file for what became known since the last time: mostly nothing, at no cost.

        :raises OSError: if that failed, or a ReqordError.
        """
        file = self._files.get(os.fspath(path))
        if file is not None:
            file.learn()

    def __call__(self, path: Path, entries: Sequence[Interaction], /) -> None:
        """Write a batch, without what became known while it waited."""
        file = self._files.get(os.fspath(path))
        if file is None:
            append_only(path, entries)
        else:
            file.append(entries)


class _File:
    """One staging file."""

    def __init__(
        self,
        path: Path,
        redactor: Redactor,
        redact: Callable[[Interaction], Interaction],
        begin: Callable[[], None],
    ) -> None:
        self._path = path
        self._redactor = redactor
        self._redact = redact
        self._begin: Callable[[], None] | None = begin
        # reentrant, and beside it who is at work on the file: the garbage collector may end a
        # response, and so record it, in the middle of that
        self._lock = threading.RLock()
        self._at_work = Claim()
        self._swept_for = redactor.known
        # at the last two batches: what waits was redacted since, or while the last was written
        self._known = deque([redactor.known] * 2, maxlen=2)

    def append(self, entries: Sequence[Interaction]) -> None:
        with suppress(OSError, ReqordError):  # it is tried again when the recording is settled
            self.learn()
        with self._lock:
            if self._at_work.is_good:
                raise BlockingIOError("this thread is in the middle of another write")
            self._at_work = claim = Claim()
            with claim.lock:
                self._append(entries)

    def _append(self, entries: Sequence[Interaction]) -> None:
        if self._begin is not None:
            self._begin()
            self._begin = None
        known = self._redactor.known
        encoded = [encode(entry) for entry in entries]
        if known != self._known[0] and any(
            self._is_suspect(each.text, self._known[0], has_bodies=bool(each.bodies))
            for each in encoded
        ):
            encoded = [encode(self._redact(entry)) for entry in entries]
        append_encoded(self._path, encoded)
        self._known.append(known)

    def learn(self) -> None:
        if self._redactor.known == self._swept_for:
            return
        with self._lock:
            if self._at_work.is_good:  # it is for the next who looks
                return
            self._at_work = claim = Claim()
            with claim.lock:
                self._learn()

    def _learn(self) -> None:
        known, bodies = self._redactor.known, bodies_of(self._path)
        data = self._read(bodies)
        if data and self._is_suspect(data, self._swept_for, has_bodies=bool(bodies)):
            sweep(self._path, self._redact)
        self._swept_for = known

    def _is_suspect(self, data: bytes, since: int, *, has_bodies: bool) -> bool:
        """Whether one of the secrets that became known last may be in it; quick, mostly no."""
        return has_bodies or _PACKED in data or self._redactor.may_be_in(data, since)

    def _read(self, bodies: Sequence[Path]) -> bytes:
        """What is in it; nothing where that and its bodies are too much to be read each time."""
        try:
            size = sum(os.stat(path).st_size for path in (self._path, *bodies))
            return read(self._path) if size <= _LARGE else b""
        except FileNotFoundError:
            return b""


def sweep(path: Path, redact: Callable[[Interaction], Interaction]) -> Recorded:
    """Go over what is staged once more: a secret may have become known after it was staged.

    :param redact: gives an interaction itself where nothing in it is known to be secret.
    :returns: what is staged then.
    :raises OSError: if it can't be read or written, or a ReqordError.
    """
    staged = Recorded(path)
    if all(redact(interaction) is interaction for interaction in staged):
        return staged

    def swept() -> Iterator[bytes]:
        yield HEADER
        for interaction in staged:
            encoded = encode(redact(interaction))
            write_bodies(path, encoded.bodies, PRIVATE)
            yield encoded.text

    replace(path, swept())
    remove_unused_bodies(path)
    return Recorded(path)
