"""Keeps a thread at work: restarts it when it dies, within the limits that OTP has."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.real import start_new_thread, threading, time

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Supervisor"]

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
