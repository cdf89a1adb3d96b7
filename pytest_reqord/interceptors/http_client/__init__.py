"""http.client, and all that is built on it: urllib.request, urllib3 1.26 and 2, requests, httplib2,
botocore.

The seam is the wire: `HTTPConnection.endheaders`, which every request comes through once, puts a
`FakeSocket` where the socket is, whoever opened that, and ``connect`` is held back where a cassette may
answer. What is played is bytes, so that the client's own parser makes the response.
"""

from __future__ import annotations

import errno
import functools
import re
import socket
import ssl
import sys
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Client, Response, with_socket
from pytest_reqord.base.real import io
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active, no_socket, socket_errors
from pytest_reqord.interceptors.added_headers import by_http_client
from pytest_reqord.interceptors.framing import SWITCHED, to_wire
from pytest_reqord.interceptors.no_socket import NoSocket
from pytest_reqord.interceptors.patching import Attributes
from pytest_reqord.interceptors.recorder import CONTINUE, Transfer
from pytest_reqord.interceptors.socket_errors import HAS_PROXY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reqord.base.models import Failure
    from pytest_reqord.base.seam import Exchange

__all__ = ["Answer", "FakeSocket", "answering", "failing", "install", "refusing", "uninstall"]


_HTTPS_PORT = 443

_is_connecting: ContextVar[bool] = ContextVar("pytest_reqord_connecting", default=False)
"""Set while a client's own ``connect`` runs: what it sends (``CONNECT``) is no request."""


_MODULES = ("http.client", "eventlet.green.http.client")
"""Where there is an `HTTPConnection` that others are built on; eventlet has a copy of Python's."""

_patches = Attributes()


def install() -> bool:
    """Patch the connections of what is imported, and their subclasses, those to come, too.

    Packages come with a copy of urllib3 in them, and tests and libraries with classes of their own.
    """
    for module in _MODULES:
        base = getattr(sys.modules.get(module), "HTTPConnection", None)
        if isinstance(base, type):
            _take(base, "endheaders", _wrap_endheaders)
            _patches.take(base, "__init_subclass__", functools.partial(_wrap_init_subclass, base))
            for cls in (base, *_subclasses(base)):
                _patch(cls)
    return True


check = _patches.check
"""Patch again what another tool's teardown has restored."""


def uninstall() -> None:
    """Restore the originals where ours still stand."""
    _patches.put_back()


def _subclasses(cls: type) -> Iterator[type]:
    subclasses: list[type] = cls.__subclasses__()
    for subclass in subclasses:
        yield subclass
        yield from _subclasses(subclass)


def _patch(cls: type) -> None:
    if "connect" in vars(cls):
        _take(cls, "connect", _wrap_connect)
    if _is_http2(cls) and "putrequest" in vars(cls):
        _take(cls, "putrequest", _wrap_putrequest)


def _take(cls: type, method: str, wrap: Callable[..., Any]) -> None:
    _patches.take(cls, method, lambda original: functools.wraps(original)(wrap(original)))


def _wrap_init_subclass(base: type, _: Any) -> Any:
    def __init_subclass__(cls: type, /, **options: Any) -> None:  # noqa: N807 -- it takes its place
        super(base, cls).__init_subclass__(**options)  # type: ignore[arg-type]  # no method's cls
        _patch(cls)

    return classmethod(__init_subclass__)


def _is_http2(cls: type) -> bool:
    """Return True for the connections of urllib3's own HTTP/2, also of a copy of it."""
    return ".http2." in cls.__module__ and "urllib3" in cls.__module__


def _wrap_endheaders(original: Callable[..., Any]) -> Callable[..., Any]:
    def endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
        _begin(self)
        return original(self, *args, **kwargs)

    return endheaders


