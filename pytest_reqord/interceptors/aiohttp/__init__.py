"""aiohttp: taken where a connector gives a request its connection.

Below are the sessions, their middlewares, redirects and retries; whatever session or connector a
request comes through, and however long ago that was made, it comes through here. The client's own
parser reads the recorded bytes.
"""

from __future__ import annotations

import inspect
import sys
from functools import cache, lru_cache, partial, wraps
from typing import TYPE_CHECKING, Any, cast

from pytest_reqord.base.clock import monotonic
from pytest_reqord.base.models import Client, with_socket
from pytest_reqord.base.seam import Route
from pytest_reqord.errors import UnsupportedClient
from pytest_reqord.interceptors import active, imports, unsupported
from pytest_reqord.interceptors.added_headers import by_aiohttp
from pytest_reqord.interceptors.aiohttp.connection import Held, Played, Tee, Teed, fail
from pytest_reqord.interceptors.aiohttp.errors import Asked, changed, failed, failure_of
from pytest_reqord.interceptors.framing import is_websocket
from pytest_reqord.interceptors.patching import Attributes, is_own

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pytest_reqord.base.models import Headers

__all__ = ["install", "uninstall"]

_PARAMETERS = ["self", "req", "traces", "timeout"]
_NEEDED = {
    "aiohttp.connector": (
        "BaseConnector.connect",
        "BaseConnector._create_connection",
        "Connection.add_callback",
    ),
    "aiohttp.client_proto": ("ResponseHandler.data_received", "ResponseHandler.connection_lost"),
    "aiohttp.streams": ("StreamReader._wait",),
}

_patches = Attributes()


def install() -> bool:
    """Patch the client.

    :returns: False if it is left to a mock, or lacks what is patched.
    """
    if not imports.has_run("aiohttp"):
        return True
    missing = _missing()
    if missing:
        error = UnsupportedClient("aiohttp", _version(), f"this version has no {missing}")
        session = getattr(sys.modules["aiohttp"], "ClientSession", None)
        unsupported.refuse(
            "aiohttp", error, [unsupported.Entrance(session, "_request", _uri_of_requested)]
        )
        return False
    module = sys.modules["aiohttp"]
    connector, reader = module.BaseConnector, module.StreamReader
    if not is_own(connector, "connect") or not is_own(reader, "_wait"):
        _refuse_below(module)
        return False
    unsupported.accept("aiohttp")
    _patches.take(connector, "connect", _taking_connect)
    return _patches.take(reader, "_wait", _taking_wait)


check = _patches.check
"""Patch again what another tool's teardown has restored."""


def uninstall() -> None:
    """Restore the originals, where nothing else has replaced ours since."""
    _patches.put_back()


def _missing() -> str:
    """Return what this version hasn't got of what is patched and used; else an empty text."""
    for module, paths in _NEEDED.items():
        for path in paths:
            if not _has(sys.modules.get(module), path):
                return f"{module}.{path}"
    connector = sys.modules["aiohttp"].BaseConnector
    if not is_own(connector, "connect") or hasattr(connector.connect, "__wrapped__"):
        return ""  # a mock's, or ours
    if list(inspect.signature(connector.connect).parameters) != _PARAMETERS:
        return f"aiohttp.connector.BaseConnector.connect({', '.join(_PARAMETERS[1:])})"
    return ""


def _refuse_below(module: Any) -> None:
    error = UnsupportedClient("aiohttp", _version(), unsupported.replaced("BaseConnector.connect"))
    connectors = (getattr(module, name, None) for name in ("TCPConnector", "UnixConnector"))
    entrances = [
        unsupported.Entrance(each, "_create_connection", lambda arguments: arguments["req"].url)
        for each in connectors
    ]
    unsupported.refuse("aiohttp", error, entrances)


def _uri_of_requested(arguments: Mapping[str, Any]) -> Any:
    return arguments.get("str_or_url", "")


def _has(thing: Any, path: str) -> bool:
    for name in path.split("."):
        thing = getattr(thing, name, None)
    return thing is not None


def _version() -> str:
    return cast("str", getattr(sys.modules["aiohttp"], "__version__", ""))


# the seam


