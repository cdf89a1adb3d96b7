"""Stand between aiohttp and a connection: one that goes nowhere, or a real one that is recorded."""

from __future__ import annotations

import sys
from asyncio import CancelledError, Protocol, TimeoutError, Transport  # noqa: A004 -- its own before 3.11
from collections import deque
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Failure, Headers, Request, Response
from pytest_reqord.interceptors import recorder, socket_errors
from pytest_reqord.interceptors.aiohttp import errors
from pytest_reqord.interceptors.aiohttp.errors import (
    describe,
    describe_break,
    describe_connect,
    late,
    refuse,
)
from pytest_reqord.interceptors.framing import parse_request
from pytest_reqord.interceptors.recorder import (
    CONTINUE,
    NEVER,
    Received,
    Written,
    is_broken_off,
    pieces,
)

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Handle, Task
    from collections.abc import Awaitable, Callable, Iterable

    from pytest_reqord.interceptors.aiohttp.errors import Asked

__all__ = ["Held", "Played", "Tee", "Teed", "fail"]


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


# What aiohttp sends and receives on a real connection, kept on the way through.


class Teed:
    """A transport that keeps what is written to it; in all else the transport that it stands for.

    :param transport: the real one.
    :param keep: takes what is written.
    :param note: takes the error of a reader that has waited too long.
    """

    def __init__(
        self,
        transport: Any,
        keep: Callable[[bytes], None],
        note: Callable[[TimeoutError], None],
    ) -> None:
        self._transport = transport
        self._keep = keep
        self._note = note
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # for code that asks what this is
        return type(self._transport)

    def write(self, data: Any) -> None:
        """Send."""
        self._keep(bytes(data))
        self._transport.write(data)

    def writelines(self, pieces: Iterable[Any]) -> None:
        """Send one after the other."""
        pieces = list(pieces)
        self._keep(b"".join(pieces))
        self._transport.writelines(pieces)

    async def watch(self, waiting: Awaitable[None]) -> None:
        """Let a reader wait for more, and note if it does so in vain."""
        try:
            await waiting
        except TimeoutError as error:
            self._note(error)
            raise


class Tee(Protocol):
    """Stands between a transport and the client's protocol for the length of one exchange.

    :param connection: the real connection.
    :param reader: the protocol that the client reads from; the connection's own, but where the
        request was held back until it was known that it goes live.
    """

    def __init__(self, asked: Asked, connection: Any, reader: Any) -> None:
        self._sent: list[bytes] = []
        self._exchange = asked.exchange
        self._method = asked.client_request.method
        self._headers = asked.client_request.headers
        self._uri = asked.uri
        self._owner = connection.protocol
        self._reader = reader
        self._transport = self._owner.transport
        self._received: Received
        self._started = monotonic()
        self._lost: Exception | None = None
        self._late: TimeoutError | None = None
        self._recorded: Response | None = None
        self._is_done = False

    def start(self, started: float) -> None:
        """Come in between.

        :param started: when the request was started, by `monotonic`.
        """
        self._started = started
        may_switch = "Upgrade" in self._headers
        self._received = Received(started, may_switch=may_switch)
        self._before = self._reader.transport
        self._transport.set_protocol(self)
        self._reader.transport = Teed(self._transport, self._keep, self._note)
        self._exchange.finish_with(self.record)

    def stop(self) -> None:
        """The client gives its connection back: record, and get out of the way."""
        self.record()
        self._transport.set_protocol(self._owner)
        if self._reader.transport is not None:
            self._reader.transport = self._before

    def _keep(self, data: bytes) -> None:
        """The client has sent something: a part of its request, or what comes after an upgrade."""
        if self._received.is_switched:
            self._received.speak()
        elif not self._is_done:
            self._sent.append(data)

    def _note(self, error: TimeoutError) -> None:
        self._late = error

    @property
    def is_whole(self) -> bool:
        """Whether all of a response came."""
        return self._recorded is not None and self._recorded.complete

    def record(self) -> None:
        """Nobody reads any further, or no cassette is there to take it: record what there is."""
        if self._is_done:
            return
        self._is_done = True
        received = self._received
        response = received.response(self._method)
        request = self._request()
        self._recorded = response
        # the connection is given back because of what is being handled now, if anything is
        error = sys.exc_info()[1] or self._lost
        gone = None
        if recorder.is_cancellation(error):
            gone = recorder.describe_cancelled(monotonic() - self._started)
        is_refused = _is_refusal(error) and self._exchange.records_errors
        if response is not None and not is_refused:
            if not (response.complete or response.broken):
                broken = describe_break(self._late, lost=self._lost)
                response = response._replace(broken=broken or gone)
            self._exchange.record(request, response)
        elif failure := gone or describe(
            error, received.raw, is_ended=received.is_ended, lost=self._lost
        ):
            self._exchange.fail(request, failure)
        else:
            self._exchange.discard()
        self._sent.clear()
        received.forget()

    def _request(self) -> Request:
        sent = parse_request(b"".join(self._sent))
        return Request(self._method, self._uri, sent.headers, sent.body)

    # what the transport calls

    def data_received(self, data: bytes) -> None:
        """Bytes are here: keep them before the client reads them, and maybe stops."""
        if not self._is_done:
            self._received.add(data)
        self._reader.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on: the server sends no more."""
        kept: bool | None = self._reader.eof_received()
        return kept

    def connection_lost(self, error: Exception | None) -> None:
        """Pass on: the connection is closed."""
        self._lost = error
        if not self._is_done:
            self._received.add(b"")
        self._reader.connection_lost(error)
        if self._owner is not self._reader:
            self._owner.connection_lost(error)

    def pause_writing(self) -> None:
        """Pass on: what is sent piles up."""
        self._reader.pause_writing()

    def resume_writing(self) -> None:
        """Pass on: it doesn't any more."""
        self._reader.resume_writing()


