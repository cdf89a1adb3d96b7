"""Which cassette a request belongs to.

To the one of its context: what a test puts in force holds for its own code, and is carried to the
threads, tasks and work items that it starts and to what it submits to an event loop (`context`).
Cassettes nest, and the one opened last answers.

A request whose context has none was made by a worker that nobody knows the submitter of: it took
its work from a queue, or was started before the tests. It belongs to the one cassette that is
open, by name of its thread; where several are, side by side, it is refused. A request whose
cassette has closed is refused, too.
"""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.hosts import without_secrets
from pytest_reqord.base.models import Headers, Request
from pytest_reqord.base.real import threading
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import AmbiguousRequest
from pytest_reqord.interceptors import context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_reqord.base.seam import Exchange, Recorder
    from pytest_reqord.errors import UnsupportedClient

__all__ = [
    "begin",
    "close",
    "current",
    "enter",
    "in_force",
    "is_over",
    "lose",
    "observe_outside",
    "observe_refused",
    "observe_untaken",
    "open_test",
    "pass_untaken",
    "passing",
    "refuse",
    "route",
    "stand_aside",
    "step_back_in",
    "suspended",
]


class Opened(NamedTuple):
    """A recorder in force.

    :param serial: grows with every opening.
    :param recorder: what decides about the requests made while it is in force.
    :param outer: what was in force where it was opened.
    :param before: the values of the context that it was opened in and of its thread.
    :param is_test: whether it is a test's own, out of force while a wider fixture is set up.
    :param worker: the thread of a request that may be anyone's; else an empty string.
    """

    serial: int
    recorder: Recorder
    outer: Opened | None = None
    before: tuple[Any, Any] = (None, None)
    is_test: bool = False
    worker: str = ""


_serials = itertools.count(1)
_open: tuple[Opened, ...] = ()  # made anew under the lock, so that it is read without
_lock = threading.RLock()  # reentrant: the garbage collector may close a cassette
_others: list[tuple[object, Opened]] = []  # by whom another tool's cassette is open
_outside: Callable[[str], None] | None = None
_untaken: Callable[[str, str], None] | None = None
_refused: Callable[[str, str, str], None] | None = None


def current() -> Opened | None:
    """The recorder that a request made here and now belongs to; about 0.3 us."""
    opened = in_force()
    if _others and (opened is None or opened.serial < _others[-1][1].serial):
        return _others[-1][1]
    return opened


def in_force() -> Opened | None:
    """The same, but for cassettes of other tools."""
    own = context.current()
    is_known = isinstance(own, Opened)
    if isinstance(own, context.Worker):
        own, is_known = own.started_in, not (own.takes_work or is_over(own.started_in))
    if is_known and not own.recorder.is_closed:
        known: Opened = own
        return known
    inmost = () if is_known else _inmost()
    if len(inmost) > 1:
        one = Opened(next(_serials), _Several(inmost))
    elif inmost:
        one = inmost[0]
    elif is_over(own):
        one = own
    else:  # nothing is in force, or is held out of force
        return None
    return one._replace(worker=context.thread_name())


def _inmost() -> Sequence[Opened]:
    """The cassettes that are open and have no open one in them: of several, none is the one."""
    if len(_open) < 2:  # noqa: PLR2004 -- mostly
        return _open
    around = {id(outer) for opened in _open for outer in _around(opened)}
    return [opened for opened in _open if id(opened) not in around]


def _around(opened: Opened) -> Iterator[Opened]:
    outer = opened.outer
    while outer is not None:
        yield outer
        outer = outer.outer


def is_over(opened: Any) -> bool:
    """Whether a recorder takes no more requests; False for what is none."""
    return isinstance(opened, Opened) and opened.recorder.is_closed


def begin(method: str, uri: str) -> Exchange | None:
    """A client starts a request: ask whatever is in force.

    :returns: its exchange; None to let it through untouched.
    :raises PlaybackError: if it can't even start.
    """
    opened = current()
    if opened is not None:
        return opened.recorder.begin(method, uri, opened.worker)
    if _outside is not None:
        _outside(uri)
    return None


def route(uri: str) -> Route | None:
    """What may happen to requests to a host; None to let a client connect to it untouched."""
    opened = current()
    return None if opened is None else opened.recorder.route(uri)


def lose(uri: str, why: str) -> None:
    """A connection for a request that is to be recorded failed, before the request began."""
    opened = current()
    if opened is not None:
        opened.recorder.lose(uri, why)


def pass_untaken(client: str, version: str, uri: str) -> None:
    """A client that can't be recorded is about to connect: ask whatever is in force.

    :raises UnsupportedClient: if it must not go live.
    """
    opened = current()
    if opened is None or not opened.recorder.pass_untaken(client, version, uri, opened.worker):
        return
    if _untaken is not None:
        _untaken(client, uri)


def refuse(error: UnsupportedClient, uri: str) -> None:
    """A client that should be recorded and could not be patched is about to make a request.

    :raises UnsupportedClient: if a cassette is in force and doesn't ignore the host.
    """
    opened = current()
    if opened is not None:
        opened.recorder.pass_untaken(error.client, error.version, uri, opened.worker, error.reason)


