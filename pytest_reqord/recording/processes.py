"""The other processes that use an open cassette: those that its test starts, and theirs.

A child plays and records by the same rules as its parent. What it records is staged in a file of
its own, which the parent takes over when the test is over; an interaction that one of them plays
is played for all; a miss of a child is an error of the parent's test; and what a child found to be
secret is for all of them, told through a pipe, for it must be in no file.
"""

from __future__ import annotations

import pickle
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_reqord.base.real import Path, json, os
from pytest_reqord.storage import MessageFolder, Pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_reqord.errors import CassetteMissError
    from pytest_reqord.playback.cassette import Verified

__all__ = ["Peers"]

_PLAYED, _RECORDING, _MISSED, _SPEC = "played", "recording", "missed", "spec"
_NOTE, _VERIFIED = "note", "verified"


class Peers:
    """The processes that share an open cassette, as one of them sees the others.

    :param messages: what the processes share; given to a child.
    :param pipe: what children tell their parent of secrets through, which are never in a file.
    """

    def __init__(self, messages: MessageFolder, pipe: Pipe) -> None:
        self._messages = messages
        self._pipe = pipe

    @classmethod
    def make(cls) -> Peers:
        """Be the parent.

        :raises OSError: if there is no place to meet.
        """
        messages = MessageFolder.make()
        try:
            return cls(messages, Pipe.make(messages.folder))
        except OSError:
            messages.remove()
            raise

    @classmethod
    def join(cls, folder: Path) -> Peers:
        """Be a child."""
        return cls(MessageFolder(folder), Pipe(folder))

    @property
    def folder(self) -> Path:
        """What a child has to know to find the others."""
        return self._messages.folder

    @property
    def is_over(self) -> bool:
        """Whether the parent has closed the cassette."""
        return not self._messages.is_open

    # what is played: the `Claims` of a `Replay`

    def take(self, at: int) -> bool:
        """Claim the interaction at a position; False if another process has."""
        return self._messages.take(_PLAYED, str(at))

    def has(self, at: int) -> bool:
        """Whether a process has claimed it."""
        return self._messages.has(_PLAYED, str(at))

    def all(self) -> Iterable[int]:
        """All positions that are claimed."""
        return map(int, self._messages.names(_PLAYED))

    # what a child has to tell

    def announce(self, staged: Path) -> bool:
        """Say where this child's recording is staged.

        :returns: False if the cassette is closed: then nobody would take it over.
        """
        return self._messages.leave(_RECORDING, os.fsencode(staged))

    def announced(self) -> list[Path]:
        """Where the children's recordings are staged so far; they will be told all the same."""
        return [Path(os.fsdecode(name)) for name in self._messages.look_at(_RECORDING)]

    def recordings(self) -> list[Path]:
        """Where the children's recordings are staged; each is told once."""
        return [Path(os.fsdecode(name)) for name in self._messages.pick_up(_RECORDING)]

    def report(self, miss: CassetteMissError) -> None:
        """Tell the parent of a miss."""
        self._messages.leave(_MISSED, pickle.dumps(miss))

    def misses(self) -> list[BaseException]:
        """The misses of the children; each is told once."""
        return [pickle.loads(data) for data in self._messages.pick_up(_MISSED)]  # noqa: S301 -- ours: nobody else may write into the folder

    def tell_verified(self, verified: Verified) -> None:
        """Tell the parent what an answer is to be compared with."""
        self._messages.leave(_VERIFIED, pickle.dumps(verified))

    def verified(self) -> list[Verified]:
        """The answers that the children got, to be compared; each is told once."""
        return [pickle.loads(data) for data in self._messages.pick_up(_VERIFIED)]  # noqa: S301 -- ours: nobody else may write into the folder

    def note(self, *words: str) -> None:
        """Tell the parent what the user has to hear of."""
        self._messages.leave(_NOTE, json.dumps(words).encode())

    def notes(self) -> list[list[str]]:
        """What the children had to tell the user; each is told once."""
        return [json.loads(data) for data in self._messages.pick_up(_NOTE)]

    def confide(self, secrets: Sequence[str]) -> None:
        """Tell the parent what became known to be secret here."""
        self._pipe.tell(json.dumps(secrets).encode())

    def secrets(self) -> list[str]:
        """What the children found to be secret; each is told once."""
        told = []
        for line in self._pipe.told():
            with suppress(ValueError):  # a child was killed in the middle of it
                told += json.loads(line)
        return told

    # what a child needs to begin

    def provide(self, spec: Callable[[], bytes]) -> None:
        """Leave what a child that shares no memory needs, unless it is there.

        :param spec: makes it.
        """
        if not self._messages.has(_SPEC, _SPEC):
            self._messages.leave(_SPEC, spec(), _SPEC)

    def spec(self) -> bytes | None:
        """What the parent left; None if it has closed the cassette."""
        try:
            return self._messages.read(_SPEC, _SPEC)
        except FileNotFoundError:
            return None

    # the end, for the parent

    def close(self) -> None:
        """Refuse the children from now on."""
        self._messages.close()

    def after_fork(self) -> None:
        """Be a child that was forked."""
        self._pipe.after_fork()

    def remove(self) -> None:
        """Leave nothing behind: all that the children told was heard."""
        self._pipe.close()
        self._messages.remove()
