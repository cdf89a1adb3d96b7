"""A connection of aiohttp's to nowhere: it takes a request, and answers with a recorded response."""

from __future__ import annotations

from asyncio import Transport
from collections import deque
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.models import Failure, Response
from pytest_reqord.interceptors import recorder, socket_errors
from pytest_reqord.interceptors.aiohttp import errors
from pytest_reqord.interceptors.recorder import CONTINUE, NEVER, Written, is_broken_off, pieces

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Handle
    from collections.abc import Callable, Iterable

    from pytest_reqord.interceptors.aiohttp.errors import Asked

__all__ = ["Played"]


class Played(Transport):
    """The transport of a connection to nowhere.

    It answers in the next turn of the loop, as nothing can be answered while it is sent. What of a
    response arrived late comes when the reader waits for it, and no later than it came live.

    :param protocol: the client's, which reads the answer.
    :param peer: host and port that the connection is to.
    """

    def __init__(self, loop: AbstractEventLoop, protocol: Any, peer: tuple[str, int]) -> None:
        super().__init__({"peername": peer})
        self._loop = loop
        self._protocol = protocol
        self._asked: Asked
        self._written: Written | None = None
        self._go_live: Callable[[bytes], None] | None = None
        self._hops = 0
        self._is_closing = False
        self._is_paused = False
        self._response: Response | None = None
        self._pieces: deque[tuple[bytes | None, float]] = deque()
        self._next: Handle | None = None
        self._is_waiting = False  # for the reader, or for the time of the next piece

    def expect(
        self, asked: Asked, hops: int, go_live: Callable[[bytes], None] | None = None
    ) -> None:
        """Be ready for a request.

        :param hops: how many turns of the loop later to answer.
        :param go_live: takes the written request, where the recording has no answer.
        """
        self._asked = asked
        self._go_live = go_live
        self._hops = hops
        self._written = Written()

    # what the client calls

    def write(self, data: Any) -> None:
        """Take bytes of the request."""
        written = self._written
        if written is None:
            return
        if written.add(data):
            self._written = None
            self._loop.call_soon(self._answer, written, self._hops)
        elif written.awaits_continue:
            written.awaits_continue = False
            self._loop.call_soon(self._feed, CONTINUE)

    def writelines(self, pieces: Iterable[Any]) -> None:
        """Take bytes of the request."""
        self.write(b"".join(pieces))

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._is_closing

    def close(self) -> None:
        """End the connection: nothing more is read from it."""
        if self._is_closing:
            return
        self._stop()
        self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """Give the reader nothing until `resume_reading`."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Go on after `pause_reading`."""
        self._is_paused = False
        if not self._is_waiting:
            self._continue()

    def is_reading(self) -> bool:
        """Whether it isn't paused."""
        return not (self._is_paused or self._is_closing)

    def set_protocol(self, protocol: Any) -> None:
        """Have another protocol read."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Give the protocol that reads."""
        return self._protocol

    def can_write_eof(self) -> bool:
        """Say no: there is no other side."""
        return False

    def get_write_buffer_size(self) -> int:
        """Say that nothing piles up."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take limits that nothing ever reaches."""

    # the answer

    def hurry(self) -> None:
        """The reader waits: give it the next piece now, however long it took live."""
        if self._is_waiting:
            self._continue()

    def _answer(self, written: Written, hops: int) -> None:
        if self._is_closing:  # nobody waits any longer
            return
        if hops > 1:
            self._loop.call_soon(self._answer, written, hops - 1)
            return
        asked = self._asked
        request = written.request(asked.client_request.method, asked.uri)
        try:
            answer = asked.exchange.play(request)
            if isinstance(answer, Failure):
                self._fail(answer)
            elif isinstance(answer, Response):
                self._pieces.extend(pieces(answer, request.method))
        except BaseException as error:  # noqa: BLE001 -- whoever awaits the response has to see it
            self._protocol.set_exception(error)
            return
        if isinstance(answer, Response):
            self._response = answer
            self._deliver()
        elif answer is None and self._go_live is not None:
            self._go_live(bytes(written.raw))

    def _fail(self, failure: Failure) -> None:
        if seconds := recorder.patience(failure):
            error = errors.ending(failure.message)
            self._next = self._loop.call_later(seconds, self._protocol.set_exception, error)
        else:
            errors.play(failure, self._protocol, self._asked)

    def _feed(self, data: bytes) -> None:
        if not self._is_closing:
            self._protocol.data_received(data)

    def _deliver(self) -> None:
        self._next = None
        self._is_waiting = False
        data, _ = self._pieces.popleft()
        if data is not None:
            self._protocol.data_received(data)
        else:
            self._end()
        if not self._pieces:
            return
        delay = self._pieces[0][1]
        if delay == 0:
            if not self._is_paused:
                self._continue()
            return
        self._is_waiting = True
        if delay < NEVER:
            self._next = self._loop.call_later(delay, self._deliver)

    def _continue(self) -> None:
        if self._pieces:
            self._is_waiting = False
            if self._next is not None:
                self._next.cancel()
            self._next = self._loop.call_soon(self._deliver)

    def _end(self) -> None:
        """End the body as it ended: with the connection, or with the one who read it."""
        response = self._response
        broken = None if response is None else response.broken
        if response is not None and is_broken_off(response):
            self._give_up(errors.break_off(response))
        elif broken is not None and (seconds := recorder.patience(broken)):
            error = errors.ending(broken.message)
            self._next = self._loop.call_later(seconds, self._give_up, error)
        elif broken is not None and errors.is_timeout(broken):
            errors.time_out(self._protocol._payload, broken)  # noqa: SLF001 -- as below
        else:
            lost = None
            if broken is not None and socket_errors.is_broken(broken):
                lost = socket_errors.revive(broken)
            self._stop()
            self._protocol.connection_lost(lost)

    def _give_up(self, error: BaseException) -> None:
        payload = self._protocol._payload  # noqa: SLF001 -- what the reader reads from
        if payload is not None:
            payload.set_exception(error)

    def _stop(self) -> None:
        self._is_closing = True
        self._written = None
        self._pieces.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None
