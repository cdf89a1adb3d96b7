"""Where clients that no interceptor takes go to the network: curl, gRPC, WebSockets.

Whoever wants to know of it, to refuse it or to count it, puts up a gate, which is asked before a
connection is used. One seam a client serves all gates: the network guard's and the cassette's.

A redirect that curl follows by itself leads it past the gates, and so does a proxy.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_reqord.interceptors import imports
from pytest_reqord.interceptors.attributes import Attributes

if TYPE_CHECKING:
    from collections.abc import Callable

    Gate = Callable[[str, str], None]

__all__ = ["check", "put_up", "take_down"]

_gates: list[Gate] = []
_seams = Attributes()


def put_up(gate: Gate) -> None:
    """Have ``gate`` called before these clients connect, and see that it is.

    :param gate: gets the client's module and a URI with the host and the port, where they are
        known; what it raises is what the code under test sees.
    """
    if gate not in _gates:
        _gates.append(gate)
    imports.unwatch(_CLIENTS)
    imports.watch(_CLIENTS)


def take_down(gate: Gate) -> None:
    """Call ``gate`` no more."""
    if gate in _gates:
        _gates.remove(gate)
    if not _gates:
        imports.unwatch(_CLIENTS)
        _seams.put_back()


def check() -> None:
    """Take the seams again that another tool's teardown has put back."""
    _seams.check()


def _ask(client: str, uri: str) -> None:
    for gate in tuple(_gates):
        gate(client, uri)


# -- curl --------------------------------------------------------------------------------------


def _take_pycurl() -> None:
    module = sys.modules["pycurl"]
    _seams.take(module, "Curl", _gated_handle)
    _seams.take(module, "CurlMulti", _gated_multi)


def _gated_handle(original: Any) -> Any:
    # C's class can't be written to, so a subclass stands in its place
    class Curl(original):  # type: ignore[misc]
        def perform(self) -> Any:
            _ask_curl("pycurl", self)
            return super().perform()

        def perform_rb(self) -> Any:
            _ask_curl("pycurl", self)
            return super().perform_rb()

        def perform_rs(self) -> Any:
            _ask_curl("pycurl", self)
            return super().perform_rs()

    Curl.__module__, Curl.__qualname__ = "pycurl", "Curl"
    return Curl


def _gated_multi(original: Any) -> Any:
    class CurlMulti(original):  # type: ignore[misc]
        def add_handle(self, handle: Any) -> Any:
            _ask_curl("pycurl", handle)
            return super().add_handle(handle)

    CurlMulti.__module__, CurlMulti.__qualname__ = "pycurl", "CurlMulti"
    return CurlMulti


def _take_curl_cffi() -> None:
    _seams.take(sys.modules["curl_cffi.curl"].Curl, "perform", _performing)


def _take_curl_cffi_aio() -> None:
    _seams.take(sys.modules["curl_cffi.aio"].AsyncCurl, "add_handle", _adding)


def _performing(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def perform(self: Any, *args: Any, **kwargs: Any) -> Any:
        _ask_curl("curl_cffi", self)
        return original(self, *args, **kwargs)

    return perform


def _adding(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def add_handle(self: Any, curl: Any, *args: Any, **kwargs: Any) -> Any:
        _ask_curl("curl_cffi", curl)
        return original(self, curl, *args, **kwargs)

    return add_handle


_EFFECTIVE_URL = 0x100000 + 1  # CURLINFO_EFFECTIVE_URL: before a transfer the URL that was set


def _ask_curl(client: str, handle: Any) -> None:
    url = handle.getinfo(_EFFECTIVE_URL) or ""
    if isinstance(url, bytes):
        url = url.decode("utf-8", "replace")
    uri = url if "://" in url else f"http://{url}"
    if urlsplit(uri).scheme != "file":
        _ask(client, uri)


# -- gRPC --------------------------------------------------------------------------------------

# what makes the calls, and not the channels: a channel connects with its first call, may be older
# than any gate, and does no harm where it is never used
_GRPC_CALLS = {
    "_UnaryUnaryMultiCallable": ("__call__", "with_call", "future"),
    "_UnaryStreamMultiCallable": ("__call__",),
    "_SingleThreadedUnaryStreamMultiCallable": ("__call__",),
    "_StreamUnaryMultiCallable": ("__call__", "with_call", "future"),
    "_StreamStreamMultiCallable": ("__call__",),
}
_GRPC_AIO_CALLS = (
    "UnaryUnaryMultiCallable",
    "UnaryStreamMultiCallable",
    "StreamUnaryMultiCallable",
    "StreamStreamMultiCallable",
)


def _take_grpc() -> None:
    module = sys.modules["grpc._channel"]
    for owner, methods in _GRPC_CALLS.items():
        for method in methods:
            if hasattr(module, owner):
                _seams.take(getattr(module, owner), method, _calling)


def _take_grpc_aio() -> None:
    module = sys.modules["grpc.aio._channel"]
    for owner in _GRPC_AIO_CALLS:
        if hasattr(module, owner):
            _seams.take(getattr(module, owner), "__call__", _calling)


def _calling(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        for place in _places(_target(self)):
            _ask("grpc", f"grpc://{place}")
        return original(self, *args, **kwargs)

    return call


def _target(call: Any) -> str:
    """Where a call goes, as its channel was told; empty where this version doesn't say."""
    target = getattr(call, "_target", None)
    if target is None:  # asyncio's
        target = getattr(getattr(call, "_channel", None), "target", b"")
    return target.decode() if isinstance(target, bytes) else str(target)


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


# -- WebSockets --------------------------------------------------------------------------------


def _take_websockets(module: str) -> Callable[[], None]:
    # each way to connect reads the URI first, and that of a redirect, too
    def take() -> None:
        _seams.take(sys.modules[module], "parse_uri", _reading)

    return take


def _reading(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def parse_uri(uri: str) -> Any:
        parsed = original(uri)
        _ask("websockets", uri)
        return parsed

    return parse_uri


def _take_websocket() -> None:
    _seams.take(sys.modules["websocket._core"].WebSocket, "connect", _opening)


def _opening(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def connect(self: Any, url: str, **options: Any) -> Any:
        _ask("websocket-client", url)
        return original(self, url, **options)

    return connect


_CLIENTS: dict[str, Callable[[], None]] = {
    "pycurl": _take_pycurl,
    "curl_cffi.curl": _take_curl_cffi,
    "curl_cffi.aio": _take_curl_cffi_aio,
    "grpc._channel": _take_grpc,
    "grpc.aio._channel": _take_grpc_aio,
    **{
        name: _take_websockets(name)
        for name in (
            "websockets.sync.client",
            "websockets.asyncio.client",
            "websockets.legacy.client",
        )
    },
    "websocket._core": _take_websocket,
}