def _taking_connect(original: Any) -> Any:
    @wraps(original)
    async def connect(self: Any, req: Any, traces: Any, timeout: Any) -> Any:
        if failed and (error := failure_of(traces)):
            raise error
        uri = str(req.url)
        if uri.count("/") == 2:  # noqa: PLR2004 -- http://host: what is sent has a path
            uri += "/"
        path = getattr(self, "path", None)  # a Unix socket's, or a named pipe's
        if path is not None:
            uri = with_socket(uri, path)
        exchange = active.begin(req.method, uri)
        if exchange is None:
            return await original(self, req, traces, timeout)
        exchange.client = _client(req)
        if is_websocket(req.headers.get("Upgrade")):
            exchange.let_go()
            active.meet_unsupported("aiohttp's WebSocket", _version(), uri)
            return await original(self, req, traces, timeout)
        asked = Asked(exchange, req, uri, self, traces)
        if exchange.route is Route.PLAY:
            connection = await original(_Pool(self), _Request(req), traces, timeout)
            return _play(asked, connection)
        live = partial(original, self, req, traces, timeout)
        if exchange.route is Route.RECORD:
            await exchange.room()
            return await _record(asked, live)
        return _hold(asked, live)

    return connect


def _client(req: Any) -> Client:
    session = getattr(req, "_session", None)
    # of bytes and text it says what they are by themselves, not what their headers call them
    body_type = getattr(getattr(req, "body", None), "content_type", "")
    unpacks = getattr(session, "_auto_decompress", True)
    return Client("aiohttp", partial(_added, session), unpacks, body_type)


def _added(session: Any, headers: Headers) -> set[str]:
    return by_aiohttp(headers, {name.lower() for name in getattr(session, "headers", ())})


def _taking_wait(original: Any) -> Any:
    @wraps(original)
    def wait(self: Any, func_name: str) -> Any:
        transport = getattr(self._protocol, "transport", None)
        if type(transport) is Played:
            transport.hurry()
        waiting = original(self, func_name)
        return transport.watch(waiting) if type(transport) is Teed else waiting

    return wait


async def _record(asked: Asked, connect: Callable[[], Awaitable[Any]]) -> Any:
    """Connect, and keep what goes over the connection for this one request."""
    started = monotonic()
    try:
        connection = await connect()
    except BaseException as error:
        fail(asked, error, started)
        raise
    tee = Tee(asked, connection, connection.protocol)
    tee.start(started)
    connection.add_callback(tee.stop)
    return connection


def _play(asked: Asked, connection: Any) -> Any:
    """Have a connection to nowhere answer; it is from the connector's own pool and limits."""
    connection._connector = asked.connector  # noqa: SLF001 -- our stand-in made a new one
    connection.protocol.transport.expect(asked, _hops())
    return connection


def _hold(asked: Asked, connect: Callable[[], Awaitable[Any]]) -> Any:
    """Give a connection that becomes a real one if the recording has no answer.

    It takes no place in the connector's pool: the real one would wait for it for ever.
    """
    connector, request = asked.connector, asked.client_request
    protocol = _new_protocol(connector, request)
    connection = sys.modules["aiohttp.connector"].Connection(
        connector,
        _key_of_played(request.connection_key),
        protocol,
        protocol._loop,  # noqa: SLF001 -- aiohttp tells its loop to nobody
    )
    held = Held(asked, connection, connect)
    protocol.transport.expect(asked, _hops(), held.go_live)
    connection.add_callback(held.stop)
    return connection


# connections to nowhere


class _Pool:
    """A connector whose new connections go nowhere; in all else the connector itself."""

    def __init__(self, connector: Any) -> None:
        self._real = connector
        self._get = connector._get  # noqa: SLF001 -- what is always asked for comes without a detour

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ARG002 -- the connector's
        return _new_protocol(self._real, req)


class _Request:
    """A request that asks the pool for a connection to nowhere."""

    def __init__(self, req: Any) -> None:
        self._real = req
        self.connection_key = _key_of_played(req.connection_key)
        self.proxy = req.proxy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _Played:
    """A value in a key that is equal to no real one, so that a pool keeps the two apart."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return repr(self._value)


_played = cache(_Played)


@lru_cache(maxsize=16)  # a client mostly asks one host; to change a key takes 2 us
def _key_of_played(key: Any) -> Any:
    return changed(key, proxy_headers_hash=_played(key.proxy_headers_hash))


def _new_protocol(connector: Any, req: Any) -> Any:
    protocol = connector._factory()  # noqa: SLF001 -- where its connections' protocols come from
    peer = (req.url.raw_host or "", req.url.port or 0)
    protocol.connection_made(Played(connector._loop, protocol, peer))  # noqa: SLF001 -- aiohttp tells its loop to nobody
    return protocol


@cache
def _hops() -> int:
    """How many turns of the loop pass until a request can be answered that has been written.

    Before aiohttp 3.12 the head is written first and a task does the rest, if only to end.
    """
    return 1 if hasattr(sys.modules["aiohttp"].http.StreamWriter, "send_headers") else 2
