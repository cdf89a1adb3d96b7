"""requests."""

from __future__ import annotations

import functools
import io
import shutil
from typing import TYPE_CHECKING

import cachecontrol
import requests
import requests_toolbelt
from contract import requests_alike
from contract.awaiting import drive
from contract.face import Face
from contract.faces.urllib3_pool import INTERCEPTOR, IS_FUTURE, LACKS
from contract.proxied import from_environment, socks
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

if TYPE_CHECKING:
    from contract.face import Place


def seen(response: requests.Response, *, is_read: bool) -> object:
    return drive(requests_alike.everything(response, is_read=is_read))


def own_toolbelt(place: Place) -> object:
    """A multipart upload that is streamed from a file, with its progress watched."""
    told = []
    fields = {"name": "value", "file": ("all.bin", io.BytesIO(bytes(range(256)) * 400), "x/y")}
    encoder = requests_toolbelt.MultipartEncoder(fields)
    watched = requests_toolbelt.MultipartEncoderMonitor(
        encoder, lambda monitor: told.append(monitor.bytes_read)
    )
    headers = {"Content-Type": watched.content_type}
    response = requests.post(f"{place.url}/echo", data=watched, headers=headers, timeout=5)
    return [seen(response, is_read=True), told]


def own_cache(place: Place) -> object:
    """CacheControl: the second answer comes from the cache, and revalidates on a 304."""
    with cachecontrol.CacheControl(requests.Session()) as session:
        responses = [session.get(f"{place.url}{path}", timeout=5) for path in ("/json",) * 2]
        return [[each.from_cache, seen(each, is_read=True)] for each in responses]


def own_hooks(place: Place) -> object:
    """Hooks and adapters of the user are called, with what they are called with live."""
    called = []

    class Adapter(HTTPAdapter):
        def send(self, request, **options):
            called.append(["adapter", request.url, options["stream"], options["timeout"]])
            return super().send(request, **options)

        def build_response(self, request, raw):
            called.append(["built", raw.status, raw.reason, type(raw).__name__])
            return super().build_response(request, raw)

    with requests.Session() as session:
        session.mount("http://", Adapter())
        session.hooks["response"].append(lambda given, **_: called.append(["hook", given.url]))
        session.auth = lambda request: called.append(["auth", request.url]) or request
        session.get(f"{place.url}/redirect/2", timeout=5)
    return called


def own_raw(place: Place) -> object:
    """The raw response as a file: copied, read into, decoded and not."""
    with requests.Session() as session:
        first = session.get(f"{place.url}/encoded/gzip?times=50", stream=True, timeout=5)
        first.raw.decode_content = True
        copied = io.BytesIO()
        shutil.copyfileobj(first.raw, copied, 100)
        second = session.get(f"{place.url}/binary/70000", stream=True, timeout=5)
        buffer = bytearray(40000)
        read = [second.raw.readinto(buffer), second.raw.read(10), len(second.raw.read())]
        return [copied.getvalue(), bytes(buffer), read, second.raw.closed]


def own_switch(place: Place) -> object:
    """An upgrade as docker's client uses it: what follows is read below the response."""
    with requests.Session() as session:
        headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
        url = f"{place.url}/switch"
        response = session.post(url, json={"Tty": True}, headers=headers, stream=True, timeout=5)
        file = response.raw._fp.fp
        told = [response.status_code, dict(response.headers), file.readline()]
        for line in (b"one\n", b"two\n", b"bye\n"):
            file.raw._sock.sendall(line)
            told.append(file.raw.read(100))
        told += [file.raw.read(), response.content]
        response.close()
        told.append(session.get(f"{place.url}/json", timeout=5).text)
        return told


def own_environment(place: Place) -> object:
    """Proxies that the environment names, and what it says not to use them for."""
    with from_environment(place) as urls, requests.Session() as session:
        return [seen(session.get(url, timeout=5, verify=place.ca), is_read=True) for url in urls]


def own_socks(place: Place) -> object:
    """A SOCKS proxy: the name looked up here, or there."""
    with socks(place) as urls, requests.Session() as session:
        session.verify = place.ca
        return [
            seen(session.get(url, proxies={"all": proxy}, timeout=5), is_read=True)
            for proxy, url in urls.items()
        ]


FACES = (
    Face(
        "requests",
        INTERCEPTOR,
        functools.partial(requests_alike.run, requests, Retry),
        lacks=LACKS | {"pieces until the close"},
        own={
            "toolbelt": own_toolbelt,
            "cache": own_cache,
            "hooks": own_hooks,
            "raw": own_raw,
            **({} if IS_FUTURE else {"switch": own_switch}),
            "environment": own_environment,
            **({} if IS_FUTURE else {"socks": own_socks, "socks-tls": own_socks}),
        },
        own_places={"environment": "proxy", "socks-tls": "tls"},
        masks=requests_alike.MASKS,
    ),
)
