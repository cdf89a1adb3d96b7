"""Which cassette a request belongs to.

To the one of its context: what a test puts in force holds for its own code, and is carried to the
threads, tasks and work items that it starts and to what it submits to an event loop (the second half).
Cassettes nest, and the one opened last answers.

A request whose context has none was made by a worker that nobody knows the submitter of: it took
its work from a queue, or was started before the tests. It belongs to the one cassette that is
open, by name of its thread; where several are, side by side, it is refused. A request whose
cassette has closed is refused, too.
"""

from __future__ import annotations

import functools
import itertools
import sys
import threading
from _thread import get_ident
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reqord.base.models import Headers, Request, without_secrets
from pytest_reqord.base.real import threading as real_threading
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import AmbiguousRequest
from pytest_reqord.interceptors import imports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_reqord.base.seam import Exchange, Recorder
    from pytest_reqord.errors import UnsupportedClient

__all__ = [
    "Worker",
    "begin",
    "carried",
    "change",
    "change_of_thread",
    "check",
    "close",
    "current",
    "enter",
    "has_threads",
    "in_force",
    "install",
    "is_over",
    "leave_if_ending",
    "lose",
    "meet_unsupported",
    "observe_outside",
    "observe_refused",
    "observe_unsupported",
    "open_test",
    "passing",
    "refuse",
    "route",
    "stand_aside",
    "step_back_in",
    "suspended",
    "thread_name",
    "uninstall",
    "within",
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
_lock = real_threading.RLock()  # reentrant: the garbage collector may close a cassette
_others: list[tuple[object, Opened]] = []  # by whom another tool's cassette is open
_outside: Callable[[str], None] | None = None
_unsupported: Callable[[str, str], None] | None = None
_refused: Callable[[str, str, str], None] | None = None


def current() -> Opened | None:
    """The recorder that a request made here and now belongs to; about 0.3 us."""
    opened = in_force()
    if _others and (opened is None or opened.serial < _others[-1][1].serial):
        return _others[-1][1]
    return opened


def in_force() -> Opened | None:
    """The same, but for cassettes of other tools."""
    own = carried()
    is_known = isinstance(own, Opened)
    if isinstance(own, Worker):
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
    return one._replace(worker=thread_name())


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


def meet_unsupported(client: str, version: str, uri: str) -> None:
    """A client that can't be recorded is about to connect: ask whatever is in force.

    :raises UnsupportedClient: if it must not go live.
    """
    opened = current()
    if opened is None or not opened.recorder.meet_unsupported(client, version, uri, opened.worker):
        return
    if _unsupported is not None:
        _unsupported(client, uri)


def refuse(error: UnsupportedClient, uri: str) -> None:
    """A client that should be recorded and could not be patched is about to make a request.

    :raises UnsupportedClient: if a cassette is in force and doesn't ignore the host.
    """
    opened = current()
    if opened is not None:
        opened.recorder.meet_unsupported(
            error.client, error.version, uri, opened.worker, error.reason
        )


def open_test(recorder: Recorder) -> Opened:
    """Put a test's cassette in force, in this context and what is started in it.

    :returns: what `close` takes out.
    """
    return _open_in_context(recorder, is_test=True)


def enter(recorder: Recorder) -> Opened:
    """The same for a cassette that stays in force while a wider fixture is set up."""
    return _open_in_context(recorder, is_test=False)


def _open_in_context(recorder: Recorder, *, is_test: bool) -> Opened:
    value, before = carried(), raw()
    outer = value if isinstance(value, Opened) else None
    opened = Opened(next(_serials), recorder, outer=outer, before=before, is_test=is_test)
    _set_open(lambda opens: (*opens, opened))
    change(opened)
    if is_test:
        change_of_thread(opened)
    return opened


def close(opened: Opened) -> None:
    """Take a cassette out of force, also from another context than the one it was opened in.

    An async fixture's teardown runs in a context other than its setup's, where a token of the
    context variable would be refused.
    """
    _set_open(lambda opens: tuple(one for one in opens if one is not opened))
    own, of_thread = raw()
    if own is opened:
        before = opened.before[0]
        while isinstance(before, Opened) and is_over(before):  # it was closed before what it holds
            before = before.before[0]
        change(before)
    if of_thread is opened:
        change_of_thread(opened.before[1])


@contextmanager
def suspended() -> Iterator[None]:
    """Hold the test's cassette out of force, as while a wider fixture is set up.

    What the fixture starts is known to be nobody's: it may live longer than the test.
    """
    held = carried()
    if not isinstance(held, Opened) or not held.is_test:
        with within(held):
            yield
        return
    _set_open(lambda opens: tuple(one for one in opens if one is not held))
    of_thread = change_of_thread(held.before[1])
    try:
        with within(held.outer):
            yield
    finally:
        change_of_thread(of_thread)
        _set_open(lambda opens: (*opens, held))


def _set_open(step: Callable[[tuple[Opened, ...]], tuple[Opened, ...]]) -> None:
    global _open  # noqa: PLW0603 -- one process, one set of open cassettes
    with _lock:
        while True:
            after = step(before := _open)
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

    def meet_unsupported(
        self,
        client: str,  # noqa: ARG002 -- the seam has them
        version: str,  # noqa: ARG002 -- as above
        uri: str,  # noqa: ARG002 -- as above
        worker: str,  # noqa: ARG002 -- as above
        why: str = "",  # noqa: ARG002 -- as above
    ) -> bool:
        """See `pytest_reqord.base.seam.Recorder.meet_unsupported`."""
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

    def meet_unsupported(
        self,
        client: str,  # noqa: ARG002 -- the seam has them
        version: str,  # noqa: ARG002 -- as above
        uri: str,
        worker: str,
        why: str = "",  # noqa: ARG002 -- as above
    ) -> bool:
        """See `pytest_reqord.base.seam.Recorder.meet_unsupported`."""
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


def leave_if_ending() -> None:
    """End this thread if the interpreter is about to, as it does with daemon threads.

    Its test, or its script, has ended with the main thread, and so has the cassette: whatever the
    thread were told of that would be printed by an interpreter that is nearly gone.

    :raises SystemExit: which ends a thread, and is printed by none.
    """
    if threading.current_thread().daemon and not threading.main_thread().is_alive():
        raise SystemExit


@contextmanager
def passing() -> Iterator[None]:
    """Leave alone what a client that is taken does through another that isn't, or is, too."""
    with within(Opened(next(_serials), _Passing())):
        yield


def observe_outside(observer: Callable[[str], None] | None) -> None:
    """Have ``observer`` called with the URI of each request that no cassette is in force for."""
    global _outside  # noqa: PLW0603 -- one observer a process
    _outside = observer


def observe_unsupported(observer: Callable[[str, str], None] | None) -> None:
    """Have ``observer`` called with client and URI of what goes live and can't be recorded."""
    global _unsupported  # noqa: PLW0603 -- one observer a process
    _unsupported = observer


def observe_refused(observer: Callable[[str, str, str], None] | None) -> None:
    """Have ``observer`` called with URI, thread and reason of what is refused and fails no test."""
    global _refused  # noqa: PLW0603 -- one observer a process
    _refused = observer


# Carry the context of a test to what the test starts.
#
# A context variable says whose the code is that runs. Python carries it to tasks, and to callbacks
# of event loops, in whichever thread they run: what is submitted to a loop runs in the context of
# its submitter, wherever the loop was started. Here it is carried to threads, which start with an
# empty context before Python 3.14, and to the work items of a ``ThreadPoolExecutor``. Code in a
# context that knows nothing, as that of a greenlet, belongs to what its thread was started for.
#
# A queue carries no context. A daemon thread, the kind that nobody waits for, may work for anyone
# once it takes work from a queue, or what it was started in is over; and so may any thread or task
# that takes work from a queue after that is over: see `Worker`.


_MISSING = object()
_OF_THREAD = "_reqord_context"
_STARTED_IN = "_reqord_started_in"

_POOLS = ("concurrent.futures.thread", "multiprocessing.pool", "anyio._backends._asyncio")
"""The modules whose threads wait for work."""

_IMMUTABLE = 1 << 8  # of a type in C, as gevent puts in the place of queue.Queue

_UNKNOWN = object()
_context: ContextVar[Any] = ContextVar("pytest_reqord_context", default=_UNKNOWN)


class Worker(NamedTuple):
    """The value of the context of a daemon thread, or of what takes work from a queue.

    :param started_in: the value of the context that it was started in.
    :param takes_work: whether it takes work from a queue.
    """

    started_in: Any
    takes_work: bool = False


class _Patch(NamedTuple):
    """A method that is patched.

    :param owner: the class that has it.
    :param name: its name.
    :param original: the class's own; `_MISSING` where it inherits one.
    :param ours: what stands in its place.
    """

    owner: Any
    name: str
    original: Any
    ours: Any

    def apply(self) -> None:
        """Stand in its place, unless a mock does."""
        if vars(self.owner).get(self.name, _MISSING) is self.original:
            setattr(self.owner, self.name, self.ours)

    def restore(self) -> None:
        """Leave the class as it was."""
        if vars(self.owner).get(self.name) is not self.ours:
            return
        if self.original is _MISSING:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.original)


