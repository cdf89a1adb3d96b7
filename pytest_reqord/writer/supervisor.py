"""Keeps a thread at work: restarts it when it dies, within the limits that OTP has."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pytest_reqord.clock import monotonic
from pytest_reqord.real import threading

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Supervisor"]


class Supervisor:
    """Runs ``work`` in a daemon thread from the first `ensure` on.

    What the work was about must survive in the work's own hands; the supervisor only sees to it
    that somebody does it. When the work returns it is done for good.

    :param work: what to do; it returns when it is told to stop.
    :param name: the thread's name.
    :param max_restarts: with more restarts than this within ``period`` it gives up.
    :param period: seconds.
    :param clock: tells the time in seconds.
    """

    def __init__(
        self,
        work: Callable[[], None],
        name: str,
        *,
        max_restarts: int = 3,
        period: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._work = work
        self._name = name
        self._max_restarts = max_restarts
        self._period = period
        self._clock = clock
        self._restarts: deque[float] = deque()
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()
        self.has_given_up = False
        self.last_death: BaseException | None = None

    @property
    def is_running(self) -> bool:
        """Whether the thread is there, alive, and not on its way out."""
        thread = self._thread
        return thread is not None and not self.has_given_up and thread.is_alive()

    def ensure(self) -> bool:
        """Start the thread if it isn't running.

        :returns: False when the work has to be done by the caller.
        """
        if self.is_running:
            return True
        with self._lock:
            if not self.has_given_up and not self.is_running:
                if self._thread is not None:  # it died without telling
                    self._count_restart()
                if not self.has_given_up:
                    self._start()
            return not self.has_given_up

    def stop(self, timeout: float) -> None:
        """Wait for the thread, whose work was told to stop, and start no other."""
        with self._lock:
            self.has_given_up = True
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is on its way out
            self._thread = None
            self.has_given_up = True

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as death:  # noqa: BLE001 - whatever it died of, somebody must go on
            self.last_death = death
            with self._lock:
                if not self.has_given_up:
                    self._count_restart()
                    if not self.has_given_up:
                        self._start()

    def _count_restart(self) -> None:
        now = self._clock()
        while self._restarts and now - self._restarts[0] > self._period:
            self._restarts.popleft()
        self._restarts.append(now)
        self.has_given_up = len(self._restarts) > self._max_restarts
