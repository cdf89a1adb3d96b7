"""Recordings on their way from a worker on another machine to the controller of its run.

Such a worker stages on its own disk. When a recording is settled it goes to the controller, in
pieces through a channel of xdist's; the controller stages it as its own, saves it when the run is
over, and answers. Only then does the worker let go of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from pytest_reqord import storage
from pytest_reqord.base.real import Path, io, os, threading
from pytest_reqord.errors import WriteFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_reqord.storage import Recording, StagingArea

__all__ = ["Channel", "Handover", "Intake", "Places"]

_PIECE = 1 << 20
_PATIENCE = 120.0  # seconds for the controller to write what it was sent


class Channel(Protocol):
    """The worker's end; it carries numbers, texts, bytes, and lists and dictionaries of them."""

    def send(self, item: object) -> None:
        """Send something."""

    def receive(self, timeout: float) -> Any:
        """Wait for an answer, for so many seconds at most."""


class Places:
    """Where the controller has what lies here.

    :param pairs: folders here and the same ones there.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._there = {here.rstrip(os.sep): there.rstrip(os.sep) for here, there in pairs}
        longest_first = sorted(self._there, key=len, reverse=True)
        any_of_them = "|".join(map(re.escape, longest_first))
        self._here = re.compile(rf"(?<![\w.{os.sep}-])(?:{any_of_them})(?={os.sep}|$)")

    def translate(self, plain: Any) -> Any:
        """Put the controller's places into texts, lists and dictionaries of them."""
        if isinstance(plain, str):
            return self._here.sub(lambda found: self._there[found[0]], plain)
        if isinstance(plain, dict):
            return {self.translate(key): self.translate(value) for key, value in plain.items()}
        if isinstance(plain, (list, tuple)):
            return type(plain)(map(self.translate, plain))
        return plain


class Handover:
    """The worker's side.

    :param channel: leads to the controller's `Intake`.
    :param places: where the controller has what lies here.
    """

    def __init__(self, channel: Channel, places: Places) -> None:
        self.places = places
        self._channel = channel
        # cassettes outside of tests are settled in any thread, by a garbage collection, too
        self._lock = threading.RLock()
        self._is_giving = False

    def give(self, recording: Recording, outcome: str, reason: str) -> None:
        """Hand over what is staged of a recording; return when the controller has it.

        :param outcome: how it was settled: ``passed`` or ``draft``.
        :param reason: why it was settled so.
        :raises WriteFailed: if the controller doesn't have it.
        :raises OSError: if it can't be read.
        """
        cassette = os.fspath(recording.cassette)
        opened = {
            "owner": recording.owner,
            "cassette": self.places.translate(cassette),
            "mode": recording.mode,
            "saving": dict(recording.saving),
            "outcome": outcome,
            "reason": self.places.translate(reason),
        }
        with self._lock:
            if self._is_giving:  # a collection came in the middle of this thread's own messages
                raise WriteFailed(
                    cassette, "another one was on its way to the controller of the run"
                )
            self._is_giving = True
            try:
                refusal = self._deliver(cassette, opened, recording.path)
            finally:
                self._is_giving = False
        if refusal:
            raise WriteFailed(cassette, f"the controller of the run didn't take it: {refusal}")

    def _deliver(self, cassette: str, opened: dict[str, Any], staged: Path) -> str:
        try:
            self._channel.send(opened)
            for name, piece in _pieces(staged):
                self._channel.send((name, piece))
            self._channel.send(None)
            return str(self._channel.receive(_PATIENCE))
        except OSError:
            raise
        except Exception as error:  # the channel's own: closed, no answer, not to be encoded
            raise WriteFailed(
                cassette, f"no way to the controller of the run: {error!r}"
            ) from error


def _pieces(staged: Path) -> Iterator[tuple[str, bytes]]:
    """A staging file without a name, and the bodies beside it by theirs, never whole."""
    files = {path.name: path for path in storage.bodies_of(staged)}
    for name, path in {**files, "": staged}.items():  # bodies first, as everywhere
        with io.open(path, "rb") as file:
            while piece := file.read(_PIECE):
                yield name, piece


class Intake:
    """The controller's side: called with each message, in the thread that receives them.

    :param staging: takes what one worker hands over; nobody else's.
    :param answer: tells the worker why a recording wasn't taken; nothing when it was.
    """

    def __init__(self, staging: StagingArea, answer: Callable[[str], None]) -> None:
        self._staging = staging
        self._answer = answer
        self._taking: tuple[Recording, str, str] | None = None
        self._refusal = ""

    def __call__(self, message: Any) -> None:
        """Take a message of `Handover`'s."""
        try:
            if not self._refusal:
                self._take(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker has to know
            self._refusal = f"{type(error).__name__}: {error}"
        if message is None:
            refusal, self._refusal = self._refusal, ""
            if refusal:
                self._forget()
            self._taking = None
            self._answer(refusal)

    def _take(self, message: Any) -> None:
        if isinstance(message, dict):
            recording = self._staging.open_recording(
                message["owner"], Path(message["cassette"]), message["mode"], message["saving"]
            )
            self._taking = recording, message["outcome"], message["reason"]
            return
        if self._taking is None:
            raise ValueError("a piece of nothing")
        recording, outcome, reason = self._taking
        if message is None:
            self._staging.settle(recording, outcome, reason)
            return
        name, piece = message
        path = storage.body_path(recording.path, name) if name else recording.path
        storage.append(path, piece)

    def close(self) -> None:
        """Take nothing more: the worker has ended."""
        self._forget()
        self._staging.close()

    def _forget(self) -> None:
        """Leave nothing of what didn't come whole: the worker has it."""
        if self._taking is not None:
            self._staging.remove(self._taking[0])
            self._taking = None