def open_test(recorder: Recorder) -> Opened:
    """Put a test's cassette in force, in this context and what is started in it.

    :returns: what `close` takes out.
    """
    return _open_in_context(recorder, is_test=True)


def enter(recorder: Recorder) -> Opened:
    """The same for a cassette that stays in force while a wider fixture is set up."""
    return _open_in_context(recorder, is_test=False)


def _open_in_context(recorder: Recorder, *, is_test: bool) -> Opened:
    value, before = context.current(), context.raw()
    outer = value if isinstance(value, Opened) else None
    opened = Opened(next(_serials), recorder, outer=outer, before=before, is_test=is_test)
    _set_open(lambda opens: (*opens, opened))
    context.change(opened)
    if is_test:
        context.change_of_thread(opened)
    return opened


def close(opened: Opened) -> None:
    """Take a cassette out of force, also from another context than the one it was opened in.

    An async fixture's teardown runs in a context other than its setup's, where a token of the
    context variable would be refused.
    """
    _set_open(lambda opens: tuple(one for one in opens if one is not opened))
    own, of_thread = context.raw()
    if own is opened:
        before = opened.before[0]
        while isinstance(before, Opened) and is_over(before):  # it was closed before what it holds
            before = before.before[0]
        context.change(before)
    if of_thread is opened:
        context.change_of_thread(opened.before[1])


@contextmanager
def suspended() -> Iterator[None]:
    """Hold the test's cassette out of force, as while a wider fixture is set up.

    What the fixture starts is known to be nobody's: it may live longer than the test.
    """
    held = context.current()
    if not isinstance(held, Opened) or not held.is_test:
        with context.within(held):
            yield
        return
    _set_open(lambda opens: tuple(one for one in opens if one is not held))
    of_thread = context.change_of_thread(held.before[1])
    try:
        with context.within(held.outer):
            yield
    finally:
        context.change_of_thread(of_thread)
        _set_open(lambda opens: (*opens, held))


def _set_open(change: Callable[[tuple[Opened, ...]], tuple[Opened, ...]]) -> None:
    global _open  # noqa: PLW0603 -- one process, one set of open cassettes
    with _lock:
        while True:
            after = change(before := _open)
            if _open is before:  # else it was changed in the middle of this
                _open = after
                return


class _Passing:
    """Lets everything through: what happens under a seam is a request that was decided on."""

    file = ""
    is_closed = False

    def begin(self, method: str, uri: str, worker: str) -> None:
        """See `pytest_reqord.base.seam.Recorder.begin`."""

    def route(self, uri: str) -> None:
        """See `pytest_reqord.base.seam.Recorder.route`."""

    def lose(self, uri: str, why: str) -> None:
        """See `pytest_reqord.base.seam.Recorder.lose`."""

    def pass_untaken(
        self,
        client: str,  # noqa: ARG002 -- the seam has them
        version: str,  # noqa: ARG002
        uri: str,  # noqa: ARG002
        worker: str,  # noqa: ARG002
        why: str = "",  # noqa: ARG002
    ) -> bool:
        """See `pytest_reqord.base.seam.Recorder.pass_untaken`."""
        return False


class _Several:
    """Refuses a request of which nobody knows to which of several cassettes it belongs.

    :param opened: those that are open.
    """

    file = ""
    is_closed = False

    def __init__(self, opened: Sequence[Opened]) -> None:
        self._recorders = [one.recorder for one in opened]

    def begin(self, method: str, uri: str, worker: str) -> None:
        """See `pytest_reqord.base.seam.Recorder.begin`."""
        if self.route(uri) is None:
            return
        if _refused is not None:
            _refused(uri, worker, "while several cassettes were open")
        request = Request(method, without_secrets(uri), Headers(()), b"")
        raise AmbiguousRequest(request, [one.file for one in self._recorders], worker)

    def route(self, uri: str) -> Route | None:
        """See `pytest_reqord.base.seam.Recorder.route`."""
        is_ignored = any(recorder.route(uri) is None for recorder in self._recorders)
        return None if is_ignored else Route.PLAY  # and `begin` says why not

    def lose(self, uri: str, why: str) -> None:
        """See `pytest_reqord.base.seam.Recorder.lose`."""

    def pass_untaken(
        self,
        client: str,  # noqa: ARG002 -- the seam has them
        version: str,  # noqa: ARG002
        uri: str,
        worker: str,
        why: str = "",  # noqa: ARG002
    ) -> bool:
        """See `pytest_reqord.base.seam.Recorder.pass_untaken`."""
        self.begin("CONNECT", uri, worker)
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
    with context.within(Opened(next(_serials), _Passing())):
        yield


def observe_outside(observer: Callable[[str], None] | None) -> None:
    """Have ``observer`` called with the URI of each request that no cassette is in force for."""
    global _outside  # noqa: PLW0603 -- one observer a process
    _outside = observer


def observe_untaken(observer: Callable[[str, str], None] | None) -> None:
    """Have ``observer`` called with client and URI of what goes live and can't be recorded."""
    global _untaken  # noqa: PLW0603 -- one observer a process
    _untaken = observer


def observe_refused(observer: Callable[[str, str, str], None] | None) -> None:
    """Have ``observer`` called with URI, thread and reason of what is refused and fails no test."""
    global _refused  # noqa: PLW0603 -- one observer a process
    _refused = observer
