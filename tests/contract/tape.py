"""Record and play through the real cassette and the real file format, without a file."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest import mock

from pytest_reqord.base.clock import Clock
from pytest_reqord.codec import Entry, encode, load, render
from pytest_reqord.interceptors import active
from pytest_reqord.matching.matchers import Matching
from pytest_reqord.playback.cassette import Cassette
from pytest_reqord.playback.replay import Index, Replay
from pytest_reqord.settings.options import PLAY_ONLY, Access
from pytest_reqord.settings.resolve import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_reqord.base.models import Interaction, Request, Response
    from pytest_reqord.playback.cassette import Filter

__all__ = ["Tape", "offline"]

PATH = "memory.yaml"
OWNER = "test.py::test"


class NoRedactor:
    """Lets everything through: the contract is about what redaction leaves alone."""

    def request(self, request: Request) -> Request:
        return request

    def interaction(self, interaction: Interaction) -> Interaction:
        return interaction


class Tape:
    """What one recording captured, and what plays it.

    :param settings: those of the cassette.
    """

    def __init__(self, **settings: object) -> None:
        self.settings = Settings(**settings)  # type: ignore[arg-type]
        self.interactions: list[Interaction] = []
        self._clock = Clock()

    @contextmanager
    def recording(self, *, play: bool = False) -> Iterator[Cassette]:
        """Be in force and record; with ``play`` as in ``new_episodes``."""
        with self._open(Access(play=play, record=True)) as cassette:
            yield cassette

    @contextmanager
    def playing(self) -> Iterator[Cassette]:
        """Be in force and play, as in ``none``."""
        with self._open(PLAY_ONLY) as cassette:
            yield cassette

    @contextmanager
    def _open(self, access: Access) -> Iterator[Cassette]:
        source = Memory(self.interactions, self.settings, self._clock)
        cassette = Cassette(PATH, OWNER, access=access, settings=self.settings, source=source)
        opened = active.open_test(cassette)
        try:
            yield cassette
        finally:
            cassette.close()
            active.close(opened)
            self.interactions = sorted(
                [*self.interactions, *source.recorded()], key=lambda each: each.recorded_at
            )


class Memory:
    """The source of a cassette that has no file."""

    redactor: Filter = NoRedactor()
    is_child = lets_through = False
    is_over = False
    is_shared = False

    def __init__(self, interactions: list[Interaction], settings: Settings, clock: Clock) -> None:
        self.clock = clock
        self._index = Index(stored(interactions), Matching(settings.match_on))
        self._replay = Replay(
            self._index,
            OWNER,
            PATH,
            repeats=settings.allow_playback_repeats,
            strict_order=settings.strict_order,
        )
        self._recorded: list[Interaction] = []

    def index(self) -> Index:
        return self._index

    def has(self, entry: object) -> bool:
        return True

    def played_drafts(self) -> tuple[()]:
        return ()

    def replay(self) -> Replay:
        return self._replay

    def note_refused(self, uri: str, worker: str, why: str) -> None:
        pass

    def note_lost(self, request: str) -> None:
        pass

    def note_verified(self, verified: object) -> None:
        pass

    def verified_elsewhere(self) -> tuple[()]:
        return ()

    def translate(self, miss: BaseException) -> BaseException:
        return miss

    def as_called(self, request: Request, client: object) -> Request:
        return request

    def as_played(self, response: Response) -> Response:
        return response

    def as_kept(self, interaction: Interaction, client: object) -> Interaction:
        return interaction

    def record(self, interaction: Interaction) -> None:
        self._recorded.append(interaction)

    def flush(self) -> None:
        pass

    async def room(self) -> None:
        pass

    def recorded(self) -> list[Interaction]:
        return self._recorded

    def count_of_children(self) -> int:
        return 0

    def commands(self, *_: object) -> tuple[str, ...]:
        return ()


def stored(interactions: list[Interaction]) -> Sequence[Entry]:
    """The interactions as a cassette file gives them back."""
    encoded = [encode(interaction) for interaction in interactions]
    bodies = {name: body for each in encoded for name, body in each.bodies.items()}
    return load(render([each.text for each in encoded]), PATH, bodies.__getitem__).entries


@contextmanager
def offline() -> Iterator[list[object]]:
    """Make every look-up and connection fail, and list them."""
    tried: list[object] = []

    def refuse(*args: object, **_: object) -> None:
        tried.append(args)
        raise OSError(f"the network was touched: {args}")

    with (
        mock.patch.object(socket, "getaddrinfo", refuse),
        mock.patch.object(socket.socket, "connect", refuse),
        mock.patch.object(socket.socket, "connect_ex", refuse),
    ):
        yield tried
