"""SIGTERM and SIGHUP while something is being recorded: what waits is written, then they end the process.

By default they end a process at once, and what no batch was due for is lost. A handler can't write
that itself: it runs in the middle of the main thread, which may hold any lock. Nor may it wait,
for that thread goes on only when it returns. So it has another thread see to it that the writers'
own threads write what waits; that one raises the signal again, and then it does what it does by
default.
"""

from __future__ import annotations

import signal
from contextlib import suppress
from signal import SIG_DFL, getsignal, signal as set_handler
from typing import TYPE_CHECKING, Any

from pytest_reqord.base.real import os, start_new_thread, threading

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["begin", "end", "flush_with"]

_PATIENCE = 1.0
"""Seconds that the writers get."""

_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

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
        signal.pthread_kill(_main_thread, number)


def _after_fork() -> None:
    """Leave a child the signals as they were: it writes what it records at once."""
    global _is_ending  # noqa: PLW0603 -- as above
    _recording.clear()
    _is_ending = False
    _restore()


os.register_at_fork(after_in_child=_after_fork)
