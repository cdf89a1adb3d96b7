"""Which cassette a request belongs to.

The cassette of a test is in force process-wide: threads that a client's pool started long before
the test belong to it too, and a context variable would not reach them. Cassettes that are opened
inside (``use_cassette``) live in a context variable, so that two asyncio tasks keep theirs apart.
Of two that are in force the one opened later answers. A thread or a work item that was started
under a cassette keeps it (`stamps`), so that one which outlives its test is refused instead of
being counted to the next.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from pytest_reqord.interceptors import stamps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reqord.errors import UnsupportedClient
    from pytest_reqord.seam import Exchange, Recorder, Route

__all__ = [
    "begin",
    "close_test",
    "current",
    "enter",
    "is_open",
    "leave",
    "observe_outside",
    "observe_untaken",
    "open_test",
    "pass_untaken",
    "passing",
    "refuse",
    "route",
    "stand_aside",
    "started_under",
    "step_back_in",
    "suspended",
]


class Opened(NamedTuple):
    """A recorder in force.

    :param serial: grows with every opening.
    :param recorder: what decides about the requests made while it is in force.
    """

    serial: int
    recorder: Recorder


_serials = itertools.count(1)
_inner: ContextVar[Opened | None] = ContextVar("pytest_reqord_inner", default=None)
_test: Opened | None = None
_others: list[tuple[object, Opened]] = []  # by whom another tool's cassette is open
_outside: Callable[[str], None] | None = None
_untaken: Callable[[str, str], None] | None = None


def current() -> Opened | None:
    """The recorder that a request made here and now belongs to; about 0.2 us."""
    opened = started_under()
    if _others and (opened is None or opened.serial < _others[-1][1].serial):
        return _others[-1][1]
    return opened


def started_under() -> Opened | None:
    """The recorder that a thread or task belongs to that is started here and now."""
    inner = _inner.get()
    stamp: Opened | None = stamps.of_this_thread()
    outer = stamp or _test
    if inner is None or (outer is not None and outer.serial > inner.serial):
        return outer
    return inner


def is_open(opened: Opened) -> bool:
    """Whether a recorder still takes requests."""
    return not opened.recorder.is_closed


def begin(method: str, uri: str) -> Exchange | None:
    """A client starts a request: ask whatever is in force.

    :returns: its exchange; None to let it through untouched.
    :raises PlaybackError: if it can't even start.
    """
    opened = current()
    if opened is not None:
        return opened.recorder.begin(method, uri)
    if _outside is not None:
        _outside(uri)
    return None


def route(uri: str) -> Route | None:
    """What may happen to requests to a host; None to let a client connect to it untouched."""
    opened = current()
    return None if opened is None else opened.recorder.route(uri)


def pass_untaken(client: str, version: str, uri: str) -> None:
    """A client that can't be recorded is about to connect: ask whatever is in force.

    :raises UnsupportedClient: if it must not go live.
    """
    opened = current()
    if opened is None or not opened.recorder.pass_untaken(client, version, uri):
        return
    if _untaken is not None:
        _untaken(client, uri)


def refuse(error: UnsupportedClient, uri: str) -> None:
    """A client that should be recorded and could not be patched is about to make a request.

    :raises UnsupportedClient: if a cassette is in force and doesn't ignore the host.
    """
    opened = current()
    if opened is not None:
        opened.recorder.pass_untaken(error.client, error.version, uri, error.reason)


def open_test(recorder: Recorder | None) -> Opened | None:
    """Put a test's cassette in force process-wide, or take it out with None.

    :returns: what was in force before, for `close_test`: that of a test which runs pytest itself.
    """
    global _test
    before, _test = _test, None if recorder is None else Opened(next(_serials), recorder)
    return before


def close_test(before: Opened | None) -> None:
    """Take out what `open_test` put in force."""
    global _test  # noqa: PLW0603 -- as above
    _test = before


def enter(recorder: Recorder) -> Opened | None:
    """Put a recorder in force in this context and what it starts.

    :returns: what was in force in it before, for `leave`.
    """
    before = _inner.get()
    _inner.set(Opened(next(_serials), recorder))
    return before


def leave(before: Opened | None) -> None:
    """Take out what `enter` put in force, also from another context than its own.

    An async fixture's teardown runs in a context other than its setup's, where a token of the
    context variable would be refused.
    """
    _inner.set(before)


@contextmanager
def suspended() -> Iterator[None]:
    """Hold the test's cassette out of force, as while a wider fixture is set up."""
    global _test  # noqa: PLW0603 -- one slot a process is the point
    held, _test = _test, None
    try:
        yield
    finally:
        _test = held


class _Passing:
    """Lets everything through: what happens under a seam is a request that was decided on."""

    is_closed = False

    def begin(self, method: str, uri: str) -> None:
        """See `pytest_reqord.seam.Recorder.begin`."""

    def route(self, uri: str) -> None:
        """See `pytest_reqord.seam.Recorder.route`."""

    def pass_untaken(self, client: str, version: str, uri: str, why: str = "") -> bool:  # noqa: ARG002 -- the seam has them
        """See `pytest_reqord.seam.Recorder.pass_untaken`."""
        return False


def stand_aside(owner: object) -> None:
    """Leave to another tool what is asked from now on, process-wide as it takes clients.

    :param owner: what the tool has opened.
    """
    _others.append((owner, Opened(next(_serials), _Passing())))


def step_back_in(owner: object) -> None:
    """Take again what `stand_aside` left to another tool, if it did."""
    _others[:] = [one for one in _others if one[0] is not owner]


@contextmanager
def passing() -> Iterator[None]:
    """Leave alone what a client that is taken does through another that isn't, or is, too."""
    before = enter(_Passing())
    try:
        yield
    finally:
        leave(before)


def observe_outside(observer: Callable[[str], None] | None) -> None:
    """Have ``observer`` called with the URI of each request that no cassette is in force for."""
    global _outside  # noqa: PLW0603 -- one observer a process
    _outside = observer


def observe_untaken(observer: Callable[[str, str], None] | None) -> None:
    """Have ``observer`` called with client and URI of what goes live and can't be recorded."""
    global _untaken  # noqa: PLW0603 -- one observer a process
    _untaken = observer
