"""Keep the writer at work until the process ends: restart its thread, and flush at a signal.

A thread that dies is restarted within the limits that OTP has.
"""

from __future__ import annotations

import signal
from collections import deque
from contextlib import suppress
from signal import SIG_DFL, getsignal, signal as set_handler
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.platform import at_fork
from pytest_reqord.base.real import os, start_new_thread, threading, time

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Supervisor", "begin", "end", "flush_with"]

_POLL = 0.005
_BIRTH = 1.0
"""Seconds after which a thread that was started and hasn't begun never will."""


class _Life:
    """One life of the thread.

    Its lock is held from the first step to the last: the interpreter lets go of it however the
    thread ends. ``threading.Thread`` isn't used: its ``start`` waits for ever for a thread that
    dies before its first step (no memory), and tests replace it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.has_begun = False
        self.ident = 0
        self._awaited_until = monotonic() + _BIRTH

    @property
    def is_on(self) -> bool:
        """Whether the thread is at work, or about to be."""
        if self.has_begun:
            return self.lock.locked()
        return monotonic() < self._awaited_until


class Supervisor:
    """Runs ``work`` in a daemon thread from the first `ensure` on.

    What the work was about must survive in the work's own hands; the supervisor only sees to it
    that somebody does it. When the work returns it is done for good.

    :param work: what to do; it returns when it is told to stop.
    :param max_restarts: with more restarts than this within ``period`` it gives up.
    :param period: seconds.
    :param clock: tells the time in seconds.
    """

    def __init__(
        self,
        work: Callable[[], None],
        *,
        max_restarts: int = 3,
        period: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._work = work
        self._max_restarts = max_restarts
        self._period = period
        self._clock = clock
        self._restarts: deque[float] = deque()
        self._life: _Life | None = None
        self._lock = threading.RLock()
        self.has_given_up = False
        self.last_death: BaseException | None = None

    @property
    def is_running(self) -> bool:
        """Whether the thread is there, alive, and not on its way out."""
        life = self._life
        return life is not None and not self.has_given_up and life.is_on

    def ensure(self) -> bool:
        """Start the thread if it isn't running.

        :returns: False when the work has to be done by the caller.
        """
        if self.is_running:
            return True
        with self._lock:
            if not self.has_given_up and not self.is_running:
                if self._life is not None:  # it died without telling
                    self._count_restart()
                if not self.has_given_up:
                    self._start()
            return not self.has_given_up

    def stop(self, timeout: float) -> None:
        """Wait for the thread, whose work was told to stop, and start no other."""
        self.has_given_up = True
        life, deadline = self._life, monotonic() + timeout
        if life is not None and life.ident != threading.get_ident():
            while life.is_on and monotonic() < deadline:
                time.sleep(_POLL)

    def _start(self) -> None:
        self._life = life = _Life()
        try:
            start_new_thread(self._run, (life,))
        except RuntimeError:  # no more threads, or the interpreter is on its way out
            self._life = None
            self.has_given_up = True

    def _run(self, life: _Life) -> None:
        try:
            with life.lock:
                life.ident = threading.get_ident()
                life.has_begun = True
                if self._life is life:  # or it began so late that another one was started
                    self._work()
        except BaseException as death:  # noqa: BLE001 -- whatever it died of, somebody must go on
            self.last_death = death
            with self._lock:
                if not self.has_given_up and self._life is life:
                    self._count_restart()
                    if not self.has_given_up:
                        self._start()

    def _count_restart(self) -> None:
        now = self._clock()
        while self._restarts and now - self._restarts[0] > self._period:
            self._restarts.popleft()
        self._restarts.append(now)
        self.has_given_up = len(self._restarts) > self._max_restarts


# SIGTERM and SIGHUP while something is being recorded: what waits is written, then they end the process.
#
# By default they end a process at once, and what no batch was due for is lost. A handler can't write
# that itself: it runs in the middle of the main thread, which may hold any lock. Nor may it wait,
# for that thread goes on only when it returns. So it has another thread see to it that the writers'
# own threads write what waits; that one raises the signal again, and then it does what it does by
# default.


_PATIENCE = 1.0
"""Seconds that the writers get."""

_SIGNALS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]

_recording: dict[int, object] = {}  # by identity: what is being recorded
_main_thread = 0
_is_ending = False
_flush: Callable[[float], None] | None = None


def flush_with(flush: Callable[[float], None]) -> None:
    """Have what waits written by ``flush``, which is given the seconds that it may take."""
    global _flush  # noqa: PLW0603 -- one service a process
    _flush = flush


def begin(recorder: object) -> None:
    """Something is being recorded from now on: handle the signals that nobody else handles.

    From another thread than the main one nothing can be done about signals.

    :param recorder: what records.
    """
    global _main_thread  # noqa: PLW0603 -- one a process
    _recording[id(recorder)] = recorder
    with suppress(ValueError):  # not the main thread
        for number in _SIGNALS:
            if getsignal(number) is SIG_DFL:
                set_handler(number, _on_signal)
                _main_thread = threading.get_ident()


def end(recorder: object) -> None:
    """That is recorded no longer: after the last one the signals are as they were."""
    _recording.pop(id(recorder), None)
    if not _recording:
        _restore()


def _restore() -> None:
    with suppress(ValueError):  # not the main thread
        for number in _SIGNALS:
            if getsignal(number) is _on_signal:  # else the program has one of its own by now
                set_handler(number, SIG_DFL)


def _on_signal(number: int, _: Any) -> None:
    """Have what waits written, and end the process the second time."""
    global _is_ending  # noqa: PLW0603 -- a process ends once
    if getsignal(number) is not _on_signal:
        return  # the program's own handler calls what was there before it, where nothing was
    if _recording and not _is_ending:
        _is_ending = True
        with suppress(RuntimeError):  # no more threads
            start_new_thread(_flush_and_raise, (number,))
            return
    set_handler(number, SIG_DFL)
    os.kill(os.getpid(), number)


def _flush_and_raise(number: int) -> None:
    try:
        if _flush is not None:
            with suppress(Exception):  # nobody is left to tell
                _flush(_PATIENCE)
    finally:
        # to the main thread: a call of the system that it waits in ends for the handler to run
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(_main_thread, number)
        else:
            signal.raise_signal(number)


def _after_fork() -> None:
    """Leave a child the signals as they were: it writes what it records at once."""
    global _is_ending  # noqa: PLW0603 -- as above
    _recording.clear()
    _is_ending = False
    _restore()


at_fork(after_in_child=_after_fork)