def _is_refusal(error: BaseException | None) -> bool:
    """Whether it is the client's for a head that it can't read; a test may raise its like."""
    unread = sys.modules["aiohttp.http_exceptions"].HttpProcessingError
    is_body = isinstance(error, sys.modules["aiohttp"].ClientPayloadError)
    return error is not None and isinstance(error.__cause__, unread) and not is_body


class Held:
    """A request that is held back until it is known whether it is played or goes live.

    :param connection: what the client was given: a connection to nowhere.
    :param connect: makes the real one.
    """

    def __init__(
        self, asked: Asked, connection: Any, connect: Callable[[], Awaitable[Any]]
    ) -> None:
        self._asked = asked
        self._protocol = connection.protocol
        self._loop = self._protocol._loop  # noqa: SLF001 -- the one that the client uses
        self._connect = connect
        self._started = monotonic()
        self._task: Task[None] | None = None
        self._tee: Tee | None = None
        self._real: Any = None

    def go_live(self, sent: bytes) -> None:
        """Connect after all, and send what was held."""
        self._task = self._loop.create_task(self._open(sent))

    async def _open(self, sent: bytes) -> None:
        protocol = self._protocol
        try:
            await self._asked.exchange.room()
            self._real = await self._connect()
        except BaseException as error:
            fail(self._asked, error, self._started)
            if isinstance(error, CancelledError):
                raise
            refuse(protocol, self._asked, late(error, self._asked))
            return
        self._tee = Tee(self._asked, self._real, protocol)
        self._tee.start(self._started)
        protocol.transport.write(sent)
        protocol.start_timeout()

    def stop(self) -> None:
        """The client gives its connection back: so is the real one."""
        protocol = self._protocol
        if self._task is not None:
            self._task.cancel()
        if self._tee is not None:
            self._tee.stop()
            if self._tee.is_whole and not protocol.should_close:
                self._real.release()
            else:
                self._real.close()
        protocol.force_close()  # not to be kept in the pool


def fail(asked: Asked, error: BaseException, started: float) -> None:
    """End an exchange for which there was no connection.

    :param started: when the request was started, by `monotonic`.
    """
    failure = describe_connect(error) if isinstance(error, Exception) else None
    if recorder.is_cancellation(error):
        failure = recorder.describe_cancelled(monotonic() - started)
    if failure is None:
        asked.exchange.discard()
        return
    sent = asked.client_request
    headers = Headers([(str(name), str(value)) for name, value in sent.headers.items()])
    body = getattr(sent.body, "_value", sent.body)  # it was never asked for
    if not isinstance(body, bytes):
        body = b""
    asked.exchange.fail(Request(sent.method, asked.uri, headers, body), failure)
