"""Exceptions at any line of a package: what a signal, or a lack of memory, can do to it."""

from __future__ import annotations

import dis
import linecache
import sys
import threading
from pathlib import Path

import pytest_reqord

PACKAGE = Path(pytest_reqord.__file__).parent


class Boom(BaseException):
    """What no ``except Exception`` catches."""


class AtStep:
    """Does something before the n-th line that a thread runs of some of our modules.

    :param step: which line, the first is 1.
    :param do: what to do.
    :param parts: the files or folders of the package whose lines count.
    """

    def __init__(self, step, do, *parts):
        self.step = step
        self.count = 0
        self.place = ""
        self._do = do
        self._parts = tuple(str(PACKAGE / part) for part in parts)

    @property
    def is_done(self):
        return self.count >= self.step

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_):
        sys.settrace(self._before)

    def trace(self, frame, event, _):
        """See `sys.settrace`."""
        if not frame.f_code.co_filename.startswith(self._parts):
            return None
        if event == "line" and not self.is_done and _can_be_interrupted(frame):
            self.count += 1
            if self.is_done:
                self.place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                self._do()
        return self.trace


def raising(error):
    """What raises an error."""

    def do():
        raise error

    return do


def in_time(call, *args):
    """Run a call in a thread of its own, and see that it returns.

    :returns: what it returned.
    """
    ends = []

    def run():
        try:
            ends.append((call(*args), None))
        except BaseException as error:
            ends.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "it hangs"
    returned, error = ends[0]
    if error is not None:
        raise error
    return returned


def _can_be_interrupted(frame):
    """Whether the interpreter handles a signal before this line's first step, or in it.

    Not at ``try``, which is no step, and not between the last step of a ``with`` and its exit.
    """
    code = frame.f_code
    step = dis.opname[code.co_code[frame.f_lasti]]
    line = linecache.getline(code.co_filename, frame.f_lineno).lstrip()
    is_leaving = line.startswith("with ") and not step.startswith(("LOAD_FAST", "LOAD_GLOBAL"))
    return step != "NOP" and not is_leaving