def _wrap_connect(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_connecting.get() or active.current() is None:
            return original(self, *args, **kwargs)
        _refuse_http2(self)
        if active.route(_base(self)) in (None, Route.RECORD):
            return _connect_at_once(original, self)
        _hold_back(self)
        return None

    return connect


def _wrap_putrequest(original: Callable[..., Any]) -> Callable[..., Any]:
    """For HTTP/2 connections that were open before the cassette."""

    def putrequest(self: Any, *args: Any, **kwargs: Any) -> Any:
        if active.current() is not None:
            _refuse_http2(self)
        return original(self, *args, **kwargs)

    return putrequest


def _begin(connection: Any) -> None:
    """Have a request go over a fake socket if it is a cassette's, and else over the real socket.

    The cassette is asked here, once a request: one that is under way when a cassette opens or
    closes goes on as it began.
    """
    exchange = active.begin(connection._method, _uri(connection))  # noqa: SLF001 -- as `putrequest` left it
    if type(connection.sock) is not FakeSocket:
        if exchange is None:
            return
        if connection.sock is None:
            if not connection.auto_open:
                return
            _open(connection, exchange)
        if type(connection.sock) is not FakeSocket:
            connection.sock = _fake_socket(connection, connection.sock)
    connection.sock.start(exchange)  # it steps aside for a request that is no cassette's


def _open(connection: Any, exchange: Exchange) -> None:
    """Do what ``send`` does where there is no socket yet: connect, or be ready to play."""
    # an error while connecting is recorded with its request, which is known later
    if exchange.route is Route.RECORD and not exchange.records_errors:
        _connect_at_once(type(connection).connect, connection)
    else:
        _hold_back(connection)


def _fake_socket(connection: Any, real: Any) -> FakeSocket:
    client = _client(connection.__class__)
    return FakeSocket(connection, real, _base(connection, real), client, _connect_late)


@functools.cache
def _client(kind: type) -> Client:
    """What a class of connections is of; since urllib3 2 they have responses of its own."""
    unpacks = any(
        base.__module__ == "urllib3.connection" and "getresponse" in vars(base)
        for base in kind.__mro__
    )
    return Client(kind.__module__.partition(".")[0], by_http_client, unpacks)


def _hold_back(connection: Any) -> None:
    """Give the connection a fake socket with no real one, and the state that ``connect`` leaves."""
    connection.sock = _fake_socket(connection, None)
    if hasattr(connection, "is_verified"):
        _verify_as_urllib3(connection)


def _verify_as_urllib3(connection: Any) -> None:
    has_proxy = bool(getattr(connection, "proxy", None))
    is_tunnelling = getattr(connection, "_tunnel_host", None) is not None
    is_verified = False
    if connection.default_port == _HTTPS_PORT:
        required = _resolve_cert_reqs(connection) == ssl.CERT_REQUIRED
        is_verified = required or bool(connection.assert_fingerprint)
        connection.is_verified = is_verified and not (has_proxy and not is_tunnelling)
    if hasattr(connection, HAS_PROXY):  # urllib3 2
        setattr(connection, HAS_PROXY, has_proxy or is_tunnelling)
        if has_proxy:
            is_tls = getattr(connection, "_tunnel_scheme", None) == "https" or not is_tunnelling
            connection.proxy_is_verified = is_tls and is_verified


def _resolve_cert_reqs(connection: Any) -> Any:
    """Return what its urllib3 makes of ``cert_reqs``: the package's, or a copy in another."""
    for cls in type(connection).__mro__:
        module: Any = sys.modules.get(cls.__module__)
        if hasattr(module, "resolve_cert_reqs"):
            return module.resolve_cert_reqs(connection.cert_reqs)
    return connection.cert_reqs


def _connect(original: Callable[[Any], Any], connection: Any) -> Any:
    token = _is_connecting.set(True)
    try:
        return original(connection)
    finally:
        _is_connecting.reset(token)


def _connect_at_once(original: Callable[[Any], Any], connection: Any) -> Any:
    """Run the client's own ``connect`` before anything of the request is known but its host."""
    try:
        return _connect(original, connection)
    except Exception as error:
        # urllib3 connects to a host of https before it has a request for it
        uri = _uri(connection) if connection._buffer else _base(connection)  # noqa: SLF001 -- as below
        active.lose(uri, f"{type(error).__name__}: {error}")
        raise


def _connect_late(connection: Any, timeout: Any) -> Any:
    """Run the client's own ``connect`` for a fake socket.

    :returns: the real socket.
    """
    wire, before = connection.sock, connection.timeout
    connection.sock, connection.timeout = None, timeout
    if hasattr(connection, HAS_PROXY):
        setattr(connection, HAS_PROXY, False)  # `_hold_back` said so too early
    try:
        _connect(type(connection).connect, connection)
    except BaseException:
        if connection.sock is not None:
            connection.sock.close()
        raise
    else:
        return connection.sock
    finally:
        connection.sock, connection.timeout = wire, before


def _uri(connection: Any) -> str:
    """The URI of the request that is about to be sent; of a proxy's it isn't the connection's."""
    line: str = connection._buffer[0].decode("latin-1")  # noqa: SLF001 -- the request line, until it is sent
    target = line.partition(" ")[2].rpartition(" ")[0]
    return target if "://" in target else _base(connection) + target


def _refuse_http2(connection: Any) -> None:
    if _is_http2(type(connection)):
        version = getattr(sys.modules.get("urllib3"), "__version__", "")
        reason = (
            "its HTTP/2 can't be recorded; leave out urllib3.http2.inject_into_urllib3()"
            " while a cassette is open"
        )
        raise UnsupportedClient("urllib3", version, reason)


def _base(connection: Any, real: Any = None) -> str:
    """Scheme and authority of what is asked over a connection, as the client asked for it."""
    is_tls = connection.default_port == _HTTPS_PORT or hasattr(real, "getpeercert")
    if type(connection).__module__ not in _OVER_TCP and (path := _socket_path(connection)):
        return with_socket(f"http://{connection.host}", path)
    host = getattr(connection, "_tunnel_host", None) or connection.host
    port = getattr(connection, "_tunnel_port", None) or connection.port
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    if port in (None, _HTTPS_PORT if is_tls else 80):
        return f"{'https' if is_tls else 'http'}://{host}"
    return f"{'https' if is_tls else 'http'}://{host}:{port}"


# the modules of connections that know no Unix socket
_OVER_TCP = frozenset({"http.client", "urllib3.connection", "botocore.awsrequest", "httplib2"})


def _socket_path(connection: Any) -> str:
    """Return the path of the Unix socket that a connection is made for, as docker's and others say it.

    They name it in an attribute of their own, and it has to be known before they connect.
    """
    for name, value in vars(connection).items():
        if isinstance(value, str) and _OF_SOCKETS.search(name):
            _, is_url, rest = value.partition("://")  # http+unix://%2Frun%2Fa.sock
            path = (unquote(rest.partition("/")[0]) or rest) if is_url else value
            if "/" in path:
                return path
    return ""


_OF_SOCKETS = re.compile(r"sock|unix|uds|\A_?path\Z")


# What a connection that plays receives: a recorded answer, piece by piece, and how it ends.


class Answer:
    """Gives a message in the pieces in which it came, then the error that it ended in.

    :param error: makes the error; an answer that held it would hold, through its traceback, the
        connection; None for one that ends in good order.
    :param ends: whether the connection ends with it.
    """

    def __init__(
        self,
        pieces: list[bytes],
        error: Callable[[], BaseException] | None = None,
        *,
        ends: bool = False,
    ) -> None:
        self._pieces = pieces
        self._ends = ends
        self._start = 0
        self._error = error

    @property
    def is_due(self) -> bool:
        """Whether there is something to receive, be it the end: on a played connection, at once."""
        return bool(self._pieces) or self._error is not None or self._ends

    def recv_into(self, buffer: Any, *, is_kept: int = 0) -> int:
        """Receive a piece, or what fits of it.

        :param is_kept: whether it is to be received once more.
        """
        if not self._pieces:
            if self._error is None:
                return 0
            error = self._error()
            if getattr(error, "errno", None):  # a socket that has raised it is at its end
                self._error = None
            raise error
        piece, start = self._pieces[0], self._start
        size = min(len(buffer), len(piece) - start)
        buffer[:size] = memoryview(piece)[start : start + size]
        if is_kept:
            return size
        if start + size == len(piece):
            del self._pieces[0]
            self._start = 0
        else:
            self._start += size
        return size


def answering(response: Response, method: str) -> Answer:
    """A recorded response on its way to the client.

    :param method: the request's method.
    """
    error: Callable[[], BaseException] | None = None
    size = len(response.body)
    is_cut = size in [arrival.offset for arrival in response.arrivals]
    if response.broken is not None:
        error = _error_of(response.broken)
    elif not response.complete and not is_cut:
        text = f"the recording ends here: only {size} bytes of this body were read"
        error = functools.partial(ConnectionAbortedError, text)
    return Answer(to_wire(response, method), error, ends=response.status == SWITCHED)


def failing(failure: Failure) -> Answer:
    """What came in place of a response."""
    pieces = [piece for piece in (socket_errors.received(failure),) if piece]
    return Answer(pieces, _error_of(failure))


def _error_of(failure: Failure) -> Callable[[], BaseException] | None:
    """Makes the error that a reader raises in the end, where there was one."""
    if not socket_errors.is_broken(failure):
        return None
    return functools.partial(socket_errors.revive, failure)


def refusing(error: BaseException) -> Answer:
    """An error in place of a response."""
    return Answer([], lambda: error)


# What stands in ``sock`` of an HTTP connection: a socket to the client, a cassette behind it.


_UNSET = object()

_SWALLOWED = frozenset((errno.ECONNRESET, errno.EPIPE, errno.EPROTOTYPE))
"""What urllib3 takes, while it sends, for a server that has answered already."""

_PEEK = int(socket.MSG_PEEK)  # of an enum, which takes a microsecond to ask

_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""What a socket that may not wait raises: nothing is broken."""


class FakeSocket:
    """A connection that plays, or records what goes over the real one.

    Whatever it neither plays nor records it passes on, both ways and at once. It is a socket to
    `socket.socket.makefile` and to the readers that this makes.

    :param connection: the client's connection, whose ``connect`` makes the real socket.
    :param real: the real socket; None where none may be needed.
    :param base: scheme and authority of what is asked over it, ``https://api.example.com``.
    :param client: what the connection is of.
    :param connect: runs the client's own ``connect`` and gives the real socket.
    """

    def __init__(
        self,
        connection: Any,
        real: Any,
        base: str,
        client: Client,
        connect: Callable[[Any, float | None], Any],
    ) -> None:
        self._connection = weakref.ref(connection)
        self._real = real
        self._base = base
        self._client = client
        self._connect = connect
        self._timeout: Any = _UNSET
        self._connect_timeout = connection.timeout
        self._transfer: Transfer | None = None
        self._interim: Answer | None = None  # a 100
        self._answer: Answer | None = None
        self._io_refs = 0  # how many readers are open; `makefile` and they count them
        self._is_closed = False
        self._was_played = False  # since the real connection was used

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # for code that asks what this is
        if self._real is not None:
            return type(self._real)
        return ssl.SSLSocket if NoSocket(self._base).is_tls else socket.socket

    # requests

    def start(self, exchange: Exchange | None) -> None:
        """The client starts a request: whatever was before it is over."""
        self._end_transfer()
        self._transfer = Transfer(self._base, self._client, exchange)

    def _end_transfer(self) -> None:
        transfer = self._transfer
        if transfer is not None:
            if transfer.route is Route.RECORD:
                transfer.finish()
            self._transfer = self._interim = self._answer = None

    def sendall(self, data: Any, *flags: int) -> None:
        """Take bytes of a request; they go out at once if the request is live."""
        if type(data) is not bytes:
            data = bytes(memoryview(data))  # a TypeError is what a socket says, too
        transfer = self._transfer
        if transfer is None or transfer.is_over:
            self._end_transfer()
            transfer = self._transfer = Transfer(self._base, self._client, active.begin)
        was_open = transfer.is_open
        transfer.take(data)
        if not transfer.is_open:
            return
        if transfer.route in (None, Route.RECORD):
            if self._answer is None:
                self._transmit(transfer, data if was_open else transfer.sent, *flags)
        elif transfer.is_complete and self._answer is None:
            self._decide(transfer)

    def send(self, data: Any, *flags: int) -> int:
        """As `sendall`.

        :returns: how much of it was taken: all.
        """
        self.sendall(data, *flags)
        return memoryview(data).nbytes

    def _transmit(self, transfer: Transfer, data: bytes, *flags: int) -> None:
        self._drop_stale()
        if self._real is None and not self._open_late(transfer):
            return
        if transfer.route is None:
            self._step_aside()
        self._was_played = False
        try:
            self._real.sendall(data, *flags)
        except OSError as error:
            transfer.break_off(error)
            raise

    def _step_aside(self) -> None:
        """Leave a request that is nobody's to its client and the real socket."""
        connection = self._connection()
        if connection is not None and connection.sock is self:
            connection.sock = self._real

    def _open_late(self, transfer: Transfer) -> bool:
        """Connect where ``connect`` was held back."""
        connection = self._connection()
        try:
            self._real = self._connect(connection, self._connect_timeout)
            if self._timeout is not _UNSET:
                self._real.settimeout(self._timeout)
        except Exception as error:  # noqa: BLE001 -- a client's connect raises its own
            transfer.fail(error, connection)
            self._raise_or_hold(socket_errors.of_connect(error, connection), connection)
            return False
        return True

    def _decide(self, transfer: Transfer) -> None:
        """Play the answer, or go live with all that was held."""
        played = transfer.play()
        if played is None:
            self._transmit(transfer, transfer.sent)
        elif isinstance(played, Response):
            self._was_played = True
            self._answer = answering(played, transfer.method)
        elif socket_errors.is_connecting(played):
            connection = self._connection()
            socket_errors.leave(connection, played)
            self._raise_or_hold(socket_errors.revive(played, connection), connection)
        else:
            self._answer = failing(played)

    def _drop_stale(self) -> None:
        """Close a real connection that the server has closed while its place was played.

        Its client can't have seen that. Of others it knows, and TLS has them readable for its own ends.
        """
        real = self._real
        if self._was_played and real is not None and no_socket.is_readable(real.fileno()):
            real.close()
            self._real = None

    def _raise_or_hold(self, error: BaseException, connection: Any) -> None:
        """Raise an error of ``connect``, or have the reader do so where urllib3 wants it.

        While it sends, urllib3 swallows a broken connection and doesn't know a timeout for one.
        """
        is_odd = isinstance(error, TimeoutError) or getattr(error, "errno", None) in _SWALLOWED
        if not (is_odd and socket_errors.is_urllib3(connection)):
            raise error
        self._answer = refusing(error)

    # responses

    def makefile(self, mode: str = "r", buffering: int | None = None, **options: Any) -> Any:
        """Give a file as a socket does."""
        if mode == "rb" and buffering is None:  # as http.client asks for: in a third of the time
            self._io_refs += 1
            raw: Any = socket.SocketIO(cast("socket.socket", self), "r")
            return io.BufferedReader(raw)
        return socket.socket.makefile(cast("Any", self), cast("Any", mode), buffering, **options)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive bytes of the response, recorded or real."""
        transfer = self._transfer
        view = memoryview(buffer)[:nbytes] if nbytes else buffer
        if transfer is not None and not self._is_live(transfer):
            reply = self._reply(transfer)
            if reply is not None:
                return reply.recv_into(view, is_kept=flags & _PEEK)
        if self._real is None:
            return 0
        return self._receive(view, flags)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """As `recv_into`."""
        buffer = bytearray(bufsize)
        return bytes(buffer[: self.recv_into(buffer, 0, flags)])

    def _is_live(self, transfer: Transfer) -> bool:
        """Whether a request goes over the real connection, recorded or not."""
        return transfer.route in (None, Route.RECORD) and self._answer is None

    def _reply(self, transfer: Transfer) -> Answer | None:
        """What the client receives for a request that was held; None where it went live."""
        if transfer.awaits_continue:
            transfer.be_continued()
            self._interim = Answer([CONTINUE])
        if self._interim is not None and self._interim.is_due:
            return self._interim
        transfer.is_answered = True
        if self._answer is None:
            try:
                self._decide(transfer)
            except BaseException as error:  # noqa: BLE001 -- whoever reads on has to see it again
                self._answer = refusing(error)
        return self._answer

    def _receive(self, view: Any, flags: int) -> int:
        """Receive from the real connection, and keep a copy for a cassette."""
        transfer = self._transfer
        since = monotonic()
        try:
            size = _recv_into(self._real, view, flags)
        except _NOT_YET:
            raise
        except OSError as error:
            if transfer is not None:
                transfer.break_off(error)
            raise
        if transfer is not None and not flags & _PEEK:
            transfer.receive(bytes(memoryview(view)[:size]), since, is_all=size < len(view))
        return size

    def fileno(self) -> int:
        """A descriptor to wait on: the real one, or one that is as ready as it should be."""
        transfer = self._transfer
        if transfer is None or self._is_live(transfer):
            return no_socket.quiet() if self._real is None else int(self._real.fileno())
        replies = (self._interim, self._answer)
        is_due = any(reply is not None and reply.is_due for reply in replies)
        return no_socket.ready() if is_due or transfer.awaits_continue else no_socket.quiet()

    def _decref_socketios(self) -> None:
        """A reader was closed; the last one ends the response."""
        self._io_refs -= 1
        transfer = self._transfer
        if self._io_refs == 0 and transfer is not None and transfer.route is Route.RECORD:
            transfer.close_reader()
        if self._is_closed:
            self.close()

    # what else a socket can do

    def settimeout(self, value: float | None) -> None:
        """Set the timeout of reads and writes in seconds."""
        self._timeout = value
        if self._real is not None:
            self._real.settimeout(value)

    def gettimeout(self) -> float | None:
        """The timeout of reads and writes in seconds."""
        if self._real is not None:
            return self._real.gettimeout()  # type: ignore[no-any-return]
        timeout = self._connect_timeout if self._timeout is _UNSET else self._timeout
        is_number = timeout is None or isinstance(timeout, (int, float))
        return timeout if is_number else socket.getdefaulttimeout()

    def setblocking(self, flag: bool) -> None:
        """Wait without a timeout, or never."""
        self.settimeout(None if flag else 0.0)

    def setsockopt(self, *arguments: Any) -> None:
        """Set an option of the real socket."""
        if self._real is not None:
            self._real.setsockopt(*arguments)

    def shutdown(self, how: int) -> None:
        """End one or both directions."""
        if self._real is not None:
            self._real.shutdown(how)

    def close(self) -> None:
        """Close the connection; a reader that is open reads on."""
        self._is_closed = True
        if self._io_refs:
            return
        if self._real is not None:
            self._real.close()
        if self._transfer is not None and self._transfer.route is Route.RECORD:
            self._transfer.finish()

    def __getattr__(self, name: str) -> Any:
        if self._real is not None:
            return getattr(self._real, name)
        return getattr(NoSocket(self._base), name)


def _recv_into(real: Any, view: Any, flags: int) -> int:
    """Receive from a socket, or from what is used as one and has no ``recv_into``."""
    more = (0, flags) if flags else ()
    if hasattr(real, "recv_into"):
        return int(real.recv_into(view, *more))
    data = real.recv(len(view), *more[1:])
    view[: len(data)] = data
    return len(data)
