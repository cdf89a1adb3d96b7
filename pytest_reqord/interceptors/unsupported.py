"""Clients that can't be recorded: where they go to the network, whoever wants to know of it is asked.

The cassette in force and the network guard each have a question put to them before a connection is
used, and may refuse it. A client is a row of `CLIENTS`, the one table of them.

Out of sight are redirects that libcurl and the clients written in Rust follow by themselves, their
proxies, and a handle of pycurl's that is older than the first cassette: its class can't be changed.
"""

from __future__ import annotations

import functools
import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pytest_reqord.interceptors import active, imports
from pytest_reqord.interceptors.patching import Attributes, is_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_reqord.errors import UnsupportedClient

__all__ = [
    "CLIENTS",
    "NATIVE",
    "Entrance",
    "accept",
    "ask_before",
    "ask_no_more",
    "check",
    "reason_against",
    "refuse",
    "replaced",
    "uninstall",
    "version_of",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    # given a client and a URI
    Question = Callable[[str, str], None]
    Uris = Callable[[tuple[Any, ...], dict[str, Any]], Iterable[str]]


_questions: list[Question] = []
_patches = Attributes()
_left: set[str] = set()
"""The modules in which a mock stands where we would: they are asked again."""


def ask_before(question: Question) -> None:
    """Have ``question`` called before one of these clients connects, and see that it is.

    :param question: gets the client's name and a URI with the host and the port, where they are
        known; what it raises is what the code under test sees.
    """
    if question in _questions:
        return
    _questions.append(question)
    if len(_questions) == 1:
        imports.watch(_WATCHED)


def ask_no_more(question: Question) -> None:
    """Call ``question`` no more; with the last one the clients are restored."""
    if question in _questions:
        _questions.remove(question)
    if not _questions:
        imports.unwatch(_WATCHED)
        _patches.put_back()
        _left.clear()


def check() -> None:
    """Patch again what another tool's teardown has restored, and what was left to a mock."""
    _patches.check()
    for module in tuple(_left):
        if module in sys.modules:
            _patch(module)


def _ask(client: str, uri: str) -> None:
    for question in tuple(_questions):
        question(client, uri)


# -- what a call connects to: of its arguments, URIs that name the host --------------------------


def _url(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterable[str]:
    """Return the first argument that reads like a URL; where there is none, nobody knows the host."""
    given = (*args, *kwargs.values())
    texts = (str(each) for each in given if type(each).__name__.lower() in ("str", "url"))
    yield next((text for text in texts if "://" in text[:16]), "")


def _parsed(args: tuple[Any, ...], _: dict[str, Any]) -> Iterable[str]:
    yield args[1].geturl()  # a `urllib.parse.ParseResult`


def _of_twisted(args: tuple[Any, ...], _: dict[str, Any]) -> Iterable[str]:
    yield args[4].toBytes().decode("latin-1")


def _of_blacksheep(args: tuple[Any, ...], _: dict[str, Any]) -> Iterable[str]:
    yield args[1].value.decode("latin-1")


def _own_address(args: tuple[Any, ...], _: dict[str, Any]) -> Iterable[str]:
    """For what is connected to one place: its host and port are attributes of it."""
    place = args[0]
    host, port = (
        next((getattr(place, name) for name in names if getattr(place, name, None)), "")
        for names in (("host_name", "host", "_host"), ("port", "_port"))
    )
    yield f"http://{_bracketed(host)}:{port}"


def _of_grpclib(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterable[str]:
    channel = args[0]
    protocol = getattr(channel, "_protocol", None)
    transport = getattr(getattr(protocol, "connection", None), "_transport", None)
    # a Unix socket, or `grpclib.testing`, where the server is in this process
    if getattr(channel, "_path", None) or type(transport).__module__ == "grpclib.testing":
        return ()
    return _own_address(args, kwargs)


def _host_argument(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterable[str]:
    given = {**dict(zip(("nursery", "host", "port"), args, strict=False)), **kwargs}
    yield f"ws://{_bracketed(given.get('host', ''))}:{given.get('port', '')}"


def _of_obstore(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[str]:
    store: Any = args[0] if args else kwargs.get("store")
    config = getattr(store, "config", None) or {}
    for kind in (one.__name__ for one in type(store).__mro__):  # a suite may have a subclass
        if kind == "HTTPStore":
            yield str(store.url)
        elif kind == "S3Store":
            host = ".".join(filter(None, (config["bucket"], "s3", config.get("region"))))
            yield config.get("endpoint") or f"https://{host}.amazonaws.com"
        elif kind == "AzureStore":
            host = f"{config.get('account_name', '')}.blob.core.windows.net"
            yield config.get("endpoint") or f"https://{host}"
        elif kind == "GCSStore":
            yield config.get("base_url") or "https://storage.googleapis.com"
        else:
            continue
        return


def _of_temporal(args: tuple[Any, ...], _: dict[str, Any]) -> Iterator[str]:
    """For a service client, or for a client that has one."""
    service = getattr(args[0], "service_client", args[0])
    yield f"grpc://{service.config.target_host}"


def _of_s3(_: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterable[str]:
    yield f"https://{kwargs['request'].headers.get('host') or ''}"


def _bracketed(host: Any) -> str:
    return f"[{host}]" if ":" in str(host) else str(host)


_EFFECTIVE_URL = 0x100000 + 1  # CURLINFO_EFFECTIVE_URL: before a transfer the URL that was set


def _of_curl(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[str]:
    """For a handle of curl's, or for what is given one."""
    handle = [each for each in (*args, *kwargs.values()) if hasattr(each, "getinfo")][-1]
    url = handle.getinfo(_EFFECTIVE_URL) or ""
    if isinstance(url, bytes):
        url = url.decode("utf-8", "replace")
    uri = url if "://" in url else f"http://{url}"
    if urlsplit(uri).scheme != "file":
        yield uri


def _of_grpc(args: tuple[Any, ...], _: dict[str, Any]) -> Iterator[str]:
    """For a call, where its channel was told to go; nowhere where this version doesn't say."""
    call = args[0]
    target = getattr(call, "_target", None)
    if target is None:  # asyncio's
        target = getattr(getattr(call, "_channel", None), "target", b"")
    text = target.decode() if isinstance(target, bytes) else str(target)
    return (f"grpc://{place}" for place in _places(text))


def _places(target: str) -> list[str]:
    """The hosts and ports that a target names (gRPC's naming scheme); none for a Unix socket."""
    scheme, _, rest = target.partition(":")
    if scheme in ("unix", "unix-abstract"):
        return []
    if scheme in ("ipv4", "ipv6"):
        return rest.split(",")
    if scheme == "dns" or rest.startswith("//"):
        return [rest.rpartition("/")[2]]
    return [target]


def _websocket(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[str]:
    """For a URI of a WebSocket; one that is none is its client's to complain about."""
    return (uri for uri in _url(args, kwargs) if uri.lower().startswith(("ws://", "wss://")))


# -- what stands in a client's place -------------------------------------------------------------


def _asking(name: str, uris: Uris, original: Any) -> Any:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        for uri in uris(args, kwargs):
            _ask(name, uri)
        return original(*args, **kwargs)

    return call


def _asking_below(name: str, _: Uris, original: Any) -> Any:
    """For pyreqwest's builders: a middleware below all others, for those may answer by themselves."""

    async def middleware(request: Any, following: Any) -> Any:
        _ask(name, str(request.url))
        return await following.run(request)

    def sync_middleware(request: Any, following: Any) -> Any:
        _ask(name, str(request.url))
        return following.run(request)

    @functools.wraps(original)
    def build(self: Any) -> Any:
        is_sync = type(self).__name__.startswith("Sync")
        return original(self.with_middleware(sync_middleware if is_sync else middleware))

    return build


# -- the clients ---------------------------------------------------------------------------------


class Client(NamedTuple):
    """A client that can't be recorded.

    :param name: what it is called where it is installed from.
    :param places: by the module whose import brings them, the functions and methods (as
        ``Class.method``) that are called before it connects. What a version hasn't got is passed
        over.
    :param uris: gives the URIs that a call connects to, and none for what is no network.
    :param is_native: it doesn't use Python's sockets, at which the network guard would see it.
    :param wrap: given ``name``, ``uris`` and the original, makes what stands in its place.
    """

    name: str
    places: dict[str, tuple[str, ...]]
    uris: Uris = _url
    is_native: bool = False
    wrap: Callable[[str, Uris, Any], Any] = _asking


_VERBS = ("delete", "get", "head", "options", "patch", "post", "put", "request", "trace")
_MORE = ("websocket", "stream")


def _verbs(*owners: str) -> tuple[str, ...]:
    """The methods of these classes, and of the module for an empty text, that make requests."""
    return tuple(
        f"{owner}.{verb}" if owner else verb for owner in owners for verb in (*_VERBS, *_MORE)
    )


# what makes the calls, and not the channels: a channel connects with its first call, may be older
# than any cassette, and does no harm where it is never used
_GRPC = (
    "_UnaryUnaryMultiCallable.__call__",
    "_UnaryUnaryMultiCallable.with_call",
    "_UnaryUnaryMultiCallable.future",
    "_UnaryStreamMultiCallable.__call__",
    "_SingleThreadedUnaryStreamMultiCallable.__call__",
    "_StreamUnaryMultiCallable.__call__",
    "_StreamUnaryMultiCallable.with_call",
    "_StreamUnaryMultiCallable.future",
    "_StreamStreamMultiCallable.__call__",
)
_GRPC_AIO = tuple(
    f"{kind}MultiCallable.__call__"
    for kind in ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")
)
_PYREQWEST = (
    *("RequestBuilder.build", "RequestBuilder.build_streamed", "OneOffRequestBuilder.send"),
    *("SyncRequestBuilder.build", "SyncRequestBuilder.build_streamed"),
    "SyncOneOffRequestBuilder.send",
)
_RY = (*_VERBS, "query", "fetch", "fetch_sync")
_OBSTORE = (
    *("copy", "delete", "get", "get_range", "get_ranges", "head", "list_with_delimiter", "put"),
    *("rename", "open_reader", "open_writer"),
)
_XET = ("new_file_download_group", "new_download_stream_group", "new_upload_commit")

CLIENTS = (
    # libcurl
    Client(
        "pycurl",
        {
            "pycurl": (
                *(f"Curl.{name}" for name in ("perform", "perform_rb", "perform_rs")),
                "CurlMulti.add_handle",
            )
        },
        _of_curl,
        is_native=True,
    ),
    Client(
        "curl_cffi",
        {"curl_cffi.curl": ("Curl.perform",), "curl_cffi.aio": ("AsyncCurl.add_handle",)},
        _of_curl,
        is_native=True,
    ),
    # Rust
    Client(
        "pyreqwest",
        {"pyreqwest": tuple(f"_pyreqwest.request.{each}" for each in _PYREQWEST)},
        is_native=True,
        wrap=_asking_below,
    ),
    Client("primp", {"primp": _verbs("Client", "AsyncClient", "")}, is_native=True),
    Client("rnet", {"rnet": _verbs("Client", "BlockingClient", "")}, is_native=True),
    Client(
        "wreq",
        {"wreq": _verbs("Client", "", "blocking", "blocking.Client")},
        is_native=True,
    ),
    Client("impit", {"impit": _verbs("Client", "AsyncClient", "")}, is_native=True),
    Client(
        "ry",
        {
            "ry": (
                *(f"{kind}.{name}" for kind in ("Client", "BlockingClient") for name in _RY),
                *("fetch", "fetch_sync", "websocket"),
            )
        },
        is_native=True,
    ),
    Client(
        "obstore",
        {"obstore": (*_OBSTORE, *(f"{name}_async" for name in _OBSTORE), "list")},
        _of_obstore,
        is_native=True,
    ),
    Client(
        "temporalio",
        {
            "temporalio.service": ("_BridgeServiceClient._connected_client",),
            "temporalio.worker._worker": ("_extract_bridge_client_for_worker",),
        },
        _of_temporal,
        is_native=True,
    ),
    Client(
        "hf_xet",
        {
            "hf_xet": (
                "download_files",
                "upload_files",
                "upload_bytes",
                *(f"XetSession.{name}" for name in _XET),
            )
        },
        is_native=True,
    ),
    # C, Go
    Client(
        "awscrt",
        {"awscrt.http": ("HttpClientConnection.request", "Http2ClientConnection.request")},
        _own_address,
        is_native=True,
    ),
    Client("awscrt", {"awscrt.s3": ("S3Client.make_request",)}, _of_s3, is_native=True),
    Client("tls_client", {"tls_client.sessions": ("Session.execute_request",)}, is_native=True),
    Client("noble_tls", {"noble_tls.sessions": ("Session.execute_request",)}, is_native=True),
    # gRPC
    Client(
        "grpc", {"grpc._channel": _GRPC, "grpc.aio._channel": _GRPC_AIO}, _of_grpc, is_native=True
    ),
    Client("grpclib", {"grpclib.client": ("Channel.__connect__",)}, _of_grpclib),
    # Python
    Client("aiosonic", {"aiosonic.connectors": ("TCPConnector.acquire",)}, _parsed),
    Client(
        "blacksheep",
        {"blacksheep.client.session": ("ClientSession.get_connection",)},
        _of_blacksheep,
    ),
    Client(
        "geventhttpclient",
        {"geventhttpclient.client": ("HTTPClient.request",)},
        _own_address,
        is_native=True,  # gevent's sockets aren't Python's
    ),
    Client("twisted", {"twisted.web.client": ("_AgentBase._requestWithEndpoint",)}, _of_twisted),
    # WebSockets; of websockets what reads a URI first, that of a redirect, too
    Client(
        "websockets",
        {
            f"websockets.{kind}.client": ("parse_uri",)
            for kind in ("sync", "asyncio", "legacy", "trio")
        },
        _websocket,
    ),
    Client("websocket-client", {"websocket._core": ("WebSocket.connect",)}),
    Client("picows", {"picows": ("ws_connect",)}),
    Client("trio-websocket", {"trio_websocket._impl": ("connect_websocket",)}, _host_argument),
)


NATIVE = frozenset(client.name for client in CLIENTS if client.is_native)
"""Those that don't use Python's sockets."""


def version_of(name: str) -> str:
    """Return the version of an imported client, or an empty text."""
    places = next(client.places for client in CLIENTS if client.name == name)
    package = sys.modules.get(next(iter(places)).partition(".")[0])
    return str(getattr(package, "__version__", ""))


# -- patching them -------------------------------------------------------------------------------


def _patch(name: str) -> None:
    """Patch what is called in a module."""
    module: Any = sys.modules[name]
    _left.discard(name)
    before = dict(vars(module))
    for client in CLIENTS:
        for path in client.places.get(name, ()):
            *owners, attribute = path.split(".")
            owner = functools.reduce(_mutable, owners, module)
            if not hasattr(owner, attribute):
                continue
            if is_own(owner, attribute):
                wrap = functools.partial(client.wrap, client.name, client.uris)
                _patches.take(owner, attribute, wrap)
            else:
                _left.add(name)
    changed = {key: value for key, value in before.items() if vars(module).get(key) is not value}
    if changed:
        _replace_everywhere({id(value): vars(module)[key] for key, value in changed.items()})


def _mutable(module: Any, name: str) -> Any:
    """Return what is in a module; in the place of a class of C's, which can't be changed, another."""
    owner = getattr(module, name, None)
    if not isinstance(owner, type):
        return owner
    is_mutable = owner.__flags__ & _HEAP_TYPE and not owner.__flags__ & _IMMUTABLE_TYPE
    if is_mutable:
        return owner
    make = _subclass if owner.__flags__ & _BASE_TYPE else _stand_in
    _patches.take(module, name, make)
    return getattr(module, name)


_IMMUTABLE_TYPE, _HEAP_TYPE, _BASE_TYPE = 1 << 8, 1 << 9, 1 << 10  # CPython's flags of a type


def _subclass(original: type) -> type:
    return type(original.__name__, (original,), _names_of(original))


def _stand_in(original: type) -> type:
    """Make a class whose objects hold one of a class of C's that can have no subclass."""

    class LikeIt(type):
        def __instancecheck__(cls, one: object) -> bool:
            return isinstance(one, original) or super().__instancecheck__(one)

    def hold(self: Any, *args: Any, **kwargs: Any) -> None:
        self._held = original(*args, **kwargs)

    def hand_on(name: str) -> Any:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return getattr(self._held, name)(*args, **kwargs)

        method.__module__ = original.__module__  # or it would be taken for a mock
        return method

    methods = {name: hand_on(name) for name in vars(original) if not name.startswith("__")}
    known = {**_names_of(original), "__init__": hold, "__repr__": hand_on("__repr__")}
    return LikeIt(original.__name__, (), {**methods, **known})


def _names_of(original: type) -> dict[str, str]:
    return {"__module__": original.__module__, "__qualname__": original.__qualname__}


def _replace_everywhere(ours: dict[int, Any]) -> None:
    """Replace what modules have imported by name before we came; takes some milliseconds.

    :param ours: by the id of an original, what stands in its place.
    """
    for module in tuple(sys.modules.values()):
        if not issubclass(type(module), ModuleType):
            continue
        # past a lazy module's own ways to get an attribute, which would import it
        names = object.__getattribute__(module, "__dict__")
        for name, value in tuple(names.items()):
            if id(value) in ours:
                _patches.take(module, name, lambda original: ours[id(original)])


_WATCHED = {
    module: functools.partial(_patch, module) for client in CLIENTS for module in client.places
}


# Clients that could not be patched: an error at their first request under a cassette.
#
# Of a client that can be recorded the user expects that it is. Where a version of it lacks what is
# patched, its requests must neither go live in silence nor cost the tests that never make one. Where
# something else stood in our place first it may be a mock that answers, so it is left alone; what is
# below it is reached only if it sends what it is given.


class Entrance(NamedTuple):
    """A method that each request of a client calls: the first, or the last before it is sent.

    :param owner: its class; None where this version hasn't it.
    :param uri_of: given the arguments by their names, gives the URI of the request.
    """

    owner: Any
    method: str
    uri_of: Callable[[Mapping[str, Any]], Any]


_refused: dict[str, Attributes] = {}
_reasons: dict[str, str] = {}
"""The entrances of each client that could not be patched, by its package."""


def refuse(package: str, error: UnsupportedClient, entrances: Iterable[Entrance]) -> None:
    """Have each request of a client raise an error while a cassette is open, in every mode.

    :param package: the client's package.
    :param error: says why it could not be patched.
    """
    _reasons[package] = error.reason
    patches = _refused.setdefault(package, Attributes())
    for owner, method, uri_of in entrances:
        if isinstance(owner, type):
            patches.take(owner, method, functools.partial(_refusing, error, uri_of))


def reason_against(package: str) -> str:
    """Return why a client's requests are refused, an empty text if they aren't."""
    return _reasons.get(package, "")


def replaced(name: str) -> str:
    """Return why a client is refused below something that isn't ours and turns out to be no mock.

    :param name: the method that it stands in for.
    """
    return (
        f"its {name} was replaced, before the cassette opened, by one that sends what it is given"
    )


def accept(package: str) -> None:
    """Let a client's requests come: it has been patched, now or after all."""
    _reasons.pop(package, None)
    patches = _refused.pop(package, None)
    if patches is not None:
        patches.put_back()


def uninstall() -> None:
    """Leave every client as it was."""
    for package in tuple(_refused):
        accept(package)


def _refusing(
    error: UnsupportedClient,
    uri_of: Callable[[Mapping[str, Any]], Any],
    original: Callable[..., Any],
) -> Any:
    @functools.wraps(original)
    def enter(*args: Any, **kwargs: Any) -> Any:
        if active.current() is not None:
            bound = inspect.signature(original).bind(*args, **kwargs)
            active.refuse(error, str(uri_of(bound.arguments)))
        return original(*args, **kwargs)

    return enter