def _never(_: Any) -> bool:
    return False


_patches: dict[tuple[str, str], _Patch] = {}
_is_over: Callable[[Any], bool] = _never


def install(is_over: Callable[[Any], bool] = _never) -> None:
    """Carry the context to the threads and work items that are started from now on.

    :param is_over: whether what a value stands for is over.
    """
    global _is_over  # noqa: PLW0603 -- one process, one set of patches
    _is_over = is_over
    _patch(threading.Thread, "start", _start)
    _patch(threading.Thread, "_bootstrap_inner", _bootstrap)
    imports.unwatch(_LATE)
    imports.watch(_LATE)  # each of them takes milliseconds to import
    check()


def check() -> None:
    """Patch again what another tool's teardown has put back; leave a mock alone."""
    for patch in _patches.values():
        patch.apply()


def uninstall() -> None:
    """Put the originals back and carry nothing more."""
    global _is_over  # noqa: PLW0603 -- as above
    imports.unwatch(_LATE)
    for patch in _patches.values():
        patch.restore()
    _patches.clear()
    _is_over = _never


def carried() -> Any:
    """The value of the context that this code runs in; None where there is none."""
    value = _context.get()
    return value if value is not _UNKNOWN else _of_thread(_thread())


def raw() -> tuple[Any, Any]:
    """What `change` and `change_of_thread` change, as they return it."""
    return _context.get(), _of_thread(_thread())


def change(value: object) -> Any:
    """Give the context that this code runs in another value.

    :returns: what changes it back.
    """
    before = _context.get()
    _context.set(value)
    return before


def change_of_thread(value: object) -> Any:
    """Give the same to code of this thread that runs in a context which knows nothing.

    :returns: what changes it back.
    """
    thread = _thread()
    before = _of_thread(thread)
    if thread is not None:
        thread.__dict__[_OF_THREAD] = value
    return before


@contextmanager
def within(value: object) -> Iterator[None]:
    """Run a block in a context of another value.

    What the block itself puts in force to stay is left in force.
    """
    before = change(value)
    try:
        yield
    finally:
        if _context.get() is value:
            _context.set(before)


def has_threads() -> bool:
    """Return whether threads run that were started in the context that this code runs in.

    Those of pools don't count, for most of the time they have nothing to do.
    """
    value, own = carried(), get_ident()
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # noqa: SLF001 -- as below
    for number, thread in tuple(active.items()):
        started_in = thread.__dict__.get(_STARTED_IN)
        if isinstance(started_in, Worker):
            started_in = started_in.started_in
        if started_in is not None and started_in is value and number != own:
            code = thread.__dict__.get("_target") or type(thread)
            if code.__module__ not in _POOLS:
                return True
    return False


def thread_name() -> str:
    """The name of the thread that runs here."""
    thread = _thread()
    return thread.name if thread is not None else f"number {get_ident()}"


def _thread() -> threading.Thread | None:
    # threading.current_thread() would enter a foreign thread in threading.enumerate()
    active: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # noqa: SLF001 -- no public name
    found = active.get(get_ident())
    if found is None and "greenlet" in sys.modules:
        # gevent and eventlet can have a greenlet's own number in place of its thread's
        top = sys.modules["greenlet"].getcurrent()
        while top.parent is not None:
            top = top.parent
        found = active.get(id(top))
    return found


def _of_thread(thread: threading.Thread | None) -> Any:
    return None if thread is None else thread.__dict__.get(_OF_THREAD)


def _take_work() -> None:
    """Be a worker from now on, in what may be one: what comes from a queue may be anyone's."""
    value = carried()
    if isinstance(value, Worker):
        value = value.started_in
    elif value is None or not _is_over(value):
        return
    _context.set(Worker(value, takes_work=True))


# the patches


def _patch(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    key = f"{owner.__module__}.{owner.__name__}", name
    if key not in _patches and not owner.__flags__ & _IMMUTABLE:
        original = vars(owner).get(name, _MISSING)
        _patches[key] = _Patch(owner, name, original, wrap(getattr(owner, name)))
    check()


def _patch_work_items() -> None:
    # around the work item and not in it, so that no traceback of the work shows us
    item = sys.modules["concurrent.futures.thread"]._WorkItem  # noqa: SLF001 -- as above
    _patch(item, "__init__", _item)
    _patch(item, "run", _run_item)


def _patch_queue() -> None:
    _patch(sys.modules["queue"].Queue, "get", _get)


def _patch_asyncio_queue() -> None:
    # `get` ends in it, in the task that gets
    _patch(sys.modules["asyncio.queues"].Queue, "get_nowait", _get)


def _patch_anyio(module: str) -> None:
    runner = sys.modules[module].TestRunner
    if hasattr(runner, "_call_in_runner_task"):  # since 4.0
        _patch(runner, "_call_in_runner_task", _call_in_runner_task)


_ANYIO = ("anyio._backends._asyncio", "anyio._backends._trio")
_LATE: dict[str, Callable[[], None]] = {
    "concurrent.futures.thread": _patch_work_items,
    "queue": _patch_queue,
    "asyncio.queues": _patch_asyncio_queue,
    **{module: functools.partial(_patch_anyio, module) for module in _ANYIO},
}


def _start(original: Callable[[threading.Thread], None]) -> Any:
    @functools.wraps(original)
    def start(self: threading.Thread) -> None:
        if self.ident is None:
            value = carried()
            if self.daemon and value is not None and not isinstance(value, Worker):
                value = Worker(value)
            self.__dict__[_STARTED_IN] = self.__dict__[_OF_THREAD] = value
        original(self)

    return start


def _bootstrap(original: Callable[[threading.Thread], None]) -> Any:
    # around what runs the thread and catches its errors, so that no traceback shows us
    @functools.wraps(original)
    def _bootstrap_inner(self: threading.Thread) -> None:
        value = self.__dict__.get(_STARTED_IN)
        if value is not None:
            # since Python 3.14 a thread has a context of its own, which may be a copy
            own = self.__dict__.get("_context")
            if own is None:
                _context.set(value)
            elif _context not in own:
                own.run(_context.set, value)
        original(self)

    return _bootstrap_inner


def _item(original: Callable[..., None]) -> Any:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 -- it takes its place
        original(self, *args, **kwargs)
        self.__dict__[_STARTED_IN] = carried()

    return __init__


def _run_item(original: Callable[..., None]) -> Any:
    @functools.wraps(original)
    def run(self: Any, *args: Any) -> None:
        value = self.__dict__.get(_STARTED_IN)
        before, of_thread = change(value), change_of_thread(value)
        try:
            original(self, *args)
        finally:
            _context.set(before)
            change_of_thread(of_thread)
            del self  # a traceback of the work leads back to this frame

    return run


def _get(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def get(self: Any, *args: Any, **kwargs: Any) -> Any:
        item = original(self, *args, **kwargs)
        # one of the kind that is last in, first out is a pool, as urllib3's is, and brings no work
        if type(self).__name__ != "LifoQueue":
            _take_work()
        return item

    return get


def _call_in_runner_task(original: Callable[..., Any]) -> Any:
    """Anyio's pytest plugin runs all tests of a loop in one task, in the context of the first."""

    @functools.wraps(original)
    def call_in_runner_task(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        value = carried()

        async def call(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            own = _context.get()
            # what an earlier call has put in force to stay stays, but for the first test's own
            with within(own if value is None and not _is_over(own) else value):
                return await function(*args, **kwargs)

        return original(self, call, *args, **kwargs)

    return call_in_runner_task
